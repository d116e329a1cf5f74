//! Follows a build from a stored position, live, across restarts of the server and of nothing else.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    sync::Arc,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

use crate::{event::Event, folder::Folder, readiness::readiness, watch::Watch};

/// Bytes of output handed out at once.
const CHUNK: usize = 64 * 1024;
/// An event is small; a line longer than this was not written by a supervisor.
pub(crate) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// How far a reader has come: byte offsets into `output.log` and `events.jsonl`. The default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub output: u64,
    pub events: u64,
}

/// The next thing that a reader learns of a build.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The next bytes of the log, cut anywhere.
    Output(Bytes),
    Event(Event),
    /// The supervisor is gone without a final event; nothing follows.
    Lost,
}

/// A reader of one build. After `Event::Finished` or `Lost` nothing follows that was not asked for again.
pub struct Attachment {
    output: Arc<File>,
    events: Arc<File>,
    position: Position,
    /// Read from `events.jsonl`, but not handed out yet.
    pending: Vec<u8>,
    folder: Folder,
    watch: Watch,
    supervisor: Supervisor,
}

enum Supervisor {
    /// Not started yet, or not looked at.
    Unknown,
    Alive(AsyncFd<OwnedFd>),
    Dead,
    /// It runs on a worker: whoever leases builds writes the final event if it is lost.
    Elsewhere,
}

impl Attachment {
    pub(crate) fn new(folder: Folder, position: Position, watch: Watch) -> io::Result<Self> {
        Ok(Self {
            output: Arc::new(File::open(folder.output_log())?),
            events: Arc::new(File::open(folder.events())?),
            position,
            pending: Vec::new(),
            folder,
            watch,
            supervisor: Supervisor::Unknown,
        })
    }

    /// A reader of a build that a worker runs, or will run.
    pub(crate) fn of_worker(folder: Folder, position: Position, watch: Watch) -> io::Result<Self> {
        Ok(Self { supervisor: Supervisor::Elsewhere, ..Self::new(folder, position, watch)? })
    }

    /// Up to where everything has been handed out. Store it with what was done with the updates.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Waits for the next update. May be dropped while it waits without losing one.
    ///
    /// All output that a build has made comes before its final event.
    pub async fn next(&mut self) -> io::Result<Update> {
        loop {
            self.look_for_supervisor()?;
            let was_dead = matches!(self.supervisor, Supervisor::Dead);
            let event = self.peek_event().await?;
            // Read after the event: when that is the final one, all output stands in the log by now.
            if !matches!(&event, Some((event, _)) if !event.is_final())
                && let Some(output) = self.read_output().await?
            {
                return Ok(Update::Output(output));
            }
            if let Some((event, bytes)) = event {
                self.pending.drain(..bytes);
                self.position.events += bytes as u64;
                return Ok(Update::Event(event));
            }
            if was_dead {
                return Ok(Update::Lost);
            }
            self.wait().await?;
        }
    }

    fn look_for_supervisor(&mut self) -> io::Result<()> {
        if matches!(self.supervisor, Supervisor::Unknown)
            && (self.folder.has_supervisor()? || self.folder.is_leased()?)
        {
            self.supervisor = match self.folder.supervisor() {
                Some(handle) => Supervisor::Alive(readiness(handle)?),
                None => Supervisor::Dead,
            };
        }
        Ok(())
    }

    /// Until a file has changed or the supervisor has ended.
    async fn wait(&mut self) -> io::Result<()> {
        match &self.supervisor {
            Supervisor::Alive(handle) => tokio::select! {
                () = self.watch.changed() => return Ok(()),
                ended = handle.readable() => ended?.retain_ready(),
            },
            Supervisor::Unknown | Supervisor::Dead | Supervisor::Elsewhere => {
                self.watch.changed().await;
                return Ok(());
            }
        }
        self.supervisor = Supervisor::Dead;
        Ok(())
    }

    async fn read_output(&mut self) -> io::Result<Option<Bytes>> {
        let chunk = read_at(&self.output, self.position.output).await?;
        self.position.output += chunk.len() as u64;
        Ok((!chunk.is_empty()).then(|| Bytes::from(chunk)))
    }

    /// The next event with the length of its line, not taken yet.
    async fn peek_event(&mut self) -> io::Result<Option<(Event, usize)>> {
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let event = serde_json::from_slice(&self.pending[..end])?;
                return Ok(Some((event, end + 1)));
            }
            if self.pending.len() > MAX_EVENT_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line of events.jsonl has no end"));
            }
            let chunk = read_at(&self.events, self.position.events + self.pending.len() as u64).await?;
            if chunk.is_empty() {
                return Ok(None);
            }
            self.pending.extend_from_slice(&chunk);
        }
    }
}

/// Off the runtime's threads: a slow disk must not hold up everybody else.
async fn read_at(file: &Arc<File>, offset: u64) -> io::Result<Vec<u8>> {
    let file = Arc::clone(file);
    let read = move || {
        let mut chunk = vec![0; CHUNK];
        let length = file.read_at(&mut chunk, offset)?;
        chunk.truncate(length);
        Ok(chunk)
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}
