//! What may go, as a pure function.

use super::records::{Fate, length};
use super::{GRACE, MEMORY};

/// What is known of a blob at one moment. Times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// When its bytes were put last; `None` if they are not there.
    pub modified: Option<i64>,
    /// Whether a record names it.
    pub named: bool,
    pub fate: Option<Fate>,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    /// Note from when on no record names it.
    Condemn,
    /// A record names it again: take the note away.
    Spare,
    /// Note it as collecting, and delete its bytes.
    Collect,
    /// Take away a note that nothing depends on any more.
    Forget,
}

pub fn decide(seen: Seen, now: i64) -> Verdict {
    let for_long = |since: i64| now.saturating_sub(since) >= length(GRACE);
    let for_very_long = |since: i64| now.saturating_sub(since) >= length(MEMORY);
    if seen.named {
        return match seen.fate {
            Some(Fate::Condemned { .. }) => Verdict::Spare,
            Some(Fate::Collected { at }) if for_very_long(at) => Verdict::Forget,
            // Never to be: naming is refused while it is collected. What is named is not deleted all the same.
            Some(Fate::Collecting | Fate::Collected { .. }) | None => Verdict::Keep,
        };
    }
    match (seen.fate, seen.modified) {
        // A pass was interrupted.
        (Some(Fate::Collecting), _) => Verdict::Collect,
        (None | Some(Fate::Collected { .. }), Some(modified)) if for_long(modified) => Verdict::Condemn,
        // Bytes that were put again since are young again.
        (Some(Fate::Condemned { since }), Some(modified)) if for_long(since.max(modified)) => {
            Verdict::Collect
        }
        (Some(Fate::Condemned { since: at } | Fate::Collected { at }), None) if for_very_long(at) => {
            Verdict::Forget
        }
        (_, _) => Verdict::Keep,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 24 * 3600 * 1000;
    const NOW: i64 = 100 * DAY;

    fn unnamed(modified_days_ago: i64, fate: Option<Fate>) -> Verdict {
        decide(Seen { modified: Some(NOW - modified_days_ago * DAY), named: false, fate }, NOW)
    }

    #[test]
    fn an_unnamed_blob_goes_after_a_grace_of_its_own() {
        assert_eq!(unnamed(0, None), Verdict::Keep, "it may be named soon");
        assert_eq!(unnamed(9, None), Verdict::Condemn, "long put, but perhaps not long unnamed");
        assert_eq!(unnamed(9, Some(Fate::Condemned { since: NOW - DAY / 2 })), Verdict::Keep);
        assert_eq!(unnamed(9, Some(Fate::Condemned { since: NOW - DAY })), Verdict::Collect);
        assert_eq!(unnamed(0, Some(Fate::Condemned { since: NOW - DAY })), Verdict::Keep, "put again");
        assert_eq!(unnamed(9, Some(Fate::Collecting)), Verdict::Collect, "interrupted");
    }

    #[test]
    fn a_blob_that_came_back_goes_the_same_way_again() {
        assert_eq!(unnamed(0, Some(Fate::Collected { at: NOW - 2 * DAY })), Verdict::Keep);
        assert_eq!(unnamed(1, Some(Fate::Collected { at: NOW - 2 * DAY })), Verdict::Condemn);
    }

    #[test]
    fn a_collected_blob_is_remembered_for_a_week() {
        let gone = |days| {
            decide(
                Seen { modified: None, named: false, fate: Some(Fate::Collected { at: NOW - days * DAY }) },
                NOW,
            )
        };
        assert_eq!(gone(6), Verdict::Keep);
        assert_eq!(gone(7), Verdict::Forget);
    }

    fn fates() -> impl Strategy<Value = Option<Fate>> {
        let at = 0..NOW;
        prop_oneof![
            Just(None),
            Just(Some(Fate::Collecting)),
            at.clone().prop_map(|since| Some(Fate::Condemned { since })),
            at.prop_map(|at| Some(Fate::Collected { at })),
        ]
    }

    proptest! {
        #[test]
        fn what_a_record_names_stays(modified in proptest::option::of(0..NOW), fate in fates(), now in 0..2 * NOW) {
            let verdict = decide(Seen { modified, named: true, fate }, now);
            prop_assert!(!matches!(verdict, Verdict::Collect | Verdict::Condemn), "{verdict:?}");
        }

        #[test]
        fn nothing_is_collected_that_was_put_or_unnamed_within_the_grace(
            modified in 0..NOW, since in 0..NOW, now in 0..2 * NOW
        ) {
            let fate = Some(Fate::Condemned { since });
            let verdict = decide(Seen { modified: Some(modified), named: false, fate }, now);
            prop_assert_eq!(verdict == Verdict::Collect, now - modified >= DAY && now - since >= DAY);
        }

        #[test]
        fn every_note_goes_in_the_end(fate in fates(), named: bool) {
            // With the bytes gone, or named for good, no note may stay for ever.
            let much_later = 10 * NOW;
            let seen = Seen { modified: named.then_some(0), named, fate };
            let verdict = decide(seen, much_later);
            match fate {
                None => prop_assert_eq!(verdict, Verdict::Keep),
                Some(Fate::Collecting) => prop_assert_eq!(verdict, if named { Verdict::Keep } else { Verdict::Collect }),
                Some(Fate::Condemned { .. }) => prop_assert!(matches!(verdict, Verdict::Spare | Verdict::Forget)),
                Some(Fate::Collected { .. }) => prop_assert_eq!(verdict, Verdict::Forget),
            }
        }
    }
}
