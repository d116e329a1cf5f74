//! Answers of an endpoint, read as the official clients read them.

use bytes::Bytes;
use http::response::Parts;
use serde_json::Value;

use crate::error::Error;
use crate::operation::{Operation, Protocol, Service};
use crate::protocol::Progress;
use crate::protocol::bindings::{BodyForm, BoundReader, Incoming, uri};
use crate::protocol::json::{self, JsonReader};
use crate::protocol::xml::{self, Element, XmlReader};
use crate::shape::{ReadError, Shape};

/// How much of a body that is no error of the protocol's stands in our message.
const SHOWN_LENGTH: usize = 300;

/// The output of a call that succeeded. Members that are missing are empty: servers leave out what they do not
/// know, and that is no reason to fail.
pub fn decode_output<O: Operation>(parts: &Parts, body: &Bytes) -> Result<O::Output, ReadError> {
    let (service, model) = (O::SERVICE, O::MODEL);
    let mut progress = Progress::default();
    let form = match service.protocol {
        Protocol::Json10 | Protocol::Json11 => {
            let value = json::parse(body)?;
            return Shape::read(model.output, &mut JsonReader { value: &value, progress: &mut progress });
        }
        Protocol::Query => {
            let root = xml::parse(body)?;
            let nothing = Element::default();
            let result = root.child(&format!("{}Result", model.name)).unwrap_or(&nothing);
            return Shape::read(model.output, &mut XmlReader::new(result, &mut progress));
        }
        Protocol::RestJson => BodyForm::Json,
        Protocol::RestXml => BodyForm::Xml,
    };
    let incoming = Incoming {
        labels: uri::Labels::new(),
        parameters: Vec::new(),
        headers: &parts.headers,
        status: Some(parts.status.as_u16()),
        body,
        form,
    };
    Shape::read(model.output, &mut BoundReader { incoming: &incoming, progress: &mut progress })
}

/// The error of a call that failed, whatever the body is.
pub fn decode_error(service: &Service, parts: &Parts, body: &Bytes) -> Error {
    let decoded = match service.protocol {
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => json_error(parts, body),
        Protocol::Query | Protocol::RestXml => xml_error(body),
    };
    let status = parts.status.as_u16();
    decoded.unwrap_or_else(|| unknown_error(status, body)).with_status(status)
}

/// The header first, as gateways set it also where the body is somebody else's.
fn json_error(parts: &Parts, body: &Bytes) -> Option<Error> {
    let header = parts.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let parsed = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = |names: &[&str]| names.iter().find_map(|name| parsed.get(name)?.as_str().map(str::to_owned));
    let code = header.map(str::to_owned).or_else(|| text(&["__type", "code", "Code"]))?;
    let message = text(&["message", "Message", "errorMessage"]).unwrap_or_default();
    let mut error = Error::new(bare_code(&code), message);
    if let Value::Object(members) = parsed {
        let told = ["__type", "code", "Code", "message", "Message", "errorMessage"];
        error.members = members.into_iter().filter(|(name, _)| !told.contains(&name.as_str())).collect();
    }
    Some(error)
}

/// `ns#FooException:http://…` → `FooException`.
fn bare_code(code: &str) -> String {
    let cut = code.split(':').next().unwrap_or(code);
    cut.rsplit('#').next().unwrap_or(cut).trim().to_owned()
}

/// `<ErrorResponse><Error>…`, or S3's bare `<Error>`.
fn xml_error(body: &Bytes) -> Option<Error> {
    let root = xml::parse(body).ok()?;
    let error = if root.name == "Error" { &root } else { root.child("Error")? };
    let text = |name: &str| error.child(name).map(|child| child.text.trim().to_owned());
    Some(Error::new(text("Code")?, text("Message").unwrap_or_default()))
}

/// A gateway's page, or nothing: the status is the code.
fn unknown_error(status: u16, body: &Bytes) -> Error {
    let shown: String = String::from_utf8_lossy(body).chars().take(SHOWN_LENGTH).collect();
    Error::new(status.to_string(), shown)
}
