//! Who calls: keys for the verification of signatures, session tokens, and the mode without either.

use std::sync::Arc;

use async_trait::async_trait;
use aws::http::Request;
use aws::sigv4::verify;
use aws::{AccessKey, Timestamp};
use http::{HeaderMap, Uri, header};
use s3s::S3Result;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};

use super::chunks;
use super::exchange::Exchange;
use crate::error::Error;

/// Seven days.
const LONGEST_EXPIRY_SECONDS: u64 = 604_800;
/// Headers that clients leave out of signatures: they say nothing of what is done, or prove themselves.
const NEVER_SIGNED: [&str; 3] = ["x-amz-user-agent", "x-amz-content-sha256", TOKEN];
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SHA256_DIGITS: usize = 64;
const TOKEN: &str = "x-amz-security-token";

/// Gives the secret of a request's key to whoever verifies its signature, and notes whose it is.
pub struct Keys(pub Arc<Exchange>);

/// Notes what a request wants. The policies are asked by the handlers' way, where the input is known.
pub struct Access(pub Arc<Exchange>);

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let known = self.0.gateway.authenticator.access_key(access_key).await;
        let found = known.map_err(Error::internal).and_then(|key| usable(key, access_key));
        match found.and_then(|key| with_token(key, self.0.session_token.get())) {
            Ok(key) => {
                let secret = SecretKey::from(key.secret.reveal());
                self.0.caller.get_or_init(|| key.caller);
                Ok(secret)
            }
            Err(error) => self.0.answer::<SecretKey>(Err(error)).map(|response| response.output),
        }
    }
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        self.0.note_operation(cx.s3_op().name(), cx.s3_path(), cx.uri().query());
        if cx.credentials().is_some() && self.0.caller.get().is_none() {
            let error = Error::internal("a signature was verified for nobody");
            return self.0.answer::<()>(Err(error)).map(|response| response.output);
        }
        Ok(())
    }
}

/// Notes the session token of a request, and makes it a header where an old signature needs that. Where signatures are not checked (`auth = "open"`), also finds the
/// caller by the key alone, takes the signature off and unpacks a body that was signed chunk by chunk.
pub async fn without_signatures_if_open(exchange: &Exchange, request: Request) -> Result<Request, Error> {
    let (mut parts, body) = request.into_parts();
    check_algorithm(&parts)?;
    if let Some(token) = session_token(&parts.headers, &parts.uri) {
        exchange.session_token.get_or_init(|| token);
    }
    sign_token_as_header(&mut parts);
    if parts.headers.get("x-amz-content-sha256").is_some_and(|value| value.len() == SHA256_DIGITS) {
        exchange.names_body_hash.get_or_init(|| ());
    }
    if !exchange.gateway.authenticator.is_open() {
        check_coverage(&parts)?;
        return Ok(Request::from_parts(parts, body));
    }
    if let Some((access_key_id, region)) = named_key(&parts) {
        let key = exchange.gateway.authenticator.access_key(&access_key_id).await.map_err(Error::internal)?;
        exchange.caller.get_or_init(|| key.map_or_else(aws::Caller::anonymous, |key| key.caller));
        if let Some(region) = region {
            exchange.open_region.get_or_init(|| region);
        }
    }
    parts.headers.remove(header::AUTHORIZATION);
    parts.uri = without_signature(&parts.uri);
    let body = chunks::unpack(&mut parts, body);
    Ok(Request::from_parts(parts, body))
}

/// A request once more whose signature has been verified already, without it: the exchange knows the caller.
pub fn verified(exchange: &Exchange, mut parts: http::request::Parts) -> http::request::Parts {
    if let Some((_, Some(region))) = named_key(&parts) {
        exchange.open_region.get_or_init(|| region);
    }
    parts.headers.remove(header::AUTHORIZATION);
    parts.uri = without_signature(&parts.uri);
    parts
}

/// Signatures over several regions (`AWS4-ECDSA-P256-SHA256`), or whatever else a fourth version may bring, are not
/// verified here, so they prove nothing.
fn check_algorithm(parts: &http::request::Parts) -> Result<(), Error> {
    let in_header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_header = in_header.and_then(|value| value.split_whitespace().next());
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let in_query = query.filter(|(name, _)| name == "X-Amz-Algorithm").map(|(_, value)| value).next();
    let is_other = |algorithm: &str| algorithm.starts_with("AWS4-") && algorithm != ALGORITHM;
    if in_header.is_some_and(is_other) || in_query.is_some_and(|algorithm| is_other(&algorithm)) {
        let text =
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
        return Err(Error::InvalidRequest(text.to_owned()));
    }
    Ok(())
}

/// What a signature must cover and how long it may last. The decoder verifies only that it fits what it covers:
/// without this, who holds a presigned URL could add `x-amz-copy-source` to it and read what its maker may read.
fn check_coverage(parts: &http::request::Parts) -> Result<(), Error> {
    let query = parts.uri.query().unwrap_or_default();
    let expires = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "X-Amz-Expires");
    if let Some((_, seconds)) = expires {
        let lasts =
            seconds.parse::<u64>().is_ok_and(|seconds| (1..=LONGEST_EXPIRY_SECONDS).contains(&seconds));
        if !lasts {
            return Err(Error::Undecodable {
                code: "AuthorizationQueryParametersError".to_owned(),
                status: 400,
                message: "X-Amz-Expires must be between 1 and 604800 seconds".to_owned(),
            });
        }
    }
    // What cannot be read as a signature of the fourth version is the decoder's to refuse, or of the second,
    // which covers all of these headers.
    let Ok(Some(signed)) = verify::parse(parts) else { return Ok(()) };
    let covers = |name: &str| signed.signed_headers.iter().any(|signed| signed == name);
    if !covers("host") && !covers(":authority") {
        return Err(Error::Undecodable {
            code: "SignatureDoesNotMatch".to_owned(),
            status: 403,
            message: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        });
    }
    let uncovered: Vec<&str> = parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !NEVER_SIGNED.contains(name) && !covers(name))
        .collect();
    if uncovered.is_empty() { Ok(()) } else { Err(Error::HeadersNotSigned { headers: uncovered.join(", ") }) }
}

/// In a URL signed in the second version, the token is a parameter, yet was signed as a header.
fn sign_token_as_header(parts: &mut http::request::Parts) {
    let query = parts.uri.query().unwrap_or_default();
    let is_second_version =
        form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "AWSAccessKeyId");
    if is_second_version
        && !parts.headers.contains_key(TOKEN)
        && let Some(token) = session_token(&parts.headers, &parts.uri)
        && let Ok(token) = token.parse()
    {
        parts.headers.insert(TOKEN, token);
    }
}

fn usable(key: Option<AccessKey>, access_key_id: &str) -> Result<AccessKey, Error> {
    let key = key.filter(|key| key.active).ok_or_else(|| Error::Unauthenticated {
        code: "InvalidAccessKeyId",
        status: 403,
        message: "The AWS Access Key Id you provided does not exist in our records.",
        access_key_id: Some(access_key_id.to_owned()),
    })?;
    match key.expires_at {
        Some(at) if at <= Timestamp::now() => Err(refused("ExpiredToken", "The provided token has expired.")),
        Some(_) | None => Ok(key),
    }
}

/// A temporary key counts only with its token, and a token only with its key.
fn with_token(key: AccessKey, given: Option<&String>) -> Result<AccessKey, Error> {
    let matches = match (&key.session_token, given) {
        (None, None) => true,
        (Some(known), Some(given)) => aws::sigv4::equal(known.reveal(), given),
        (Some(_), None) | (None, Some(_)) => false,
    };
    if matches {
        Ok(key)
    } else {
        Err(refused("InvalidToken", "The provided token is malformed or otherwise invalid."))
    }
}

fn refused(code: &'static str, message: &'static str) -> Error {
    Error::Unauthenticated { code, status: 400, message, access_key_id: None }
}

fn session_token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if let Some(value) = headers.get(TOKEN) {
        return value.to_str().ok().map(str::to_owned);
    }
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case(TOKEN))
        .map(|(_, value)| value.into_owned())
}

/// The key and region that a request names, in any kind of signature.
fn named_key(parts: &http::request::Parts) -> Option<(String, Option<String>)> {
    if let Ok(Some(signed)) = verify::parse(parts) {
        return Some((signed.access_key_id, Some(signed.scope.region)));
    }
    let query = parts.uri.query().unwrap_or_default();
    if let Some((_, key)) =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "AWSAccessKeyId")
    {
        return Some((key.into_owned(), None));
    }
    let header = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (key, _) = header.strip_prefix("AWS ")?.split_once(':')?;
    Some((key.to_owned(), None))
}

fn without_signature(uri: &Uri) -> Uri {
    let Some(query) = uri.query() else { return uri.clone() };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            let signature = ["AWSAccessKeyId", "Signature", "Expires"].contains(&name);
            let presigned = [
                "x-amz-algorithm",
                "x-amz-credential",
                "x-amz-date",
                "x-amz-expires",
                "x-amz-signedheaders",
                "x-amz-signature",
                "x-amz-security-token",
            ];
            !signature && !presigned.contains(&name.to_lowercase().as_str())
        })
        .collect();
    let path = uri.path();
    let text = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    text.parse().unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_taken_out_of_the_query() {
        let uri: Uri =
            "/b/k?versionId=x&X-Amz-Signature=1&X-Amz-Expires=3600&AWSAccessKeyId=A&uploads".parse().unwrap();
        assert_eq!(without_signature(&uri).to_string(), "/b/k?versionId=x&uploads");
        let uri: Uri = "/b/k?Signature=1".parse().unwrap();
        assert_eq!(without_signature(&uri).to_string(), "/b/k");
    }

    fn coverage(target: &str, headers: &[(&str, &str)]) -> String {
        let mut request = http::Request::put(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        check_coverage(&parts).map_or_else(|error| error.code().to_owned(), |()| "fine".to_owned())
    }

    #[test]
    fn a_signature_covers_the_host_and_all_of_s3s_headers() {
        let presigned = |names: &str, expires: u64| {
            format!(
                "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20240102%2Fus-east-1%2Fs3%2Faws4_request\
                 &X-Amz-Date=20240102T030405Z&X-Amz-Expires={expires}&X-Amz-SignedHeaders={names}&X-Amz-Signature=0"
            )
        };
        let copy = [("x-amz-copy-source", "b/secret")];
        assert_eq!(coverage(&presigned("host", 60), &[("content-type", "text/plain")]), "fine");
        assert_eq!(coverage(&presigned("host", 60), &copy), "AccessDenied");
        assert_eq!(coverage(&presigned("host%3Bx-amz-copy-source", 60), &copy), "fine");
        assert_eq!(coverage(&presigned("x-amz-date", 60), &[]), "SignatureDoesNotMatch");
        assert_eq!(coverage(&presigned("host", 604_801), &[]), "AuthorizationQueryParametersError");
        assert_eq!(coverage("/b/k", &copy), "fine");
    }

    #[test]
    fn the_token_may_be_a_header_or_a_parameter() {
        let uri: Uri = "/b/k?x-amz-security-token=a%2Bb".parse().unwrap();
        assert_eq!(session_token(&HeaderMap::new(), &uri).as_deref(), Some("a+b"));
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-security-token", "header".parse().unwrap());
        assert_eq!(session_token(&headers, &uri).as_deref(), Some("header"));
    }
}
