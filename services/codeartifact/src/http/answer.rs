//! Answers as package managers read them. Every refusal says why, where its client looks for it.

use aws::http::{Response, full};
use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::documents::Document;
use crate::error::Error;
use crate::names::Format;

/// Why a request is not served.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// In the form that the package manager of that format knows. `realm` is `DOMAIN/REPOSITORY`.
    pub fn into_response(self, format: Option<Format>, realm: Option<&str>) -> Response {
        let Self { status, message } = self;
        let mut response = match format {
            Some(Format::Npm) => {
                typed("application/json", json!({ "error": message, "reason": message }).to_string())
            }
            Some(Format::Cargo) => {
                typed("application/json", json!({ "errors": [{ "detail": message }] }).to_string())
            }
            Some(Format::Swift) => {
                typed("application/problem+json", json!({ "detail": message }).to_string())
            }
            Some(Format::Pypi | Format::Maven | Format::Nuget | Format::Generic | Format::Ruby) | None => {
                typed("text/plain; charset=utf-8", format!("{message}\n"))
            }
        };
        if format == Some(Format::Swift) {
            set(&mut response, HeaderName::from_static("content-version"), "1");
        }
        *response.status_mut() = status;
        if let (StatusCode::UNAUTHORIZED, Some(realm)) = (status, realm) {
            // In a header of its own each: mvn reads but the first challenge of one.
            for scheme in ["Bearer", "Basic"] {
                if let Ok(challenge) = HeaderValue::from_str(&format!("{scheme} realm=\"{realm}\"")) {
                    response.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
                }
            }
        }
        response
    }
}

impl From<aws::Error> for Refusal {
    fn from(error: aws::Error) -> Self {
        let status = match &*error.code {
            "AccessDeniedException" => StatusCode::FORBIDDEN,
            // 402 is for lack of money everywhere but in CodeArtifact's API.
            "ServiceQuotaExceededException" => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        Self::new(status, error.message)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        aws::Error::from(error).into()
    }
}

/// A body of a media type.
pub fn typed(media_type: &str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(full(body));
    set(&mut response, header::CONTENT_TYPE, media_type);
    response
}

/// What cannot stand in a header is left out.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What tells a document from others, as in `ETag`.
pub fn fingerprint(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Sha256::digest(body).get(..16).unwrap_or_default()))
}

/// A document with its fingerprint; 304 and nothing more if the client has it already. Its form depends on `Accept`.
pub fn document(media_type: &str, document: Document, if_none_match: Option<&str>) -> Response {
    let Document { body, tag } = document;
    let mut response = unless_known(&tag, if_none_match, || typed(media_type, body));
    set(&mut response, header::VARY, "Accept");
    response
}

/// What has this fingerprint; 304 and nothing more if the client has it already.
pub fn unless_known(tag: &str, if_none_match: Option<&str>, whole: impl FnOnce() -> Response) -> Response {
    let has_it = if_none_match.is_some_and(|known| matches(known, tag));
    let mut response = if has_it {
        let mut response = Response::new(aws::http::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        whole()
    };
    set(&mut response, header::ETAG, tag);
    set(&mut response, header::CACHE_CONTROL, "private, no-cache");
    response
}

/// Whether a list of fingerprints has one, weak or strong.
pub fn matches(known: &str, tag: &str) -> bool {
    known.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
