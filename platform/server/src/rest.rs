//! Calls whose operation is a method and a path.

use aws::http::{Peer, Request, Response};
use aws::operation::{OperationModel, Protocol, Service};
use aws::protocol::Progress;
use aws::protocol::bindings::uri::{self, Labels, Template};
use aws::protocol::bindings::{BodyForm, BoundReader, Incoming};
use aws::shape::{Kind, Location};
use aws::sigv4::verify::SignedRequest;
use aws::{Error, Gateway};
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::answer;
use crate::call::{Decoded, Received, new_request_id};
use crate::destination::header;
use crate::format::Format;
use crate::front_door::FrontDoor;

/// Every served operation that is reached by its path; the most precise templates first.
#[derive(Default)]
pub struct RestRoutes(Vec<RestRoute>);

struct RestRoute {
    service: &'static Service,
    model: &'static OperationModel,
    template: Template,
}

impl RestRoutes {
    pub fn of(gateway: &Gateway) -> Self {
        let mut routes = Vec::new();
        for router in gateway.routers().filter(|router| is_rest(router.service)) {
            for route in router.served().filter_map(|name| router.route(name)) {
                let model = route.model();
                routes.push(RestRoute { service: router.service, model, template: Template::of(model.uri) });
            }
        }
        routes.sort_by(|a, b| a.template.compare_precision(&b.template));
        Self(routes)
    }

    /// The service whose operation an unsigned request means. What S3 would understand is not looked at: a bucket's name
    /// has no upper-case letters, and three letters at least, and S3 takes no JSON.
    pub fn of_unsigned(&self, parts: &Parts) -> Option<&'static Service> {
        const SHORTEST_BUCKET: usize = 3;
        let path = parts.uri.path();
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let is_json = header(&parts.headers, CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.starts_with("application/json"));
        let is_no_bucket = first.contains(|letter: char| letter.is_ascii_uppercase())
            || (1..SHORTEST_BUCKET).contains(&first.len());
        if !is_json && !is_no_bucket {
            return None;
        }
        let parameters = uri::parameters(parts.uri.query().unwrap_or_default());
        let is_meant = |route: &&RestRoute| {
            parts.method == route.model.method && route.template.matches(path, &parameters).is_some()
        };
        self.0.iter().find(is_meant).map(|route| route.service)
    }

    fn find(
        &self,
        service: &Service,
        method: &http::Method,
        path: &str,
        parameters: &[(String, String)],
    ) -> Option<(&'static OperationModel, Labels)> {
        let of_service = |route: &&RestRoute| route.service.id == service.id && *method == route.model.method;
        self.0
            .iter()
            .filter(of_service)
            .find_map(|route| route.template.matches(path, parameters).map(|labels| (route.model, labels)))
    }
}

pub fn is_rest(service: &Service) -> bool {
    match service.protocol {
        Protocol::RestJson | Protocol::RestXml => true,
        Protocol::Json10 | Protocol::Json11 | Protocol::Query => false,
    }
}

pub async fn rest_call(
    door: &FrontDoor,
    service: &'static Service,
    signed: Result<Option<SignedRequest>, Error>,
    request: Request,
    peer: Peer,
) -> Response {
    let (format, form) = match service.protocol {
        Protocol::RestXml => (Format::RestXml, BodyForm::Xml),
        Protocol::RestJson | Protocol::Json10 | Protocol::Json11 | Protocol::Query => {
            (Format::RestJson, BodyForm::Json)
        }
    };
    let (parts, body) = request.into_parts();
    let parameters = uri::parameters(parts.uri.query().unwrap_or_default());
    let found = door.rest.find(service, &parts.method, parts.uri.path(), &parameters);
    let Some((model, labels)) = found else {
        let error = unmatched(door, service, &parts);
        return answer::error(service, format, error, &new_request_id());
    };
    let received = if door.gateway.streams(service, model.name) {
        let is_read = !takes_a_stream(model);
        Received::streaming(door, signed, parts, body, peer, is_read).await
    } else {
        Received::read(door, signed, parts, body, peer).await
    };
    received
        .answer(door, service, format, model.name, |route, parts, body| {
            let incoming = Incoming {
                labels: labels.clone(),
                parameters: parameters.clone(),
                headers: &parts.headers,
                status: None,
                body,
                form,
            };
            let mut progress = Progress::default();
            let input = route.read(&mut BoundReader { incoming: &incoming, progress: &mut progress })?;
            Ok(Decoded { input, missing: progress.missing })
        })
        .await
}

/// Whether the payload of a request is bytes as they are.
fn takes_a_stream(model: &OperationModel) -> bool {
    let is_payload = |location: Location| matches!(location, Location::Payload);
    let mut members = model.input.members().iter();
    members.any(|member| is_payload(member.location) && matches!(member.schema.kind, Kind::Blob))
}

/// The paths of operations that are not built are not known here: only a service that is complete can tell
/// that there is no such operation.
fn unmatched(door: &FrontDoor, service: &Service, parts: &Parts) -> Error {
    let served = door.rest.0.iter().filter(|route| route.service.id == service.id).count();
    let (method, path) = (&parts.method, parts.uri.path());
    if served < service.operations.len() {
        Error::not_implemented(service.id, &format!("{method} {path}"))
    } else {
        Error::new("UnknownOperationException", format!("{} has no operation {method} {path}.", service.id))
    }
}
