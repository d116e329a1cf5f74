//! One call of an API, whatever it is written in: read, prove, decode, run, answer.

use std::time::Instant;

use aws::Error;
use aws::gateway::Origin;
use aws::http::{Body, Peer, Response};
use aws::names::Scope;
use aws::operation::{OperationModel, Service};
use aws::principal::Caller;
use aws::router::{AnyShape, Route};
use aws::shape::{Path, ReadError};
use aws::sigv4::verify::{self, SignedRequest};
use aws::streams::{Outgoing, Streams};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body_util::BodyExt;
use uuid::Uuid;

use crate::answer;
use crate::destination::header;
use crate::format::Format;
use crate::front_door::FrontDoor;

/// STS exchanges tokens of other identity providers: their holders have nothing to sign with yet.
const UNSIGNED: [(&str, &str); 4] = [
    ("STS", "AssumeRoleWithWebIdentity"),
    ("STS", "AssumeRoleWithSAML"),
    // Subscribers follow links; what they hold is a token, or an id that nobody guesses.
    ("SNS", "ConfirmSubscription"),
    ("SNS", "Unsubscribe"),
];

/// A request as it arrived, its body read.
pub struct Received {
    pub signed: Result<Option<SignedRequest>, Error>,
    pub parts: Parts,
    /// The error of a body that was too long or broke off.
    pub body: Result<Bytes, Error>,
    pub peer: Peer,
    /// Of the operations that stream.
    streams: Option<Streams>,
    /// Whether the payload is not read yet.
    payload_streams: bool,
}

/// What a request says, ready for the gateway.
pub struct Decoded {
    pub input: Box<dyn AnyShape>,
    pub missing: Vec<Path>,
}

type Answered = Result<(&'static OperationModel, Box<dyn AnyShape>, Option<Outgoing>), Error>;

pub fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

pub fn serialization(error: ReadError) -> Error {
    Error::new("SerializationException", error.0)
}

impl Received {
    pub async fn read(
        door: &FrontDoor,
        signed: Result<Option<SignedRequest>, Error>,
        parts: Parts,
        body: Body,
        peer: Peer,
    ) -> Self {
        Self { signed, parts, body: read_body(door, body).await, peer, streams: None, payload_streams: false }
    }

    /// A call whose answer may stream, and whose payload does unless it `is_read`.
    pub async fn streaming(
        door: &FrontDoor,
        signed: Result<Option<SignedRequest>, Error>,
        parts: Parts,
        body: Body,
        peer: Peer,
        is_read: bool,
    ) -> Self {
        let (body, incoming) =
            if is_read { (read_body(door, body).await, None) } else { (Ok(Bytes::new()), Some(body)) };
        let streams = Some(Streams::of(incoming));
        Self { signed, parts, body, peer, streams, payload_streams: !is_read }
    }

    /// Runs the call and writes its answer. `decode` runs only for a caller who has proved who he is.
    pub async fn answer(
        self,
        door: &FrontDoor,
        service: &'static Service,
        format: Format,
        operation: &str,
        decode: impl Fn(&dyn Route, &Parts, &Bytes) -> Result<Decoded, ReadError>,
    ) -> Response {
        let started = Instant::now();
        let (request_id, result) = self.run(door, service, operation, decode).await;
        let outcome = result.as_ref().err().map_or_else(|| "OK".to_owned(), |error| error.code.to_string());
        let took = started.elapsed();
        // A name that no API has must not become a label: a stranger could fill the memory with them.
        let label = if service.knows(operation) { operation } else { "unknown" };
        door.metrics.called(service.id, label, &outcome, took);
        // The audit record tells who did what; this is for somebody who looks for where time goes.
        tracing::debug!(
            service = service.id,
            operation = label,
            outcome,
            request.id = request_id,
            duration_ms = took.as_secs_f64() * 1000.0,
            "answered {label} of {}",
            service.id
        );
        match result {
            Ok((model, output, outgoing)) => {
                let response = answer::output(service, format, model, output.as_ref(), &request_id);
                match outgoing {
                    Some(outgoing) => answer::streaming(response, outgoing),
                    None => response,
                }
            }
            Err(error) => answer::error(service, format, error, &request_id),
        }
    }

    async fn run(
        self,
        door: &FrontDoor,
        service: &'static Service,
        operation: &str,
        decode: impl Fn(&dyn Route, &Parts, &Bytes) -> Result<Decoded, ReadError>,
    ) -> (String, Answered) {
        let Self { signed, parts, body, peer, streams, payload_streams } = self;
        let prepared = async {
            let bytes = body?;
            // What streams is not there yet: its signature is proved with the hash that is declared, which whoever reads
            // the stream must hold against the bytes.
            let declared = payload_streams.then(|| header(&parts.headers, "x-amz-content-sha256")).flatten();
            let hash = declared.map_or_else(|| verify::body_hash(&bytes), str::to_owned);
            let (caller, scope) = authenticated(door, service, operation, signed?, &parts, &hash).await?;
            let route = door.gateway.route(service, operation)?;
            let origin = Origin::of(&parts.headers, peer);
            let mut ctx = door.gateway.ctx(caller, scope, route.model().name, origin);
            ctx.streams = streams.unwrap_or_default();
            let decoded = decode(route.as_ref(), &parts, &bytes).map_err(serialization)?;
            Ok::<_, Error>((route, ctx, decoded))
        };
        match prepared.await {
            Ok((route, ctx, decoded)) => {
                let called = door.gateway.call(&ctx, service, route, decoded.input, &decoded.missing).await;
                let outgoing = ctx.streams.take_outgoing();
                (ctx.request_id.to_string(), called.map(|output| (route.model(), output, outgoing)))
            }
            Err(error) => (new_request_id(), Err(error)),
        }
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
    operation: &str,
    signed: Option<SignedRequest>,
    parts: &Parts,
    body_sha256: &str,
) -> Result<(Caller, Scope), Error> {
    let home = &door.gateway.home;
    let Some(signed) = signed else {
        if UNSIGNED.contains(&(service.id, operation)) {
            return Ok((Caller::anonymous(), home.clone()));
        }
        let message = match service.protocol {
            aws::Protocol::Query => "Request is missing Authentication Token",
            aws::Protocol::Json10
            | aws::Protocol::Json11
            | aws::Protocol::RestJson
            | aws::Protocol::RestXml => "Missing Authentication Token",
        };
        return Err(Error::new("MissingAuthenticationTokenException", message));
    };
    let authenticator = door.gateway.authenticator.as_ref();
    let now = aws::Timestamp::now();
    let caller = verify::verify(authenticator, service, &signed, parts, body_sha256, now).await?;
    let account = caller.principal.account().unwrap_or(&home.account).clone();
    // Global endpoints sign with regions of their own; those are the home region here.
    let region = signed.scope.region.parse().ok().filter(|_| signed.scope.region != "aws-global");
    Ok((caller, Scope::new(account, region.unwrap_or_else(|| home.region.clone()))))
}
