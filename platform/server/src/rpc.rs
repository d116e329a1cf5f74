//! Calls that name their operation: by target header, by path, or by a form's action.

use aws::Error;
use aws::http::Response;
use aws::operation::Service;
use aws::protocol::Progress;
use aws::protocol::cbor::{self, CborReader};
use aws::protocol::json::{self, JsonReader};
use aws::protocol::query::{self, Form, FormReader};
use bytes::Bytes;
use http::request::Parts;

use crate::call::{Decoded, Received, new_request_id};
use crate::destination::{self, header};
use crate::format::Format;
use crate::front_door::FrontDoor;
use crate::{answer, elsewhere};

/// What the path of a form says that is not sent to the root.
const QUEUE_URL: &str = "QueueUrl";

pub async fn json_call(door: &FrontDoor, service: &'static Service, received: Received) -> Response {
    let target = header(&received.parts.headers, "x-amz-target").unwrap_or_default();
    let operation = target.rsplit_once('.').map(|(_, operation)| operation).unwrap_or_default().to_owned();
    let format = Format::of_json(service, &received.parts.headers);
    received
        .answer(door, service, format, &operation, |route, _, bytes| {
            let value = json::parse(bytes)?;
            let mut progress = Progress::default();
            let input = route.read(&mut JsonReader { value: &value, progress: &mut progress })?;
            Ok(Decoded { input, missing: progress.missing })
        })
        .await
}

pub async fn cbor_call(door: &FrontDoor, service: &'static Service, received: Received) -> Response {
    let path = received.parts.uri.path();
    let operation = path.rsplit_once('/').map(|(_, operation)| operation).unwrap_or_default().to_owned();
    received
        .answer(door, service, Format::Cbor, &operation, |route, _, bytes| {
            let value = cbor::parse(bytes)?;
            let mut progress = Progress::default();
            let input = route.read(&mut CborReader { value: &value, progress: &mut progress })?;
            Ok(Decoded { input, missing: progress.missing })
        })
        .await
}

pub async fn query_call(door: &FrontDoor, received: Received) -> Response {
    let format = Format::of_form(&received.parts.headers);
    // Only two names are looked for before the caller has proved who he is.
    let text = match &received.body {
        Ok(body) => form_text(&received.parts, body),
        Err(_) => Bytes::new(),
    };
    let (action, version) = (query::parameter(&text, "Action"), query::parameter(&text, "Version"));
    let signed = received.signed.as_ref().ok().and_then(Option::as_ref);
    let Some(service) = destination::of_form(signed, version.as_deref(), door.services()) else {
        let api = signed.and_then(|signed| elsewhere::by_signing_name(&signed.scope.service));
        let operation = action.as_deref().unwrap_or("This operation");
        let error = match (&received.body, api) {
            (Err(unread), _) => unread.clone(),
            (Ok(_), Some(api)) => Error::not_implemented(api, operation),
            (Ok(_), None) => {
                Error::new("UnknownOperationException", format!("No API has the operation {operation}."))
            }
        };
        return answer::unrouted(format, error, &new_request_id());
    };
    let Some(action) = action.filter(|action| !action.is_empty()) else {
        let error = match &received.body {
            Err(unread) => unread.clone(),
            Ok(_) => Error::new("MissingAction", "The request must contain the parameter Action."),
        };
        return answer::error(service, format, error, &new_request_id());
    };
    let secure_transport = received.peer.secure_transport;
    received
        .answer(door, service, format, &action, |route, parts, bytes| {
            let mut form = Form::parse(&form_text(parts, bytes))?;
            if parts.uri.path() != "/" {
                form.set_default(QUEUE_URL, || address(parts, secure_transport));
            }
            let mut progress = Progress::default();
            let input = route.read(&mut FormReader { form: &form, progress: &mut progress })?;
            Ok(Decoded { input, missing: progress.missing })
        })
        .await
}

/// Where a request was sent to, without its query.
fn address(parts: &Parts, secure_transport: bool) -> String {
    let scheme = if secure_transport { "https" } else { "http" };
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = header(&parts.headers, "host").or(authority).unwrap_or_default();
    format!("{scheme}://{host}{}", parts.uri.path())
}

/// The form is the body, or the query string of a request without one.
fn form_text(parts: &Parts, body: &Bytes) -> Bytes {
    match parts.uri.query() {
        Some(query) if body.is_empty() => Bytes::copy_from_slice(query.as_bytes()),
        Some(_) | None => body.clone(),
    }
}
