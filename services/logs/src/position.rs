//! Where an event stands among all events of a group: its id, and what page tokens hold.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Digits of an id: 20 of the time, 18 of the stream, 18 of the number in the stream.
const DIGITS: usize = 56;
const TIME_DIGITS: usize = 20;
const STREAM_DIGITS: usize = 18;
/// The first number with more digits than a stream's tag has.
const TAGS: u64 = 1_000_000_000_000_000_000;

/// The order of events: by time, then by stream, then as they were put. It is stable and tells events apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Tells the streams of a group apart.
    pub stream: u64,
    /// Grows from event to event of a stream, from 1.
    pub number: u64,
}

/// A text that is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position of 56 digits")]
pub struct InvalidPosition;

/// The tag of a stream in positions.
pub fn tag(stream: Uuid) -> u64 {
    stream.as_u64_pair().1 % TAGS
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}{:018}{:018}", self.timestamp, self.stream, self.number)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidPosition);
        }
        let (timestamp, rest) = text.split_at(TIME_DIGITS);
        let (stream, number) = rest.split_at(STREAM_DIGITS);
        Ok(Self {
            timestamp: timestamp.parse().map_err(|_| InvalidPosition)?,
            stream: stream.parse().map_err(|_| InvalidPosition)?,
            number: number.parse().map_err(|_| InvalidPosition)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_survives_as_text_and_sorts_so(
            a in (0..i64::MAX, 0..TAGS, 0..TAGS),
            b in (0..i64::MAX, 0..TAGS, 0..TAGS),
        ) {
            let of = |(timestamp, stream, number)| Position { timestamp, stream, number };
            let (a, b) = (of(a), of(b));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(a.to_string().len(), DIGITS);
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1", &"9".repeat(56), &"a".repeat(56), &"0".repeat(57)] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
