use aws::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Key, Record};

/// A pair of RSA keys that signs digest files of an account and region. Key: account, region, begin. Public keys stay for
/// ever: old digests need them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyPair {
    pub scope: Scope,
    pub from: Timestamp,
    pub until: Timestamp,
    /// MD5 of the public key, in hexadecimal.
    pub fingerprint: String,
    /// PKCS#1 RSAPublicKey, DER in base64.
    pub public: String,
    /// PKCS#8, sealed.
    pub private: String,
}

impl KeyPair {
    pub fn in_scope(scope: &Scope) -> Key {
        Key::of(scope.account.as_str()).and(scope.region.as_str())
    }

    /// What its private half is sealed for.
    pub fn purpose(fingerprint: &str) -> String {
        format!("cloudtrail/digest-key/{fingerprint}")
    }
}

impl Record for KeyPair {
    const KIND: &'static str = "cloudtrail/key-pair";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::in_scope(&self.scope).and_i64(self.from.as_millis())
    }
}
