//! Receipt handles: they name one receipt of one message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::error::Error;

const VERSION: u8 = 1;

/// What a receipt handle says. It proves nothing: whoever may delete messages of a queue may guess at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The pile of messages: [`Queue::messages`](crate::records::Queue::messages).
    pub messages: Uuid,
    pub position: u64,
    pub id: Uuid,
    /// How often the message had been received, this time included.
    pub count: u32,
}

impl Receipt {
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.messages.as_bytes());
        bytes.extend_from_slice(&self.position.to_be_bytes());
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.extend_from_slice(&self.count.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Errors: `ReceiptHandleIsInvalid`.
    pub fn decode(handle: &str) -> Result<Self, Error> {
        Self::read(handle).ok_or(Error::ReceiptHandleIsInvalid)
    }

    fn read(handle: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(handle).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (messages, rest) = rest.split_first_chunk::<16>()?;
        let (position, rest) = rest.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let count: &[u8; 4] = rest.try_into().ok()?;
        (*version == VERSION).then(|| Self {
            messages: Uuid::from_bytes(*messages),
            position: u64::from_be_bytes(*position),
            id: Uuid::from_bytes(*id),
            count: u32::from_be_bytes(*count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_comes_back_and_nothing_else_does() {
        let receipt = Receipt { messages: Uuid::new_v4(), position: 7, id: Uuid::new_v4(), count: 2 };
        let handle = receipt.encode();
        assert_eq!(Receipt::decode(&handle).unwrap(), receipt);
        for wrong in ["", "x", "é", &handle[1..], &format!("{handle}AA")] {
            assert!(Receipt::decode(wrong).is_err(), "{wrong}");
        }
    }
}
