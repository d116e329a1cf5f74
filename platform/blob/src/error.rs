//! What storing bytes can fail with.

use std::io;
use std::path::PathBuf;

use crate::Digest;

/// Errors of the blob store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("blob {digest} is not stored")]
    NotFound { digest: Digest },
    /// The part that was asked for begins beyond the end.
    #[error("blob {digest} has {size} bytes, the range begins at {start}")]
    Range { digest: Digest, start: u64, size: u64 },
    /// `read` was asked for fewer bytes than there are.
    #[error("blob {digest} is larger than {limit} bytes")]
    TooLarge { digest: Digest, limit: u64 },
    /// The stored bytes are not those that were put.
    #[error("blob {digest} is damaged")]
    Damaged { digest: Digest },
    /// Not 64 hexadecimal digits.
    #[error("{text:?} is no SHA-256 digest")]
    InvalidDigest { text: String },
    /// The stream that was to be stored failed; nothing was stored.
    #[error("the bytes to be stored could not be read: {0}")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has the folder open.
    #[error("the blob folder {} is in use by another process", .path.display())]
    Locked { path: PathBuf },
    /// No room left on the disk; nothing was stored.
    #[error("no space left for blobs in {}", .path.display())]
    Full { path: PathBuf },
    #[error("{}: {cause}", .path.display())]
    File { path: PathBuf, cause: io::Error },
    /// The configuration of the S3 storage is not usable.
    #[error("blob storage {url}: {cause}")]
    Config { url: String, cause: String },
    #[error("blob storage: {0}")]
    S3(#[source] object_store::Error),
    /// The store that records what becomes of blobs.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A write failed before, so the blob cannot be finished.
    #[error("the blob is incomplete, because an earlier write failed or was given up")]
    Incomplete,
    /// A thread that worked on files ended early.
    #[error("the file operation was interrupted: {0}")]
    Interrupted(String),
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |cause| match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path },
            _ => Error::File { path, cause },
        }
    }
}
