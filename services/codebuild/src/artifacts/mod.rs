//! What of a build's files becomes an artifact, and where it goes.

pub(crate) mod destination;
pub(crate) mod package;
pub(crate) mod selection;
