//! Between the forms of the S3 crate's shapes and ours.

use aws::{AccountId, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto;

/// Everything but unreserved characters and slashes; blanks become `+` afterwards.
const KEY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');

pub fn timestamp(at: Timestamp) -> dto::Timestamp {
    let since = std::time::Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default());
    dto::Timestamp::from(std::time::UNIX_EPOCH + since)
}

pub fn from_timestamp(at: &dto::Timestamp) -> Timestamp {
    let mut text = Vec::new();
    let formatted = at.format(dto::TimestampFormat::DateTime, &mut text).ok();
    formatted.and_then(|()| Timestamp::parse_iso8601(std::str::from_utf8(&text).ok()?)).unwrap_or_default()
}

pub fn etag(value: &str) -> dto::ETag {
    dto::ETag::Strong(value.to_owned())
}

/// Accounts own buckets and objects. S3's canonical ids are 64 hex digits that only S3 gives out; the hash of
/// the account number has their form and tells accounts apart.
pub fn canonical_id(account: &AccountId) -> String {
    aws::sigv4::sha256_hex(format!("canonical-user-id:{account}").as_bytes())
}

pub fn owner(account: &AccountId) -> dto::Owner {
    dto::Owner { display_name: None, id: Some(canonical_id(account)) }
}

/// A key, prefix, delimiter or marker in a listing, encoded if the client asked for it.
pub fn listed(text: &str, encoding: Option<&dto::EncodingType>) -> String {
    match encoding {
        Some(_) => utf8_percent_encode(text, KEY).to_string().replace(' ', "+"),
        None => text.to_owned(),
    }
}

/// Errors: `InvalidArgument` for an encoding that S3 does not know.
pub fn check_encoding(encoding: Option<&dto::EncodingType>) -> Result<(), crate::Error> {
    match encoding.map(dto::EncodingType::as_str) {
        None | Some("url") => Ok(()),
        Some(other) => Err(crate::Error::invalid_argument(
            "encoding-type",
            other,
            "Invalid Encoding Method specified in Request",
        )),
    }
}

/// Sizes and counts in the API are signed.
pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub fn count(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_go_both_ways() {
        let at = Timestamp::from_millis(1_704_164_645_678);
        assert_eq!(from_timestamp(&timestamp(at)), at);
    }

    #[test]
    fn keys_are_encoded_as_forms_are() {
        let url = dto::EncodingType::from_static(dto::EncodingType::URL);
        assert_eq!(listed("a b/ü+\u{1}.txt", Some(&url)), "a+b/%C3%BC%2B%01.txt");
        assert_eq!(listed("a b", None), "a b");
    }
}
