//! What a repository's tags choose beyond AWS's API.
//!
//! Tags, because the shapes are AWS's: clients refuse members that they do not know. Every client, CloudFormation and CDK
//! can set tags, and IAM can say who may.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::Timestamp;

use crate::error::Error;
use crate::retention::Retention;

/// For how many days after it was published outside a version is held back.
pub const QUARANTINE_DAYS: &str = "stagewright:quarantine-days";
/// Which versions are kept: `newest=20 prerelease-days=30 unused-days=90`, any of them; with `mode=enforce` by itself.
pub const PACKAGE_RETENTION: &str = "stagewright:package-retention";

const PREFIX: &str = "stagewright:";
const LONGEST_QUARANTINE: u32 = 3_650;
pub const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Versions that were published outside after this moment are held back. To the hour, so that what clients are told
/// changes no more often.
pub fn held_back_after(tags: &BTreeMap<String, String>, now: Timestamp) -> Option<Timestamp> {
    let days = days(tags.get(QUARANTINE_DAYS)?)?;
    let hour = 3_600_000;
    let after = now.minus(DAY * days).as_millis();
    Some(Timestamp::from_millis(after - after.rem_euclid(hour)))
}

/// The rules of a repository's own.
pub fn retention(tags: &BTreeMap<String, String>) -> Option<Retention> {
    Retention::parse(tags.get(PACKAGE_RETENTION)?).ok()
}

fn days(text: &str) -> Option<u32> {
    text.parse().ok().filter(|days| (1..=LONGEST_QUARANTINE).contains(days))
}

/// A tag that means something here means it with certain values only. Errors: `Validation`.
pub fn check_tag(key: &str, value: &str) -> Result<(), Error> {
    let invalid =
        |wanted: &str| Err(Error::field(format!("The tag '{key}' must be {wanted}, not '{value}'.")));
    match key {
        QUARANTINE_DAYS if days(value).is_none() => {
            invalid(&format!("a number from 1 to {LONGEST_QUARANTINE}"))
        }
        PACKAGE_RETENTION => match Retention::parse(value) {
            Ok(_) => Ok(()),
            Err(wanted) => invalid(wanted),
        },
        QUARANTINE_DAYS => Ok(()),
        unknown if unknown.starts_with(PREFIX) => Err(Error::field(format!(
            "The tag '{unknown}' means nothing. Tags that begin with '{PREFIX}' are {QUARANTINE_DAYS} and \
             {PACKAGE_RETENTION}."
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_checked() {
        for (key, value) in [
            (QUARANTINE_DAYS, "7"),
            (PACKAGE_RETENTION, "newest=3"),
            (PACKAGE_RETENTION, "newest=3 mode=report"),
            ("team", "stagewright:x"),
            ("x", ""),
        ] {
            assert!(check_tag(key, value).is_ok(), "{key}={value}");
        }
        for (key, value) in [
            (QUARANTINE_DAYS, "0"),
            (QUARANTINE_DAYS, "a week"),
            (PACKAGE_RETENTION, "newest=0"),
            (PACKAGE_RETENTION, "newest=1 mode=1"),
            ("stagewright:x", "1"),
        ] {
            assert!(check_tag(key, value).is_err(), "{key}={value}");
        }
    }

    #[test]
    fn a_quarantine_ends_at_whole_hours() {
        let tags = BTreeMap::from([(QUARANTINE_DAYS.to_owned(), "1".to_owned())]);
        let now = Timestamp::from_millis(86_400_000 + 7_200_000 + 1_234);
        assert_eq!(held_back_after(&tags, now), Some(Timestamp::from_millis(7_200_000)));
        assert_eq!(held_back_after(&BTreeMap::new(), now), None);
    }
}
