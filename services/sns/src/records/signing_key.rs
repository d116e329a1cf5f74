use serde::{Deserialize, Serialize};
use store::{Key, Record};

/// The key with which messages are signed. There is one, of the whole platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SigningKey {
    /// 32 hexadecimal digits: the name of the certificate.
    pub id: String,
    /// PKCS#8, under the master key.
    pub sealed: String,
    /// PEM.
    pub certificate: String,
}

impl SigningKey {
    pub const PURPOSE: &str = "sns/signing-key";

    pub fn the_key() -> Key {
        Key::of("current")
    }
}

impl Record for SigningKey {
    const KIND: &'static str = "sns/signing-key";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::the_key()
    }
}
