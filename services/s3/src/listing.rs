//! Listings: prefix, delimiter, limit and where to go on. [`Listing`] is pure; the scans feed it from the store.

use store::{Key, Range, ReadTx, Record};

use crate::error::Error;
use crate::records::{Upload, Version};

/// S3's limit of entries of a page.
pub const LARGEST_PAGE: usize = 1000;
/// How many records a scan reads first; it doubles while the scan goes on without jumps.
const FIRST_READ: usize = 32;

/// A page being filled.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    pub prefix: String,
    /// Never empty.
    pub delimiter: Option<String>,
    pub limit: usize,
    /// Items in the order offered.
    pub items: Vec<T>,
    /// Common prefixes, in order.
    pub common_prefixes: Vec<String>,
    /// Whether something is left after the page.
    pub is_truncated: bool,
    /// The last entry of the page, where the next one begins.
    pub last: Option<Last>,
}

/// An entry of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    Item(String),
    CommonPrefix(String),
}

/// What the page does with an offered key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was taken; offer the next.
    Next,
    /// It stands behind a common prefix: offer the first key that does not begin with it.
    Past(String),
    /// The page was full before.
    Full,
}

/// Where a listing begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Beginning,
    /// After all that belongs to a key.
    AfterKey(String),
    /// After all keys that begin with a common prefix.
    AfterPrefix(String),
    /// After one version of a key.
    AfterVersion {
        key: String,
        order: u64,
    },
    /// After one upload of a key.
    AfterUpload {
        key: String,
        upload_id: String,
    },
}

impl<T> Listing<T> {
    pub fn new(prefix: Option<String>, delimiter: Option<String>, limit: usize) -> Self {
        Self {
            prefix: prefix.unwrap_or_default(),
            delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()),
            limit,
            items: Vec::new(),
            common_prefixes: Vec::new(),
            is_truncated: false,
            last: None,
        }
    }

    pub fn len(&self) -> usize {
        self.items.len() + self.common_prefixes.len()
    }

    /// The prefix up to and with the first delimiter, under which a key is folded.
    pub fn folded<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter.as_ref()?;
        let rest = key.strip_prefix(&self.prefix)?;
        let end = rest.find(delimiter.as_str())? + delimiter.len();
        key.get(..self.prefix.len() + end)
    }

    /// Offers the next key that begins with the prefix, in order.
    pub fn offer(&mut self, key: &str, item: T) -> Step {
        if self.len() >= self.limit {
            self.is_truncated = self.limit > 0;
            return Step::Full;
        }
        match self.folded(key).map(str::to_owned) {
            Some(prefix) => {
                self.common_prefixes.push(prefix.clone());
                self.last = Some(Last::CommonPrefix(prefix.clone()));
                Step::Past(prefix)
            }
            None => {
                self.items.push(item);
                self.last = Some(Last::Item(key.to_owned()));
                Step::Next
            }
        }
    }

    /// Where a listing begins that a client wants after `marker`. A marker that is itself a common prefix was
    /// an entry of the page before, and stands for all behind it.
    pub fn after_marker(&self, marker: Option<String>) -> Start {
        match marker.filter(|marker| !marker.is_empty()) {
            None => Start::Beginning,
            Some(marker) if self.folded(&marker) == Some(marker.as_str()) => Start::AfterPrefix(marker),
            Some(marker) => Start::AfterKey(marker),
        }
    }
}

/// Lists the current objects of a bucket.
pub fn objects(
    tx: &mut ReadTx<'_>,
    bucket: &str,
    listing: &mut Listing<Version>,
    start: &Start,
) -> Result<(), Error> {
    let mut seen: Option<String> = None;
    scan(tx, bucket, &listing.prefix.clone(), start, |version: Version| {
        if seen.as_deref() == Some(version.key.as_str()) {
            return Step::Next;
        }
        let key = version.key.clone();
        seen = Some(key.clone());
        if version.is_delete_marker() { Step::Next } else { listing.offer(&key, version) }
    })
}

/// Lists all versions and delete markers of a bucket; the flag tells the latest of each key.
pub fn versions(
    tx: &mut ReadTx<'_>,
    bucket: &str,
    listing: &mut Listing<(Version, bool)>,
    start: &Start,
) -> Result<(), Error> {
    let mut seen = match start {
        Start::AfterVersion { key, .. } => Some(key.clone()),
        Start::Beginning | Start::AfterKey(_) | Start::AfterPrefix(_) | Start::AfterUpload { .. } => None,
    };
    scan(tx, bucket, &listing.prefix.clone(), start, |version: Version| {
        let is_latest = seen.as_deref() != Some(version.key.as_str());
        let key = version.key.clone();
        seen = Some(key.clone());
        listing.offer(&key, (version, is_latest))
    })
}

/// Lists the uploads in progress of a bucket.
pub fn uploads(
    tx: &mut ReadTx<'_>,
    bucket: &str,
    listing: &mut Listing<Upload>,
    start: &Start,
) -> Result<(), Error> {
    scan(tx, bucket, &listing.prefix.clone(), start, |upload: Upload| {
        let key = upload.key.clone();
        listing.offer(&key, upload)
    })
}

/// Feeds the records of a bucket whose key begins with `prefix` to `offer`, until it has enough.
fn scan<R: Record>(
    tx: &mut ReadTx<'_>,
    bucket: &str,
    prefix: &str,
    start: &Start,
    mut offer: impl FnMut(R) -> Step,
) -> Result<(), Error> {
    let all = Range::starting(Key::of(bucket), prefix);
    let mut range = starting_after(all.clone(), bucket, start);
    let mut read = FIRST_READ;
    loop {
        let page = tx.scan::<R>(range, read)?;
        let next = page.next.clone();
        let mut jump = None;
        for record in page.into_records() {
            match offer(record) {
                Step::Next => {}
                Step::Full => return Ok(()),
                Step::Past(folded) => {
                    jump = Some(Range::starting(Key::of(bucket), &folded));
                    break;
                }
            }
        }
        (range, read) = match (jump, next) {
            (Some(folded), _) => (all.clone().past(folded), FIRST_READ),
            (None, Some(last)) => (all.clone().after(last), (read * 2).min(LARGEST_PAGE)),
            (None, None) => return Ok(()),
        };
    }
}

fn starting_after(all: Range, bucket: &str, start: &Start) -> Range {
    match start {
        Start::Beginning => all,
        Start::AfterKey(key) => all.past(Range::prefix(Key::of(bucket).and(key))),
        Start::AfterPrefix(prefix) => all.past(Range::starting(Key::of(bucket), prefix)),
        Start::AfterVersion { key, order } => all.after(Version::key_of(bucket, key, *order)),
        Start::AfterUpload { key, upload_id } => all.after(Upload::key_of(bucket, key, upload_id)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Lists keys as the scans do, with pages of `limit`, and answers all entries of all pages.
    fn all_pages(keys: &BTreeSet<String>, prefix: &str, delimiter: Option<&str>, limit: usize) -> Vec<Last> {
        let mut entries = Vec::new();
        let mut marker = None;
        loop {
            let mut page = Listing::new(Some(prefix.to_owned()), delimiter.map(str::to_owned), limit);
            let start = page.after_marker(marker);
            let mut past: Option<String> = None;
            for key in keys.iter().filter(|key| key.starts_with(prefix)) {
                let skipped = match &start {
                    Start::AfterKey(after) => key <= after,
                    Start::AfterPrefix(folded) => key.starts_with(folded.as_str()) || key < folded,
                    _ => false,
                };
                if skipped || past.as_ref().is_some_and(|folded| key.starts_with(folded.as_str())) {
                    continue;
                }
                match page.offer(key, key.clone()) {
                    Step::Next => entries.push(Last::Item(key.clone())),
                    Step::Past(folded) => {
                        entries.push(Last::CommonPrefix(folded.clone()));
                        past = Some(folded);
                    }
                    Step::Full => break,
                }
            }
            assert!(page.len() <= limit);
            if !page.is_truncated {
                return entries;
            }
            marker = page.last.map(|last| match last {
                Last::Item(key) | Last::CommonPrefix(key) => key,
            });
        }
    }

    #[test]
    fn folders_are_folded() {
        let keys = ["a.txt", "docs/1", "docs/2", "docs/deep/3", "z"].map(str::to_owned).into();
        assert_eq!(
            all_pages(&keys, "", Some("/"), 10),
            [Last::Item("a.txt".into()), Last::CommonPrefix("docs/".into()), Last::Item("z".into()),]
        );
        assert_eq!(
            all_pages(&keys, "docs/", Some("/"), 10),
            [
                Last::Item("docs/1".into()),
                Last::Item("docs/2".into()),
                Last::CommonPrefix("docs/deep/".into()),
            ]
        );
        assert_eq!(all_pages(&keys, "docs", Some("/"), 10), [Last::CommonPrefix("docs/".into())]);
    }

    #[test]
    fn a_page_of_nothing_is_not_truncated() {
        let mut page = Listing::new(None, None, 0);
        assert_eq!(page.offer("a", ()), Step::Full);
        assert!(!page.is_truncated);
    }

    proptest! {
        #[test]
        fn small_pages_add_up_to_the_large_one(
            keys in prop::collection::btree_set("[ab/]{1,6}", 0..30),
            prefix in "[ab/]{0,2}",
            delimiter in prop::option::of("[/a]"),
            limit in 1_usize..5,
        ) {
            let whole = all_pages(&keys, &prefix, delimiter.as_deref(), 1000);
            prop_assert_eq!(all_pages(&keys, &prefix, delimiter.as_deref(), limit), whole);
        }
    }
}
