//! Conditional reads and writes, as pure functions.
//! Source: Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests"; RFC 9110, 13.

use aws::Timestamp;
use s3s::dto::{ETagCondition, Timestamp as HttpTimestamp};

use crate::error::Error;
use crate::wire;

/// The conditions of a read, of a copy's source or of a delete.
#[derive(Clone, Debug, Default)]
pub struct ReadConditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<HttpTimestamp>,
    pub if_unmodified_since: Option<HttpTimestamp>,
}

/// The conditions of a write; at most one is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteConditions {
    /// An ETag without quotes, or `*`.
    pub if_match: Option<String>,
    pub must_be_absent: bool,
}

impl ReadConditions {
    /// Errors: `PreconditionFailed` (412), `NotModified` (304).
    pub fn check(&self, etag: &str, modified_at: Timestamp) -> Result<(), Error> {
        self.check_presence(etag, modified_at)?;
        let unchanged = match (&self.if_none_match, &self.if_modified_since) {
            // If-None-Match decides alone: a matching date does not save a changed ETag.
            (Some(condition), _) => matches(condition, etag),
            (None, Some(since)) => modified_at.as_secs() <= wire::from_timestamp(since).as_secs(),
            (None, None) => false,
        };
        if unchanged { Err(Error::NotModified { etag: etag.to_owned() }) } else { Ok(()) }
    }

    /// The same for the source of a copy, which is never "not modified": every failure is 412.
    pub fn check_copy_source(&self, etag: &str, modified_at: Timestamp) -> Result<(), Error> {
        self.check(etag, modified_at).map_err(|error| match error {
            Error::NotModified { .. } => {
                let condition = if self.if_none_match.is_some() {
                    "x-amz-copy-source-If-None-Match"
                } else {
                    "x-amz-copy-source-If-Modified-Since"
                };
                Error::PreconditionFailed { condition }
            }
            Error::PreconditionFailed { condition: "If-Match" } => {
                Error::PreconditionFailed { condition: "x-amz-copy-source-If-Match" }
            }
            Error::PreconditionFailed { .. } => {
                Error::PreconditionFailed { condition: "x-amz-copy-source-If-Unmodified-Since" }
            }
            other => other,
        })
    }

    fn check_presence(&self, etag: &str, modified_at: Timestamp) -> Result<(), Error> {
        match (&self.if_match, &self.if_unmodified_since) {
            // A matching If-Match beats a false If-Unmodified-Since.
            (Some(condition), _) if matches(condition, etag) => Ok(()),
            (Some(_), _) => Err(Error::PreconditionFailed { condition: "If-Match" }),
            (None, Some(since)) if modified_at.as_secs() > wire::from_timestamp(since).as_secs() => {
                Err(Error::PreconditionFailed { condition: "If-Unmodified-Since" })
            }
            (None, Some(_) | None) => Ok(()),
        }
    }
}

impl WriteConditions {
    /// Errors: `NotImplemented` for values that S3 does not take on writes.
    pub fn new(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> Result<Self, Error> {
        let unsupported = || {
            Error::NotImplemented(
                "A header you provided implies functionality that is not implemented".to_owned(),
            )
        };
        match (if_match, if_none_match) {
            (None, None) => Ok(Self::default()),
            (Some(ETagCondition::ETag(etag)), None) => {
                Ok(Self { if_match: Some(etag.into_value()), must_be_absent: false })
            }
            (None, Some(ETagCondition::Any)) => Ok(Self { if_match: None, must_be_absent: true }),
            (Some(ETagCondition::Any), None) | (None, Some(ETagCondition::ETag(_))) | (Some(_), Some(_)) => {
                Err(unsupported())
            }
        }
    }

    /// Checks against the ETag of the current object; `None`: there is none, or a delete marker.
    /// Errors: `PreconditionFailed` (412), `NoSuchKey` (404).
    pub fn check(&self, key: &str, current_etag: Option<&str>) -> Result<(), Error> {
        match (&self.if_match, current_etag) {
            (Some(_), None) => Err(Error::NoSuchKey { key: key.to_owned() }),
            (Some(expected), Some(etag)) if expected != etag => {
                Err(Error::PreconditionFailed { condition: "If-Match" })
            }
            (None, Some(_)) if self.must_be_absent => {
                Err(Error::PreconditionFailed { condition: "If-None-Match" })
            }
            (Some(_) | None, _) => Ok(()),
        }
    }
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(given) => given.value() == etag,
    }
}

#[cfg(test)]
mod tests {
    use s3s::dto::ETag;

    use super::*;

    const NOON: i64 = 1_704_196_800_000;

    fn etag(value: &str) -> Option<ETagCondition> {
        Some(ETagCondition::ETag(ETag::Strong(value.to_owned())))
    }

    fn at(millis: i64) -> Option<HttpTimestamp> {
        Some(wire::timestamp(Timestamp::from_millis(millis)))
    }

    fn check(conditions: ReadConditions) -> String {
        match conditions.check("abc", Timestamp::from_millis(NOON)) {
            Ok(()) => "200".to_owned(),
            Err(error) => error.status().to_string(),
        }
    }

    #[test]
    fn etags_beat_dates() {
        let read = ReadConditions::default;
        assert_eq!(check(read()), "200");
        assert_eq!(check(ReadConditions { if_match: etag("abc"), ..read() }), "200");
        assert_eq!(check(ReadConditions { if_match: etag("x"), ..read() }), "412");
        assert_eq!(check(ReadConditions { if_none_match: etag("abc"), ..read() }), "304");
        assert_eq!(check(ReadConditions { if_none_match: etag("x"), ..read() }), "200");
        assert_eq!(
            check(ReadConditions { if_match: etag("abc"), if_unmodified_since: at(NOON - 60_000), ..read() }),
            "200"
        );
        assert_eq!(
            check(ReadConditions {
                if_none_match: etag("abc"),
                if_modified_since: at(NOON - 60_000),
                ..read()
            }),
            "304"
        );
        assert_eq!(
            check(ReadConditions {
                if_none_match: etag("x"),
                if_modified_since: at(NOON + 60_000),
                ..read()
            }),
            "200"
        );
    }

    #[test]
    fn dates_count_in_seconds() {
        let read = ReadConditions::default;
        assert_eq!(check(ReadConditions { if_modified_since: at(NOON), ..read() }), "304");
        assert_eq!(check(ReadConditions { if_modified_since: at(NOON - 1_000), ..read() }), "200");
        assert_eq!(check(ReadConditions { if_unmodified_since: at(NOON), ..read() }), "200");
        assert_eq!(check(ReadConditions { if_unmodified_since: at(NOON - 1_000), ..read() }), "412");
    }

    #[test]
    fn a_write_may_ask_for_absence_or_for_an_etag() {
        let absent = WriteConditions::new(None, Some(ETagCondition::Any)).unwrap();
        assert!(absent.check("k", None).is_ok());
        assert_eq!(absent.check("k", Some("abc")).unwrap_err().code(), "PreconditionFailed");
        let unchanged = WriteConditions::new(etag("abc"), None).unwrap();
        assert!(unchanged.check("k", Some("abc")).is_ok());
        assert_eq!(unchanged.check("k", Some("x")).unwrap_err().code(), "PreconditionFailed");
        assert_eq!(unchanged.check("k", None).unwrap_err().code(), "NoSuchKey");
        assert_eq!(WriteConditions::new(None, etag("abc")).unwrap_err().status(), 501);
        assert_eq!(WriteConditions::new(etag("a"), Some(ETagCondition::Any)).unwrap_err().status(), 501);
    }

    #[test]
    fn a_copy_never_answers_not_modified() {
        let conditions = ReadConditions { if_none_match: etag("abc"), ..ReadConditions::default() };
        let error = conditions.check_copy_source("abc", Timestamp::from_millis(NOON)).unwrap_err();
        assert_eq!(error.status(), 412);
    }
}
