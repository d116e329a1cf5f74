//! Writing a blob piece by piece.

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::staging::{Staged, blocking};
use crate::{BlobId, Blobs, Error};

/// Bytes gathered before they are hashed and written, so that small pieces do not cost a thread switch each.
const GATHERED: usize = 512 * 1024;

/// A blob in the making. Dropping it stores nothing; a write that is under way is brought to its end before its file goes.
pub struct BlobWriter {
    blobs: Blobs,
    state: State,
    gathered: Vec<Bytes>,
    gathered_size: usize,
}

enum State {
    /// All pieces but those gathered are written.
    Written(Staged),
    /// They are being hashed and written, while whoever brings more goes on.
    Writing(JoinHandle<Result<Staged, Error>>),
    /// While a write is waited for, and after one that failed.
    Broken,
}

impl BlobWriter {
    /// Adds bytes. Errors, which may be those of bytes added before: `Full`, `File`; `Incomplete` after an earlier write failed
    /// or its future was dropped.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let bytes = bytes.into();
        self.gathered_size += bytes.len();
        self.gathered.push(bytes);
        // A piece costs memory beyond its bytes, so their number is bounded too.
        if self.gathered_size >= GATHERED || self.gathered.len() >= GATHERED / 1024 {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// Stores the blob under its name. Returns once it is durable.
    pub async fn finish(mut self) -> Result<BlobId, Error> {
        self.hand_over().await?;
        let mut staged = self.written().await?;
        let id = staged.name();
        self.blobs.place(staged, id).await?;
        Ok(id)
    }

    pub(crate) async fn begin(blobs: Blobs) -> Result<BlobWriter, Error> {
        let path = blobs.staging().new_path();
        let staged = blocking(move || Staged::create(path)).await?;
        Ok(BlobWriter { blobs, state: State::Written(staged), gathered: Vec::new(), gathered_size: 0 })
    }

    /// Lets what was gathered be written, once what came before is.
    async fn hand_over(&mut self) -> Result<(), Error> {
        let mut staged = self.written().await?;
        let pieces = std::mem::take(&mut self.gathered);
        self.gathered_size = 0;
        self.state = State::Writing(tokio::task::spawn_blocking(move || {
            staged.write(&pieces)?;
            Ok(staged)
        }));
        Ok(())
    }

    /// Waits for what is being written.
    async fn written(&mut self) -> Result<Staged, Error> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Written(staged) => Ok(staged),
            State::Writing(written) => {
                written.await.unwrap_or_else(|error| Err(Error::Interrupted(error.to_string())))
            }
            State::Broken => Err(Error::Incomplete),
        }
    }
}
