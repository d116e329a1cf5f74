//! Pages of public projects: their builds, logs and artifacts, for everybody who knows the alias.
//!
//! Logs and artifacts are read as the project's resource access role, which is assumed for that: what it may not read,
//! strangers do not get.
//! Source: CodeBuild User Guide, "Public build projects".

mod page;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use aws::{
    Client,
    http::{Body, HttpService, Peer, Request, Response, full},
    objects::{ByteStream, ListObjects, ObjectId},
};
use bytes::Bytes;
use codebuild_model::ProjectVisibilityType;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use logs_model::{GetLogEvents, GetLogEventsOutput};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use store::{Key, Range};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    CodeBuild,
    records::{Artifact, Build, BuildId, LogStream, Project},
    role::Role,
};
use page::{PRIMARY, ShownBuild, ShownFiles, ShownProject, is_packed};

/// Builds on a page.
const PAGE: usize = 50;
/// Requests that are worked on at one time, until their answers begin: strangers must not keep the server from its work. What
/// then streams goes as fast as its reader takes it, and holds one connection.
const AT_ONE_TIME: usize = 16;
/// Roles whose sessions are kept for the next request.
const MOST_ROLES: usize = 256;

/// The part of the front door that answers strangers who know an alias.
pub struct PublicPages {
    codebuild: Arc<CodeBuild>,
    room: Semaphore,
    /// By account, region and ARN.
    roles: Mutex<HashMap<String, Arc<Role>>>,
}

/// Why there is no page.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    NotFound,
    MethodNotAllowed,
    NoRole,
    Denied,
    Busy,
    Fault,
}

impl Refusal {
    /// Nothing of what another service said: it is not for strangers.
    fn of(error: &aws::Error) -> Self {
        match &*error.code {
            _ if error.is_fault() => {
                tracing::warn!(%error, "a public page cannot be shown");
                Self::Fault
            }
            "NoSuchKey" | "NoSuchBucket" | "ResourceNotFoundException" => Self::NotFound,
            _ => Self::Denied,
        }
    }

    fn response(&self) -> Response {
        let (status, text) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "There is nothing public at this address."),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Public builds can only be read."),
            Self::NoRole => (
                StatusCode::FORBIDDEN,
                "The project has no resource access role: its logs and artifacts are not shown.",
            ),
            Self::Denied => (
                StatusCode::FORBIDDEN,
                "The project's resource access role may not read this, or cannot be assumed.",
            ),
            Self::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "Too many public pages are asked for. Try again.")
            }
            Self::Fault => (StatusCode::INTERNAL_SERVER_ERROR, "The page cannot be shown now."),
        };
        response(status, "text/plain; charset=utf-8", full(format!("{text}\n")))
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::of(&aws::Error::internal(error))
    }
}

/// A way to a page, below the prefix.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Builds,
    Build(Uuid),
    Log(Uuid),
    /// The file's name, in an artifact that is not packed; empty for the list of its files.
    Artifact(Uuid, String, Option<String>),
}

impl Asked {
    /// The alias and what of its project is wanted.
    fn of(path: &str) -> Option<(&str, Self)> {
        let (alias, rest) = path.split_once('/').unwrap_or((path, ""));
        if rest.is_empty() {
            return Some((alias, Self::Builds));
        }
        let (build, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let build = build.parse().ok()?;
        let asked = match rest.split_once('/') {
            None if rest.is_empty() => Self::Build(build),
            None if rest == "log" => Self::Log(build),
            Some(("artifacts", rest)) => {
                let (artifact, file) = match rest.split_once('/') {
                    Some((artifact, file)) => {
                        (artifact, Some(percent_decode_str(file).decode_utf8().ok()?.into_owned()))
                    }
                    None => (rest, None),
                };
                Self::Artifact(build, artifact.to_owned(), file)
            }
            _ => return None,
        };
        Some((alias, asked))
    }
}

/// The value of a parameter.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| *key == name)?.1;
    Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

impl PublicPages {
    pub const PREFIX: &'static str = "/codebuild/public/";

    pub fn new(codebuild: Arc<CodeBuild>) -> Self {
        Self { codebuild, room: Semaphore::new(AT_ONE_TIME), roles: Mutex::default() }
    }

    async fn answer(&self, request: &Parts) -> Result<Response, Refusal> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Refusal::MethodNotAllowed);
        }
        let _room = self.room.try_acquire().map_err(|_| Refusal::Busy)?;
        let path = request.uri.path().strip_prefix(Self::PREFIX).ok_or(Refusal::NotFound)?;
        let (alias, asked) = Asked::of(path).ok_or(Refusal::NotFound)?;
        let project = self.project(alias).await?;
        let (at, query) = (format!("{}{alias}", Self::PREFIX), request.uri.query());
        let as_json = is_json_wanted(&request.headers, query);
        match asked {
            Asked::Builds => {
                let before =
                    parameter(query, "before").map(|before| before.parse().map_err(|_| Refusal::NotFound));
                let (builds, rest) = self.builds(&project, before.transpose()?).await?;
                let shown = ShownProject::new(&at, &project, &builds, rest);
                shown_as(as_json, &shown, ShownProject::html)
            }
            Asked::Build(build) => {
                let shown = ShownBuild::new(&at, &self.build(&project, build).await?);
                shown_as(as_json, &shown, ShownBuild::html)
            }
            Asked::Log(build) => {
                let log = self.build(&project, build).await?.log.ok_or(Refusal::NotFound)?;
                log_of(self.client(&project).await?, log).await
            }
            Asked::Artifact(build, name, file) => {
                let build = self.build(&project, build).await?;
                let artifact = named(&build, &name).ok_or(Refusal::NotFound)?;
                let (bucket, key) = place_of(artifact).ok_or(Refusal::NotFound)?;
                let client = self.client(&project).await?;
                match file {
                    None if is_packed(artifact) => download(&client, bucket, key).await,
                    Some(file) if !is_packed(artifact) && !file.is_empty() => {
                        download(&client, bucket, &format!("{key}/{file}")).await
                    }
                    Some(_) if !is_packed(artifact) => {
                        let after = parameter(query, "after");
                        let list = listed(bucket, key, after.as_deref());
                        let page = client.list_objects(&list).await.map_err(|error| Refusal::of(&error))?;
                        let names = page.objects.into_iter().filter_map(|(key, head)| {
                            Some((key.strip_prefix(&list.prefix)?.to_owned(), head.size))
                        });
                        let at = format!("{at}/{}/artifacts/{name}/", build.id.uuid);
                        let shown = ShownFiles::new(&at, names.collect(), page.is_truncated);
                        shown_as(as_json, &shown, ShownFiles::html)
                    }
                    None | Some(_) => Err(Refusal::NotFound),
                }
            }
        }
    }

    /// Only while it is public.
    async fn project(&self, alias: &str) -> Result<Project, Refusal> {
        let key = Key::of(alias);
        let read =
            self.codebuild.store.read(move |tx| tx.scan_index::<Project>(Project::ALIAS, key.clone(), 1));
        let found = read.await?.into_records().pop().ok_or(Refusal::NotFound)?;
        match found.configuration.0.project_visibility {
            Some(ProjectVisibilityType::PublicRead) => Ok(found),
            Some(ProjectVisibilityType::Private | ProjectVisibilityType::Other(_)) | None => {
                Err(Refusal::NotFound)
            }
        }
    }

    /// A page of builds, the newest first, and whether there are older ones.
    async fn builds(&self, project: &Project, before: Option<u64>) -> Result<(Vec<Build>, bool), Refusal> {
        let of_project = Build::of_project(&project.scope, &project.name);
        let before = before.map(|number| of_project.clone().and_u64(number));
        let range = Range::prefix(of_project).descending().after(before);
        let page = self
            .codebuild
            .store
            .read(move |tx| tx.scan_index::<Build>(Build::NUMBER, range.clone(), PAGE))
            .await?;
        let rest = page.next.is_some();
        Ok((page.into_records(), rest))
    }

    async fn build(&self, project: &Project, uuid: Uuid) -> Result<Build, Refusal> {
        let id = BuildId { project: project.name.clone(), uuid };
        let build = self.codebuild.find_build(&Build::key_of(&project.scope, &id)).await?;
        build.filter(|build| build.on_behalf_of.is_none()).ok_or(Refusal::NotFound)
    }

    /// With the rights of the project's resource access role.
    async fn client(&self, project: &Project) -> Result<Client, Refusal> {
        let arn = project.configuration.0.resource_access_role.clone().ok_or(Refusal::NoRole)?;
        let known = format!("{}/{}/{arn}", project.scope.account, project.scope.region);
        let role = {
            let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
            if roles.len() >= MOST_ROLES && !roles.contains_key(&known) {
                roles.clear();
            }
            let new = || {
                let session = "AWSCodeBuild-public".to_owned();
                Arc::new(Role::new(&self.codebuild.client, &project.scope, arn, session))
            };
            roles.entry(known).or_insert_with(new).clone()
        };
        role.client().await.map_err(|error| Refusal::of(&error))
    }
}

fn is_json_wanted(headers: &HeaderMap, query: Option<&str>) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    parameter(query, "format").as_deref() == Some("json") || accepted.starts_with("application/json")
}

fn named<'a>(build: &'a Build, name: &str) -> Option<&'a Artifact> {
    let name = Some(name).filter(|name| *name != PRIMARY);
    let mut artifacts = build.artifacts.iter().chain(&build.secondary_artifacts);
    artifacts.find(|artifact| artifact.identifier.as_deref() == name)
}

/// Bucket and key. None for files that are not below anything: whatever else is in the bucket is not the build's.
fn place_of(artifact: &Artifact) -> Option<(&str, &str)> {
    let place = artifact.location.split_once(":::")?.1;
    place.split_once('/').filter(|(_, key)| !key.is_empty())
}

fn listed(bucket: &str, key: &str, after: Option<&str>) -> ListObjects {
    let prefix = format!("{key}/");
    let start_after = after.map(|after| format!("{prefix}{after}"));
    ListObjects { bucket: bucket.to_owned(), prefix, start_after }
}

/// Whatever it is, no browser is to show it as a page of this server.
async fn download(client: &Client, bucket: &str, key: &str) -> Result<Response, Refusal> {
    let object = ObjectId::new(bucket, key);
    let (head, bytes) = client.get_object(&object).await.map_err(|error| Refusal::of(&error))?;
    let mut response = response(StatusCode::OK, "application/octet-stream", streamed(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(head.size));
    Ok(response)
}

/// All of a log that is there by now, page by page.
async fn log_of(client: Client, log: LogStream) -> Result<Response, Refusal> {
    let (text, token) = page_of(&client, &log, None).await.map_err(|error| Refusal::of(&error))?;
    let rest = stream::try_unfold(token, move |token| {
        let (client, log) = (client.clone(), log.clone());
        async move {
            let Some(token) = token else { return Ok(None) };
            let (text, next) = page_of(&client, &log, Some(&token)).await.map_err(std::io::Error::other)?;
            // The token stays the same at the end.
            let next = next.filter(|next| *next != token);
            Ok::<_, std::io::Error>(Some((text, next)))
        }
    });
    let bytes: ByteStream = Box::pin(stream::iter([Ok(text)]).chain(rest));
    Ok(response(StatusCode::OK, "text/plain; charset=utf-8", streamed(bytes)))
}

async fn page_of(
    client: &Client,
    log: &LogStream,
    token: Option<&str>,
) -> Result<(Bytes, Option<String>), aws::Error> {
    let input = GetLogEvents {
        log_group_name: Some(log.group.clone()),
        log_stream_name: log.stream.clone(),
        start_from_head: Some(true),
        next_token: token.map(str::to_owned),
        ..GetLogEvents::default()
    };
    let GetLogEventsOutput { events, next_forward_token, .. } = client.call(input).await?;
    let lines = events.into_iter().flatten().filter_map(|event| event.message);
    Ok((Bytes::from(lines.collect::<String>()), next_forward_token))
}

fn shown_as<T: Serialize>(
    as_json: bool,
    shown: &T,
    html: impl FnOnce(&T) -> String,
) -> Result<Response, Refusal> {
    match as_json {
        true => {
            let text =
                serde_json::to_vec(shown).map_err(|error| Refusal::of(&aws::Error::internal(error)))?;
            Ok(response(StatusCode::OK, "application/json", full(text)))
        }
        false => Ok(response(StatusCode::OK, "text/html; charset=utf-8", full(html(shown)))),
    }
}

fn streamed(bytes: ByteStream) -> Body {
    StreamBody::new(bytes.map_ok(Frame::data).map_err(Into::into)).boxed_unsync()
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let (headers, fixed) = (response.headers_mut(), HeaderValue::from_static);
    headers.insert(header::CONTENT_TYPE, fixed(kind));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        fixed("default-src 'none'; frame-ancestors 'none'; sandbox"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    response
}

#[async_trait]
impl HttpService for PublicPages {
    async fn handle(&self, request: Request, _peer: Peer) -> Response {
        let request = request.into_parts().0;
        match self.answer(&request).await {
            Ok(response) if request.method == Method::HEAD => response.map(|_| aws::http::empty()),
            Ok(response) => response,
            Err(refusal) => refusal.response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_strictly() {
        let uuid = Uuid::nil();
        let artifact = |file: Option<&str>| Asked::Artifact(uuid, "-".to_owned(), file.map(str::to_owned));
        assert_eq!(Asked::of("a"), Some(("a", Asked::Builds)));
        assert_eq!(Asked::of("a/"), Some(("a", Asked::Builds)));
        assert_eq!(Asked::of(&format!("a/{uuid}")), Some(("a", Asked::Build(uuid))));
        assert_eq!(Asked::of(&format!("a/{uuid}/log")), Some(("a", Asked::Log(uuid))));
        assert_eq!(Asked::of(&format!("a/{uuid}/artifacts/-")), Some(("a", artifact(None))));
        assert_eq!(Asked::of(&format!("a/{uuid}/artifacts/-/")), Some(("a", artifact(Some("")))));
        assert_eq!(Asked::of(&format!("a/{uuid}/artifacts/-/x/%20y")), Some(("a", artifact(Some("x/ y")))));
        for other in ["a/b", "a//log", &format!("a/{uuid}/logs"), &format!("a/{uuid}/artifacts/-/%ff")] {
            assert_eq!(Asked::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_whole_bucket_is_no_artifact() {
        let of = |location: &str| {
            let artifact = Artifact { location: location.to_owned(), ..Artifact::default() };
            place_of(&artifact).map(|(bucket, key)| format!("{bucket} {key}"))
        };
        assert_eq!(of("arn:aws:s3:::out/p/app.zip").as_deref(), Some("out p/app.zip"));
        assert_eq!((of("arn:aws:s3:::out"), of("arn:aws:s3:::out/")), (None, None));
    }
}
