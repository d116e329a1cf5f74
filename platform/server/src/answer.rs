//! Answers in the form of each protocol.

use aws::Error;
use aws::http::{Response, full};
use aws::operation::{Protocol, Service};
use aws::protocol::{json, query};
use aws::router::AnyShape;
use aws::shape::Schema;
use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_TYPE, DATE};
use serde_json::Value;

/// A successful call.
pub fn output(
    service: &Service,
    operation: &str,
    output: &dyn AnyShape,
    schema: &'static Schema,
    request_id: &str,
) -> Response {
    match service.protocol {
        Protocol::Query => {
            let body = query::response(service, operation, output, schema, request_id);
            respond(200, "text/xml", body, request_id)
        }
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::RestXml => {
            respond(200, json_type(service), json::to_bytes(output, schema), request_id)
        }
    }
}

/// A refused or failed call; generic errors get the code that the protocol uses for them.
pub fn error(service: &Service, error: Error, request_id: &str) -> Response {
    match service.protocol {
        Protocol::Query => {
            let error = in_query_words(error);
            let body = query::error_response(service, &error, request_id);
            respond(error.status, "text/xml", body, request_id)
        }
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson | Protocol::RestXml => {
            json_error(&error, json_type(service), request_id)
        }
    }
}

/// An error of a request whose service is not known.
pub fn unrouted(error: &Error, request_id: &str) -> Response {
    json_error(error, "application/x-amz-json-1.1", request_id)
}

/// Plain text, for people and probes.
pub fn text(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(full(body));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json_error(error: &Error, kind: &'static str, request_id: &str) -> Response {
    let mut body = error.members.clone();
    body.insert("__type".to_owned(), Value::String(error.code.to_string()));
    body.insert("message".to_owned(), Value::String(error.message.clone()));
    let mut response = respond(error.status, kind, Value::Object(body).to_string(), request_id);
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn respond(status: u16, kind: &'static str, body: impl Into<Bytes>, request_id: &str) -> Response {
    let mut response = text(status, kind, body);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    // SDKs take their clock's offset from it.
    if let Ok(date) = HeaderValue::from_str(&aws::Timestamp::now().to_http_date()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn json_type(service: &Service) -> &'static str {
    match service.protocol {
        Protocol::Json10 => "application/x-amz-json-1.0",
        Protocol::Json11 => "application/x-amz-json-1.1",
        Protocol::RestJson | Protocol::Query | Protocol::RestXml => "application/json",
    }
}

/// The Query services have older names for what goes wrong before a handler.
fn in_query_words(error: Error) -> Error {
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
