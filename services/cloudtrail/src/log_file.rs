//! Log files: their names and their content. No I/O.
//! Source: CloudTrail User Guide, "CloudTrail log file name format" and "Getting and viewing your CloudTrail log files".

use std::io::Write;

use aws::{AccountId, Region, Timestamp};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::event::EventText;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UNIQUE_LENGTH: usize = 16;

/// The key of a log file that is delivered now. `random` tells it from others of the same minute.
pub fn object(
    prefix: Option<&str>,
    account: &AccountId,
    region: &Region,
    now: Timestamp,
    random: Uuid,
) -> String {
    let folder = folder(prefix, account, "CloudTrail", region, now);
    let stamp = now.format("%Y%m%dT%H%MZ");
    format!("{folder}{account}_CloudTrail_{region}_{stamp}_{}.json.gz", unique(random))
}

/// `[prefix/]AWSLogs/ACCOUNT/KIND/REGION/YYYY/MM/DD/`
pub fn folder(
    prefix: Option<&str>,
    account: &AccountId,
    kind: &str,
    region: &Region,
    at: Timestamp,
) -> String {
    format!("{}{kind}/{region}/{}/", root(prefix, account), at.format("%Y/%m/%d"))
}

/// `[prefix/]AWSLogs/ACCOUNT/`: what a bucket's policy has to open.
pub fn root(prefix: Option<&str>, account: &AccountId) -> String {
    let prefix = prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default();
    format!("{prefix}AWSLogs/{account}/")
}

fn unique(random: Uuid) -> String {
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    random.as_bytes().iter().take(UNIQUE_LENGTH).map(letter).collect()
}

/// `{"Records":[…]}`; equal events give equal bytes.
pub fn content<'e>(events: impl Iterator<Item = &'e EventText>) -> Vec<u8> {
    let mut content = b"{\"Records\":[".to_vec();
    for (number, event) in events.enumerate() {
        if number > 0 {
            content.push(b',');
        }
        content.extend_from_slice(event.as_str().as_bytes());
    }
    content.extend_from_slice(b"]}");
    content
}

/// SHA-256 in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// gzip without a time in its header: equal bytes in, equal bytes out.
pub fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_service() {
        let account = "123456789012".parse().expect("an account");
        let region = "eu-west-1".parse().expect("a region");
        let at = Timestamp::parse_iso8601("2026-03-09T07:05:59Z").expect("a time");
        let name = object(Some("audit"), &account, &region, at, Uuid::nil());
        let folder = "audit/AWSLogs/123456789012/CloudTrail/eu-west-1/2026/03/09/";
        let file = "123456789012_CloudTrail_eu-west-1_20260309T0705Z_AAAAAAAAAAAAAAAA.json.gz";
        assert_eq!(name, format!("{folder}{file}"));
        assert_eq!(root(None, &account), "AWSLogs/123456789012/");
    }

    #[test]
    fn a_file_is_a_list_of_records() {
        let event = |text: &str| serde_json::from_str::<EventText>(text).expect("JSON");
        let events = [event("{\"a\":1}"), event("{\"b\":2}")];
        let bytes = content(events.iter());
        assert_eq!(bytes, br#"{"Records":[{"a":1},{"b":2}]}"#);
        assert_eq!(compress(&bytes).expect("compressed"), compress(&bytes).expect("compressed"));
        assert_eq!(content(std::iter::empty()), br#"{"Records":[]}"#);
    }
}
