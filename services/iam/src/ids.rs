//! Unique ids, access key ids and secrets. Source: IAM User Guide, "IAM identifiers".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an id begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    User,
    Role,
    Group,
    ManagedPolicy,
    InstanceProfile,
    ServiceCredential,
    LongTermKey,
    TemporaryKey,
}

impl Prefix {
    fn as_str(self) -> &'static str {
        match self {
            Prefix::User => "AIDA",
            Prefix::Role => "AROA",
            Prefix::Group => "AGPA",
            Prefix::ManagedPolicy => "ANPA",
            Prefix::InstanceProfile => "AIPA",
            Prefix::ServiceCredential => "ACCA",
            Prefix::LongTermKey => "AKIA",
            Prefix::TemporaryKey => "ASIA",
        }
    }

    /// Characters after the prefix: keys have 20 in all, other ids 21.
    fn length(self) -> usize {
        match self {
            Prefix::LongTermKey | Prefix::TemporaryKey => 16,
            Prefix::User
            | Prefix::Role
            | Prefix::Group
            | Prefix::ManagedPolicy
            | Prefix::InstanceProfile
            | Prefix::ServiceCredential => 17,
        }
    }
}

/// A new id that nobody can guess.
pub fn new_id(prefix: Prefix) -> String {
    id_from(prefix, rand::random())
}

/// The id of something that is the same on every server, such as a managed policy of AWS's.
pub fn stable_id(prefix: Prefix, name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 17];
    bytes.copy_from_slice(&digest[..17]);
    id_from(prefix, bytes)
}

fn id_from(prefix: Prefix, bytes: [u8; 17]) -> String {
    let tail = bytes.iter().take(prefix.length()).map(|byte| char::from(BASE32[usize::from(byte % 32)]));
    prefix.as_str().chars().chain(tail).collect()
}

/// A secret access key: 40 characters of `[A-Za-z0-9/+]`.
pub fn new_secret() -> String {
    STANDARD.encode(rand::random::<[u8; 30]>())
}

/// A session token: opaque, 256 characters.
pub fn new_session_token() -> String {
    let bytes: [[u8; 32]; 6] = rand::random();
    STANDARD.encode(bytes.concat())
}

/// The password of a service-specific credential: 44 characters of base64.
pub fn new_service_password() -> String {
    STANDARD.encode(rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_characters() {
        for (prefix, length) in [(Prefix::User, 21), (Prefix::LongTermKey, 20), (Prefix::TemporaryKey, 20)] {
            let id = new_id(prefix);
            assert_eq!(id.len(), length);
            assert!(id.bytes().all(|byte| BASE32.contains(&byte)), "{id}");
            assert_ne!(id, new_id(prefix));
        }
        assert_eq!(new_secret().len(), 40);
        assert_eq!(new_session_token().len(), 256);
        assert!(new_service_password().len() == 44 && new_service_password().ends_with('='));
        assert_eq!(stable_id(Prefix::ManagedPolicy, "a"), stable_id(Prefix::ManagedPolicy, "a"));
    }
}
