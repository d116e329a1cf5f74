//! How each host proves that a delivery is its own. Comparisons take the same time wherever the values differ.

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::Provider;

/// Whether a delivery carries the signature, or the token, that the secret makes.
/// Source: "Validating webhook deliveries" (GitHub), "Secret token" (GitLab), "Secure webhooks" (Bitbucket).
pub fn is_genuine(provider: Provider, headers: &HeaderMap, body: &[u8], secret: &[u8]) -> bool {
    match provider {
        Provider::GitHub | Provider::GitHubEnterpriseServer => {
            is_signed(headers, "x-hub-signature-256", body, secret)
        }
        Provider::Bitbucket => is_signed(headers, "x-hub-signature", body, secret),
        Provider::GitLab | Provider::GitLabSelfManaged => {
            headers.get("x-gitlab-token").is_some_and(|token| bool::from(token.as_bytes().ct_eq(secret)))
        }
        Provider::AzureDevOps => false,
    }
}

fn is_signed(headers: &HeaderMap, header: &str, body: &[u8], secret: &[u8]) -> bool {
    let given = headers.get(header).and_then(|value| value.to_str().ok()?.strip_prefix("sha256="));
    let Some(given) = given.and_then(|given| hex::decode(given).ok()) else { return false };
    Hmac::<Sha256>::new_from_slice(secret)
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn genuine(provider: Provider, header: &'static str, value: &str) -> bool {
        let headers = HeaderMap::from_iter([(header.parse().unwrap(), value.parse().unwrap())]);
        is_genuine(provider, &headers, b"Hello, World!", b"It's a Secret to Everybody")
    }

    #[test]
    fn each_host_proves_itself_in_its_way() {
        assert!(genuine(Provider::GitHub, "x-hub-signature-256", RIGHT));
        assert!(genuine(Provider::Bitbucket, "x-hub-signature", RIGHT));
        assert!(genuine(Provider::GitLab, "x-gitlab-token", "It's a Secret to Everybody"));
        for (provider, header, value) in [
            (Provider::GitHub, "x-hub-signature", RIGHT),
            (Provider::GitHub, "x-hub-signature-256", &RIGHT[7..]),
            (Provider::GitHub, "x-hub-signature-256", "sha256="),
            (Provider::Bitbucket, "x-hub-signature-256", RIGHT),
            (Provider::GitLab, "x-gitlab-token", ""),
            (Provider::GitLab, "x-gitlab-token", "It's a Secret to Everybody."),
            (Provider::AzureDevOps, "x-hub-signature-256", RIGHT),
        ] {
            assert!(!genuine(provider, header, value), "{header}: {value}");
        }
    }
}
