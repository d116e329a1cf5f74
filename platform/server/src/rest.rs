//! Calls whose operation is a method and a path.

use aws::http::Response;
use aws::operation::{OperationModel, Protocol, Service};
use aws::protocol::Progress;
use aws::protocol::bindings::uri::{self, Labels, Template};
use aws::protocol::bindings::{BodyForm, BoundReader, Incoming};
use aws::{Error, Gateway};

use crate::answer;
use crate::call::{Decoded, Received, new_request_id};
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
