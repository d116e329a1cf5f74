//! Which versions and uploads the rules of a bucket end. Pure; [`expiry`](crate::expiry) carries it out.
//! Source: Amazon S3 User Guide, "Lifecycle configuration elements" and "How Amazon S3 evaluates…".
//!
//! Transitions are kept with the rules and shown, and move nothing: there is one storage behind all classes.

use aws::Timestamp;
use s3s::dto::{ExpirationStatus, LifecycleRule, LifecycleRuleFilter, Tag};

use crate::records::{Object, Upload, Version};
use crate::wire;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A version among those of its key.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'v> {
    pub version: &'v Version,
    /// The next newer version; `None` for the current one.
    pub successor: Option<&'v Version>,
    /// How many noncurrent versions are newer.
    pub newer_noncurrent: i32,
    /// Whether it is the only version of its key.
    pub is_alone: bool,
}

/// Whether the rules end a version. A current object is deleted as a client would delete it, which leaves a
/// marker where there is versioning; others are deleted for good.
pub fn ends_version(rules: &[LifecycleRule], placed: Placed<'_>, now: Timestamp) -> bool {
    let version = placed.version;
    enabled(rules).filter(|rule| applies(rule, &version.key, version.object())).any(|rule| {
        match (placed.successor, version.object()) {
            (None, Some(_)) => expires(rule, version.modified_at, now),
            (None, None) => placed.is_alone && ends_lone_marker(rule, version.modified_at, now),
            (Some(successor), _) => expires_noncurrent(rule, successor, placed.newer_noncurrent, now),
        }
    })
}

/// Whether the rules abort an upload. Tags and sizes play no part, as an upload has neither yet.
pub fn aborts_upload(rules: &[LifecycleRule], upload: &Upload, now: Timestamp) -> bool {
    enabled(rules).filter(|rule| applies(rule, &upload.key, None)).any(|rule| {
        let days =
            rule.abort_incomplete_multipart_upload.as_ref().and_then(|abort| abort.days_after_initiation);
        days.is_some_and(|days| is_past(upload.initiated_at, days, now))
    })
}

fn enabled(rules: &[LifecycleRule]) -> impl Iterator<Item = &LifecycleRule> {
    rules.iter().filter(|rule| rule.status.as_str() == ExpirationStatus::ENABLED)
}

fn expires(rule: &LifecycleRule, modified_at: Timestamp, now: Timestamp) -> bool {
    let Some(expiration) = &rule.expiration else { return false };
    let by_days = expiration.days.is_some_and(|days| is_past(modified_at, days, now));
    let by_date = expiration.date.as_ref().is_some_and(|date| wire::from_timestamp(date) <= now);
    by_days || by_date
}

/// A marker with nothing under it. It is ended by name, or by the age at which the object would have been.
fn ends_lone_marker(rule: &LifecycleRule, modified_at: Timestamp, now: Timestamp) -> bool {
    let by_name = rule
        .expiration
        .as_ref()
        .is_some_and(|expiration| expiration.expired_object_delete_marker == Some(true));
    by_name || expires(rule, modified_at, now)
}

fn expires_noncurrent(rule: &LifecycleRule, successor: &Version, newer: i32, now: Timestamp) -> bool {
    let Some(expiration) = &rule.noncurrent_version_expiration else { return false };
    let kept = expiration.newer_noncurrent_versions.unwrap_or(0);
    let days = expiration.noncurrent_days.unwrap_or(0);
    newer >= kept && is_past(successor.modified_at, days, now)
}

/// Days count from a time to the midnight (UTC) after it.
fn is_past(from: Timestamp, days: i32, now: Timestamp) -> bool {
    let due = from.as_millis().saturating_add(i64::from(days).saturating_mul(DAY_MILLIS));
    let midnight = due.div_euclid(DAY_MILLIS).saturating_add(1).saturating_mul(DAY_MILLIS);
    now.as_millis() >= midnight
}

/// Whether a rule is about a key. Tags and sizes are those of the object; a marker has neither.
fn applies(rule: &LifecycleRule, key: &str, object: Option<&Object>) -> bool {
    if rule.prefix.as_ref().is_some_and(|prefix| !key.starts_with(prefix.as_str())) {
        return false;
    }
    rule.filter.as_ref().is_none_or(|filter| filter_fits(filter, key, object))
}

fn filter_fits(filter: &LifecycleRuleFilter, key: &str, object: Option<&Object>) -> bool {
    let prefix_fits = |prefix: Option<&String>| prefix.is_none_or(|prefix| key.starts_with(prefix.as_str()));
    let tagged = |tag: &Tag| {
        let value = object.and_then(|object| object.tags.get(tag.key.as_deref().unwrap_or_default()));
        value.map(String::as_str) == Some(tag.value.as_deref().unwrap_or_default())
    };
    let larger = |bound: Option<i64>| {
        bound.is_none_or(|bound| object.is_some_and(|object| wire::signed(object.size) > bound))
    };
    let smaller = |bound: Option<i64>| {
        bound.is_none_or(|bound| object.is_some_and(|object| wire::signed(object.size) < bound))
    };
    let all = filter.and.as_ref().is_none_or(|all| {
        prefix_fits(all.prefix.as_ref())
            && all.tags.iter().flatten().all(tagged)
            && larger(all.object_size_greater_than)
            && smaller(all.object_size_less_than)
    });
    all && prefix_fits(filter.prefix.as_ref())
        && filter.tag.as_ref().is_none_or(tagged)
        && larger(filter.object_size_greater_than)
        && smaller(filter.object_size_less_than)
}

#[cfg(test)]
mod tests {
    use s3s::dto::BucketLifecycleConfiguration;

    use super::*;
    use crate::records::{Attributes, Body, Content};
    use crate::settings;
    use crate::version_id::VersionId;

    const NOW: i64 = 1_704_196_800_000; // 2024-01-02T12:00:00Z

    fn rules(body: &str) -> Vec<LifecycleRule> {
        let document = format!(
            "<LifecycleConfiguration><Rule><ID>r</ID>{body}<Status>Enabled</Status></Rule></LifecycleConfiguration>"
        );
        settings::read::<BucketLifecycleConfiguration>(&document).unwrap().rules
    }

    fn version(key: &str, hours_old: i64, content: Content) -> Version {
        Version {
            bucket: "b".into(),
            key: key.into(),
            order: 1,
            id: VersionId::NULL,
            modified_at: Timestamp::from_millis(NOW - hours_old * 60 * 60 * 1000),
            content,
        }
    }

    fn object(size: u64, tag: Option<&str>) -> Content {
        Content::Object(Box::new(Object {
            size,
            etag: String::new(),
            body: Body::Blob("0".repeat(64).parse().unwrap()),
            attributes: Attributes::default(),
            tags: tag.map(|value| ("stage".to_owned(), value.to_owned())).into_iter().collect(),
            checksum: None,
            upload_id: None,
        }))
    }

    fn ends_current(rules: &[LifecycleRule], version: &Version) -> bool {
        let placed = Placed { version, successor: None, newer_noncurrent: 0, is_alone: true };
        ends_version(rules, placed, Timestamp::from_millis(NOW))
    }

    #[test]
    fn days_count_to_the_next_midnight() {
        let rules = rules("<Filter><Prefix>tmp/</Prefix></Filter><Expiration><Days>1</Days></Expiration>");
        // Made at noon yesterday: due at noon today, ended at midnight.
        assert!(!ends_current(&rules, &version("tmp/a", 24, object(1, None))));
        assert!(ends_current(&rules, &version("tmp/a", 37, object(1, None))));
        assert!(!ends_current(&rules, &version("kept/a", 1000, object(1, None))));
    }

    #[test]
    fn a_disabled_rule_ends_nothing() {
        let mut rules = rules("<Prefix></Prefix><Expiration><Days>1</Days></Expiration>");
        assert!(ends_current(&rules, &version("a", 1000, object(1, None))));
        rules[0].status = ExpirationStatus::from_static(ExpirationStatus::DISABLED);
        assert!(!ends_current(&rules, &version("a", 1000, object(1, None))));
    }

    #[test]
    fn filters_look_at_tags_and_sizes() {
        let rules = rules(
            "<Filter><And><Prefix>a</Prefix><Tag><Key>stage</Key><Value>test</Value></Tag>\
             <ObjectSizeGreaterThan>10</ObjectSizeGreaterThan></And></Filter><Expiration><Days>1</Days></Expiration>",
        );
        assert!(ends_current(&rules, &version("a", 100, object(11, Some("test")))));
        assert!(!ends_current(&rules, &version("a", 100, object(10, Some("test")))));
        assert!(!ends_current(&rules, &version("a", 100, object(11, Some("prod")))));
        assert!(!ends_current(&rules, &version("a", 100, object(11, None))));
    }

    #[test]
    fn noncurrent_versions_count_from_their_successor() {
        let rules = rules(
            "<Filter></Filter><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>\
             <NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>",
        );
        let (old, successor) = (version("a", 1000, object(1, None)), version("a", 100, object(1, None)));
        let ends = |successor: &Version, newer_noncurrent| {
            let placed =
                Placed { version: &old, successor: Some(successor), newer_noncurrent, is_alone: false };
            ends_version(&rules, placed, Timestamp::from_millis(NOW))
        };
        assert!(ends(&successor, 2));
        assert!(!ends(&successor, 1));
        assert!(!ends(&version("a", 2, object(1, None)), 2));
    }

    #[test]
    fn only_a_lone_marker_is_ended() {
        let rules = rules(
            "<Filter></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>",
        );
        let marker = version("a", 1, Content::DeleteMarker);
        let ends = |is_alone| {
            let placed = Placed { version: &marker, successor: None, newer_noncurrent: 0, is_alone };
            ends_version(&rules, placed, Timestamp::from_millis(NOW))
        };
        assert!(ends(true));
        assert!(!ends(false));
    }
}
