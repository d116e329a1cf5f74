//! Signing of requests that we send.

use http::header::{AUTHORIZATION, HOST, HeaderName, InvalidHeaderValue};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use super::verify::{SignedRequest, body_hash, expected_signature};
use super::{ALGORITHM, CredentialScope};
use crate::credentials::Credentials;
use crate::timestamp::Timestamp;

/// Headers that proxies and HTTP libraries may change on the way.
const NEVER_SIGNED: [&str; 10] = [
    "authorization",
    "connection",
    "expect",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Adds date, token and `Authorization` to a request whose other headers are complete. S3 also gets the hash of
/// the body, which it demands. Errors: credentials that no header can hold.
pub fn sign(
    parts: &mut Parts,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    at: Timestamp,
) -> Result<(), InvalidHeaderValue> {
    sign_hashed(parts, &body_hash(body), credentials, region, service, at)
}

/// The same for a body of which only the hash is known, or [`UNSIGNED_PAYLOAD`](super::UNSIGNED_PAYLOAD) for one that
/// streams.
pub fn sign_hashed(
    parts: &mut Parts,
    payload: &str,
    credentials: &Credentials,
    region: &str,
    service: &str,
    at: Timestamp,
) -> Result<(), InvalidHeaderValue> {
    let time = at.to_basic();
    if !parts.headers.contains_key(HOST)
        && let Some(authority) = parts.uri.authority()
    {
        let host = HeaderValue::from_str(authority.as_str())?;
        parts.headers.insert(HOST, host);
    }
    parts.headers.insert("x-amz-date", HeaderValue::from_str(&time)?);
    if let Some(token) = &credentials.session_token {
        let mut value = HeaderValue::from_str(token.reveal())?;
        value.set_sensitive(true);
        parts.headers.insert("x-amz-security-token", value);
    }
    if service == "s3" {
        parts.headers.insert("x-amz-content-sha256", HeaderValue::from_str(payload)?);
    }
    let signed = SignedRequest {
        access_key_id: credentials.access_key_id.clone(),
        scope: CredentialScope {
            date: time.chars().take(8).collect(),
            region: region.to_owned(),
            service: service.to_owned(),
            terminator: "aws4_request".to_owned(),
        },
        signed_headers: signed_headers(&parts.headers),
        signature: String::new(),
        time,
        session_token: None,
        expires: None,
    };
    let signature = expected_signature(&credentials.secret_access_key, &signed, parts, payload);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        signed.access_key_id,
        signed.scope,
        signed.signed_headers.join(";"),
    );
    parts.headers.insert(AUTHORIZATION, HeaderValue::from_str(&authorization)?);
    Ok(())
}

fn signed_headers(headers: &HeaderMap) -> Vec<String> {
    let mut names: Vec<String> = headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| !NEVER_SIGNED.contains(name))
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}
