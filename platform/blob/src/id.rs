//! How blobs are named.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// A SHA-256 digest, which names the bytes that it is of. Written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// What a record keeps of a blob: its name and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobId {
    #[serde(rename = "sha256")]
    pub digest: Digest,
    pub size: u64,
}

impl Digest {
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl BlobId {
    /// The name in hexadecimal digits.
    pub fn sha256(&self) -> String {
        self.digest.to_string()
    }

    /// The name that bytes would have.
    pub fn of(bytes: &[u8]) -> BlobId {
        let mut hashing = Hashing::default();
        hashing.update(bytes);
        hashing.finish()
    }
}

impl From<BlobId> for Digest {
    fn from(id: BlobId) -> Digest {
        id.digest
    }
}

impl From<&BlobId> for Digest {
    fn from(id: &BlobId) -> Digest {
        id.digest
    }
}

impl From<&Digest> for Digest {
    fn from(digest: &Digest) -> Digest {
        *digest
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Errors: `InvalidDigest`. Upper-case digits are refused, so that each blob has one name.
    fn from_str(text: &str) -> Result<Digest, Error> {
        let invalid = || Error::InvalidDigest { text: text.to_owned() };
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid());
        }
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| invalid())?;
        Ok(Digest(digest))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A name in the making.
#[derive(Default)]
pub(crate) struct Hashing {
    sha256: Sha256,
    size: u64,
}

impl Hashing {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> BlobId {
        BlobId { digest: Digest(self.sha256.finalize().into()), size: self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_sha256_of_the_bytes() {
        // Source: FIPS 180-2, appendix B.1.
        let id = BlobId::of(b"abc");
        assert_eq!(id.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(id.size, 3);
    }

    #[test]
    fn a_name_is_kept_as_text() {
        let id = BlobId::of(b"abc");
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!(r#"{{"sha256":"{}","size":3}}"#, id.sha256()));
        assert_eq!(serde_json::from_str::<BlobId>(&json).unwrap(), id);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in ["", "ab", &"A".repeat(64), &"g".repeat(64), &"a".repeat(66), "../../etc/passwd"] {
            assert!(matches!(text.parse::<Digest>(), Err(Error::InvalidDigest { .. })), "{text}");
        }
    }
}
