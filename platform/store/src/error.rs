//! What a store operation can be refused or fail with.

use std::path::PathBuf;
use std::sync::Arc;

/// Errors of the store. They are cheap to clone, because all closures of a failed group commit get the same one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// `put_if` found another revision than the caller had read (`None`: no record).
    #[error("a record of kind {kind} was changed meanwhile: expected revision {expected:?}, found {found:?}")]
    Conflict { kind: &'static str, expected: Option<u64>, found: Option<u64> },
    /// The queue entry was claimed by another worker after the lease ended, or cancelled.
    #[error("the lease on {id} of queue {queue} was lost")]
    LeaseLost { queue: String, id: String },
    /// A record was stored in a form that its type cannot read.
    #[error("a record of kind {kind} is stored in version {version}, which this program cannot read")]
    UnknownVersion { kind: &'static str, version: u32 },
    /// A stored document, payload or key does not have the shape that its type expects.
    #[error("cannot decode {what}: {cause}")]
    Decode { what: String, cause: Arc<str> },
    /// A value cannot be written as JSON.
    #[error("cannot encode {what}: {cause}")]
    Encode { what: String, cause: Arc<str> },
    /// Bytes that are no encoded [`Key`](crate::Key).
    #[error("invalid key")]
    InvalidKey,
    /// The key of a record, or an index entry with it, is longer than 2,500 bytes.
    #[error("a key of kind {kind} has {length} bytes; it may have 2500")]
    KeyTooLong { kind: &'static str, length: usize },
    /// The database was written by a newer program.
    #[error("the database has schema {found}; this program knows schemas up to {known}. Use a newer program")]
    NewerSchema { found: i64, known: i64 },
    /// Another process has the data folder open.
    #[error("the data folder {} is in use by another process", .path.display())]
    Locked { path: PathBuf },
    /// The data folder or a backup cannot be used as asked.
    #[error("{}: {cause}", .path.display())]
    File { path: PathBuf, cause: Arc<str> },
    /// No room left on the disk. Nothing of the transaction was acknowledged.
    #[error("no space left for the database: {cause}")]
    Full { cause: Arc<str> },
    /// The database cannot be reached. The transaction did not take place.
    #[error("the database is unavailable: {cause}")]
    Unavailable { cause: Arc<str> },
    /// The connection broke, or the disk failed, during the commit: the transaction may or may not have taken place.
    #[error("the outcome of the commit is unknown: {cause}")]
    CommitUnknown { cause: Arc<str> },
    /// The transaction ran into conflicts with others more often than it was retried.
    #[error("the transaction gave way to others {attempts} times")]
    Contention { attempts: u32 },
    /// The closure panicked; its changes were rolled back.
    #[error("a transaction panicked: {message}")]
    Panicked { message: Arc<str> },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The engine does not have this function.
    #[error("{what} is not supported by this database engine: {instead}")]
    Unsupported { what: &'static str, instead: &'static str },
    /// Anything else that the database engine reports.
    #[error("database error: {cause}")]
    Engine { cause: Arc<str> },
}

impl Error {
    pub(crate) fn decode(what: impl Into<String>, cause: impl ToString) -> Error {
        Error::Decode { what: what.into(), cause: cause.to_string().into() }
    }

    pub(crate) fn encode(what: impl Into<String>, cause: impl ToString) -> Error {
        Error::Encode { what: what.into(), cause: cause.to_string().into() }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, cause: impl ToString) -> Error {
        Error::File { path: path.into(), cause: cause.to_string().into() }
    }

    pub(crate) fn engine(cause: impl ToString) -> Error {
        Error::Engine { cause: cause.to_string().into() }
    }

    /// The same failure, met while committing: the disk may or may not hold the transaction.
    pub(crate) fn while_committing(self) -> Error {
        match self {
            Error::Engine { cause } | Error::Unavailable { cause } => Error::CommitUnknown { cause },
            other => other,
        }
    }
}
