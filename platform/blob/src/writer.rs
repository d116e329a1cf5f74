//! Writing a blob piece by piece.

use bytes::Bytes;

use crate::staging::{Staged, blocking};
use crate::{BlobId, Blobs, Error};

/// Bytes gathered before they are hashed and written, so that small pieces do not cost a thread switch each.
const GATHERED: usize = 512 * 1024;

/// A blob in the making. Dropping it stores nothing.
pub struct BlobWriter {
    blobs: Blobs,
    /// `None` while a write is under way, and after one that failed.
    staged: Option<Staged>,
    gathered: Vec<Bytes>,
    gathered_size: usize,
}

impl BlobWriter {
    /// Adds bytes. Errors: `Full`, `File`; `Incomplete` after an earlier write failed or its future was dropped.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let bytes = bytes.into();
        self.gathered_size += bytes.len();
        self.gathered.push(bytes);
        // A piece costs memory beyond its bytes, so their number is bounded too.
        if self.gathered_size >= GATHERED || self.gathered.len() >= GATHERED / 1024 {
            self.flush().await?;
        }
        Ok(())
    }

    /// Stores the blob under its name. Returns once it is durable.
    pub async fn finish(mut self) -> Result<BlobId, Error> {
        self.flush().await?;
        let mut staged = self.staged.take().ok_or(Error::Incomplete)?;
        let id = staged.name();
        self.blobs.place(staged, id).await?;
        Ok(id)
    }

    pub(crate) async fn begin(blobs: Blobs) -> Result<BlobWriter, Error> {
        let path = blobs.staging().new_path();
        let staged = blocking(move || Staged::create(path)).await?;
        Ok(BlobWriter { blobs, staged: Some(staged), gathered: Vec::new(), gathered_size: 0 })
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let mut staged = self.staged.take().ok_or(Error::Incomplete)?;
        let pieces = std::mem::take(&mut self.gathered);
        self.gathered_size = 0;
        let staged = blocking(move || {
            staged.write(&pieces)?;
            Ok(staged)
        })
        .await?;
        self.staged = Some(staged);
        Ok(())
    }
}
