//! Signatures that botocore made, and what happens to them on the way.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::Duration;

use async_trait::async_trait;
use aws::operation::{Protocol, Service, ValidationStyle};
use aws::sigv4::{sign, verify};
use aws::{AccessKey, Authenticator, Caller, Credentials, Error, Principal, Secret, Timestamp};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde::Deserialize;

const KEY: &str = "AKIDEXAMPLE00000001";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "FwoGZXIvYXdzE+token/with=signs%25==";

/// One request that `record.py` made.
#[derive(Clone, Debug, Deserialize)]
struct Recorded {
    name: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    service: String,
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("botocore.json")).unwrap()
}

fn recorded_at() -> Timestamp {
    Timestamp::parse_basic("20260824T123045Z").unwrap()
}

impl Recorded {
    fn has_token(&self) -> bool {
        self.url.contains("Security-Token")
            || self.headers.iter().any(|(name, _)| name == "X-Amz-Security-Token")
    }

    fn is_presigned(&self) -> bool {
        self.url.contains("X-Amz-Signature")
    }

    /// As a server receives it: path and query in the URI, the authority in `host`.
    fn parts(&self) -> Parts {
        let uri: http::Uri = self.url.parse().unwrap();
        let target = uri.path_and_query().unwrap().as_str();
        let mut request = http::Request::builder().method(self.method.as_str()).uri(target);
        request = request.header("host", uri.authority().unwrap().as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn service(&self) -> Service {
        Service {
            id: "Any",
            prefix: "any",
            signing_name: self.service.clone().leak(),
            protocol: Protocol::Json11,
            target_prefix: "",
            api_version: "",
            xml_namespace: "",
            validation: ValidationStyle { code: "ValidationException", shows_values: true },
            operations: &[],
            errors: &[],
        }
    }

    fn verified(&self, now: Timestamp) -> Result<Caller, Error> {
        verified(self, &self.parts(), self.body.as_bytes(), now)
    }
}

/// Knows one key.
struct OneKey {
    token: Option<Secret>,
    expires_at: Option<Timestamp>,
    active: bool,
}

#[async_trait]
impl Authenticator for OneKey {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, Error> {
        let principal = Principal::Root { account: "123456789012".parse().unwrap() };
        Ok((access_key_id == KEY).then(|| AccessKey {
            secret: Secret::new(SECRET),
            session_token: self.token.clone(),
            expires_at: self.expires_at,
            active: self.active,
            caller: Caller::of(principal),
        }))
    }

    async fn git_password(&self, _user_name: &str, _password: &Secret) -> Result<Option<Caller>, Error> {
        Ok(None)
    }
}

fn key_of(recorded: &Recorded) -> OneKey {
    OneKey { token: recorded.has_token().then(|| Secret::new(TOKEN)), expires_at: None, active: true }
}

fn verified(recorded: &Recorded, parts: &Parts, body: &[u8], now: Timestamp) -> Result<Caller, Error> {
    verified_by(&key_of(recorded), recorded, parts, body, now)
}

fn verified_by(
    key: &OneKey,
    recorded: &Recorded,
    parts: &Parts,
    body: &[u8],
    now: Timestamp,
) -> Result<Caller, Error> {
    let signed = verify::parse(parts)?.ok_or_else(|| Error::new("Unsigned", ""))?;
    let hash = verify::body_hash(body);
    let service = recorded.service();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(verify::verify(key, &service, &signed, parts, &hash, now))
}

#[test]
fn what_botocore_signs_is_accepted() {
    for recorded in recorded() {
        let caller = recorded.verified(recorded_at());
        assert!(caller.is_ok(), "{}: {caller:?}", recorded.name);
    }
}

#[test]
fn the_clock_bounds_a_signature() {
    for recorded in recorded() {
        let life = match recorded.name.as_str() {
            "presigned" => Duration::from_secs(60),
            _ => Duration::from_mins(15),
        };
        assert!(recorded.verified(recorded_at().plus(life)).is_ok(), "{}", recorded.name);
        let late = recorded.verified(recorded_at().plus(life + Duration::from_secs(1))).unwrap_err();
        assert!(
            late.message.starts_with("Signature expired: 20260824T123045Z is now earlier than"),
            "{late}"
        );
        let early = recorded.verified(recorded_at().minus(Duration::from_secs(901))).unwrap_err();
        assert!(
            early.message.starts_with("Signature not yet current: 20260824T123045Z is still later"),
            "{early}"
        );
    }
}

#[test]
fn the_key_must_be_known_active_and_with_its_token() {
    let of = |name: &str| recorded().into_iter().find(|recorded| recorded.name == name).unwrap();
    let code = |key: OneKey, recorded: &Recorded| {
        let result = verified_by(&key, recorded, &recorded.parts(), recorded.body.as_bytes(), recorded_at());
        result.map(|_| "OK".to_owned()).unwrap_or_else(|error| error.code.into_owned())
    };
    let session = of("json call of a session");
    let token = || Some(Secret::new(TOKEN));
    let good = OneKey { token: token(), expires_at: None, active: true };
    assert_eq!(code(good, &session), "OK");
    let inactive = OneKey { token: token(), expires_at: None, active: false };
    assert_eq!(code(inactive, &session), "UnrecognizedClientException");
    let other = OneKey { token: Some(Secret::new("other")), expires_at: None, active: true };
    assert_eq!(code(other, &session), "UnrecognizedClientException");
    let expired = OneKey { token: token(), expires_at: Some(recorded_at()), active: true };
    assert_eq!(code(expired, &session), "ExpiredTokenException");
    let needs_token = OneKey { token: token(), expires_at: None, active: true };
    assert_eq!(code(needs_token, &of("json call to a port")), "UnrecognizedClientException");
    let without_token = OneKey { token: None, expires_at: None, active: true };
    assert_eq!(code(without_token, &session), "UnrecognizedClientException");
}

#[test]
fn a_token_may_be_added_to_a_url_after_signing() {
    let mut late = recorded().into_iter().find(|recorded| recorded.name == "presigned").unwrap();
    late.url.push_str("&X-Amz-Security-Token=FwoGZXIvYXdzE%2Btoken%2Fwith%3Dsigns%2525%3D%3D");
    assert!(late.verified(recorded_at()).is_ok());
    late.url.push('x');
    assert_eq!(late.verified(recorded_at()).unwrap_err().code, "UnrecognizedClientException");
}

/// Every change of something signed, one at a time, with a name for the message.
fn changes(recorded: &Recorded) -> Vec<(String, Parts, Vec<u8>)> {
    let (parts, body) = (recorded.parts(), recorded.body.clone().into_bytes());
    let mut changes = Vec::new();
    let mut change = |what: &str, edit: &dyn Fn(&mut Parts)| {
        let mut parts = parts.clone();
        edit(&mut parts);
        changes.push((what.to_owned(), parts, body.clone()));
    };
    change("method", &|parts| parts.method = http::Method::DELETE);
    change("path", &|parts| {
        let target = parts.uri.path_and_query().unwrap().as_str();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        parts.uri = format!("{path}x?{query}").parse().unwrap();
    });
    change("another parameter", &|parts| {
        let target = parts.uri.path_and_query().unwrap().as_str();
        let joined = if target.contains('?') { "&" } else { "?" };
        parts.uri = format!("{target}{joined}more=1").parse().unwrap();
    });
    let signed = verify::parse(&parts).unwrap().unwrap();
    for name in signed.signed_headers.iter().filter(|name| *name != "x-amz-security-token") {
        let header: HeaderName = name.parse().unwrap();
        let value = parts.headers.get(&header).unwrap().to_str().unwrap().to_owned();
        let edited = HeaderValue::from_str(&format!("{value}x")).unwrap();
        change(&format!("header {name}"), &|parts| {
            parts.headers.insert(header.clone(), edited.clone());
        });
        change(&format!("no header {name}"), &|parts| {
            parts.headers.remove(&header);
        });
    }
    change("another target", &|parts| {
        parts.headers.insert("x-amz-target", HeaderValue::from_static("CodeBuild_20161006.DeleteProject"));
    });
    change("declared hash", &|parts| {
        parts.headers.insert("x-amz-content-sha256", HeaderValue::from_static("UNSIGNED-PAYLOAD"));
    });
    let mut longer = body.clone();
    longer.push(b'x');
    changes.push(("body".to_owned(), parts, longer));
    changes
}

#[test]
fn any_change_of_a_signed_part_is_refused() {
    for recorded in recorded() {
        let changes = changes(&recorded);
        assert!(changes.len() > 6);
        for (what, parts, body) in changes {
            let result = verified(&recorded, &parts, &body, recorded_at());
            assert!(result.is_err(), "{} was accepted with another {what}", recorded.name);
        }
    }
}

#[test]
fn an_unsigned_target_is_refused() {
    let recorded = recorded().into_iter().find(|recorded| recorded.name == "form").unwrap();
    let mut parts = recorded.parts();
    parts.headers.insert("x-amz-target", HeaderValue::from_static("CodeBuild_20161006.StartBuild"));
    let error = verified(&recorded, &parts, recorded.body.as_bytes(), recorded_at()).unwrap_err();
    assert_eq!(error.message, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
}

#[test]
fn the_scope_must_be_that_of_the_service() {
    let mut recorded = recorded().into_iter().find(|recorded| recorded.name == "form").unwrap();
    recorded.service = "sts".to_owned();
    let error = recorded.verified(recorded_at()).unwrap_err();
    assert_eq!(error.code, "InvalidSignatureException");
    assert_eq!(error.message, "Credential should be scoped to correct service: 'sts'. ");
}

#[test]
fn our_own_signatures_are_those_of_botocore() {
    for recorded in recorded().into_iter().filter(|recorded| !recorded.is_presigned()) {
        let mut parts = recorded.parts();
        let expected = parts.headers.remove("authorization").unwrap();
        for name in ["x-amz-date", "x-amz-security-token", "content-length"] {
            parts.headers.remove(name);
        }
        let credentials = Credentials {
            access_key_id: KEY.to_owned(),
            secret_access_key: Secret::new(SECRET),
            session_token: recorded.has_token().then(|| Secret::new(TOKEN)),
            expires_at: None,
        };
        let body = recorded.body.as_bytes();
        sign::sign(&mut parts, body, &credentials, "eu-central-1", &recorded.service, recorded_at()).unwrap();
        assert_eq!(parts.headers["authorization"], expected, "{}", recorded.name);
    }
}

proptest! {
    /// Whatever stands in the header, it is an answer and no panic.
    #[test]
    fn no_header_breaks_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..300), prefixed in any::<bool>()) {
        let mut header = if prefixed { b"AWS4-HMAC-SHA256 ".to_vec() } else { Vec::new() };
        header.extend(bytes.iter().filter(|byte| **byte >= 0x20 && **byte != 0x7f));
        let recorded = &recorded()[0];
        let mut parts = recorded.parts();
        parts.headers.insert("authorization", HeaderValue::from_bytes(&header).unwrap());
        let body = recorded.body.as_bytes();
        prop_assert!(verified(recorded, &parts, body, recorded_at()).is_err());
    }

    #[test]
    fn no_query_breaks_the_parser(text in "[ -~&&[^<>\"`{}#\\\\^| ]]{0,200}", signed in any::<bool>()) {
        let start = if signed { "X-Amz-Signature=0&X-Amz-Algorithm=AWS4-HMAC-SHA256&" } else { "" };
        let Ok(uri) = format!("/?{start}{text}").parse() else { return Ok(()) };
        let recorded = recorded().pop().unwrap();
        let mut parts = recorded.parts();
        parts.uri = uri;
        prop_assert!(verified(&recorded, &parts, b"", recorded_at()).is_err());
    }

    /// Any one character of a signed request's Authorization header changed is a refusal.
    #[test]
    fn every_character_of_the_header_counts(at in 0_usize..400, to in "[A-Za-z0-9/=;-]") {
        let recorded = &recorded()[0];
        let mut parts = recorded.parts();
        let header = parts.headers["authorization"].to_str().unwrap().to_owned();
        let at = at % header.len();
        let changed = format!("{}{to}{}", &header[..at], &header[at + 1..]);
        // Blanks between parameters and the case of header names have no meaning.
        prop_assume!(changed != header && &header[at..=at] != " ");
        prop_assume!(!changed.eq_ignore_ascii_case(&header) || !header[..at].contains("SignedHeaders")
            || header[..at].contains("Signature="));
        parts.headers.insert("authorization", HeaderValue::from_str(&changed).unwrap());
        prop_assert!(verified(recorded, &parts, recorded.body.as_bytes(), recorded_at()).is_err(), "{}", changed);
    }
}
