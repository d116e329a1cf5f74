//! Composite keys whose encoded bytes sort as their parts do.
//!
//! Each part is a tag byte and its value. Text ends with `00`; the bytes `00` and `01` inside it become `01 01` and
//! `01 02`, so that a shorter text sorts before its continuations and no text is mistaken for the beginning of
//! another. Numbers are eight big-endian bytes (signed ones with the sign bit turned). As every part says where it
//! ends, one key is the beginning of another exactly when its parts are.

use std::fmt;

use crate::Error;

const TEXT: u8 = 0x10;
const UNSIGNED: u8 = 0x20;
const SIGNED: u8 = 0x30;
const SIGN_BIT: u64 = 1 << 63;

/// The bytes that an encoded key may have; an index entry, which is the index key and the record's key together, too.
/// It is what fits into an index page of PostgreSQL.
pub(crate) const LONGEST: usize = 2_500;

/// An ordered composite key: `Key::of("codebuild").and("my-project").and_u64(3)`.
///
/// Keys compare part by part: text by its UTF-8 bytes, numbers by value; a key sorts before all that continue it.
/// A record's key may take 2,500 bytes, a secondary index key together with the record's key as many.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

/// One part of a [`Key`], decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Unsigned(u64),
    Signed(i64),
}

impl Key {
    /// A key of one text part.
    pub fn of(part: impl AsRef<str>) -> Key {
        Key::empty().and(part)
    }

    /// A key of no parts; the prefix of every key.
    pub fn empty() -> Key {
        Key(Vec::new())
    }

    /// Adds a text part.
    #[must_use]
    pub fn and(mut self, part: impl AsRef<str>) -> Key {
        self.0.push(TEXT);
        push_text(&mut self.0, part.as_ref());
        self.0.push(0);
        self
    }

    /// Adds an unsigned number.
    #[must_use]
    pub fn and_u64(mut self, part: u64) -> Key {
        self.0.push(UNSIGNED);
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    /// Adds a signed number.
    #[must_use]
    pub fn and_i64(mut self, part: i64) -> Key {
        self.0.push(SIGNED);
        self.0.extend_from_slice(&(part.cast_unsigned() ^ SIGN_BIT).to_be_bytes());
        self
    }

    /// Adds all parts of another key.
    #[must_use]
    pub fn join(mut self, other: &Key) -> Key {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// The encoded form, to be kept in a page token, say.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the encoded form back. Errors: `InvalidKey` for bytes that no key encodes to.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Key, Error> {
        let bytes = bytes.into();
        decode(&bytes).ok_or(Error::InvalidKey)?;
        Ok(Key(bytes))
    }

    /// The parts in order.
    pub fn parts(&self) -> Vec<Part> {
        decode(&self.0).unwrap_or_default()
    }

    pub(crate) fn from_stored(bytes: &[u8]) -> Key {
        Key(bytes.to_vec())
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The bytes that all keys begin with whose next part is a text that begins with `text`.
    pub(crate) fn beginning(mut self, text: &str) -> Vec<u8> {
        self.0.push(TEXT);
        push_text(&mut self.0, text);
        self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(")?;
        for (position, part) in self.parts().iter().enumerate() {
            if position > 0 {
                formatter.write_str(", ")?;
            }
            match part {
                Part::Text(text) => write!(formatter, "{text:?}")?,
                Part::Unsigned(number) => write!(formatter, "{number}")?,
                Part::Signed(number) => write!(formatter, "{number:+}")?,
            }
        }
        formatter.write_str(")")
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        match byte {
            0 => bytes.extend_from_slice(&[1, 1]),
            1 => bytes.extend_from_slice(&[1, 2]),
            other => bytes.push(other),
        }
    }
}

fn decode(bytes: &[u8]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some((&tag, after)) = rest.split_first() {
        let (part, after) = match tag {
            TEXT => decode_text(after)?,
            UNSIGNED => {
                let (number, after) = after.split_first_chunk::<8>()?;
                (Part::Unsigned(u64::from_be_bytes(*number)), after)
            }
            SIGNED => {
                let (number, after) = after.split_first_chunk::<8>()?;
                (Part::Signed((u64::from_be_bytes(*number) ^ SIGN_BIT).cast_signed()), after)
            }
            _ => return None,
        };
        parts.push(part);
        rest = after;
    }
    Some(parts)
}

fn decode_text(bytes: &[u8]) -> Option<(Part, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    let (encoded, after) = (bytes.get(..end)?, bytes.get(end + 1..)?);
    let mut text = Vec::with_capacity(encoded.len());
    let mut encoded = encoded.iter();
    while let Some(&byte) = encoded.next() {
        text.push(match byte {
            1 => match encoded.next()? {
                1 => 0,
                2 => 1,
                _ => return None,
            },
            other => other,
        });
    }
    Some((Part::Text(String::from_utf8(text).ok()?), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(parts: &[Part]) -> Key {
        parts.iter().fold(Key::empty(), |key, part| match part {
            Part::Text(text) => key.and(text),
            Part::Unsigned(number) => key.and_u64(*number),
            Part::Signed(number) => key.and_i64(*number),
        })
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[\u{0}\u{1}\u{2}ab]{0,4}"]
    }

    fn any_part() -> impl Strategy<Value = Part> {
        prop_oneof![
            any_text().prop_map(Part::Text),
            any::<u64>().prop_map(Part::Unsigned),
            any::<i64>().prop_map(Part::Signed)
        ]
    }

    proptest! {
        #[test]
        fn parts_come_back(parts in prop::collection::vec(any_part(), 0..5)) {
            let key = encode(&parts);
            prop_assert_eq!(key.parts(), parts);
            prop_assert_eq!(Key::from_bytes(key.as_bytes()).unwrap(), key);
        }

        #[test]
        fn texts_sort_as_their_bytes(left in prop::collection::vec(any_text(), 1..3), right in prop::collection::vec(any_text(), 1..3)) {
            let encoded = |texts: &[String]| texts.iter().fold(Key::empty(), Key::and);
            prop_assert_eq!(encoded(&left).cmp(&encoded(&right)), left.cmp(&right));
        }

        #[test]
        fn numbers_sort_by_value(left: i64, right: i64, small: u64, large: u64) {
            prop_assert_eq!(Key::empty().and_i64(left).cmp(&Key::empty().and_i64(right)), left.cmp(&right));
            prop_assert_eq!(Key::empty().and_u64(small).cmp(&Key::empty().and_u64(large)), small.cmp(&large));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(key) = Key::from_bytes(bytes) {
                prop_assert_eq!(encode(&key.parts()), key);
            }
        }
    }

    #[test]
    fn a_key_shows_its_parts() {
        assert_eq!(format!("{:?}", Key::of("a").and_u64(3).and_i64(-1)), r#"Key("a", 3, -1)"#);
    }
}
