//! The key of pagination tokens: the same on every node and after every restart.

use serde::{Deserialize, Serialize};
use store::{Key, Record, Store};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PageTokenKey {
    key: [u8; 32],
}

impl Record for PageTokenKey {
    const KIND: &'static str = "platform/page-token-key";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Key::of("key")
    }
}

/// The key that is there, or a new one if there is none.
pub async fn of(store: &Store) -> Result<[u8; 32], store::Error> {
    let new = PageTokenKey { key: rand::random() };
    store
        .write(move |tx| {
            if let Some(known) = tx.get::<PageTokenKey>(&Record::key(&new))? {
                return Ok(known.record.key);
            }
            tx.put(&new)?;
            Ok::<_, store::Error>(new.key)
        })
        .await
}
