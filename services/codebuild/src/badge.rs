//! Badges: pictures of how the latest build of a project went, for everybody who knows the address.
//! Source: CodeBuild User Guide, "Build badges sample with CodeBuild".

use std::sync::Arc;

use async_trait::async_trait;
use aws::http::{HttpService, Peer, Request, Response, full};
use codebuild_model::StatusType;
use http::{HeaderValue, Method, StatusCode, header};
use store::{Key, Range};
use uuid::Uuid;

use crate::{
    CodeBuild,
    records::{Build, Project},
};

/// Builds that are looked at for the latest one of a branch.
const LOOKED_AT: usize = 100;

/// The part of the front door that answers who shows a badge.
pub struct BadgeEndpoint {
    codebuild: Arc<CodeBuild>,
}

/// How a badge looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Badge {
    Passing,
    Failing,
    InProgress,
    Unknown,
}

/// Where the badge of a project is.
pub(crate) fn url(endpoint: &str, badge: Uuid) -> String {
    format!("{}{}?uuid={badge}&branch=main", endpoint.trim_end_matches('/'), BadgeEndpoint::PREFIX)
}

impl BadgeEndpoint {
    pub const PREFIX: &'static str = "/codebuild/badges";

    pub fn new(codebuild: Arc<CodeBuild>) -> Self {
        Self { codebuild }
    }

    async fn badge(&self, query: &str) -> Result<Badge, store::Error> {
        let part = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let Some(uuid) = part("uuid").and_then(|uuid| uuid.parse::<Uuid>().ok()) else {
            return Ok(Badge::Unknown);
        };
        let decode = |text: &str| text.replace("%2F", "/").replace("%2f", "/");
        let reference = match (part("branch").map(decode), part("tag").map(decode)) {
            (_, Some(tag)) => Some(format!("refs/tags/{tag}")),
            (Some(branch), None) => Some(format!("refs/heads/{branch}")),
            (None, None) => None,
        };
        let read = self.codebuild.store.read(move |tx| {
            let found = tx.scan_index::<Project>(Project::BADGE, Key::of(uuid.to_string()), 1)?;
            let Some(project) = found.into_records().pop() else { return Ok(Badge::Unknown) };
            let builds = Range::prefix(Build::of_project(&project.scope, &project.name)).descending();
            let builds = tx.scan_index::<Build>(Build::NUMBER, builds, LOOKED_AT)?.into_records();
            let own = project.configuration.0.source_version.as_deref();
            let mut of_branch = builds
                .into_iter()
                .filter(|build| reference.as_deref().is_none_or(|reference| is_of(build, reference, own)));
            Ok::<_, store::Error>(of_branch.next().map_or(Badge::Unknown, |build| Badge::of(&build.status())))
        });
        read.await
    }
}

/// Whether a build is of a branch or a tag. Of one that names no version, nobody knows which branch the host has chosen: it is
/// every branch's.
fn is_of(build: &Build, reference: &str, own: Option<&str>) -> bool {
    if let Some(webhook) = &build.webhook {
        return webhook.head_ref.as_deref() == Some(reference);
    }
    let short = reference.splitn(3, '/').nth(2).unwrap_or_default();
    match build.source_version.as_deref().or(own) {
        None => reference.starts_with("refs/heads/"),
        Some(version) => {
            let version = version.split("^{").next().unwrap_or_default();
            version == short || version == reference
        }
    }
}

impl Badge {
    fn of(status: &StatusType) -> Self {
        match status {
            StatusType::InProgress => Self::InProgress,
            StatusType::Succeeded => Self::Passing,
            StatusType::Failed | StatusType::Fault | StatusType::TimedOut | StatusType::Stopped => {
                Self::Failing
            }
            StatusType::Other(_) => Self::Unknown,
        }
    }

    fn svg(self) -> String {
        let (text, colour) = match self {
            Self::Passing => ("passing", "#1d8102"),
            Self::Failing => ("failing", "#d13212"),
            Self::InProgress => ("in progress", "#0073bb"),
            Self::Unknown => ("unknown", "#687078"),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"128\" height=\"20\" role=\"img\" aria-label=\"build: {text}\">\
             <title>build: {text}</title><rect width=\"44\" height=\"20\" fill=\"#414750\"/>\
             <rect x=\"44\" width=\"84\" height=\"20\" fill=\"{colour}\"/>\
             <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,sans-serif\" font-size=\"11\">\
             <text x=\"22\" y=\"14\">build</text><text x=\"86\" y=\"14\">{text}</text></g></svg>"
        )
    }
}

#[async_trait]
impl HttpService for BadgeEndpoint {
    async fn handle(&self, request: Request, _peer: Peer) -> Response {
        let (status, text) = match (request.method(), request.uri().path() == Self::PREFIX) {
            (&Method::GET | &Method::HEAD, true) => {
                match self.badge(request.uri().query().unwrap_or_default()).await {
                    Ok(badge) => (StatusCode::OK, badge.svg()),
                    Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, aws::Error::internal(error).message),
                }
            }
            _ => (StatusCode::NOT_FOUND, "There is no badge at this address.".to_owned()),
        };
        let kind = if status == StatusCode::OK { "image/svg+xml" } else { "text/plain" };
        let mut response = Response::new(full(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        // Pictures in pages elsewhere are to be new ones.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::build;

    #[test]
    fn builds_of_a_branch() {
        let of = |version: Option<&str>, reference: &str, own: Option<&str>| {
            let mut build = build();
            build.source_version = version.map(str::to_owned);
            is_of(&build, reference, own)
        };
        assert!(
            of(Some("main"), "refs/heads/main", None)
                && of(Some("refs/heads/a/b^{c}"), "refs/heads/a/b", None)
        );
        assert!(of(None, "refs/heads/main", None) && of(None, "refs/heads/x", Some("x")));
        assert!(!of(None, "refs/heads/main", Some("x")) && !of(Some("main"), "refs/heads/x", None));
        assert!(!of(None, "refs/tags/v1", None) && of(Some("v1"), "refs/tags/v1", None));
    }
}
