//! Calls of AWS's RPC protocols: read, prove, decode, run, answer.

use std::time::Instant;

use aws::Error;
use aws::gateway::Origin;
use aws::http::{Body, Peer, Response};
use aws::names::Scope;
use aws::operation::Service;
use aws::principal::Caller;
use aws::protocol::json::JsonReader;
use aws::protocol::query::{Form, FormReader};
use aws::protocol::{Progress, json};
use aws::router::{AnyShape, Route};
use aws::shape::{Path, ReadError};
use aws::sigv4::verify::{self, SignedRequest};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body_util::BodyExt;
use uuid::Uuid;

use crate::destination::{self, header};
use crate::front_door::FrontDoor;
use crate::{answer, elsewhere};

type Signed = Result<Option<SignedRequest>, Error>;

/// What a body says, ready for the gateway.
struct Decoded {
    input: Box<dyn AnyShape>,
    missing: Vec<Path>,
}

pub fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

pub async fn json_call(
    door: &FrontDoor,
    service: &'static Service,
    signed: Signed,
    parts: Parts,
    body: Body,
    peer: Peer,
) -> Response {
    let target = header(&parts.headers, "x-amz-target").unwrap_or_default();
    let operation = target.rsplit_once('.').map(|(_, operation)| operation).unwrap_or_default().to_owned();
    let read = read_body(door, body).await;
    let decode = |route: &dyn Route, bytes: &Bytes| {
        let value = json::parse(bytes)?;
        let mut progress = Progress::default();
        let input = route.read(&mut JsonReader { value: &value, progress: &mut progress })?;
        Ok(Decoded { input, missing: progress.missing })
    };
    answered(door, service, &operation, signed, &parts, read, peer, decode).await
}

pub async fn query_call(door: &FrontDoor, signed: Signed, parts: Parts, body: Body, peer: Peer) -> Response {
    let read = read_body(door, body).await;
    let text = match (&read, parts.uri.query()) {
        (Ok(body), Some(query)) if body.is_empty() => Bytes::copy_from_slice(query.as_bytes()),
        (Ok(body), _) => body.clone(),
        (Err(_), _) => Bytes::new(),
    };
    let form = match Form::parse(&text) {
        Ok(form) => form,
        Err(error) => return answer::unrouted(&serialization(error), &new_request_id()),
    };
    let scope = signed.as_ref().ok().and_then(Option::as_ref);
    let Some(service) = destination::of_form(scope, form.get("Version"), door.services()) else {
        let api = scope.and_then(|signed| elsewhere::by_signing_name(&signed.scope.service));
        let operation = form.get("Action").unwrap_or("This operation");
        let error = match api {
            Some(api) => Error::not_implemented(api, operation),
            None => Error::new("UnknownOperationException", format!("No API has the operation {operation}.")),
        };
        return answer::unrouted(&error, &new_request_id());
    };
    let Some(operation) = form.get("Action").map(str::to_owned) else {
        let error = Error::new("MissingAction", "The request must contain the parameter Action.");
        return answer::error(service, error, &new_request_id());
    };
    let decode = |route: &dyn Route, _: &Bytes| {
        let mut progress = Progress::default();
        let input = route.read(&mut FormReader { form: &form, progress: &mut progress })?;
        Ok(Decoded { input, missing: progress.missing })
    };
    answered(door, service, &operation, signed, &parts, read, peer, decode).await
}

#[allow(clippy::too_many_arguments, reason = "the parts of one request, used once")]
async fn answered(
    door: &FrontDoor,
    service: &'static Service,
    operation: &str,
    signed: Signed,
    parts: &Parts,
    read: Result<Bytes, Error>,
    peer: Peer,
    decode: impl Fn(&dyn Route, &Bytes) -> Result<Decoded, ReadError>,
) -> Response {
    let started = Instant::now();
    let run = async {
        let bytes = read?;
        let (caller, scope) = authenticated(door, service, signed?, parts, &bytes).await?;
        let route = door.gateway.route(service, operation)?;
        let model = route.model();
        let origin = Origin {
            source_ip: Some(peer.ip),
            user_agent: header(&parts.headers, "user-agent").map(str::to_owned),
            secure_transport: peer.secure_transport,
            invoked_by: None,
        };
        let ctx = door.gateway.ctx(caller, scope, model.name, origin);
        let decoded = decode(route.as_ref(), &bytes).map_err(serialization)?;
        let output = door.gateway.call(&ctx, service, route, decoded.input, &decoded.missing).await;
        Ok::<_, Error>((ctx.request_id.to_string(), model, output))
    };
    let (request_id, result) = match run.await {
        Ok((request_id, model, output)) => (request_id, output.map(|output| (model, output))),
        Err(error) => (new_request_id(), Err(error)),
    };
    let outcome = result.as_ref().err().map_or_else(|| "OK".to_owned(), |error| error.code.to_string());
    let took = started.elapsed();
    // A name that no API has must not become a label: a stranger could fill the memory with them.
    let label = if service.knows(operation) { operation } else { "unknown" };
    door.metrics.called(service.id, label, &outcome, took);
    tracing::info!(
        service = service.id,
        operation = label,
        outcome,
        request.id = request_id,
        duration_ms = took.as_secs_f64() * 1000.0,
        "answered {label} of {}",
        service.id
    );
    match result {
        Ok((model, output)) => answer::output(service, model.name, output.as_ref(), model.output, &request_id),
        Err(error) => answer::error(service, error, &request_id),
    }
}

/// The whole body, refused as soon as it is longer than any call's may be.
async fn read_body(door: &FrontDoor, mut body: Body) -> Result<Bytes, Error> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let unreadable = |_| Error::new("MalformedHttpRequestException", "The body could not be read.");
        let Ok(data) = frame.map_err(unreadable)?.into_data() else { continue };
        if read.len() + data.len() > door.max_body_bytes {
            let message = format!("Request size is greater than {} bytes.", door.max_body_bytes);
            return Err(Error::new("RequestEntityTooLargeException", message).with_status(413));
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

async fn authenticated(
    door: &FrontDoor,
    service: &Service,
    signed: Option<SignedRequest>,
    parts: &Parts,
    body: &Bytes,
) -> Result<(Caller, Scope), Error> {
    let signed = signed.ok_or_else(|| {
        let message = match service.protocol {
            aws::Protocol::Query => "Request is missing Authentication Token",
            aws::Protocol::Json10 | aws::Protocol::Json11 | aws::Protocol::RestJson | aws::Protocol::RestXml => {
                "Missing Authentication Token"
            }
        };
        Error::new("MissingAuthenticationTokenException", message)
    })?;
    let authenticator = door.gateway.authenticator.as_ref();
    let hash = verify::body_hash(body);
    let caller = verify::verify(authenticator, service, &signed, parts, &hash, aws::Timestamp::now()).await?;
    let home = &door.gateway.home;
    let account = caller.principal.account().unwrap_or(&home.account).clone();
    // Global endpoints sign with regions of their own; those are the home region here.
    let region = signed.scope.region.parse().ok().filter(|_| signed.scope.region != "aws-global");
    Ok((caller, Scope::new(account, region.unwrap_or_else(|| home.region.clone()))))
}

fn serialization(error: ReadError) -> Error {
    Error::new("SerializationException", error.0)
}
