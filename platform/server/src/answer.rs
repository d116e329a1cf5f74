//! Answers in the form of each protocol.

use aws::Error;
use aws::http::{Response, full};
use aws::operation::{OperationModel, Service};
use aws::protocol::bindings::{self, BodyForm};
use aws::protocol::{cbor, json, query};
use aws::router::AnyShape;
use aws::shape::XmlNamespace;
use aws::streams::Outgoing;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::format::Format;

/// A successful call.
pub fn output(
    service: &Service,
    format: Format,
    model: &OperationModel,
    output: &dyn AnyShape,
    request_id: &str,
) -> Response {
    let body = match format {
        Format::RestJson | Format::RestXml => return bound(service, format, model, output, request_id),
        Format::Json10 | Format::Json11 => json::to_bytes(output, model.output),
        Format::Query => query::response(service, model.name, output, model.output, request_id).into(),
        Format::QueryJson => query_json(model, output, request_id),
        Format::Cbor => cbor::to_bytes(output, model.output),
    };
    respond(200, format, body, request_id)
}

/// An answer whose payload streams.
pub fn streaming(response: Response, outgoing: Outgoing) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(outgoing.length));
    Response::from_parts(parts, outgoing.body)
}

/// A refused or failed call.
pub fn error(service: &Service, format: Format, error: Error, request_id: &str) -> Response {
    error_of(service.xml_namespace, format, error, request_id)
}

/// An error of a request whose service is not known.
pub fn unrouted(format: Format, error: Error, request_id: &str) -> Response {
    error_of("", format, error, request_id)
}

/// Plain text, for people and probes.
pub fn text(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Spread over status, headers and body.
fn bound(
    service: &Service,
    format: Format,
    model: &OperationModel,
    output: &dyn AnyShape,
    request_id: &str,
) -> Response {
    let form = if format == Format::RestXml { BodyForm::Xml } else { BodyForm::Json };
    let namespace = XmlNamespace { prefix: "", uri: service.xml_namespace };
    let namespace = (!service.xml_namespace.is_empty()).then_some(namespace);
    let outgoing = bindings::write(output, model.output, form, namespace);
    let status = outgoing.status.unwrap_or(model.success_status);
    let body = match outgoing.body {
        Some(body) => body,
        // JSON clients parse what they get; nothing is only announced by the status.
        None if form == BodyForm::Json && status != 204 => Bytes::from_static(b"{}"),
        None => Bytes::new(),
    };
    let mut response = respond(status, format, body, request_id);
    if let Some(kind) = outgoing.content_type {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in outgoing.headers {
        match (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().insert(name, value);
            }
            // Control characters are gone; what is left is a name that the handler took from a user.
            (Ok(_) | Err(_), _) => {
                tracing::warn!(operation = model.name, "a member does not fit into a header");
            }
        }
    }
    response
}

/// The JSON form of a Query answer, with the same elements.
fn query_json(model: &OperationModel, output: &dyn AnyShape, request_id: &str) -> Bytes {
    let name = model.name;
    let mut response = serde_json::Map::new();
    if query::has_result(name, model.output) {
        response.insert(format!("{name}Result"), json::to_value(output, model.output));
    }
    response.insert("ResponseMetadata".to_owned(), json!({ "RequestId": request_id }));
    json!({ format!("{name}Response"): response }).to_string().into()
}

fn error_of(namespace: &str, format: Format, error: Error, request_id: &str) -> Response {
    let error = format.in_own_words(error);
    let body = match format {
        Format::Json10 | Format::Json11 | Format::RestJson => json_error(&error),
        Format::Query | Format::RestXml => query::error_document(namespace, &error, request_id).into(),
        Format::QueryJson => {
            let kind = if error.is_fault() { "Receiver" } else { "Sender" };
            let told = json!({ "Code": error.code, "Message": error.message, "Type": kind });
            json!({ "Error": told, "RequestId": request_id }).to_string().into()
        }
        Format::Cbor => cbor::error_body(&error),
    };
    let mut response = respond(error.status, format, body, request_id);
    if matches!(format, Format::Json10 | Format::Json11 | Format::RestJson)
        && let Ok(code) = HeaderValue::from_str(&error.code)
    {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    if let Some((code, _)) = error.in_query.filter(|_| !matches!(format, Format::Query | Format::QueryJson)) {
        let fault = if error.is_fault() { "Receiver" } else { "Sender" };
        if let Ok(told) = HeaderValue::from_str(&format!("{code};{fault}")) {
            response.headers_mut().insert("x-amzn-query-error", told);
        }
    }
    response
}

fn json_error(error: &Error) -> Bytes {
    let mut body = error.members.clone();
    body.insert("__type".to_owned(), Value::String(error.code.to_string()));
    body.insert("message".to_owned(), Value::String(error.message.clone()));
    Value::Object(body).to_string().into()
}

fn respond(status: u16, format: Format, body: impl Into<Bytes>, request_id: &str) -> Response {
    let mut response = text(status, format.content_type(), body);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    // SDKs take their clock's offset from it.
    if let Ok(date) = HeaderValue::from_str(&aws::Timestamp::now().to_http_date()) {
        headers.insert(DATE, date);
    }
    if format == Format::Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static(cbor::PROTOCOL_HEADER));
    }
    response
}
