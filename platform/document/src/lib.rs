//! Documents that people write, in YAML or JSON, as a tree whose nodes know where they stand.
//!
//! What a text means is decided by who reads it: `3.10` stays `3.10`. JSON is nearly YAML, but only nearly (tabs,
//! escapes of surrogate pairs, keys of any length), so what is JSON is read as JSON, into the same tree.

mod json;
mod node;
mod yaml;

pub use json::why_not_json;
pub use node::{Node, Place, Scalar, Value};

/// Definitions are flat; deeper nesting is an attack on the stack.
pub const MAX_DEPTH: usize = 64;
/// Nodes of a document, those that aliases repeat included.
pub const MAX_NODES: usize = 100_000;

/// What keeps a text from being a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {}", place.line)]
pub struct Error {
    pub message: String,
    pub place: Place,
}

impl Error {
    fn new(message: impl Into<String>, place: Place) -> Self {
        Self { message: message.into(), place }
    }

    fn too_deep(place: Place) -> Self {
        Self::new(format!("nested more than {MAX_DEPTH} levels deep"), place)
    }

    fn too_many(place: Place) -> Self {
        Self::new(format!("more than {MAX_NODES} values"), place)
    }
}

/// The first document of a text; none if there is nothing in it.
/// Errors: neither YAML nor JSON, nested too deep, too large.
pub fn parse(text: &str) -> Result<Option<Node>, Error> {
    let begins_as_json = text.trim_start().starts_with(['{', '[', '"']);
    match begins_as_json.then(|| why_not_json(text)) {
        Some(None) => json::parse(text).map(Some),
        // Braces are YAML's, too. If it is neither, whoever opened with a brace meant JSON.
        Some(Some(not_json)) => yaml::parse(text).map_err(|_| not_json),
        None => yaml::parse(text),
    }
}

#[cfg(test)]
mod tests;
