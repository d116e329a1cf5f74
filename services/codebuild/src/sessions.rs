//! Shells in environments that are open: offered by an authorised call, opened once with the token that it answered.
//!
//! The stream is an HTTP connection that is upgraded: what comes is typed at the shell, what goes is what the shell says, as
//! [`crate::shell_stream`] has it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws::http::{HttpService, Peer, Request, Response, full};
use codebuild_model::SsmSession;
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use runner::{Size, State, Terminal};
use subtle::ConstantTimeEq;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use crate::{
    CodeBuild, credentials,
    error::Error,
    records::Build,
    shell_stream::{HEAD_BYTES, PROTOCOL, exit, head_of_output},
};

/// How long a token is good.
const OFFERED_FOR: Duration = Duration::from_secs(60);
/// Offers that nobody has taken, over all builds.
const MOST_OFFERS: usize = 1000;
/// Shells that are open, over all builds.
const MOST_SHELLS: usize = 100;
const CHUNK_BYTES: usize = 16 * 1024;
/// What a pipe holds.
const PIPE_BYTES: usize = 64 * 1024;
/// The two lines that a shell's `end` has are shorter.
const END_BYTES: usize = 16;
/// How often a shell's build is looked at: it may end without a word.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After its client has said all, a shell may go on for so long: it may have work to do, or nobody hears it any more.
const LEFT_ALONE: Duration = Duration::from_secs(10 * 60);

pub(crate) struct Sessions {
    offers: Mutex<HashMap<Uuid, Offer>>,
    /// For shells that are open.
    places: Arc<Semaphore>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { offers: Mutex::default(), places: Arc::new(Semaphore::new(MOST_SHELLS)) }
    }
}

struct Offer {
    token: String,
    build: Uuid,
    expires: Instant,
}

impl Sessions {
    fn table(&self) -> MutexGuard<'_, HashMap<Uuid, Offer>> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the session's id and its token.
    fn offer(&self, build: Uuid) -> Result<(Uuid, String), Error> {
        let (token, hash) = credentials::new_token();
        let (id, now) = (Uuid::new_v4(), Instant::now());
        let mut table = self.table();
        table.retain(|_, offer| offer.expires > now);
        if table.len() >= MOST_OFFERS {
            return Err(Error::InvalidInput("Too many sessions wait to be opened".to_owned()));
        }
        table.insert(id, Offer { token: hash, build, expires: now + OFFERED_FOR });
        Ok((id, token))
    }

    /// Gives the build, once.
    fn take(&self, id: Uuid, token: &str) -> Option<Uuid> {
        let mut table = self.table();
        let is_good = table.get(&id).is_some_and(|offer| {
            offer.expires > Instant::now()
                && offer.token.as_bytes().ct_eq(credentials::hash(token).as_bytes()).into()
        });
        if is_good { table.remove(&id).map(|offer| offer.build) } else { None }
    }
}

/// Offers a shell in an environment that is open. Errors: InvalidInput.
pub(crate) async fn offer(codebuild: &CodeBuild, build: &Build) -> Result<SsmSession, Error> {
    let refused = |why: &str| Err(Error::InvalidInput(format!("{} {why}", build.arn())));
    if build.open.is_none() {
        return refused("has no debug session: it must be started with debugSessionEnabled");
    }
    if build.is_complete() {
        return refused("has ended");
    }
    let state = codebuild.executor.state(build.id.uuid).await;
    if state.map_err(aws::Error::internal)? != State::Running {
        return refused("is not running its commands on this server, yet or any more");
    }
    let (id, token) = codebuild.sessions.offer(build.id.uuid)?;
    Ok(SsmSession {
        session_id: Some(id.to_string()),
        token_value: Some(token),
        stream_url: Some(format!("{}{}{id}", codebuild.config.endpoint, SessionEndpoint::PREFIX)),
    })
}

/// The part of the front door that connects people with shells.
pub struct SessionEndpoint {
    codebuild: Arc<CodeBuild>,
}

/// A shell that counts among those that are open.
struct Shell {
    terminal: Terminal,
    _place: OwnedSemaphorePermit,
}

type Refusal = (StatusCode, &'static str);

impl SessionEndpoint {
    /// Below it are the sessions.
    pub const PREFIX: &'static str = "/codebuild/sessions/";

    pub fn new(codebuild: Arc<CodeBuild>) -> Self {
        Self { codebuild }
    }

    async fn open(&self, parts: &Parts) -> Result<(Uuid, Shell), Refusal> {
        let is_asked = parts.method == Method::GET
            && parts
                .headers
                .get(header::UPGRADE)
                .is_some_and(|value| value.as_bytes() == PROTOCOL.as_bytes());
        if !is_asked {
            return Err((
                StatusCode::UPGRADE_REQUIRED,
                "A session is a connection upgraded to stagewright-terminal-2.",
            ));
        }
        let id = parts.uri.path().strip_prefix(Self::PREFIX).and_then(|id| id.parse::<Uuid>().ok());
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let build = id.zip(token).and_then(|(id, token)| self.codebuild.sessions.take(id, token));
        let build = build.ok_or((StatusCode::FORBIDDEN, "This token is not good for this session."))?;
        let gone = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, build.uuid = %build, "a shell could not be opened");
            (StatusCode::CONFLICT, "The environment takes no shell any more.")
        };
        let full = |_| (StatusCode::SERVICE_UNAVAILABLE, "Too many shells are open.");
        let place = self.codebuild.sessions.places.clone().try_acquire_owned().map_err(full)?;
        if self.codebuild.executor.state(build).await.map_err(|error| gone(&error))? != State::Running {
            return Err(gone(&"it has ended"));
        }
        let folder = self.codebuild.executor.prepare(build).await.map_err(|error| gone(&error))?;
        let terminal = folder.open_terminal(size(parts.uri.query())).map_err(|error| gone(&error))?;
        Ok((build, Shell { terminal, _place: place }))
    }
}

/// `rows=24&columns=80`, which is also what it is if nothing is said.
fn size(query: Option<&str>) -> Size {
    let number = |name: &str| {
        let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u16>().ok())
    };
    Size { rows: number("rows").unwrap_or(24), columns: number("columns").unwrap_or(80) }
}

#[async_trait]
impl HttpService for SessionEndpoint {
    async fn handle(&self, mut request: Request, _peer: Peer) -> Response {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let mut response = match self.open(&parts).await {
            Ok((build, shell)) => {
                tokio::spawn(connect(self.codebuild.clone(), build, shell, upgrade));
                let mut response = Response::new(full(""));
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static(PROTOCOL));
                response
            }
            Err((status, message)) => {
                let mut response = Response::new(full(format!("{message}\n")));
                *response.status_mut() = status;
                response
            }
        };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

async fn connect(codebuild: Arc<CodeBuild>, build: Uuid, shell: Shell, upgrade: OnUpgrade) {
    let Shell { terminal, _place } = shell;
    match upgrade.await {
        Ok(stream) => {
            if let Err(error) = speak(&codebuild, build, terminal, stream).await {
                tracing::debug!(%error, build.uuid = %build, "a shell lost its client");
            }
        }
        Err(error) => tracing::debug!(%error, build.uuid = %build, "a shell got no connection"),
    }
}

/// Until the shell, its client or its build has ended.
async fn speak(
    codebuild: &CodeBuild,
    build: Uuid,
    terminal: Terminal,
    stream: Upgraded,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(TokioIo::new(stream));
    let Terminal { mut input, mut output, mut end, pipes: _pipes } = terminal;
    let began = Notify::new();
    let began = &began;
    let typed = async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = from_client.read(&mut chunk).await?;
            if length == 0 {
                // With it goes the shell's input; but a pipe forgets what it holds while nobody has opened it.
                began.notified().await;
                drop(input);
                return Ok::<_, std::io::Error>(());
            }
            input.write_all(&chunk[..length]).await?;
        }
    };
    let said = async {
        let (mut piece, mut told, mut end_said) =
            (vec![0; HEAD_BYTES + CHUNK_BYTES], [0; END_BYTES], Vec::new());
        loop {
            tokio::select! {
                biased;
                read = output.read(&mut piece[HEAD_BYTES..]) => {
                    let length = read?;
                    to_client.write_all(framed(&mut piece, length)).await?;
                }
                read = end.read(&mut told) => {
                    end_said.extend_from_slice(&told[..read?]);
                    began.notify_one();
                    if let Some(code) = exit_code(&end_said) {
                        // What it has printed stands in its pipe by now; a process that it has left behind may go on printing.
                        let mut drained = 0;
                        while drained < PIPE_BYTES && let Ok(length) = output.try_read(&mut piece[HEAD_BYTES..]) {
                            drained += length;
                            to_client.write_all(framed(&mut piece, length)).await?;
                        }
                        if let Some(code) = code {
                            to_client.write_all(&exit(code)).await?;
                        }
                        return to_client.shutdown().await;
                    }
                }
                () = sleep(LOOK_AGAIN) => {
                    let state = codebuild.executor.state(build).await.map_err(std::io::Error::other)?;
                    if state != State::Running {
                        return to_client.shutdown().await;
                    }
                }
            }
        }
    };
    tokio::pin!(said);
    tokio::select! {
        ended = &mut said => ended,
        left = typed => match left {
            Ok(()) => timeout(LEFT_ALONE, &mut said).await.unwrap_or(Ok(())),
            Err(error) => Err(error),
        },
    }
}

/// The piece with its head, once output of this length has been read behind that.
fn framed(piece: &mut [u8], length: usize) -> &[u8] {
    piece[..HEAD_BYTES].copy_from_slice(&head_of_output(length));
    &piece[..HEAD_BYTES + length]
}

/// Once the second line of a shell's `end` is there: the code in it, or none if the environment has written something else.
fn exit_code(said: &[u8]) -> Option<Option<u8>> {
    let mut lines = said.split_inclusive(|&byte| byte == b'\n');
    let last = lines.nth(1).filter(|line| line.ends_with(b"\n"));
    if last.is_none() && said.len() > END_BYTES {
        return Some(None);
    }
    Some(std::str::from_utf8(last?).ok().and_then(|line| line.trim_end().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_taken_once_and_by_its_token() {
        let sessions = Sessions::default();
        let (id, token) = sessions.offer(Uuid::nil()).unwrap();
        assert_eq!(sessions.take(id, "wrong"), None);
        assert_eq!(sessions.take(Uuid::nil(), &token), None);
        assert_eq!(sessions.take(id, &token), Some(Uuid::nil()));
        assert_eq!(sessions.take(id, &token), None);
    }

    #[test]
    fn a_size_that_is_not_told_is_a_usual_one() {
        assert_eq!(size(Some("rows=50&columns=132")), Size { rows: 50, columns: 132 });
        assert_eq!(size(Some("rows=x")), Size { rows: 24, columns: 80 });
    }

    #[test]
    fn a_shell_has_ended_with_its_second_line() {
        assert_eq!(exit_code(b"begun\n"), None);
        assert_eq!(exit_code(b"begun\n1"), None);
        assert_eq!(exit_code(b"begun\n130\n"), Some(Some(130)));
        assert_eq!(exit_code(b"begun\n256\n"), Some(None));
        assert_eq!(exit_code(b"a line that no shell has written"), Some(None));
    }
}
