use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seal::Sealer;
use serde::{Deserialize, Serialize};
use store::{Key, Record};
use uuid::Uuid;

use crate::error::Error;

/// What a message carries, apart from the message: it is written once, while that changes with each receipt. Key: the
/// message's id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    pub id: Uuid,
    pub stored: Stored,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Stored {
    Plain(Parcel),
    /// The parcel's JSON, sealed for the message.
    Sealed(String),
}

/// Body and attributes of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parcel {
    pub body: String,
    pub attributes: BTreeMap<String, Attribute>,
    /// The header of AWS X-Ray.
    pub trace_header: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// `String`, `Number` or `Binary`, or one of these with more behind a dot.
    pub data_type: String,
    /// In base64 if it is binary.
    pub value: String,
}

impl Attribute {
    pub fn is_binary(&self) -> bool {
        self.data_type.starts_with("Binary")
    }

    pub fn bytes(&self) -> Vec<u8> {
        match self.is_binary() {
            true => STANDARD.decode(&self.value).unwrap_or_default(),
            false => self.value.clone().into_bytes(),
        }
    }
}

impl Content {
    /// `sealer`: if it is to be sealed.
    pub fn of(id: Uuid, parcel: &Parcel, sealer: Option<&Sealer>) -> Result<Self, Error> {
        let stored = match sealer {
            None => Stored::Plain(parcel.clone()),
            Some(sealer) => {
                let bytes = serde_json::to_vec(parcel).map_err(unreadable)?;
                Stored::Sealed(sealer.seal(&purpose(id), &bytes)?)
            }
        };
        Ok(Self { id, stored })
    }

    pub fn open(self, sealer: &Sealer) -> Result<Parcel, Error> {
        match self.stored {
            Stored::Plain(parcel) => Ok(parcel),
            Stored::Sealed(sealed) => {
                serde_json::from_slice(&sealer.open(&purpose(self.id), &sealed)?).map_err(unreadable)
            }
        }
    }

    pub fn key_of(id: Uuid) -> Key {
        Key::of(id.to_string())
    }
}

fn purpose(id: Uuid) -> String {
    format!("sqs/message/{id}")
}

fn unreadable(cause: serde_json::Error) -> Error {
    store::Error::Decode { what: "the content of a message".to_owned(), cause: cause.to_string().into() }
        .into()
}

impl Record for Content {
    const KIND: &'static str = "sqs/content";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_parcel_opens_for_its_own_message_only() {
        let sealer = Sealer::new([7; 32]);
        let parcel = Parcel { body: "secret".into(), attributes: BTreeMap::new(), trace_header: None };
        let content = Content::of(Uuid::new_v4(), &parcel, Some(&sealer)).unwrap();
        assert!(!serde_json::to_string(&content).unwrap().contains("secret"));
        assert_eq!(content.clone().open(&sealer).unwrap(), parcel);
        let moved = Content { id: Uuid::new_v4(), ..content };
        assert!(moved.open(&sealer).is_err());
    }
}
