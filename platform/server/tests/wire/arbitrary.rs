//! Values of any shape, made by its own reader: what would be read is invented.

use aws::shape::{EachElement, EachEntry, EachMember, Kind, ReadError, Reader, Schema};
use aws::timestamp::Timestamp;
use bytes::Bytes;

/// Beyond it only what is required is made, as shapes may hold themselves.
const DEEPEST: usize = 5;

/// Texts that codecs are known to stumble over.
const TEXTS: [&str; 12] = [
    "plain",
    "",
    " two  blanks ",
    "a,b;\"c\"",
    "<&>'\"",
    "line\nbreak\r\nand\ttab",
    "100%+&=?#",
    "a.member.1.b",
    "null",
    "é€\u{1F600}",
    "\\\\ \\\"",
    "12345678901234567890",
];
const KEYS: [&str; 4] = ["key", "k.1", "a b&c=<d>", "ключ"];

/// Invents a value; the same seed gives the same value.
pub struct Arbitrary {
    state: u64,
    depth: usize,
}

impl Arbitrary {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, depth: 0 }
    }

    /// Below `bound`, by xorshift.
    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let index = self.below(of.len().max(1) as u64);
        of.get(usize::try_from(index).unwrap()).copied()
    }

    fn length(&mut self) -> u64 {
        if self.depth > DEEPEST { 0 } else { self.below(4) }
    }
}

impl Reader for Arbitrary {
    fn boolean(&mut self, _schema: &'static Schema) -> Result<bool, ReadError> {
        Ok(self.below(2) == 1)
    }

    fn integer(&mut self, _schema: &'static Schema) -> Result<i64, ReadError> {
        let near = i64::try_from(self.below(1000)).unwrap() - 500;
        Ok(self.pick(&[near, 0, i64::from(i32::MAX), i64::from(i32::MIN)]).unwrap_or(near))
    }

    fn double(&mut self, _schema: &'static Schema) -> Result<f64, ReadError> {
        Ok(self.pick(&[0.0, -1.5, 1e-9, f64::MAX, f64::INFINITY, f64::NEG_INFINITY]).unwrap_or(0.0))
    }

    fn string(&mut self, schema: &'static Schema) -> Result<String, ReadError> {
        let texts = match &schema.kind {
            Kind::Enum(values) if self.below(8) > 0 => values,
            _ => &TEXTS[..],
        };
        Ok(self.pick(texts).unwrap_or_default().to_owned())
    }

    fn blob(&mut self, _schema: &'static Schema) -> Result<Bytes, ReadError> {
        let length = self.below(5);
        Ok((0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect())
    }

    fn timestamp(&mut self, _schema: &'static Schema) -> Result<Timestamp, ReadError> {
        Ok(Timestamp::from_millis(i64::try_from(self.below(4_000_000_000)).unwrap() * 1000))
    }

    fn structure(&mut self, schema: &'static Schema, each: EachMember<'_>) -> Result<(), ReadError> {
        self.depth += 1;
        let members = schema.members();
        let only = self.below(members.len().max(1) as u64);
        let is_union = matches!(schema.kind, Kind::Union(_));
        for (index, member) in members.iter().enumerate() {
            // One member is always there: forms cannot say that a structure is present and empty.
            let present = index as u64 == only
                || (!is_union && (member.required || (self.depth <= DEEPEST && self.below(2) == 1)));
            if present {
                each(index, self)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn list(&mut self, _schema: &'static Schema, each: EachElement<'_>) -> Result<(), ReadError> {
        self.depth += 1;
        for _ in 0..self.length() {
            each(self)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn map(&mut self, _schema: &'static Schema, each: EachEntry<'_>) -> Result<(), ReadError> {
        self.depth += 1;
        let length = usize::try_from(self.length()).unwrap();
        for key in KEYS.iter().take(length) {
            each((*key).to_owned(), self)?;
        }
        self.depth -= 1;
        Ok(())
    }
}
