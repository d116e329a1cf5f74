//! How a webhook knows who is knocking.

use std::net::IpAddr;

use codepipeline_model::{WebhookAuthConfiguration, WebhookAuthenticationType};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::Sha256;

/// As it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authentication {
    /// By a signature under a secret.
    GithubHmac {
        sealed_secret: String,
    },
    /// By where the sender is.
    Ip {
        allowed_range: IpNet,
    },
    Unauthenticated,
}

/// As it is asked for.
#[derive(Clone, PartialEq, Eq)]
pub enum Asked {
    GithubHmac { secret: String },
    Ip { allowed_range: IpNet },
    Unauthenticated,
}

impl Asked {
    /// Errors: members that do not belong together, in AWS's words where they are known.
    pub fn of(kind: &WebhookAuthenticationType, given: &WebhookAuthConfiguration) -> Result<Self, String> {
        let only = |name: &str| {
            Err(format!("Optional['authenticationConfig' should contain only one property: '{name}']"))
        };
        match (kind, &given.secret_token, &given.allowed_ip_range) {
            (WebhookAuthenticationType::GithubHmac, Some(secret), None) => {
                Ok(Self::GithubHmac { secret: secret.clone() })
            }
            (WebhookAuthenticationType::GithubHmac, _, _) => only("SecretToken"),
            (WebhookAuthenticationType::Ip, None, Some(range)) => match range.parse() {
                Ok(allowed_range) => Ok(Self::Ip { allowed_range }),
                Err(_) => Err(format!("'AllowedIPRange' must be a CIDR range, not '{range}'")),
            },
            (WebhookAuthenticationType::Ip, _, _) => only("AllowedIPRange"),
            (WebhookAuthenticationType::Unauthenticated, None, None) => Ok(Self::Unauthenticated),
            (WebhookAuthenticationType::Unauthenticated, _, _) => {
                Err("Optional['authenticationConfig' should contain no property]".to_owned())
            }
            (WebhookAuthenticationType::Other(other), _, _) => Err(format!("'{other}' is no authentication")),
        }
    }
}

/// Whether a sender is within a range. An IPv4 address that comes over IPv6 is the IPv4 address.
pub fn is_within(range: &IpNet, sender: IpAddr) -> bool {
    range.contains(&sender.to_canonical())
}

/// Whether a body is signed under a secret, as GitHub signs: `X-Hub-Signature-256: sha256=…`, or else the older
/// `X-Hub-Signature: sha1=…`. Source: GitHub documentation, "Validating webhook deliveries".
pub fn is_signed(headers: &HeaderMap, body: &[u8], secret: &[u8]) -> bool {
    let header = |name: &str, prefix: &str| {
        let value = headers.get(name).map(|value| value.to_str().unwrap_or_default());
        value.map(|value| hex::decode(value.strip_prefix(prefix).unwrap_or_default()).unwrap_or_default())
    };
    // The comparison takes the same time wherever the signatures differ.
    if let Some(given) = header("x-hub-signature-256", "sha256=") {
        return Hmac::<Sha256>::new_from_slice(secret)
            .is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok());
    }
    if let Some(given) = header("x-hub-signature", "sha1=") {
        return Hmac::<Sha1>::new_from_slice(secret)
            .is_ok_and(|mac| mac.chain_update(body).verify_slice(&given).is_ok());
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(headers: &[(&'static str, &str)], body: &str) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        is_signed(&headers.collect(), body.as_bytes(), b"It's a Secret to Everybody")
    }

    #[test]
    fn signatures_are_githubs() {
        // The example of GitHub's documentation.
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let body = "Hello, World!";
        assert!(signed(&[("x-hub-signature-256", right)], body));
        assert!(!signed(&[("x-hub-signature-256", right)], "Hello, World?"));
        assert!(!signed(&[("x-hub-signature-256", &right[7..])], body));
        let old = "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59";
        assert!(signed(&[("x-hub-signature", old)], body));
        assert!(!signed(&[("x-hub-signature", old), ("x-hub-signature-256", "sha256=00")], body));
        for bad in ["", "sha256=", "sha256=zz", "sha256=7571"] {
            assert!(!signed(&[("x-hub-signature-256", bad)], body));
        }
        assert!(!signed(&[], body));
    }

    #[test]
    fn members_must_belong_together() {
        let given = |secret: Option<&str>, range: Option<&str>| WebhookAuthConfiguration {
            secret_token: secret.map(str::to_owned),
            allowed_ip_range: range.map(str::to_owned),
        };
        let hmac = WebhookAuthenticationType::GithubHmac;
        assert!(Asked::of(&hmac, &given(Some("s"), None)).is_ok());
        let refused = Asked::of(&hmac, &given(Some("s"), Some("10.0.0.0/8"))).err();
        let wanted = "Optional['authenticationConfig' should contain only one property: 'SecretToken']";
        assert_eq!(refused.as_deref(), Some(wanted));
        assert!(Asked::of(&WebhookAuthenticationType::Ip, &given(None, Some("10.0.0.0/8"))).is_ok());
        for bad in ["10.0.0.0", "10.0.0.0/33", "x/8", ""] {
            assert!(Asked::of(&WebhookAuthenticationType::Ip, &given(None, Some(bad))).is_err(), "{bad}");
        }
        let none = WebhookAuthenticationType::Unauthenticated;
        assert!(Asked::of(&none, &given(None, None)).is_ok());
        assert!(Asked::of(&none, &given(Some("s"), None)).is_err());
    }

    #[test]
    fn ranges_hold_their_addresses() {
        let within = |range: &str, ip: &str| is_within(&range.parse().unwrap(), ip.parse().unwrap());
        assert!(within("192.30.252.0/22", "192.30.253.1"));
        assert!(!within("192.30.252.0/22", "192.30.251.1"));
        assert!(within("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(within("2a0a:a440::/29", "2a0a:a440::1"));
        assert!(!within("0.0.0.0/0", "::1"));
    }
}
