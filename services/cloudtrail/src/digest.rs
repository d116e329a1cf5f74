//! Digest files: which log files were delivered in a time, signed, each naming the one before it. No I/O.
//! Source: CloudTrail User Guide, "CloudTrail digest file structure".

use aws::Timestamp;
use serde::Serialize;

use crate::log_file::{folder, hash};
use crate::records::{DeliveredFile, Link, Trail};

pub const SIGNATURE_ALGORITHM: &str = "SHA256withRSA";
const HASH_ALGORITHM: &str = "SHA-256";

/// A digest that is about to be signed.
pub struct Digest<'d> {
    pub trail: &'d Trail,
    pub region: &'d aws::Region,
    pub from: Timestamp,
    /// In whole seconds, as `from`.
    pub until: Timestamp,
    pub fingerprint: &'d str,
    pub previous: Option<&'d Link>,
    pub files: &'d [DeliveredFile],
}

/// The members in the order in which CloudTrail prints them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'d> {
    aws_account_id: &'d str,
    digest_start_time: String,
    digest_end_time: String,
    digest_s3_bucket: &'d str,
    digest_s3_object: &'d str,
    digest_public_key_fingerprint: &'d str,
    digest_signature_algorithm: &'static str,
    newest_event_time: Option<String>,
    oldest_event_time: Option<String>,
    previous_digest_s3_bucket: Option<&'d str>,
    previous_digest_s3_object: Option<&'d str>,
    previous_digest_hash_value: Option<&'d str>,
    previous_digest_hash_algorithm: Option<&'static str>,
    previous_digest_signature: Option<&'d str>,
    log_files: Vec<LogFile<'d>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogFile<'d> {
    s3_bucket: &'d str,
    s3_object: &'d str,
    hash_value: &'d str,
    hash_algorithm: &'static str,
    newest_event_time: String,
    oldest_event_time: String,
}

/// Where a digest that is made now ends, in whole seconds: always after its beginning, also where the clock was set back,
/// and where the one before it was made within the same second.
pub fn end(from: Timestamp, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_secs().max(from.as_secs() + 1) * 1_000)
}

impl Digest<'_> {
    pub fn object(&self) -> String {
        let Trail { scope, name, prefix, .. } = self.trail;
        let (account, home) = (&scope.account, &scope.region);
        let folder = folder(prefix.as_deref(), account, "CloudTrail-Digest", self.region, self.until);
        let stamp = self.until.format("%Y%m%dT%H%M%SZ");
        format!("{folder}{account}_CloudTrail-Digest_{}_{name}_{home}_{stamp}.json.gz", self.region)
    }

    pub fn document(&self, object: &str) -> Result<String, serde_json::Error> {
        let time = Timestamp::to_iso8601_secs;
        serde_json::to_string(&Document {
            aws_account_id: self.trail.scope.account.as_str(),
            digest_start_time: time(self.from),
            digest_end_time: time(self.until),
            digest_s3_bucket: &self.trail.bucket,
            digest_s3_object: object,
            digest_public_key_fingerprint: self.fingerprint,
            digest_signature_algorithm: SIGNATURE_ALGORITHM,
            newest_event_time: self.files.iter().map(|file| file.newest).max().map(time),
            oldest_event_time: self.files.iter().map(|file| file.oldest).min().map(time),
            previous_digest_s3_bucket: self.previous.map(|link| link.bucket.as_str()),
            previous_digest_s3_object: self.previous.map(|link| link.object.as_str()),
            previous_digest_hash_value: self.previous.map(|link| link.hash.as_str()),
            previous_digest_hash_algorithm: self.previous.map(|_| HASH_ALGORITHM),
            previous_digest_signature: self.previous.map(|link| link.signature.as_str()),
            log_files: self.files.iter().map(LogFile::of).collect(),
        })
    }

    /// What is signed for a document.
    pub fn text_to_sign(&self, object: &str, document: &str) -> String {
        let previous = self.previous.map_or("null", |link| link.signature.as_str());
        let bucket = &self.trail.bucket;
        let (end, hash) = (self.until.to_iso8601_secs(), hash(document.as_bytes()));
        format!("{end}\n{bucket}/{object}\n{hash}\n{previous}")
    }
}

impl<'d> LogFile<'d> {
    fn of(file: &'d DeliveredFile) -> Self {
        Self {
            s3_bucket: &file.bucket,
            s3_object: &file.object,
            hash_value: &file.hash,
            hash_algorithm: HASH_ALGORITHM,
            newest_event_time: file.newest.to_iso8601_secs(),
            oldest_event_time: file.oldest.to_iso8601_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::Scope;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::selector::Selectors;

    pub fn trail() -> Trail {
        Trail {
            id: Uuid::nil(),
            scope: Scope::new(
                "123456789012".parse().expect("an account"),
                "us-east-1".parse().expect("a region"),
            ),
            name: "audit".into(),
            bucket: "bucket".into(),
            prefix: Some("p".into()),
            global_events: true,
            multi_region: true,
            validates: true,
            log_group: None,
            selectors: Selectors::default(),
            insights_set: false,
            topic: None,
            tags: Default::default(),
            logging: true,
            draining: false,
            started: None,
            stopped: None,
        }
    }

    #[test]
    fn a_digest_ends_after_it_begins() {
        let at = Timestamp::from_millis;
        assert_eq!(end(at(5_000), at(9_700)), at(9_000));
        assert_eq!(end(at(9_000), at(9_700)), at(10_000), "two digests of one second");
        assert_eq!(end(at(9_000), at(2_000)), at(10_000), "a clock that was set back");
    }

    #[test]
    fn a_digest_names_its_files_and_the_digest_before_it() {
        let (trail, region) = (trail(), "eu-west-1".parse().expect("a region"));
        let at = |text: &str| Timestamp::parse_iso8601(text).expect("a time");
        let link = Link {
            bucket: "bucket".into(),
            object: "before".into(),
            hash: "aa".into(),
            signature: "bb".into(),
        };
        let file = DeliveredFile {
            trail: trail.id,
            region: "eu-west-1".parse().expect("a region"),
            bucket: "bucket".into(),
            object: "log".into(),
            hash: "cc".into(),
            oldest: at("2026-03-09T07:00:01Z"),
            newest: at("2026-03-09T07:30:00Z"),
        };
        let mut digest = Digest {
            trail: &trail,
            region: &region,
            from: at("2026-03-09T07:00:00Z"),
            until: at("2026-03-09T08:00:00Z"),
            fingerprint: "ff",
            previous: Some(&link),
            files: &[file],
        };
        let object = digest.object();
        assert_eq!(
            object,
            "p/AWSLogs/123456789012/CloudTrail-Digest/eu-west-1/2026/03/09/\
             123456789012_CloudTrail-Digest_eu-west-1_audit_us-east-1_20260309T080000Z.json.gz"
        );
        let document = digest.document(&object).expect("JSON");
        let text = digest.text_to_sign(&object, &document);
        let expected = format!("2026-03-09T08:00:00Z\nbucket/{object}\n{}\nbb", hash(document.as_bytes()));
        assert_eq!(text, expected);
        let document: Value = serde_json::from_str(&document).expect("JSON");
        assert_eq!(document["logFiles"][0]["newestEventTime"], "2026-03-09T07:30:00Z");
        assert_eq!(document["previousDigestHashValue"], "aa");
        digest.previous = None;
        digest.files = &[];
        let first: Value = serde_json::from_str(&digest.document(&object).expect("JSON")).expect("JSON");
        assert_eq!(first["previousDigestSignature"], Value::Null);
        assert_eq!((&first["logFiles"], &first["newestEventTime"]), (&json!([]), &Value::Null));
        assert!(digest.text_to_sign(&object, "x").ends_with("\nnull"));
    }
}
