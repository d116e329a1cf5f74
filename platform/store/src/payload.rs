//! The JSON that queue entries and outbox entries carry.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// A JSON document, not decoded yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(bytes::Bytes);

impl Payload {
    /// Decodes the document. Errors: `Decode`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.0).map_err(|error| Error::decode("a payload", error))
    }

    /// The JSON text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(value).map_err(|error| Error::encode("a payload", error))
    }

    pub(crate) fn from_encoded(bytes: Vec<u8>) -> Payload {
        Payload(bytes.into())
    }

    pub(crate) fn from_stored(bytes: &[u8]) -> Payload {
        Payload(bytes::Bytes::copy_from_slice(bytes))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads may carry secrets, and end in logs through a derived Debug.
        write!(formatter, "Payload({} bytes)", self.0.len())
    }
}
