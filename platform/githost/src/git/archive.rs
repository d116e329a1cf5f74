//! A commit's files as a stream.

use std::io;

use aws::objects::ByteStream;
use bytes::Bytes;
use futures_util::stream;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout};

use super::{Fetched, LARGEST_BYTES, run};
use crate::Failure;

const CHUNK: usize = 256 * 1024;

struct Archiving {
    child: Child,
    stdout: ChildStdout,
    written: u64,
    /// Its folder goes away with it.
    _fetched: Fetched,
}

pub(super) fn archive(fetched: Fetched, commit: &str) -> Result<ByteStream, Failure> {
    let mut command = fetched.place().command(&["archive", "--format=zip", "--end-of-options", commit]);
    let mut child = command.stderr(std::process::Stdio::null()).spawn()?;
    let stdout = child.stdout.take().ok_or_else(|| io::Error::other("git has no output"))?;
    let archiving = Archiving { child, stdout, written: 0, _fetched: fetched };
    Ok(Box::pin(stream::try_unfold(archiving, next)))
}

async fn next(mut archiving: Archiving) -> io::Result<Option<(Bytes, Archiving)>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let read = (&mut archiving.stdout).take(CHUNK as u64).read_to_end(&mut chunk).await?;
    if read == 0 {
        // A ZIP that git did not finish is no ZIP.
        let status = archiving.child.wait().await?;
        return match status.success() {
            true => Ok(None),
            false => Err(io::Error::other(format!("git archive ended with {status}"))),
        };
    }
    archiving.written += read as u64;
    if archiving.written > LARGEST_BYTES {
        return Err(run::too_large(LARGEST_BYTES));
    }
    Ok(Some((chunk.into(), archiving)))
}
