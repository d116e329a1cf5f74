//! Documents in JSON, read as they come.

use serde::de::DeserializeSeed;

use super::{Refusal, xml::Bounded};

/// Of one file: unlike XML, its values may have to be held.
const MAX_BYTES: u64 = 64 << 20;

/// Reads one document. Nesting is bounded by the reader itself.
pub(super) fn read<S: for<'de> DeserializeSeed<'de>>(file: &mut Bounded<'_>, seed: S) -> Result<(), Refusal> {
    let mut input = Input(file);
    let mut reader = serde_json::Deserializer::from_reader(&mut input);
    let read = seed.deserialize(&mut reader).map(drop).and_then(|()| reader.end());
    read.map_err(|error| Refusal::new(format!("expected a JSON document of this format: {error}")))
}

struct Input<'a, 'b>(&'a mut Bounded<'b>);

impl std::io::Read for Input<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0.total() > MAX_BYTES {
            return Err(std::io::Error::other(format!("the file has more than {MAX_BYTES} bytes")));
        }
        self.0.begin();
        self.0.read(buffer)
    }
}
