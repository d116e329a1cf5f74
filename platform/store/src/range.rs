//! Which records a scan visits, and what it answers.

use crate::{Key, Versioned};

/// Sorts after every key, whose first byte is a part's tag.
const END: u8 = 0xFF;

/// A stretch of keys and the direction in which it is read.
///
/// ```
/// # use store::{Key, Range};
/// let newest_first = Range::prefix(Key::of("my-pipeline")).descending();
/// let next_page = newest_first.clone().after(Key::of("my-pipeline").and_u64(40));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    lower: Vec<u8>,
    upper: Vec<u8>,
    after: Option<Position>,
    descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Position {
    Key(Vec<u8>),
    Whole { lower: Vec<u8>, upper: Vec<u8> },
}

impl Range {
    /// Every key.
    pub fn all() -> Range {
        Range::bytes(Vec::new(), vec![END])
    }

    /// The keys whose first parts are those of `key`, `key` itself included.
    pub fn prefix(key: Key) -> Range {
        Range::beginning_with(key.into_bytes())
    }

    /// The keys whose first parts are those of `key` and whose next part is a text that begins with `text`.
    pub fn starting(key: Key, text: &str) -> Range {
        Range::beginning_with(key.beginning(text))
    }

    /// The keys from `from`, included, to `to`, not included.
    pub fn between(from: Key, to: Key) -> Range {
        Range::bytes(from.into_bytes(), to.into_bytes())
    }

    /// The keys from `from` on, itself included.
    pub fn from(from: Key) -> Range {
        Range::bytes(from.into_bytes(), vec![END])
    }

    /// Goes on after a key that an earlier page ended with (`Page::next`), in the direction of the scan.
    /// `None` begins at the beginning. The key need not exist.
    #[must_use]
    pub fn after(mut self, key: impl Into<Option<Key>>) -> Range {
        self.after = key.into().map(|key| Position::Key(key.into_bytes()));
        self
    }

    /// Goes on after all keys of another range, in the direction of the scan: to skip over a folder, say.
    #[must_use]
    pub fn past(mut self, whole: Range) -> Range {
        self.after = Some(Position::Whole { lower: whole.lower, upper: whole.upper });
        self
    }

    /// Reads from the greatest key to the least.
    #[must_use]
    pub fn descending(mut self) -> Range {
        self.descending = true;
        self
    }

    pub(crate) fn is_descending(&self) -> bool {
        self.descending
    }

    /// The bytes from (included) and to (not included) which the scan reads.
    pub(crate) fn bounds(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut lower, mut upper) = (self.lower.clone(), self.upper.clone());
        match (&self.after, self.descending) {
            (None, _) => {}
            (Some(Position::Key(key)), false) => {
                // The least byte string above `key`.
                let mut successor = key.clone();
                successor.push(0);
                lower = lower.max(successor);
            }
            (Some(Position::Key(key)), true) => upper = upper.min(key.clone()),
            (Some(Position::Whole { upper: end, .. }), false) => lower = lower.max(end.clone()),
            (Some(Position::Whole { lower: start, .. }), true) => upper = upper.min(start.clone()),
        }
        (lower, upper)
    }

    fn bytes(lower: Vec<u8>, upper: Vec<u8>) -> Range {
        Range { lower, upper, after: None, descending: false }
    }

    fn beginning_with(bytes: Vec<u8>) -> Range {
        let mut upper = bytes.clone();
        while let Some(last) = upper.pop() {
            if last < u8::MAX {
                upper.push(last + 1);
                return Range::bytes(bytes, upper);
            }
        }
        Range::bytes(bytes, vec![END])
    }
}

impl From<Key> for Range {
    /// The keys that begin with the parts of `key`.
    fn from(key: Key) -> Range {
        Range::prefix(key)
    }
}

/// One page of a scan.
#[derive(Debug)]
pub struct Page<R> {
    /// In the order of the scan.
    pub records: Vec<Versioned<R>>,
    /// Where to go on ([`Range::after`]); `None` when nothing is left.
    pub next: Option<Key>,
}

impl<R> Page<R> {
    /// The records without their revisions.
    pub fn into_records(self) -> Vec<R> {
        self.records.into_iter().map(Versioned::into_inner).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &Range, key: &Key) -> bool {
        let (lower, upper) = range.bounds();
        key.as_bytes() >= lower.as_slice() && key.as_bytes() < upper.as_slice()
    }

    #[test]
    fn a_prefix_is_exact_by_part() {
        let range = Range::prefix(Key::of("a"));
        assert!(holds(&range, &Key::of("a")));
        assert!(holds(&range, &Key::of("a").and_u64(u64::MAX)));
        assert!(holds(&range, &Key::of("a").and("\u{10FFFF}")));
        assert!(!holds(&range, &Key::of("ab")));
        assert!(!holds(&range, &Key::of("")));
    }

    #[test]
    fn a_prefix_that_ends_with_the_greatest_number_has_an_end() {
        let range = Range::prefix(Key::of("a").and_u64(u64::MAX));
        assert!(holds(&range, &Key::of("a").and_u64(u64::MAX).and("x")));
        assert!(!holds(&range, &Key::of("b")));
    }

    #[test]
    fn starting_narrows_the_next_text() {
        let range = Range::starting(Key::of("bucket"), "photos/");
        assert!(holds(&range, &Key::of("bucket").and("photos/")));
        assert!(holds(&range, &Key::of("bucket").and("photos/2024/a")));
        assert!(!holds(&range, &Key::of("bucket").and("photos")));
        assert!(!holds(&range, &Key::of("bucket").and("photot")));
        assert!(!holds(&range, &Key::of("bucket2").and("photos/")));
    }

    #[test]
    fn after_and_past_leave_out_what_was_read() {
        let all = Range::prefix(Key::of("b"));
        let read = Key::of("b").and("m");
        assert!(!holds(&all.clone().after(read.clone()), &read));
        assert!(holds(&all.clone().after(read.clone()), &read.clone().and("x")));
        assert!(!holds(&all.clone().past(Range::prefix(read.clone())), &read.clone().and("x")));
        assert!(holds(&all.clone().past(Range::prefix(read.clone())), &Key::of("b").and("ma")));
        assert!(!holds(&all.clone().descending().after(read.clone()), &read));
        assert!(holds(&all.descending().after(read), &Key::of("b").and("l")));
    }
}
