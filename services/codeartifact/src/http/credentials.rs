//! Who calls: the bearer of a token.

use aws::gateway::Gateway;
use aws::{Caller, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::address::Address;
use super::answer::Refusal;
use crate::CodeArtifact;
use crate::names::Format;
use crate::service_tokens::{self, Shown};
use crate::tokens;

/// The user name beside a token. Source: CodeArtifact User Guide, "AWS CodeArtifact authentication and tokens".
const USER_NAME: &str = "aws";

/// The caller; `None` where nothing is shown, which is for the policies to judge. Errors: 401.
pub async fn caller(
    ca: &CodeArtifact,
    gateway: &Gateway,
    headers: &HeaderMap,
    address: &Address,
) -> Result<Option<Caller>, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION).or_else(|| api_key(headers, address)) else {
        return Ok(None);
    };
    let unreadable =
        || Refusal::unauthenticated("The authorization header is not valid: the token belongs there.");
    let token = value.to_str().ok().and_then(token).ok_or_else(unreadable)?;
    let now = Timestamp::now();
    if let Some(shown) = Shown::parse(&token) {
        let authenticator = gateway.authenticator.as_ref();
        let bearer = service_tokens::bearer(ca, authenticator, &shown, &address.repository, now).await?;
        return bearer.map(Some).map_err(|invalid| match invalid {
            // The token is good; what it stands for is not.
            service_tokens::Invalid::Role { .. } => Refusal::new(StatusCode::FORBIDDEN, invalid.to_string()),
            service_tokens::Invalid::Unknown
            | service_tokens::Invalid::OtherRepository(_)
            | service_tokens::Invalid::Expired => Refusal::unauthenticated(invalid.to_string()),
        });
    }
    let domain = address.repository.domain.arn().to_string();
    let bearer = tokens::bearer(&ca.sealer, gateway.authenticator.as_ref(), &token, &domain, now).await?;
    bearer.map(Some).map_err(|invalid| Refusal::unauthenticated(invalid.to_string()))
}

/// NuGet's clients push with a key, which may be the token. Source: NuGet documentation, "Push and Delete".
fn api_key<'h>(headers: &'h HeaderMap, address: &Address) -> Option<&'h HeaderValue> {
    (address.format == Format::Nuget).then(|| headers.get("x-nuget-apikey"))?
}

/// `Bearer TOKEN`, `Basic aws:TOKEN`, or as cargo sends it, `TOKEN`.
fn token(value: &str) -> Option<String> {
    let Some((scheme, rest)) = value.trim().split_once(' ') else { return Some(value.trim().to_owned()) };
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (user == USER_NAME).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_in_three_ways() {
        for value in ["Bearer abc", "bearer  abc", "Basic YXdzOmFiYw==", "abc"] {
            assert_eq!(token(value).as_deref(), Some("abc"), "{value}");
        }
        for value in ["Digest abc", "Basic ***", "Basic eW91OmFiYw==", "Basic YXdz"] {
            assert_eq!(token(value), None, "{value}");
        }
    }
}
