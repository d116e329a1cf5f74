//! Where a webhook listens: an address that nobody can guess. Whoever knows it may knock.

use sha2::{Digest, Sha256};

/// Below it are the webhooks.
pub const PREFIX: &str = "/codepipeline/webhooks/";

/// A new last part of an address.
pub fn new_token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// By which a webhook is found: what is stored in the open does not tell the address.
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// `endpoint` is the server's own address, as others reach it.
pub fn url(endpoint: &str, token: &str) -> String {
    format!("{}{PREFIX}{token}", endpoint.trim_end_matches('/'))
}

/// The last part of an address, if it is one.
pub fn token(path: &str) -> Option<&str> {
    let token = path.strip_prefix(PREFIX)?;
    (token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_token() {
        let made = new_token();
        let address = url("http://127.0.0.1:4000/", &made);
        assert_eq!(token(address.strip_prefix("http://127.0.0.1:4000").unwrap()), Some(made.as_str()));
        for bad in ["/codepipeline/webhooks/", "/codepipeline/webhooks/x", "/other"] {
            assert_eq!(token(bad), None);
        }
    }
}
