//! Where a request goes, told by what it is.
//!
//! The order is that of `docs/wire.md`, after the paths of mounted services: own paths, the target header, the
//! protocol header, a form with an action, the service in the credential scope; what is left is S3's.

use aws::operation::Service;
use aws::protocol::cbor;
use aws::sigv4::verify::SignedRequest;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::elsewhere;
use crate::rest::is_rest;

/// A part of the platform that answers a request.
#[derive(Clone, Copy)]
pub enum Destination {
    Health,
    Metrics,
    /// An operation named by `X-Amz-Target`.
    Json {
        service: &'static Service,
    },
    /// An operation named by a path, with a body in CBOR.
    Cbor {
        service: &'static Service,
    },
    /// An operation that is a method and a path.
    Rest {
        service: &'static Service,
    },
    /// An action named in a form or query string; the service is known once the form is read.
    Query,
    S3,
    /// An API of AWS's that has no service here yet.
    Elsewhere {
        api: &'static str,
    },
    /// A target or scope that no API has.
    Unknown,
}

pub fn of(parts: &Parts, signed: Option<&SignedRequest>, services: &[&'static Service]) -> Destination {
    match parts.uri.path() {
        "/health" => return Destination::Health,
        "/metrics" => return Destination::Metrics,
        _ => {}
    }
    if let Some(target) = header(&parts.headers, "x-amz-target") {
        return by_target(target, services);
    }
    if let Some(protocol) = header(&parts.headers, "smithy-protocol") {
        return by_protocol(protocol, parts.uri.path(), services);
    }
    if is_form(parts, signed, services) {
        return Destination::Query;
    }
    match signed.map(|signed| signed.scope.service.as_str()) {
        None | Some("s3") => Destination::S3,
        Some(name) if services.iter().any(|service| service.signing_name == name) => {
            let rest = services.iter().find(|service| service.signing_name == name && is_rest(service));
            rest.map_or(Destination::Unknown, |service| Destination::Rest { service })
        }
        Some(name) => elsewhere::by_signing_name(name)
            .map_or(Destination::Unknown, |api| Destination::Elsewhere { api }),
    }
}

/// `CodePipeline_20150709.GetPipeline`: the prefix may have dots of its own.
fn by_target(target: &str, services: &[&'static Service]) -> Destination {
    by_target_prefix(target.rsplit_once('.').map_or(target, |(prefix, _)| prefix), services)
}

fn by_target_prefix(prefix: &str, services: &[&'static Service]) -> Destination {
    // Older CloudTrail clients leave the Java package out.
    let matches = |service: &&&'static Service| {
        let known = service.target_prefix;
        !known.is_empty()
            && (known == prefix || known.rsplit_once('.').is_some_and(|(_, short)| short == prefix))
    };
    match services.iter().find(matches) {
        Some(service) => Destination::Json { service },
        None => elsewhere::by_target_prefix(prefix)
            .map_or(Destination::Unknown, |api| Destination::Elsewhere { api }),
    }
}

/// `/service/GraniteServiceVersion20100801/operation/PutMetricData`; services without a target prefix go by
/// their id.
fn by_protocol(protocol: &str, path: &str, services: &[&'static Service]) -> Destination {
    let target = path.strip_prefix("/service/").and_then(|rest| rest.split_once("/operation/"));
    let Some((target, _)) = target.filter(|_| protocol == cbor::PROTOCOL_HEADER) else {
        return Destination::Unknown;
    };
    match services.iter().find(|service| service.target_prefix.is_empty() && service.id == target) {
        Some(service) => Destination::Cbor { service },
        None => match by_target_prefix(target, services) {
            Destination::Json { service } => Destination::Cbor { service },
            other => other,
        },
    }
}

fn is_form(parts: &Parts, signed: Option<&SignedRequest>, services: &[&'static Service]) -> bool {
    let scope = signed.map(|signed| signed.scope.service.as_str());
    let speaks_query = |name| services.iter().any(|one| one.signing_name == name && one.speaks_query());
    match parts.uri.path() {
        "/" if scope == Some("s3") => return false,
        "/" => {}
        // An object's path may look the same; it is never asked for with a form.
        path if is_of_queue(path) && scope.map_or(parts.method == Method::POST, speaks_query) => {}
        _ => return false,
    }
    if parts.method == Method::POST {
        return header(&parts.headers, CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    }
    let query = parts.uri.query().unwrap_or_default();
    parts.method == Method::GET && query.split('&').any(|pair| pair.starts_with("Action="))
}

/// The path of a queue of SQS, `/123456789012/jobs`, at which older clients call what they do with it.
fn is_of_queue(path: &str) -> bool {
    let mut parts = path.trim_start_matches('/').split('/');
    let is_account = |part: &str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next().is_some_and(is_account)
        && parts.next().is_some_and(|name| !name.is_empty())
        && parts.next().is_none()
}

/// The service that a form's action belongs to: by the credential scope, else by the API version.
pub fn of_form(
    signed: Option<&SignedRequest>,
    version: Option<&str>,
    services: &[&'static Service],
) -> Option<&'static Service> {
    let queries = || services.iter().copied().filter(|service| service.speaks_query());
    let by_scope =
        signed.and_then(|signed| queries().find(|service| service.signing_name == signed.scope.service));
    by_scope.or_else(|| queries().find(|service| Some(service.api_version) == version))
}

pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_queue_is_an_account_and_a_name() {
        assert!(is_of_queue("/123456789012/jobs.fifo"));
        for other in
            ["/", "/123456789012", "/123456789012/", "/123456789012/a/b", "/bucket/key", "/12345678901x/jobs"]
        {
            assert!(!is_of_queue(other), "{other}");
        }
    }
}
