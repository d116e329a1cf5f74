//! Writing a blob piece by piece.

use bytes::Bytes;

use crate::beside::Beside;
use crate::staging::{Staged, blocking};
use crate::{BlobId, Blobs, Error};

/// A blob in the making. Dropping it stores nothing; a write that is under way is brought to its end before its file goes.
pub struct BlobWriter {
    blobs: Blobs,
    staged: Beside<Staged>,
}

impl BlobWriter {
    /// Adds bytes. Errors, which may be those of bytes added before: `Full`, `File`; `Incomplete` after an earlier write failed
    /// or its future was dropped.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.staged.add(bytes.into()).await
    }

    /// Stores the blob under its name. Returns once it is durable.
    pub async fn finish(self) -> Result<BlobId, Error> {
        let mut staged = self.staged.finish().await?;
        let id = staged.name();
        self.blobs.place(staged, id).await?;
        Ok(id)
    }

    pub(crate) async fn begin(blobs: Blobs) -> Result<BlobWriter, Error> {
        let path = blobs.staging().new_path();
        let staged = blocking(move || Staged::create(path)).await?;
        Ok(BlobWriter { blobs, staged: Beside::new(staged) })
    }
}
