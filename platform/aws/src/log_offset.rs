//! Log events that are put once, though whoever puts them may not know that they were.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

const PREFIX: &str = "offset";

/// Which part of a source the events of one PutLogEvents are: for example of a build's output, in bytes.
///
/// A service gives it as the `sequenceToken`, which AWS ignores. The answer's `nextSequenceToken` then says up to where
/// the stream has the source. If that is beyond `from`, nothing of the batch was added: what the stream has was put by
/// a call whose answer was lost, and the caller goes on behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOffset {
    pub source: Uuid,
    pub from: u64,
    /// Not included.
    pub to: u64,
}

/// A text that is no offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the offset of a source of log events")]
pub struct InvalidLogOffset;

impl fmt::Display for LogOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}/{}/{}/{}", self.source, self.from, self.to)
    }
}

impl FromStr for LogOffset {
    type Err = InvalidLogOffset;

    fn from_str(text: &str) -> Result<Self, InvalidLogOffset> {
        let parts: Vec<&str> = text.split('/').collect();
        let [PREFIX, source, from, to] = parts.as_slice() else { return Err(InvalidLogOffset) };
        Ok(Self {
            source: source.parse().map_err(|_| InvalidLogOffset)?,
            from: from.parse().map_err(|_| InvalidLogOffset)?,
            to: to.parse().map_err(|_| InvalidLogOffset)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_back_and_other_tokens_are_none() {
        let offset = LogOffset { source: Uuid::from_u128(7), from: 3, to: u64::MAX };
        assert_eq!(offset.to_string().parse(), Ok(offset));
        for token in
            ["", "offset/1/2/3", &format!("{:056}", 8), &format!("{offset}/1"), &format!("x{offset}")]
        {
            assert_eq!(token.parse::<LogOffset>(), Err(InvalidLogOffset), "{token}");
        }
    }
}
