//! Signature Version 4. Source: IAM User Guide, "AWS Signature Version 4 for API requests".

pub mod canonical;
pub mod git;
pub mod sign;
pub mod verify;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::credentials::Secret;

pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Stands for the hash of a body that the client chose not to prove.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// SHA-256 of nothing.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// `keyid/20240102/us-east-1/codebuild/aws4_request` without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialScope {
    /// `YYYYMMDD`
    pub date: String,
    pub region: String,
    pub service: String,
    pub terminator: String,
}

impl std::fmt::Display for CredentialScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { date, region, service, terminator } = self;
        write!(f, "{date}/{region}/{service}/{terminator}")
    }
}

/// The hex signature of a string to sign.
pub fn signature(secret: &Secret, scope: &CredentialScope, string_to_sign: &str) -> String {
    let mut key = hmac(format!("AWS4{}", secret.reveal()).as_bytes(), scope.date.as_bytes());
    for part in [&scope.region, &scope.service, &scope.terminator] {
        key = hmac(&key, part.as_bytes());
    }
    hex::encode(hmac(&key, string_to_sign.as_bytes()))
}

pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        // HMAC takes keys of any length; an empty code matches no signature.
        Err(_) => Vec::new(),
    }
}

/// In constant time, so that a guess learns nothing from how long the answer took.
pub fn equal(a: &str, b: &str) -> bool {
    bool::from(subtle::ConstantTimeEq::ct_eq(a.as_bytes(), b.as_bytes()))
}
