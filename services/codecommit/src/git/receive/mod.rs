//! The server's side of a push, without the references: what the client asks for, its objects, and the report.
//! Source: gitprotocol-pack(5), "Pushing Data To a Server"; gitprotocol-capabilities(5).

pub mod advertisement;
pub mod commands;
pub mod connectivity;
pub mod ingest;
pub mod report;

pub use commands::{Command, Push};
pub use ingest::Unpacked;

/// Refuses a push as a whole, in words for the user.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Malformed(#[from] super::pkt_line::Malformed),
    #[error("{0}")]
    Protocol(String),
    #[error("a push may update at most {0} references")]
    TooManyReferences(usize),
    #[error(transparent)]
    Body(#[from] super::request_body::BodyError),
}
