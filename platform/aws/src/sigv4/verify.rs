//! Verification of signed requests, in AWS's order of checks and with its messages.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::{
    ALGORITHM, CredentialScope, EMPTY_SHA256, UNSIGNED_PAYLOAD, canonical, equal, sha256_hex, signature,
};
use crate::credentials::Secret;
use crate::error::Error;
use crate::operation::Service;
use crate::principal::Caller;
use crate::security::Authenticator;
use crate::timestamp::Timestamp;

/// AWS allows 5 minutes on some services and 15 on others; one window serves all.
const WINDOW: Duration = Duration::from_mins(15);
const WINDOW_MINUTES: i64 = 15;
/// Seven days, the longest life of a presigned URL.
const LONGEST_EXPIRY_SECONDS: u64 = 604_800;

/// What a request says of its own signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    pub access_key_id: String,
    pub scope: CredentialScope,
    pub signed_headers: Vec<String>,
    pub signature: String,
    /// `YYYYMMDDTHHMMSSZ`
    pub time: String,
    pub session_token: Option<String>,
    /// Set for presigned URLs.
    pub expires: Option<Duration>,
}

/// Reads the signature of a request without verifying it: routing needs the service in its scope.
/// `Ok(None)`: the request is not signed.
pub fn parse(parts: &Parts) -> Result<Option<SignedRequest>, Error> {
    if let Some(header) = parts.headers.get(http::header::AUTHORIZATION) {
        let header = String::from_utf8_lossy(header.as_bytes()).into_owned();
        return parse_header(&header, &parts.headers).map(Some);
    }
    let query = query_parameters(parts.uri.query().unwrap_or_default());
    if query.contains_key("X-Amz-Signature") || query.contains_key("X-Amz-Algorithm") {
        return parse_presigned(&query).map(Some);
    }
    Ok(None)
}

/// Proves who made a request. `body_sha256` is the hash of the body as received.
pub async fn verify(
    authenticator: &dyn Authenticator,
    service: &Service,
    signed: &SignedRequest,
    parts: &Parts,
    body_sha256: &str,
    now: Timestamp,
) -> Result<Caller, Error> {
    let key = authenticator.access_key(&signed.access_key_id).await?.filter(|key| key.active);
    let key = key.ok_or_else(invalid_token)?;
    if authenticator.is_open() {
        return Ok(key.caller);
    }
    check_token(key.session_token.as_ref(), signed.session_token.as_deref())?;
    if key.expires_at.is_some_and(|at| at <= now) {
        let message = "The security token included in the request is expired";
        return Err(Error::new("ExpiredTokenException", message));
    }
    check_scope(service, signed)?;
    check_clock(signed, now)?;
    check_signed_headers(signed, &parts.headers)?;
    let payload = payload_hash(signed, parts, body_sha256)?;
    let matches = |query: &str| {
        let expected = signature_of(&key.secret, signed, parts, query, payload.as_ref());
        equal(&expected, &signed.signature)
    };
    let raw_query = parts.uri.query().unwrap_or_default();
    // Some clients add the token to a URL after they have signed it; it was compared above.
    let token_added_late = || {
        signed.expires.is_some()
            && signed.session_token.is_some()
            && matches(&canonical::query_without(raw_query, Some("X-Amz-Security-Token")))
    };
    if matches(&canonical::query(raw_query)) || token_added_late() {
        Ok(key.caller)
    } else {
        Err(mismatch(DOES_NOT_MATCH.to_owned()))
    }
}

/// What names the operation must be proved with the rest, or somebody on the way could exchange it.
fn check_signed_headers(signed: &SignedRequest, headers: &HeaderMap) -> Result<(), Error> {
    let is_signed = |name: &str| signed.signed_headers.iter().any(|signed| signed == name);
    let unsigned = if !is_signed("host") && !is_signed(":authority") {
        "'Host' or ':authority'"
    } else if headers.contains_key("x-amz-target") && !is_signed("x-amz-target") {
        "'X-Amz-Target'"
    } else {
        return Ok(());
    };
    Err(mismatch(format!("{unsigned} must be a 'SignedHeader' in the AWS Authorization.")))
}

/// The hash that the client signed: what it declares, if that is true, else that of the body.
fn payload_hash(signed: &SignedRequest, parts: &Parts, body_sha256: &str) -> Result<String, Error> {
    let header = parts.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let declared = match header {
        Some(header) => Some(header.to_owned()),
        None if signed.expires.is_some() => {
            query_parameters(parts.uri.query().unwrap_or_default()).remove("X-Amz-Content-Sha256")
        }
        None => None,
    };
    match declared {
        None => Ok(body_sha256.to_owned()),
        Some(hash) if hash == body_sha256 || hash == UNSIGNED_PAYLOAD => Ok(hash),
        Some(_) => Err(mismatch(DOES_NOT_MATCH.to_owned())),
    }
}

const DOES_NOT_MATCH: &str = "The request signature we calculated does not match the signature you provided. Check \
                              your AWS Secret Access Key and signing method. Consult the service documentation for \
                              details.";

/// The signature that the holder of `secret` would have made.
pub fn expected_signature(secret: &Secret, signed: &SignedRequest, parts: &Parts, payload: &str) -> String {
    let query = canonical::query(parts.uri.query().unwrap_or_default());
    signature_of(secret, signed, parts, &query, payload)
}

fn signature_of(
    secret: &Secret,
    signed: &SignedRequest,
    parts: &Parts,
    query: &str,
    payload: &str,
) -> String {
    let names: Vec<&str> = signed.signed_headers.iter().map(String::as_str).collect();
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let path = match signed.scope.service.as_str() {
        // A key may hold `//` and `..`: S3 takes the path as it was sent.
        "s3" | "s3express" | "s3-outposts" => parts.uri.path().to_owned(),
        _ => canonical::path(parts.uri.path()),
    };
    let headers = canonical::headers(&parts.headers, &names, authority);
    let names = names.join(";");
    let lines = [parts.method.as_str(), &path, query, &headers, &names, payload];
    let canonical = lines.join("\n");
    let scope = signed.scope.to_string();
    let string_to_sign = [ALGORITHM, &signed.time, &scope, &sha256_hex(canonical.as_bytes())].join("\n");
    signature(secret, &signed.scope, &string_to_sign)
}

/// The hash of a body; the common empty one needs no computing.
pub fn body_hash(body: &[u8]) -> String {
    if body.is_empty() { EMPTY_SHA256.to_owned() } else { sha256_hex(body) }
}

fn parse_header(header: &str, headers: &HeaderMap) -> Result<SignedRequest, Error> {
    let incomplete = |message: String| Error::new("IncompleteSignatureException", message);
    let Some(rest) = header.strip_prefix(ALGORITHM) else {
        let algorithm = header.split_whitespace().next().unwrap_or_default();
        return Err(incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'.")));
    };
    let mut values = BTreeMap::new();
    for part in rest.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            return Err(incomplete(format!(
                "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{header}'."
            )));
        };
        values.insert(name, value);
    }
    let header_text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let time = header_text("x-amz-date").or_else(|| {
        let date = Timestamp::parse_http_date(&header_text("date")?)?;
        Some(date.to_basic())
    });
    let mut lacking = String::new();
    for name in ["Credential", "Signature", "SignedHeaders"] {
        if !values.contains_key(name) {
            lacking.push_str(&format!("Authorization header requires '{name}' parameter. "));
        }
    }
    if time.is_none() {
        lacking.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    if !lacking.is_empty() {
        return Err(incomplete(format!("{lacking}Authorization={header}")));
    }
    let text = |name: &str| values.get(name).copied().unwrap_or_default();
    let (access_key_id, scope) = parse_credential(text("Credential"))?;
    Ok(SignedRequest {
        access_key_id,
        scope,
        signed_headers: text("SignedHeaders").split(';').map(str::to_lowercase).collect(),
        signature: text("Signature").to_owned(),
        time: time.unwrap_or_default(),
        session_token: header_text("x-amz-security-token"),
        expires: None,
    })
}

fn parse_presigned(query: &BTreeMap<String, String>) -> Result<SignedRequest, Error> {
    let get = |name: &str| {
        query.get(name).cloned().ok_or_else(|| {
            Error::new(
                "IncompleteSignatureException",
                format!("AWS query-string parameters must include '{name}'."),
            )
        })
    };
    if get("X-Amz-Algorithm")? != ALGORITHM {
        return Err(Error::new("IncompleteSignatureException", "Unsupported AWS 'algorithm'."));
    }
    let (access_key_id, scope) = parse_credential(&get("X-Amz-Credential")?)?;
    let expires = match query.get("X-Amz-Expires") {
        Some(text) => text.parse().ok().filter(|seconds| (1..=LONGEST_EXPIRY_SECONDS).contains(seconds)),
        None => Some(WINDOW.as_secs()),
    };
    let expires = expires.ok_or_else(|| {
        Error::new("IncompleteSignatureException", "X-Amz-Expires must be between 1 and 604800 seconds")
    })?;
    Ok(SignedRequest {
        access_key_id,
        scope,
        signed_headers: get("X-Amz-SignedHeaders")?.split(';').map(str::to_lowercase).collect(),
        signature: get("X-Amz-Signature")?,
        time: get("X-Amz-Date")?,
        session_token: query.get("X-Amz-Security-Token").cloned(),
        expires: Some(Duration::from_secs(expires)),
    })
}

fn parse_credential(text: &str) -> Result<(String, CredentialScope), Error> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [key, date, region, service, terminator] => Ok((
            (*key).to_owned(),
            CredentialScope {
                date: (*date).to_owned(),
                region: (*region).to_owned(),
                service: (*service).to_owned(),
                terminator: (*terminator).to_owned(),
            },
        )),
        _ => Err(Error::new(
            "IncompleteSignatureException",
            format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
            ),
        )),
    }
}

fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn check_token(known: Option<&Secret>, given: Option<&str>) -> Result<(), Error> {
    match (known, given) {
        (None, None) => Ok(()),
        (Some(known), Some(given)) if equal(known.reveal(), given) => Ok(()),
        (Some(_), _) | (None, Some(_)) => Err(invalid_token()),
    }
}

fn check_scope(service: &Service, signed: &SignedRequest) -> Result<(), Error> {
    let mut message = String::new();
    let scope = &signed.scope;
    if scope.service != service.signing_name {
        message.push_str(&format!(
            "Credential should be scoped to correct service: '{}'. ",
            service.signing_name
        ));
    }
    if scope.terminator != "aws4_request" {
        let given = &scope.terminator;
        message.push_str(&format!(
            "Credential should be scoped with a valid terminator: 'aws4_request', not '{given}'. "
        ));
    }
    let date: String = signed.time.chars().take(8).collect();
    if scope.date != date {
        message.push_str(&format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
             '{date}', from '{}'. ",
            scope.date, signed.time
        ));
    }
    if message.is_empty() { Ok(()) } else { Err(mismatch(message)) }
}

fn check_clock(signed: &SignedRequest, now: Timestamp) -> Result<(), Error> {
    let Some(at) = Timestamp::parse_basic(&signed.time) else {
        return Err(mismatch(format!("Date '{}' is not in ISO-8601 basic form.", signed.time)));
    };
    let life = signed.expires.unwrap_or(WINDOW);
    if now.since(at) > life {
        let (limit, shown) = (now.minus(life).to_basic(), now.to_basic());
        let minutes = life.as_secs() / 60;
        return Err(mismatch(format!(
            "Signature expired: {} is now earlier than {limit} ({shown} - {minutes} min.)",
            signed.time
        )));
    }
    if at.since(now) > WINDOW {
        let (limit, shown) = (now.plus(WINDOW).to_basic(), now.to_basic());
        return Err(mismatch(format!(
            "Signature not yet current: {} is still later than {limit} ({shown} + {WINDOW_MINUTES} min.)",
            signed.time
        )));
    }
    Ok(())
}

fn invalid_token() -> Error {
    Error::new("UnrecognizedClientException", "The security token included in the request is invalid.")
}

fn mismatch(message: String) -> Error {
    Error::new("InvalidSignatureException", message)
}
