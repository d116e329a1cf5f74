//! A call as the request of its service's protocol, not yet signed.

use bytes::Bytes;

use crate::error::Error;
use crate::operation::{OperationModel, Protocol, Service};
use crate::protocol::bindings::{self, BodyForm, uri};
use crate::protocol::{form, json};
use crate::router::AnyShape;
use crate::shape::XmlNamespace;

/// A request for whatever endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedRequest {
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Errors: `ValidationException` for a member of the path that is empty, which no URL can say.
pub fn encode(
    service: &Service,
    model: &OperationModel,
    input: &dyn AnyShape,
) -> Result<EncodedRequest, Error> {
    match service.protocol {
        Protocol::Json10 => Ok(json_call(service, model, input, "application/x-amz-json-1.0")),
        Protocol::Json11 => Ok(json_call(service, model, input, "application/x-amz-json-1.1")),
        Protocol::Query => Ok(EncodedRequest {
            method: "POST",
            target: "/".to_owned(),
            headers: vec![header("content-type", form::CONTENT_TYPE)],
            body: form::request(service, model, input),
        }),
        Protocol::RestJson => bound(service, model, input, BodyForm::Json),
        Protocol::RestXml => bound(service, model, input, BodyForm::Xml),
    }
}

fn json_call(
    service: &Service,
    model: &OperationModel,
    input: &dyn AnyShape,
    content_type: &str,
) -> EncodedRequest {
    let target = format!("{}.{}", service.target_prefix, model.name);
    EncodedRequest {
        method: "POST",
        target: "/".to_owned(),
        headers: vec![header("content-type", content_type), header("x-amz-target", &target)],
        body: json::to_bytes(input, model.input),
    }
}

fn bound(
    service: &Service,
    model: &OperationModel,
    input: &dyn AnyShape,
    form: BodyForm,
) -> Result<EncodedRequest, Error> {
    let namespace = XmlNamespace { prefix: "", uri: service.xml_namespace };
    let namespace = (!service.xml_namespace.is_empty()).then_some(namespace);
    let outgoing = bindings::write(input, model.input, form, namespace);
    let mut target = uri::Template::of(model.uri).expand(&outgoing.labels).ok_or_else(|| {
        Error::validation(format!("Every part of the path {} of {} must have a value", model.uri, model.name))
    })?;
    for (name, value) in &outgoing.query {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(&format!("{}={}", uri::encoded(name), uri::encoded(value)));
    }
    let mut headers = outgoing.headers;
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some(kind) = outgoing.content_type
        && !has_type
    {
        headers.push(header("content-type", kind));
    }
    Ok(EncodedRequest { method: model.method, target, headers, body: outgoing.body.unwrap_or_default() })
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
