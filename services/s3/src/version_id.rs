//! Version ids: opaque to clients, yet they say where in the order of versions to look.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The alphabet of S3's ids.
const ALPHABET: &[u8; 64] = b"._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Eleven characters of six bits hold the order.
const ORDER_LENGTH: usize = 11;
const LENGTH: usize = 32;

/// The id of a version: `null`, or 32 characters of which the first eleven encode the version's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionId(Option<String>);

/// A text that is no version id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version id")]
pub struct InvalidVersionId(pub String);

impl VersionId {
    /// The version of an object that was written without versioning.
    pub const NULL: Self = Self(None);

    /// A fresh id for a version of this order. The random part keeps ids of deleted versions from coming back.
    pub fn fresh(order: u64, random: Uuid) -> Self {
        let mut id = String::with_capacity(LENGTH);
        for position in (0..ORDER_LENGTH).rev() {
            id.push(character(order >> (6 * position)));
        }
        let mut rest = random.as_u128();
        while id.len() < LENGTH {
            id.push(character(u64::try_from(rest & 0x3f).unwrap_or_default()));
            rest >>= 6;
        }
        Self(Some(id))
    }

    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// The order encoded in the id; `None` for the null version, whose order the id does not tell.
    pub fn order(&self) -> Option<u64> {
        let id = self.0.as_ref()?;
        let mut order: u64 = 0;
        for byte in id.bytes().take(ORDER_LENGTH) {
            order = (order << 6) | value(byte)?;
        }
        Some(order)
    }

    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }
}

fn character(bits: u64) -> char {
    char::from(ALPHABET[usize::try_from(bits & 0x3f).unwrap_or_default()])
}

fn value(byte: u8) -> Option<u64> {
    ALPHABET.iter().position(|&b| b == byte).and_then(|position| u64::try_from(position).ok())
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for VersionId {
    type Err = InvalidVersionId;

    fn from_str(text: &str) -> Result<Self, InvalidVersionId> {
        if text == "null" {
            return Ok(Self::NULL);
        }
        // The first character holds the four highest bits only: a greater one would overflow.
        let fits = text.bytes().next().and_then(value).is_some_and(|bits| bits < 16);
        if text.len() == LENGTH && fits && text.bytes().all(|byte| value(byte).is_some()) {
            Ok(Self(Some(text.to_owned())))
        } else {
            Err(InvalidVersionId(text.to_owned()))
        }
    }
}

impl TryFrom<String> for VersionId {
    type Error = InvalidVersionId;

    fn try_from(text: String) -> Result<Self, InvalidVersionId> {
        text.parse()
    }
}

impl From<VersionId> for String {
    fn from(id: VersionId) -> Self {
        id.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_tells_its_order_and_survives_as_text(order: u64, random: u128) {
            let id = VersionId::fresh(order, Uuid::from_u128(random));
            prop_assert_eq!(id.order(), Some(order));
            prop_assert_eq!(id.as_str().len(), 32);
            prop_assert_eq!(id.as_str().parse::<VersionId>(), Ok(id));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(id) = text.parse::<VersionId>() {
                prop_assert_eq!(id.as_str(), text);
            }
        }
    }

    #[test]
    fn null_is_the_version_without_order() {
        let id: VersionId = "null".parse().unwrap();
        assert!(id.is_null());
        assert_eq!(id.order(), None);
        assert!("".parse::<VersionId>().is_err());
        assert!("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<VersionId>().is_err());
    }
}
