//! HTTP bindings: the protocols that carry members in path, query string, headers and body (restJson1,
//! restXml). Source: Smithy, "HTTP binding traits".
//!
//! [`write`] serves requests of clients and answers of the server alike, [`BoundReader`] the other direction:
//! only the places differ in which a message may have members.

mod read;
mod text;
pub mod uri;
mod write;

pub use read::{BoundReader, Incoming};
pub use write::{Outgoing, write};

/// What the members without a place of their own are written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    Json,
    Xml,
}

impl BodyForm {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }
}
