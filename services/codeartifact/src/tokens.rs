//! The tokens of package managers.
//!
//! A token is sealed, not stored: it says which access key it was got with, for which domain, and until when. So a request
//! with it is made by the holder of that key, with the permissions that he has then; it ends with the key and with the
//! session that the key is of.

use std::time::Duration;

use aws::{Authenticator, Caller, Timestamp};
use seal::Sealer;
use serde::{Deserialize, Serialize};

use crate::error::Error;

const PURPOSE: &str = "codeartifact/token";
/// In seconds. Source: CodeArtifact API Reference, GetAuthorizationToken.
pub const SHORTEST: i64 = 900;
/// What is given if nothing is asked for, and the most that can be asked for.
pub const LONGEST: i64 = 43_200;
/// No token is longer.
const LONGEST_TEXT: usize = 4096;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub access_key_id: String,
    /// The ARN of the domain.
    pub domain: String,
    pub expires: Timestamp,
}

/// Why a token does not admit its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("The authorization token is not valid.")]
    Unreadable,
    #[error("The authorization token is for another domain.")]
    OtherDomain,
    #[error("The authorization token has expired.")]
    Expired,
    #[error("The access key or session that the authorization token was got with is gone or has expired.")]
    KeyGone,
}

impl Claims {
    /// Letters that need no escape in URLs, configuration files and headers.
    pub fn seal(&self, sealer: &Sealer) -> Result<String, Error> {
        let plain = serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(sealer.seal(PURPOSE, &plain)?.replace('+', "-").replace('/', "_"))
    }

    /// Errors: `Unreadable`.
    fn open(sealer: &Sealer, token: &str) -> Result<Self, Invalid> {
        if token.len() > LONGEST_TEXT {
            return Err(Invalid::Unreadable);
        }
        let sealed = token.replace('-', "+").replace('_', "/");
        let plain = sealer.open(PURPOSE, &sealed).map_err(|_| Invalid::Unreadable)?;
        serde_json::from_slice(&plain).map_err(|_| Invalid::Unreadable)
    }
}

/// The bearer of a token for the domain of that ARN.
pub async fn bearer(
    sealer: &Sealer,
    authenticator: &dyn Authenticator,
    token: &str,
    domain: &str,
    now: Timestamp,
) -> Result<Result<Caller, Invalid>, aws::Error> {
    let claims = match Claims::open(sealer, token) {
        Ok(claims) => claims,
        Err(invalid) => return Ok(Err(invalid)),
    };
    if claims.domain != domain {
        return Ok(Err(Invalid::OtherDomain));
    }
    if claims.expires <= now {
        return Ok(Err(Invalid::Expired));
    }
    let key = authenticator.access_key(&claims.access_key_id).await?;
    let is_good = |key: &aws::AccessKey| key.active && key.expires_at.is_none_or(|at| at > now);
    Ok(key.filter(is_good).map(|key| key.caller).ok_or(Invalid::KeyGone))
}

/// When a token ends. `session` is the end of the caller's session, if it has one. Errors: `Validation`.
/// Source: CodeArtifact API Reference, GetAuthorizationToken.
pub fn expiry(asked: Option<i64>, session: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Error> {
    let after = |seconds: i64| now.plus(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    let wanted = match (asked, session) {
        (Some(0), Some(session)) => session,
        (Some(0), None) => {
            let message = "A duration of 0 means the rest of a session, and these credentials are of none.";
            return Err(Error::field(message));
        }
        (Some(seconds), _) if !(SHORTEST..=LONGEST).contains(&seconds) => {
            let message = format!(
                "Invalid value for durationSeconds: {seconds}. It must be 0, or from {SHORTEST} to {LONGEST}."
            );
            return Err(Error::field(message));
        }
        (asked, _) => after(asked.unwrap_or(LONGEST)),
    };
    Ok(session.map_or(wanted, |session| wanted.min(session)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_token_lasts_as_asked_but_not_longer_than_the_session() {
        assert_eq!(expiry(None, None, at(0)).unwrap(), at(43_200));
        assert_eq!(expiry(Some(900), None, at(0)).unwrap(), at(900));
        assert_eq!(expiry(Some(900), Some(at(600)), at(0)).unwrap(), at(600));
        assert_eq!(expiry(Some(0), Some(at(3600)), at(0)).unwrap(), at(3600));
        for asked in [-1, 0, 1, 899, 43_201] {
            assert!(expiry(Some(asked), None, at(0)).is_err(), "{asked}");
        }
    }

    #[test]
    fn a_token_tells_nothing_and_cannot_be_changed() {
        let sealer = Sealer::new([7; 32]);
        let claims = Claims { access_key_id: "AKIAEXAMPLE".into(), domain: "arn:d".into(), expires: at(9) };
        let token = claims.seal(&sealer).unwrap();
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
        assert!(!token.contains("AKIA"));
        assert_eq!(Claims::open(&sealer, &token), Ok(claims));
        let changed = if token.ends_with('A') {
            format!("{}B", &token[..token.len() - 1])
        } else {
            format!("{}A", &token[..token.len() - 1])
        };
        for wrong in ["", "x", &changed, &token[1..], &"A".repeat(5000)] {
            assert_eq!(Claims::open(&sealer, wrong), Err(Invalid::Unreadable), "{wrong}");
        }
        assert!(Claims::open(&Sealer::new([8; 32]), &token).is_err());
    }
}
