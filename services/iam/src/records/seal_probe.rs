use serde::{Deserialize, Serialize};
use store::{Key, Record};

/// A known text under the master key: a server that is started with another key finds out at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealProbe {
    pub sealed: String,
}

impl SealProbe {
    pub const PURPOSE: &str = "probe";

    pub fn the_key() -> Key {
        Key::of("probe")
    }
}

impl Record for SealProbe {
    const KIND: &'static str = "iam/seal-probe";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::the_key()
    }
}
