//! What a call is written in: its answer is written in the same.

use aws::Error;
use aws::operation::{Protocol, Service};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};

use crate::destination::header;

/// The form of one call and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json10,
    Json11,
    RestJson,
    RestXml,
    /// A form, answered in XML.
    Query,
    /// A form, answered in JSON: what identity brokers ask of STS.
    QueryJson,
    Cbor,
}

impl Format {
    /// Of a call with a target header: clients get the version back that they speak.
    pub fn of_json(service: &Service, headers: &HeaderMap) -> Self {
        match header(headers, CONTENT_TYPE.as_str()) {
            Some(kind) if kind.starts_with("application/x-amz-json-1.0") => Self::Json10,
            Some(kind) if kind.starts_with("application/x-amz-json-1.1") => Self::Json11,
            Some(_) | None if service.protocol == Protocol::Json10 => Self::Json10,
            Some(_) | None => Self::Json11,
        }
    }

    pub fn of_form(headers: &HeaderMap) -> Self {
        match header(headers, ACCEPT.as_str()) {
            Some("application/json") => Self::QueryJson,
            Some(_) | None => Self::Query,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json10 => "application/x-amz-json-1.0",
            Self::Json11 => "application/x-amz-json-1.1",
            Self::RestJson | Self::QueryJson => "application/json",
            Self::RestXml => "application/xml",
            Self::Query => "text/xml",
            Self::Cbor => aws::protocol::cbor::CONTENT_TYPE,
        }
    }

    /// An error in the code and status that the protocol's services use for it.
    pub fn in_own_words(self, error: Error) -> Error {
        match self {
            Self::Json10 | Self::Json11 | Self::Cbor => error,
            Self::RestJson => in_rest_json_words(error),
            Self::Query | Self::QueryJson | Self::RestXml => in_query_words(error),
        }
    }
}

fn in_rest_json_words(error: Error) -> Error {
    match error.code.as_ref() {
        "MissingAuthenticationTokenException"
        | "IncompleteSignatureException"
        | "UnrecognizedClientException"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "AccessDeniedException" => error.with_status(403),
        "UnknownOperationException" => error.with_status(404),
        "ThrottlingException" => error.with_status(429),
        "InternalFailure" => Error { code: "InternalServerException".into(), ..error },
        _ => error,
    }
}

/// The Query services have older names for what goes wrong before a handler.
fn in_query_words(error: Error) -> Error {
    if let Some((code, status)) = error.in_query {
        return Error { code: code.into(), status, ..error };
    }
    let (code, status) = match error.code.as_ref() {
        "MissingAuthenticationTokenException" => ("MissingAuthenticationToken", 403),
        "IncompleteSignatureException" => ("IncompleteSignature", 400),
        "UnrecognizedClientException" => ("InvalidClientTokenId", 403),
        "ExpiredTokenException" => ("ExpiredToken", 403),
        "InvalidSignatureException" => ("SignatureDoesNotMatch", 403),
        "AccessDeniedException" => ("AccessDenied", 403),
        "ValidationException" => ("ValidationError", 400),
        "SerializationException" => ("MalformedInput", 400),
        "UnknownOperationException" => ("InvalidAction", 400),
        "ThrottlingException" => ("Throttling", 400),
        _ => return error,
    };
    Error { code: code.into(), status, ..error }
}
