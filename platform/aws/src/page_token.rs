//! Pagination tokens: opaque and tamper-evident.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How many bytes of the authentication code a token carries.
const TAG_LENGTH: usize = 16;
const VERSION: u8 = 1;

/// Seals and opens tokens under one server key.
pub struct PageTokens {
    key: [u8; 32],
}

impl PageTokens {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// `version · tag · position`, in URL-safe base64.
    pub fn seal(&self, account: &str, operation: &str, position: &[u8]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.tag(account, operation, position));
        bytes.extend_from_slice(position);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn open(&self, account: &str, operation: &str, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (version, rest) = bytes.split_first()?;
        if *version != VERSION || rest.len() < TAG_LENGTH {
            return None;
        }
        let (tag, position) = rest.split_at(TAG_LENGTH);
        let expected = self.tag(account, operation, position);
        bool::from(subtle::ConstantTimeEq::ct_eq(tag, expected.as_slice())).then(|| position.to_vec())
    }

    fn tag(&self, account: &str, operation: &str, position: &[u8]) -> [u8; TAG_LENGTH] {
        let mut block = [0; 64];
        block[..self.key.len()].copy_from_slice(&self.key);
        // A key shorter than the block is padded with zeroes by HMAC's own definition.
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in [account.as_bytes(), operation.as_bytes(), position] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut tag = [0; TAG_LENGTH];
        tag.copy_from_slice(&full[..TAG_LENGTH]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_where_it_was_made_and_untouched() {
        let tokens = PageTokens::new([7; 32]);
        let token = tokens.seal("123456789012", "ListBuilds", b"position");
        assert_eq!(tokens.open("123456789012", "ListBuilds", &token).as_deref(), Some(&b"position"[..]));
        assert_eq!(tokens.open("123456789012", "ListProjects", &token), None);
        assert_eq!(tokens.open("999999999999", "ListBuilds", &token), None);
        assert_eq!(PageTokens::new([8; 32]).open("123456789012", "ListBuilds", &token), None);
        let forged = URL_SAFE_NO_PAD.encode([&URL_SAFE_NO_PAD.decode(&token).unwrap()[..], b"x"].concat());
        assert_eq!(tokens.open("123456789012", "ListBuilds", &forged), None);
        assert_eq!(tokens.open("123456789012", "ListBuilds", "€"), None);
    }
}
