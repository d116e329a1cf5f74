//! `Marker`, `MaxItems`, `IsTruncated`. Source: IAM API Reference, "ListUsers".

use aws::Ctx;
use store::{Key, Range, ReadTx, Record};

use crate::error::Error;

/// How many items AWS answers when nobody says.
const DEFAULT_ITEMS: i32 = 100;

/// What a caller asks for.
pub struct Wanted {
    pub limit: usize,
    after: Option<Vec<u8>>,
}

/// One page, with the marker of the next.
pub struct Page<T> {
    pub items: Vec<T>,
    pub marker: Option<String>,
}

impl<T> Page<T> {
    pub fn is_truncated(&self) -> bool {
        self.marker.is_some()
    }
}

impl Wanted {
    /// # Errors
    /// `ValidationError` for a marker that was not made here, for this operation.
    pub fn new(ctx: &Ctx, max_items: Option<i32>, marker: Option<&str>) -> Result<Self, Error> {
        let after = match marker {
            None => None,
            Some(marker) => {
                let position = ctx.open_page_token(marker);
                Some(position.ok_or_else(|| Error::Validation(format!("Invalid Marker: {marker}")))?)
            }
        };
        let limit = usize::try_from(max_items.unwrap_or(DEFAULT_ITEMS)).unwrap_or(1);
        Ok(Wanted { limit, after })
    }

    /// The index of the first item wanted, for lists whose positions are numbers.
    pub fn start(&self) -> usize {
        let bytes = self.after.as_deref().and_then(|after| after.try_into().ok());
        bytes.map_or(0, |bytes| usize::try_from(u64::from_be_bytes(bytes)).unwrap_or(usize::MAX))
    }

    /// Cuts the page out of a complete list, in the order of the items' names.
    pub fn cut<T>(self, ctx: &Ctx, mut all: Vec<T>, name: impl Fn(&T) -> String) -> Page<T> {
        all.sort_by_key(&name);
        if let Some(after) = &self.after {
            all.retain(|item| name(item).as_bytes() > after.as_slice());
        }
        let more = all.len() > self.limit;
        all.truncate(self.limit);
        let marker = all.last().filter(|_| more).map(|last| ctx.seal_page_token(name(last).as_bytes()));
        Page { items: all, marker }
    }

    /// A page of a list of `length` items whose positions are numbers, of which only the wanted ones are made.
    pub fn slice<T>(self, ctx: &Ctx, length: usize, make: impl FnMut(usize) -> T) -> Page<T> {
        let start = self.start().min(length);
        let end = start.saturating_add(self.limit).min(length);
        let marker = (end < length).then(|| ctx.seal_page_token(&(end as u64).to_be_bytes()));
        Page { items: (start..end).map(make).collect(), marker }
    }

    /// The records below `prefix` that are wanted, in the order of their keys, and where the next page goes on.
    pub fn scan<R: Record>(
        &self,
        tx: &mut ReadTx<'_>,
        prefix: &Key,
        keep: impl Fn(&R) -> bool,
    ) -> Result<(Vec<R>, Option<Key>), Error> {
        let mut position = self.after.clone().map(Key::from_bytes).transpose()?;
        let mut kept: Vec<R> = Vec::new();
        loop {
            let page = tx.scan::<R>(Range::prefix(prefix.clone()).after(position), self.limit.max(100))?;
            let next = page.next.clone();
            for record in page.into_records().into_iter().filter(|record| keep(record)) {
                if kept.len() == self.limit {
                    let last = kept.last().map(Record::key);
                    return Ok((kept, last));
                }
                kept.push(record);
            }
            if next.is_none() {
                return Ok((kept, None));
            }
            position = next;
        }
    }
}

/// The marker for a position that [`Wanted::scan`] answered.
pub fn marker(ctx: &Ctx, position: Option<Key>) -> Option<String> {
    position.map(|key| ctx.seal_page_token(key.as_bytes()))
}
