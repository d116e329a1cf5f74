//! `stagewright build attach`: a shell in a build that is paused, or in a sandbox.

use std::io::IsTerminal;
use std::process::ExitCode;

use aws::Remote;
use codebuild_model::{SsmSession, StartBuildConnection, StartSandboxConnection};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::commands::run::{Failure, in_runtime};
use crate::commands::server_access::ServerAccess;

/// As the server has it.
const PROTOCOL: &str = "stagewright-terminal";
const CHUNK_BYTES: usize = 16 * 1024;

#[derive(clap::Args)]
#[command(
    after_help = "The key needs codebuild:StartBuildConnection on the project, or codebuild:StartSandboxConnection \
                        for a sandbox.\nIn the shell codebuild-resume lets the build go on; leaving the shell does not."
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
        shell(&remote, &arguments.id).await.map_err(Failure::failed)
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
}

/// A shell for whoever sits at this terminal, until it ends. Without a terminal it reads standard input as a script.
pub async fn shell(remote: &Remote, id: &str) -> Result<(), Error> {
    let is_terminal = std::io::stdin().is_terminal();
    let stream = open(remote, id, is_terminal).await?;
    // Every key goes to the shell there, Ctrl-C too.
    let _raw = is_terminal.then(Raw::enter).transpose()?;
    speak(stream, tokio::io::stdin(), tokio::io::stdout()).await.map_err(Error::Terminal)
}

/// Has a shell read this to its end, and waits until it has.
pub async fn tell(remote: &Remote, id: &str, text: &[u8]) -> Result<(), Error> {
    let stream = open(remote, id, false).await?;
    speak(stream, text, tokio::io::sink()).await.map_err(Error::Terminal)
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

/// Until the other side has ended. The end of the input is told to it.
async fn speak(
    stream: aws::remote::Stream,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let (mut said, mut typed) = tokio::io::split(stream);
    let typing = async {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = input.read(&mut chunk).await?;
            if length == 0 {
                typed.shutdown().await?;
                // The shell says when it is over.
                return std::future::pending::<std::io::Result<()>>().await;
            }
            typed.write_all(&chunk[..length]).await?;
        }
    };
    let saying = async {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = said.read(&mut chunk).await?;
            if length == 0 {
                return output.flush().await;
            }
            output.write_all(&chunk[..length]).await?;
            output.flush().await?;
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
