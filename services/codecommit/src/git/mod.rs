//! Git itself: bare repositories, the smart protocol, reading, and writing commits. Nothing in here knows of the
//! store, of policies or of HTTP.
//!
//! # Where the truth is
//!
//! A push must change the references and tell the world of it in one transaction, and nothing that was acknowledged
//! may be lost to a crash. Two places cannot be changed in one transaction, so only one of them is the truth:
//!
//! * **Objects** (commits, trees, blobs) live in the bare repository. They never change and mean nothing until a
//!   reference names them. New ones arrive in a [`Quarantine`], are checked there, and are moved over and synced to
//!   the disk *before* any reference names them. A crash in between leaves objects that nobody sees, which git's
//!   garbage collection takes away after two weeks.
//! * **References** live in the store. A push compares and swaps them in the one transaction that also advances the
//!   repository's generation and appends the state change events. That commit is the moment at which the push has
//!   happened; what is reported to the client follows from it.
//! * **The files `refs/`, `packed-refs` and `HEAD`** of the bare repository are a [`projection`] of the store, made
//!   for git's own `upload-pack`. They carry the generation that they show only in memory: a server that starts, a
//!   projection that failed and a second node all find that they do not know it, and write the files anew from the
//!   store before git reads them.
//!
//! So a server killed at any point leaves either the old references and no events, or the new references with theirs.
//! The other way round (let `receive-pack` update the files and then tell the store) would need a repair that guesses
//! who pushed what, and would acknowledge pushes whose event is lost when the guess is wrong.
//!
//! This is why [`receive`] speaks the server's side of a push itself, with git's own `index-pack` and `rev-list` for
//! the objects, instead of running `git receive-pack`: that program writes the reference files on its own, and its
//! hooks can only veto. Fetches are served by `git upload-pack` unchanged.

pub mod archive;
pub mod differences;
pub mod edit;
pub mod lookup;
pub mod maintenance;
pub mod pkt_line;
pub mod process;
pub mod projection;
pub mod quarantine;
pub mod receive;
pub mod repositories;
pub mod request_body;
pub mod upload_pack;

pub use git2::Oid;
pub use process::Git;
pub use quarantine::Quarantine;
pub use repositories::{Repositories, RepositoryId};

/// What can go wrong below; all of these are ours, not the client's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("libgit2: {0}")]
    Library(#[from] git2::Error),
    #[error("{context}: {cause}")]
    Io { context: String, cause: std::io::Error },
    #[error("git {command} failed ({status}): {message}")]
    Failed { command: &'static str, status: String, message: String },
    #[error("a task of git's ended early: {0}")]
    Task(String),
}

impl Error {
    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let context = context.into();
        move |cause| Self::Io { context, cause }
    }
}
