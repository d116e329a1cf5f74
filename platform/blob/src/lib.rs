//! Bytes by the hash of their content, in a local folder or in S3-compatible storage.
//!
//! Equal bytes are stored once. What `put` or [`BlobWriter::finish`] has answered is durable, so a record may name it.
//! Memory stays bounded whatever the size.
//!
//! **Staging.** The name of a blob is known only when its last byte is. So bytes first go to a staged file in a local
//! folder, hashed on the way, and are then put in place: in a local folder by a rename, in S3 by an upload, which is
//! skipped when the object is there. Staged files that a crash left behind are removed at the next start.
//!
//! **Why the local folder does not go through `object_store`.** Its adapter can sync files and folders, but it needs the
//! final name before the first byte, stages beside the final name, and leaves what a crash left. S3 does go through it.
//!
//! **Collecting garbage.** Records name blobs through [`collection`], which takes away what none names.

mod beside;
pub mod collection;
mod error;
mod folder;
mod id;
mod pieces;
mod s3;
mod staging;
#[cfg(test)]
mod tests;
mod writer;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, Stream, StreamExt};

pub use beside::{Beside, Intake};
pub use error::Error;
pub use id::{BlobId, Digest};
pub use writer::BlobWriter;

use folder::Folder;
use s3::S3;
use staging::Staging;

/// The bytes of a blob, in pieces.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// Where the blobs are.
#[derive(Clone, Debug)]
pub enum Config {
    /// A folder on a local disk, made if it is not there. One process at a time.
    Folder { dir: PathBuf },
    /// S3-compatible storage.
    S3 {
        /// `s3://bucket/prefix`
        url: String,
        /// A local folder in which bytes are staged before they are uploaded. One process at a time.
        staging: PathBuf,
        /// Settings by the names that `object_store` knows (`endpoint`, `region`, `access_key_id`,
        /// `secret_access_key`, `allow_http`, …), over those of the `AWS_…` environment variables.
        settings: Vec<(String, String)>,
    },
}

/// A handle to the blobs; clones share it.
#[derive(Clone)]
pub struct Blobs {
    inner: Arc<Inner>,
}

struct Inner {
    staging: Staging,
    place: Place,
}

enum Place {
    Folder(Folder),
    S3(S3),
}

/// What is known of a blob without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: BlobId,
    /// When the bytes were put last.
    pub modified: SystemTime,
}

impl Blobs {
    /// Opens the place, and removes what a crash left in the staging folder.
    /// Errors: `Locked` when another process uses the folder, `Config`, `File`.
    pub async fn open(config: Config) -> Result<Blobs, Error> {
        let (staging, place) = match config {
            Config::Folder { dir } => {
                staging::blocking(move || {
                    let staging = Staging::open(&dir)?;
                    Ok((staging, Place::Folder(Folder::open(&dir)?)))
                })
                .await?
            }
            Config::S3 { url, staging, settings } => {
                let place = Place::S3(S3::open(&url, &settings)?);
                (staging::blocking(move || Staging::open(&staging)).await?, place)
            }
        };
        Ok(Blobs { inner: Arc::new(Inner { staging, place }) })
    }

    /// Stores the bytes of a stream. Returns once they are durable. An error of the stream stores nothing.
    pub async fn put<S, E>(&self, bytes: S) -> Result<BlobId, Error>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut writer = self.writer().await?;
        let mut bytes = std::pin::pin!(bytes);
        while let Some(piece) = bytes.next().await {
            writer.write(piece.map_err(|error| Error::Source(error.into()))?).await?;
        }
        writer.finish().await
    }

    /// Stores bytes that are in memory. Returns once they are durable.
    pub async fn put_bytes(&self, bytes: impl Into<Bytes>) -> Result<BlobId, Error> {
        let mut writer = self.writer().await?;
        writer.write(bytes.into()).await?;
        writer.finish().await
    }

    /// Begins a blob that is written piece by piece.
    pub async fn writer(&self) -> Result<BlobWriter, Error> {
        BlobWriter::begin(self.clone()).await
    }

    /// The bytes of a blob. Errors: `NotFound`.
    pub async fn get(&self, digest: impl Into<Digest>) -> Result<ByteStream, Error> {
        self.get_range(digest, 0..u64::MAX).await
    }

    /// A part of a blob's bytes; an end beyond the last byte means the last byte.
    /// Errors: `NotFound`; `Range` if the part begins beyond the end.
    pub async fn get_range(&self, digest: impl Into<Digest>, range: Range<u64>) -> Result<ByteStream, Error> {
        let digest = digest.into();
        match &self.inner.place {
            Place::Folder(folder) => folder.get(digest, range).await,
            Place::S3(s3) => s3.get(digest, range).await,
        }
    }

    /// All bytes of a blob of at most `limit` bytes. Errors: `NotFound`, `TooLarge`.
    pub async fn read(&self, digest: impl Into<Digest>, limit: usize) -> Result<Bytes, Error> {
        let digest = digest.into();
        let mut bytes = BytesMut::new();
        let mut pieces = self.get(digest).await?;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > limit {
                return Err(Error::TooLarge { digest, limit: limit as u64 });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// Size and age of a blob, `None` if it is not stored.
    pub async fn head(&self, digest: impl Into<Digest>) -> Result<Option<Head>, Error> {
        let digest = digest.into();
        match &self.inner.place {
            Place::Folder(folder) => folder.head(digest).await,
            Place::S3(s3) => s3.head(digest).await,
        }
    }

    /// Deletes a blob. Answers whether it was there.
    pub async fn delete(&self, digest: impl Into<Digest>) -> Result<bool, Error> {
        self.delete_older(digest.into(), None).await
    }

    /// Deletes a blob unless equal bytes were put since `time`. Answers whether it was deleted.
    pub async fn delete_if_older(&self, digest: impl Into<Digest>, time: SystemTime) -> Result<bool, Error> {
        self.delete_older(digest.into(), Some(time)).await
    }

    /// All blobs, in no particular order. Those put or deleted meanwhile may be listed or not.
    pub fn list(&self) -> BoxStream<'static, Result<Head, Error>> {
        match &self.inner.place {
            Place::Folder(folder) => folder.list(),
            Place::S3(s3) => s3.list(),
        }
    }

    /// The file that holds a blob, when blobs are files: for programs that take a path. It must not be changed.
    pub fn path(&self, digest: impl Into<Digest>) -> Option<PathBuf> {
        match &self.inner.place {
            Place::Folder(folder) => Some(folder.path(digest.into())),
            Place::S3(_) => None,
        }
    }

    /// Reads a blob whole and compares it with its name. Errors: `NotFound`; `Damaged`.
    pub async fn verify(&self, digest: impl Into<Digest>) -> Result<(), Error> {
        let digest = digest.into();
        let mut pieces = self.get(digest).await?;
        let mut hash = id::Hashing::default();
        while let Some(piece) = pieces.next().await {
            hash.update(&piece?);
        }
        if hash.finish().digest == digest { Ok(()) } else { Err(Error::Damaged { digest }) }
    }

    async fn delete_older(&self, digest: Digest, time: Option<SystemTime>) -> Result<bool, Error> {
        match &self.inner.place {
            Place::Folder(folder) => folder.delete(digest, time).await,
            Place::S3(s3) => s3.delete(digest, time).await,
        }
    }

    fn staging(&self) -> &Staging {
        &self.inner.staging
    }

    async fn place(&self, staged: staging::Staged, id: BlobId) -> Result<(), Error> {
        match &self.inner.place {
            Place::Folder(folder) => folder.place(staged, id).await,
            Place::S3(s3) => s3.place(staged, id).await,
        }
    }
}

impl std::fmt::Debug for Blobs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.inner.place {
            Place::Folder(folder) => write!(formatter, "Blobs({folder:?})"),
            Place::S3(s3) => write!(formatter, "Blobs({s3:?})"),
        }
    }
}
