//! What workers on other machines ask: for a build to run, for its files, and to take what it prints.
//!
//! Every request is a POST below [`WorkerEndpoint::PREFIX`], signed by a key whose principal may do `stagewright:RunBuilds`, and one
//! about a build shows the token of its lease. Who asks is known before a body is read. A worker of a fleet names it in
//! `fleet=` of each request, with the first one by name or ARN, from its lease on by ARN: the permission is asked for on that
//! ARN, so the key is one of the fleet's account. Any other worker has a key of the platform's own account.
//!
//! A pod that was made for one build has no key. It shows a token that was made for that build with each request instead,
//! the first one too, and its lease is by that token. It is good for nothing else, and ends with the build.
//!
//! | path | body | answer |
//! |---|---|---|
//! | `lease`, `lease?build=ID&fleet=NAME` | `{"worker": NAME}` | 200: [`Lease`]; 204: there is none |
//! | `ID/files?offset=N` | | a piece of the archive of its files, at its end an empty one |
//! | `ID/output?offset=N`, `ID/events?offset=N`, `ID/result?offset=N` | what follows | `{"stop": …, "length": …}` |
//! | `ID/alive` | | the same, after some seconds or at a stop |
//! | `ID/finish` | | nothing: the result has taken the place of the files |
//! | `ID/give-up` | [`GivenUp`] | nothing |
//!
//! 409 says how many bytes are here, in `length`; 410, that the build is not the worker's, or not any more.

mod meters;
mod request;

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws::{
    Access, AuditRecord, Caller, Ctx, Gateway, Principal, Scope, Timestamp,
    gateway::Origin,
    http::{Body, HttpService, Peer, Request, Response, Unread, full, read_within},
    sigv4::verify,
};
use bytes::Bytes;
use codebuild_model::CODEBUILD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use runner::{
    Plan, Pool, PullAs,
    remote::{CHUNK_BYTES, LONGEST_BYTES, Refused, RemoteExecutor, Stream},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use self::request::{Asked, OfBuild};
use crate::{
    CodeBuild,
    container::Isolation,
    credentials::{hash, new_token},
    error::Error,
    fleet::FleetName,
};

/// What a principal must be allowed that runs builds for the platform: it sees their sources and secrets.
const ACTION: &str = "stagewright:RunBuilds";
/// The header with the token of the lease.
pub const TOKEN: &str = "x-stagewright-lease";
/// Until a body is there.
const LONGEST_BODY: Duration = Duration::from_secs(60);
/// Of a request that says something about a build in words.
const LONGEST_WORDS: usize = 64 * 1024;
/// Bodies that are read at one time.
const MOST_BODIES: usize = 64;
const LONGEST_NAME: usize = 128;

/// A build that a worker may run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// Shown with each request about the build.
    pub token: String,
    /// Without a sign of life for so long, the worker is lost.
    pub lease_seconds: u64,
    /// The ARN of the worker's fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<String>,
    pub plan: Plan,
}

/// Why a worker does not bring a build to its end.
#[derive(Debug, Serialize, Deserialize)]
pub struct GivenUp {
    pub why: String,
    /// Another worker may run it, if it has not begun.
    pub again: bool,
}

/// Who asks for builds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asking {
    /// As operators know the machine.
    pub worker: String,
    /// It runs containers, and pulls their images.
    #[serde(default)]
    pub containers: bool,
}

/// The part of the front door that workers talk to.
pub struct WorkerEndpoint {
    codebuild: Arc<CodeBuild>,
    gateway: Arc<Gateway>,
    bodies: Semaphore,
}

/// Status and body.
type Answer = (StatusCode, Bytes);

impl WorkerEndpoint {
    /// Below it is everything that workers ask for.
    pub const PREFIX: &'static str = "/codebuild/workers/";

    pub fn new(codebuild: Arc<CodeBuild>, gateway: Arc<Gateway>) -> Self {
        Self { codebuild, gateway, bodies: Semaphore::new(MOST_BODIES) }
    }

    async fn answer(&self, request: Request, peer: Peer) -> Result<Answer, aws::Error> {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(aws::Error::new("MethodNotAllowed", "Workers post.").with_status(405));
        }
        let mut asked = request::asked(&parts).ok_or_else(unknown)?;
        let (ctx, allowed) = match self.pod(&parts, &mut asked)? {
            Some(allowed) => (self.of_pod(&parts, peer), Ok(allowed)),
            None => {
                let ctx = self.caller(&parts, peer).await?;
                let allowed = self.allowed(&ctx, &asked).await;
                (ctx, allowed)
            }
        };
        let done = match allowed {
            Ok((executor, pool)) => self.serve((executor, &pool), &asked, &parts, body).await,
            Err(error) => Err(error),
        };
        if is_recorded(&asked, &done) {
            self.record(ctx, &asked, done.as_ref().err()).await?;
        }
        done
    }

    /// What a pod gets that shows the token of its build; none if the request is signed, or shows no token.
    fn pod(&self, parts: &Parts, asked: &mut Asked) -> Result<Option<(&RemoteExecutor, Pool)>, aws::Error> {
        let token = request::token(parts);
        if token.is_empty() || verify::parse(parts)?.is_some() {
            return Ok(None);
        }
        let pool = Pool::Pod(hash(token));
        let id = match asked {
            Asked::Lease { wanted, .. } => *wanted,
            Asked::Build(of) => Some(of.claim.id),
        };
        let executor = self.codebuild.workers.as_deref();
        let Some(executor) = executor.filter(|executor| id.is_some_and(|id| executor.is_for(id, &pool)))
        else {
            return Err(match asked {
                Asked::Lease { .. } => {
                    aws::Error::access_denied("This token is not good for this build.").with_status(403)
                }
                Asked::Build(_) => refused(Refused::NotYours),
            });
        };
        if let Asked::Build(of) = asked {
            of.claim.pool = pool.clone();
        }
        Ok(Some((executor, pool)))
    }

    /// This service has handed the build on.
    fn of_pod(&self, parts: &Parts, peer: Peer) -> Ctx {
        let caller = Caller::of(Principal::Service { name: CODEBUILD.principal() });
        let home = self.gateway.home.clone();
        self.gateway.ctx(caller, home, "RunBuilds", Origin::of(&parts.headers, peer))
    }

    /// Who asks, by the signature over what the body is said to be: a stranger's body is not read.
    async fn caller(&self, parts: &Parts, peer: Peer) -> Result<Ctx, aws::Error> {
        let signed = verify::parse(parts)?.ok_or_else(|| {
            let missing = "Missing Authentication Token";
            aws::Error::new("MissingAuthenticationTokenException", missing).with_status(403)
        })?;
        let authenticator = self.gateway.authenticator.as_ref();
        let declared = declared_hash(&parts.headers);
        let caller =
            verify::verify(authenticator, &CODEBUILD, &signed, parts, declared, Timestamp::now()).await;
        let caller = caller.map_err(|error| error.with_status(403))?;
        let home = &self.gateway.home;
        let account = caller.principal.account().unwrap_or(&home.account).clone();
        let scope = Scope::new(account, home.region.clone());
        Ok(self.gateway.ctx(caller, scope, "RunBuilds", Origin::of(&parts.headers, peer)))
    }

    /// What the builds are had from, and those of which workers they are.
    async fn allowed(&self, ctx: &Ctx, asked: &Asked) -> Result<(&RemoteExecutor, Pool), aws::Error> {
        let pool = match asked {
            Asked::Lease { fleet: None, .. } => Pool::Common,
            Asked::Lease { fleet: Some(fleet), .. } => Pool::Fleet(self.fleet(ctx, fleet).await?),
            Asked::Build(of) => of.claim.pool.clone(),
        };
        let access = match &pool {
            Pool::Fleet(arn) => Access::to(arn),
            Pool::Cluster | Pool::Pod(_) => return Err(unknown()),
            // A key of another account has nothing to do with the builds of this platform.
            Pool::Common if ctx.scope.account != self.gateway.home.account => {
                let message = "Workers that belong to no fleet belong to the platform's own account.";
                return Err(aws::Error::access_denied(message).with_status(403));
            }
            Pool::Common => Access::any(),
        };
        self.authorise(ctx, access).await?;
        // What was leased before the operator has changed this comes to its end.
        let is_new = matches!((asked, &pool), (Asked::Lease { .. }, Pool::Common));
        let runs_common = self.codebuild.config.containers.isolation == Isolation::Workers;
        match &self.codebuild.workers {
            Some(executor) if runs_common || !is_new => Ok((executor, pool)),
            Some(_) | None => {
                let message = "This server runs its builds itself: workers need executor = \"workers\" in [builds] of its \
                               configuration, or a fleet.";
                Err(aws::Error::new("NoWorkersException", message).with_status(404))
            }
        }
    }

    async fn authorise(&self, ctx: &Ctx, access: Access) -> Result<(), aws::Error> {
        let access = access.action(ACTION);
        let allowed = self.gateway.authoriser.authorise(ctx, &CODEBUILD, "RunBuilds", &[access]).await;
        allowed.map_err(|error| error.with_status(403))
    }

    /// The ARN of a fleet that a worker names. That there is none is told to whoever may run builds of all of them.
    async fn fleet(&self, ctx: &Ctx, given: &str) -> Result<String, aws::Error> {
        let found = match FleetName::anywhere(&ctx.scope, given) {
            Some(name) => self.codebuild.fleet(&name).await.map_err(aws::Error::internal)?,
            None => None,
        };
        if let Some(fleet) = found {
            return Ok(fleet.arn());
        }
        self.authorise(ctx, Access::any()).await?;
        Err(aws::Error::from(Error::FleetNotFound(given.to_owned())).with_status(404))
    }

    async fn serve(
        &self,
        (executor, pool): (&RemoteExecutor, &Pool),
        asked: &Asked,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, aws::Error> {
        let limit = match asked {
            Asked::Lease { .. } => LONGEST_WORDS,
            Asked::Build(of) => match of.what {
                request::What::Append(Stream::Events) => LONGEST_BYTES,
                request::What::Append(Stream::Output | Stream::Result) => CHUNK_BYTES,
                _ => LONGEST_WORDS,
            },
        };
        let place = self.bodies.acquire().await.map_err(aws::Error::internal)?;
        let body = read_within(body, limit, LONGEST_BODY).await.map_err(unread)?;
        if !self.gateway.authenticator.is_open() && verify::body_hash(&body) != declared_hash(&parts.headers)
        {
            let message = "The body is not the one that was signed.";
            return Err(aws::Error::new("SignatureDoesNotMatch", message).with_status(403));
        }
        // Whoever waits, for a build or with a sign of life, has no body that takes memory.
        let _place = (!body.is_empty() && asked.is_append()).then_some(place);
        match asked {
            Asked::Lease { wanted, .. } => {
                let token = match pool {
                    Pool::Pod(proof) => (request::token(parts).to_owned(), proof.clone()),
                    Pool::Common | Pool::Fleet(_) | Pool::Cluster => new_token(),
                };
                lease((executor, pool), token, *wanted, &body).await
            }
            Asked::Build(of) => of_build(executor, of, body).await,
        }
    }

    async fn record(&self, ctx: Ctx, asked: &Asked, error: Option<&aws::Error>) -> Result<(), aws::Error> {
        let record = AuditRecord {
            request_id: ctx.request_id.to_string(),
            ctx,
            event_source: CODEBUILD.principal(),
            event_name: "RunBuilds".to_owned(),
            read_only: false,
            request_parameters: asked.told(),
            response_elements: Value::Null,
            resources: vec![],
            error: error.cloned(),
        };
        self.gateway.auditor.record(record).await
    }
}

/// What changes who runs a build, and what is refused. Pieces, signs of life and leases of nothing are not: there are many
/// in each second.
fn is_recorded(asked: &Asked, done: &Result<Answer, aws::Error>) -> bool {
    match (asked, done) {
        (_, Err(error)) => error.status != StatusCode::CONFLICT.as_u16(),
        (Asked::Lease { .. }, Ok((status, _))) => *status == StatusCode::OK,
        (Asked::Build(of), Ok(_)) => matches!(of.what, request::What::Finish | request::What::GiveUp),
    }
}

async fn lease(
    (executor, pool): (&RemoteExecutor, &Pool),
    (token, proof): (String, String),
    wanted: Option<Uuid>,
    body: &[u8],
) -> Result<Answer, aws::Error> {
    let asking: Asking = words(body)?;
    let is_name = (1..=LONGEST_NAME).contains(&asking.worker.len())
        && asking.worker.chars().all(|char| char.is_ascii_graphic());
    if !is_name {
        let message = format!("A worker's name has 1 to {LONGEST_NAME} visible characters of ASCII.");
        return Err(aws::Error::new("InvalidInputException", message));
    }
    Ok(match executor.lease(&asking.worker, pool, &proof, wanted).await {
        Some(mut leased) => {
            if let Some(requested) = leased.plan.requested.as_mut().filter(|_| !asking.containers) {
                // Who pulls nothing needs no password.
                requested.pull_as = PullAs::Anybody;
            }
            let fleet = match pool {
                Pool::Common | Pool::Cluster | Pool::Pod(_) => None,
                Pool::Fleet(arn) => Some(arn.clone()),
            };
            let lease = Lease { token, lease_seconds: leased.lease.as_secs(), fleet, plan: leased.plan };
            (StatusCode::OK, serde_json::to_vec(&lease).map_err(aws::Error::internal)?.into())
        }
        None => (StatusCode::NO_CONTENT, Bytes::new()),
    })
}

async fn of_build(executor: &RemoteExecutor, of: &OfBuild, body: Bytes) -> Result<Answer, aws::Error> {
    let done = match of.what {
        request::What::Files => executor.files(&of.claim, of.offset).await.map(Bytes::from),
        request::What::Append(stream) => {
            executor.append(&of.claim, stream, of.offset, body).await.and_then(|told| text(&told))
        }
        request::What::Alive => executor.alive(&of.claim).await.and_then(|told| text(&told)),
        request::What::Finish => executor.take_files(&of.claim).await.map(|()| Bytes::new()),
        request::What::GiveUp => {
            let given_up: GivenUp = words(&body)?;
            executor.give_up(&of.claim, given_up.again, given_up.why).await.map(|()| Bytes::new())
        }
    };
    done.map(|body| (StatusCode::OK, body)).map_err(refused)
}

fn text(value: &impl Serialize) -> Result<Bytes, Refused> {
    Ok(serde_json::to_vec(value).map_err(io::Error::from)?.into())
}

fn words<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, aws::Error> {
    serde_json::from_slice(body)
        .map_err(|error| aws::Error::new("InvalidInputException", format!("The body: {error}")))
}

#[async_trait]
impl HttpService for WorkerEndpoint {
    async fn handle(&self, request: Request, peer: Peer) -> Response {
        let (status, body) = self.answer(request, peer).await.unwrap_or_else(|error| {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            let mut told = json!({ "__type": error.code, "message": error.message });
            if let Value::Object(told) = &mut told {
                told.extend(error.members);
            }
            (status, told.to_string().into())
        });
        let mut response = Response::new(full(body));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

fn unknown() -> aws::Error {
    aws::Error::new("UnknownOperationException", "No worker asks this.").with_status(404)
}

fn refused(refused: Refused) -> aws::Error {
    let error = |code: &'static str, status| aws::Error::new(code, refused.to_string()).with_status(status);
    match &refused {
        Refused::NotYours => error("LeaseOverException", 410),
        Refused::Gap { length } => error("GapException", 409).with_member("length", *length),
        Refused::TooMuch | Refused::Files(runner::archive::Error::TooLarge(_)) => {
            error("RequestEntityTooLarge", 413)
        }
        Refused::NoEvents => error("InvalidInputException", 400),
        Refused::Files(runner::archive::Error::Io { source, .. }) => aws::Error::internal(source),
        Refused::Files(_) => error("InvalidInputException", 400),
        Refused::Io(source) => aws::Error::internal(source),
    }
}

fn unread(unread: Unread) -> aws::Error {
    match unread {
        Unread::TooLong => aws::Error::new("RequestEntityTooLarge", "The body is too long.").with_status(413),
        Unread::TooSlow => aws::Error::new("RequestTimeout", "The body took too long.").with_status(408),
        Unread::Broken => aws::Error::new("InvalidInputException", "The body could not be read."),
    }
}

/// What a client says that the body's hash is; nothing is the hash of no body.
fn declared_hash(headers: &HeaderMap) -> &str {
    headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok()).unwrap_or_default()
}
