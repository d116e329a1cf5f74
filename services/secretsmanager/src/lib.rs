//! Secrets Manager: named secrets in versions with staging labels, sealed under the master key.
//!
//! `records` has the core: what becomes of versions and their labels. `operations` are the API. Rotation is not built.

mod deleted;
mod error;
mod filter;
mod names;
mod operations;
mod records;

use seal::Sealer;
use store::Store;

use crate::records::{Secret, Value};

pub use error::Error;
pub use operations::router;

/// The service's state. [`router`] serves its API, [`SecretsManager::forget_deleted`] takes away what was deleted.
pub struct SecretsManager {
    store: Store,
    sealer: Sealer,
}

/// What a secret holds: bytes, or text.
#[derive(Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl SecretsManager {
    pub fn new(store: Store, sealer: Sealer) -> Self {
        Self { store, sealer }
    }

    fn open(&self, value: &Value) -> Result<Content, Error> {
        Content::open(&self.sealer, value)
    }
}

impl Content {
    /// What a call gives. Errors: `InvalidParameter` if it gives both, or nothing in one of them.
    fn given(text: Option<String>, binary: Option<aws::Blob>) -> Result<Option<Self>, Error> {
        match (text, binary) {
            (Some(_), Some(_)) => Err(Error::InvalidParameter(
                "You can't specify both a binary secret value and a string secret value in the same secret."
                    .to_owned(),
            )),
            (Some(text), None) => Ok(Some(Self::Text(text))),
            (None, Some(binary)) => Ok(Some(Self::Binary(binary.0.to_vec()))),
            (None, None) => Ok(None),
        }
    }

    fn seal(&self, sealer: &Sealer, secret: &Secret, version: &str) -> Result<Value, Error> {
        let (bytes, is_binary) = match self {
            Self::Text(text) => (text.as_bytes(), false),
            Self::Binary(bytes) => (bytes.as_slice(), true),
        };
        let sealed = sealer.seal(&Value::purpose(secret.id, version), bytes)?;
        Ok(Value { secret: secret.id, version: version.to_owned(), sealed, is_binary })
    }

    fn open(sealer: &Sealer, value: &Value) -> Result<Self, Error> {
        let purpose = Value::purpose(value.secret, &value.version);
        Ok(match value.is_binary {
            true => Self::Binary(sealer.open(&purpose, &value.sealed)?),
            false => Self::Text(sealer.open_text(&purpose, &value.sealed)?),
        })
    }
}
