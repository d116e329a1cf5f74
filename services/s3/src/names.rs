//! Which names buckets and objects may have.
//! Source: Amazon S3 User Guide, "General purpose bucket naming rules" and "Naming Amazon S3 objects".

use std::net::Ipv4Addr;

use crate::error::Error;

/// In bytes of UTF-8.
pub const LONGEST_KEY: usize = 1024;

/// Checks the name of a bucket to be made.
pub fn check_bucket(name: &str) -> Result<(), Error> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = name.as_bytes();
    let reserved = ["xn--", "sthree-"].iter().any(|prefix| name.starts_with(prefix))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix));
    let valid = (3..=63).contains(&bytes.len())
        && bytes.iter().copied().all(allowed)
        && edge(bytes.first())
        && edge(bytes.last())
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
        && !reserved;
    if valid { Ok(()) } else { Err(Error::InvalidBucketName { bucket: name.to_owned() }) }
}

/// Checks the key of an object to be written.
pub fn check_key(key: &str) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::invalid_argument("key", key, "The object key must not be empty.")),
        size if size > LONGEST_KEY => Err(Error::KeyTooLong { size }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules() {
        for name in ["abc", "my-bucket", "a.b.c", "codepipeline-us-east-1-123456789012", &"a".repeat(63)] {
            assert!(check_bucket(name).is_ok(), "{name}");
        }
        for name in [
            "ab",
            "",
            "My-Bucket",
            "a_b",
            "-abc",
            "abc-",
            "a..b",
            "192.168.5.4",
            "xn--abc",
            "abc-s3alias",
            &"a".repeat(64),
        ] {
            assert!(check_bucket(name).is_err(), "{name}");
        }
    }

    #[test]
    fn keys_are_bounded_in_bytes() {
        assert!(check_key(&"é".repeat(512)).is_ok());
        assert!(matches!(check_key(&"é".repeat(513)), Err(Error::KeyTooLong { size: 1026 })));
        assert!(check_key("").is_err());
    }
}
