//! `stagewright build attach`: a shell in a build that is paused, or in a sandbox.

use std::io::IsTerminal;
use std::process::ExitCode;

use aws::Remote;
use codebuild::shell_stream::{self, PROTOCOL, Said};
use codebuild_model::{SsmSession, StartBuildConnection, StartSandboxConnection};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::commands::failed;
use crate::commands::run::{Failure, in_runtime};
use crate::commands::server_access::ServerAccess;

/// Of this command's own failures: what the shell answers may be anything below. Source: ssh(1), "Exit status".
const NO_SHELL: u8 = 255;
const CHUNK_BYTES: usize = 16 * 1024;

#[derive(clap::Args)]
#[command(
    after_help = "The key needs codebuild:StartBuildConnection on the project, or codebuild:StartSandboxConnection \
                        for a sandbox.\nIn the shell codebuild-resume lets the build go on; leaving the shell does not.\n\n\
                  Exit codes: that of the shell; 255 there is no shell, or it was lost before it ended; 2 wrong usage."
)]
pub struct Attach {
    /// Id or ARN of a build with a debug session, or of a sandbox
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerAccess,
}

pub fn run(arguments: Attach) -> ExitCode {
    in_runtime(async move {
        let remote = arguments.server.connect().map_err(Failure::wrong)?;
        let ended = shell(&remote, &arguments.id).await.and_then(|code| code.ok_or(Error::Lost));
        Ok(ended.map_or_else(
            |error| {
                failed(error);
                ExitCode::from(NO_SHELL)
            },
            ExitCode::from,
        ))
    })
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Call(#[from] aws::Error),
    #[error("the terminal: {0}")]
    Terminal(#[from] std::io::Error),
    #[error("the server answered no session")]
    NoSession,
    #[error("the shell was lost before it ended: its build is over, or the connection is gone")]
    Lost,
}

/// A shell for whoever sits at this terminal, until it ends. Without a terminal it reads standard input as a script.
/// Gives its exit code; none if it went away with its build or with the connection.
pub async fn shell(remote: &Remote, id: &str) -> Result<Option<u8>, Error> {
    let is_terminal = std::io::stdin().is_terminal();
    let stream = open(remote, id, is_terminal).await?;
    // Every key goes to the shell there, Ctrl-C too.
    let _raw = is_terminal.then(Raw::enter).transpose()?;
    speak(stream, tokio::io::stdin(), tokio::io::stdout()).await.map_err(Error::Terminal)
}

/// Has a shell read this to its end, and waits until it has.
pub async fn tell(remote: &Remote, id: &str, text: &[u8]) -> Result<(), Error> {
    let stream = open(remote, id, false).await?;
    // Where it goes away with the build, it has been heard.
    speak(stream, text, tokio::io::sink()).await.map(drop).map_err(Error::Terminal)
}

async fn open(remote: &Remote, id: &str, is_terminal: bool) -> Result<aws::remote::Stream, Error> {
    let session = session(remote, id).await?;
    let SsmSession { token_value: Some(token), stream_url: Some(url), .. } = session else {
        return Err(Error::NoSession);
    };
    // The server may be known by another name here than to its builds.
    let path = url.parse::<http::Uri>().map_or_else(|_| url.clone(), |url| url.path().to_owned());
    let (rows, columns) = match tcgetwinsize(std::io::stdout()) {
        _ if !is_terminal => (0, 0),
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        Ok(_) | Err(_) => (24, 80),
    };
    Ok(remote.upgrade(&format!("{path}?rows={rows}&columns={columns}"), PROTOCOL, &token).await?)
}

async fn session(remote: &Remote, id: &str) -> Result<SsmSession, Error> {
    let sandbox = StartSandboxConnection { sandbox_id: id.to_owned() };
    if id.contains(":sandbox/") {
        return remote.call(sandbox).await?.ssm_session.ok_or(Error::NoSession);
    }
    match remote.call(StartBuildConnection { id: id.to_owned() }).await {
        // Ids of sandboxes look like those of builds.
        Err(error) if error.code == "ResourceNotFoundException" && !id.starts_with("arn:") => {
            let found = remote.call(sandbox).await.map_err(|_| error)?;
            found.ssm_session.ok_or(Error::NoSession)
        }
        answer => answer?.ssm_session.ok_or(Error::NoSession),
    }
}

/// Until the other side has ended; gives the shell's exit code. The end of the input is told to it.
async fn speak(
    stream: aws::remote::Stream,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<Option<u8>> {
    let (mut said, mut typed) = tokio::io::split(stream);
    let typing = async {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = input.read(&mut chunk).await?;
            let told = match length {
                0 => typed.shutdown().await,
                length => typed.write_all(&chunk[..length]).await,
            };
            if length == 0 || told.is_err() {
                // The shell says when it is over.
                return std::future::pending().await;
            }
        }
    };
    let saying = async {
        let mut buffer = Vec::new();
        loop {
            match shell_stream::next(&mut said, &mut buffer).await? {
                Said::Output(length) => {
                    output.write_all(&buffer[..length]).await?;
                    output.flush().await?;
                }
                Said::Exit(code) => return Ok(Some(code)),
                Said::Lost => return Ok(None),
            }
        }
    };
    tokio::select! {
        ended = saying => ended,
        broken = typing => broken,
    }
}

/// The terminal without its own ways; dropped, it is as it was.
struct Raw(Termios);

impl Raw {
    fn enter() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal is gone, if it fails.
        let _gone = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
