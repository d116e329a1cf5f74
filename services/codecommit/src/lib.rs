//! CodeCommit: git repositories behind AWS's API and git's own protocol.
//!
//! [`git`] holds the objects and speaks git's protocol, the store holds repositories and references (see
//! [`git`] for why), [`references`] decides and commits their changes, [`operations`] is the API and [`http`]
//! what `git` itself talks to.

pub mod error;
pub mod git;
pub mod http;
pub mod operations;
pub mod path;
pub mod push;
pub mod records;
pub mod references;
pub mod service;
pub mod specifier;

pub use error::Error;
pub use http::GitHttp;
pub use operations::router;
pub use service::{CodeCommit, Config};
