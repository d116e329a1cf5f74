//! Fetches and clones: `git upload-pack`, its input and output streamed.

use std::process::Stdio;
use std::time::Duration;

use aws::http::{Body, BodyError};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use super::process::{Running, messages};
use super::repositories::Folder;
use super::request_body::RequestBody;
use super::{Error, pkt_line};

/// How many chunks of an answer wait for a slow client.
const CHUNKS_AHEAD: usize = 4;
const CHUNK: usize = 64 * 1024;
/// A client that takes nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(300);

/// The answer to `info/refs?service=git-upload-pack`. `protocol`: the request's `Git-Protocol`.
pub async fn advertise(folder: &Folder, protocol: Option<&str>) -> Result<Bytes, Error> {
    let mut command = upload_pack(folder, protocol);
    command.args(["--http-backend-info-refs", "."]);
    let advertised = folder.git.run("upload-pack", command).await?;
    let mut answer = Vec::with_capacity(advertised.len() + 40);
    if !is_v2(protocol) {
        pkt_line::write_line(&mut answer, b"# service=git-upload-pack\n");
        answer.extend_from_slice(pkt_line::FLUSH);
    }
    answer.extend_from_slice(&advertised);
    Ok(answer.into())
}

/// The answer to a `git-upload-pack` request: an `ls-refs`, or a pack made while it is sent.
pub async fn serve(folder: &Folder, protocol: Option<&str>, request: RequestBody) -> Result<Body, Error> {
    let mut command = upload_pack(folder, protocol);
    command.args(["--stateless-rpc", "."]).stdin(Stdio::piped());
    let mut running = folder.git.start(command).await?;
    let (stdin, stdout) = (running.child.stdin.take(), running.child.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(Error::Task("git has no standard input or output".to_owned()));
    };
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(attend(running, stdin, stdout, request, sender));
    let frames = stream::unfold(receiver, |mut receiver| async move {
        let chunk: Result<Bytes, BodyError> = receiver.recv().await?;
        Some((chunk.map(http_body::Frame::data), receiver))
    });
    Ok(StreamBody::new(frames).boxed_unsync())
}

fn upload_pack(folder: &Folder, protocol: Option<&str>) -> Command {
    let mut command = folder.git.command(&folder.path);
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol);
    }
    command.args(["upload-pack", "--strict"]);
    command
}

fn is_v2(protocol: Option<&str>) -> bool {
    protocol.is_some_and(|protocol| protocol.split(':').any(|part| part == "version=2"))
}

type Chunks = mpsc::Sender<Result<Bytes, BodyError>>;

/// Feeds git and passes on what it says, until it ends or the client is gone. git dies with `running`.
async fn attend(
    mut running: Running,
    stdin: ChildStdin,
    stdout: ChildStdout,
    request: RequestBody,
    out: Chunks,
) {
    let said = running.child.stderr.take().map(|stderr| tokio::spawn(messages(stderr)));
    let fed = async {
        match feed(stdin, request).await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    };
    let passed = pass_on(stdout, &out);
    let outcome = match tokio::try_join!(fed, passed) {
        Ok(((), ())) => running.child.wait().await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    let broken = match outcome {
        // A refusal of git's own (an unknown object, say) is in its answer already.
        Ok(status) if status.code().is_some() => return,
        Ok(status) => format!("git upload-pack was ended by {status}"),
        Err(error) => error,
    };
    drop(running);
    let message = match said {
        Some(said) => said.await.unwrap_or_default(),
        None => String::new(),
    };
    tracing::info!(error = %broken, git.message = message, "A fetch was not completed.");
    // The client must not take a pack that is cut off for a whole one.
    let _ = out.send(Err(broken.into())).await;
}

async fn feed(mut stdin: ChildStdin, mut request: RequestBody) -> Result<(), super::request_body::BodyError> {
    while let Some(chunk) = request.chunk().await? {
        if stdin.write_all(&chunk).await.is_err() {
            // git has heard enough; what it has to say about it comes on the other side.
            return Ok(());
        }
    }
    let _ = stdin.shutdown().await;
    Ok(())
}

async fn pass_on(mut stdout: ChildStdout, out: &Chunks) -> Result<(), String> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        let length = stdout.read_buf(&mut buffer).await.map_err(|error| error.to_string())?;
        if length == 0 {
            return Ok(());
        }
        let sent = tokio::time::timeout(IDLE, out.send(Ok(buffer.split().freeze()))).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err("the client went away".to_owned()),
            Err(_) => return Err(format!("the client took nothing for {} s", IDLE.as_secs())),
        }
    }
}
