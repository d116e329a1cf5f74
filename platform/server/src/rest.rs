//! Calls whose operation is a method and a path.

use aws::http::Response;
use aws::operation::{OperationModel, Protocol, Service};
use aws::protocol::Progress;
use aws::protocol::bindings::uri::{self, Labels, Template};
use aws::protocol::bindings::{BodyForm, BoundReader, Incoming};
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
    /// has no upper-case letters, and S3 takes no JSON.
    pub fn of_unsigned(&self, parts: &Parts) -> Option<&'static Service> {
        let path = parts.uri.path();
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let is_json = header(&parts.headers, CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.starts_with("application/json"));
        if !is_json && !first.contains(|letter: char| letter.is_ascii_uppercase()) {
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

pub async fn rest_call(door: &FrontDoor, service: &'static Service, received: Received) -> Response {
    let (format, form) = match service.protocol {
        Protocol::RestXml => (Format::RestXml, BodyForm::Xml),
        Protocol::RestJson | Protocol::Json10 | Protocol::Json11 | Protocol::Query => {
            (Format::RestJson, BodyForm::Json)
        }
    };
    let uri = &received.parts.uri;
    let parameters = uri::parameters(uri.query().unwrap_or_default());
    let found = door.rest.find(service, &received.parts.method, uri.path(), &parameters);
    let Some((model, labels)) = found else {
        let error = unmatched(door, service, &received);
        return answer::error(service, format, error, &new_request_id());
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

/// The paths of operations that are not built are not known here: only a service that is complete can tell
/// that there is no such operation.
fn unmatched(door: &FrontDoor, service: &Service, received: &Received) -> Error {
    let served = door.rest.0.iter().filter(|route| route.service.id == service.id).count();
    let (method, path) = (&received.parts.method, received.parts.uri.path());
    if served < service.operations.len() {
        Error::not_implemented(service.id, &format!("{method} {path}"))
    } else {
        Error::new("UnknownOperationException", format!("{} has no operation {method} {path}.", service.id))
    }
}
