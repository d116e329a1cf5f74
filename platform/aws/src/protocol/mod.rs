//! Wire protocols: pairs of a [`Writer`](crate::shape::Writer) and a [`Reader`](crate::shape::Reader) driven by
//! schemas. Nothing here knows an operation.

pub mod bindings;
pub mod cbor;
pub mod form;
pub mod json;
pub mod query;
mod scalar;
mod tree;
pub mod xml;

use crate::shape::{Member, Path, Schema, Segment};

/// What a reader keeps while it goes down a tree: where it is, and which required members were not there.
#[derive(Debug, Default)]
pub struct Progress {
    path: Path,
    pub missing: Vec<Path>,
}

impl Progress {
    fn within<T>(&mut self, segment: Segment, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(segment);
        let value = read(self);
        self.path.pop();
        value
    }

    fn note_missing(&mut self, member: &Member) {
        let mut path = self.path.clone();
        path.push(Segment::Member(member.name));
        self.missing.push(path);
    }
}

/// How deep values may nest; a hostile body must not exhaust the stack.
pub const MAX_DEPTH: usize = 128;

/// Whether logs, audit records and messages must not show a value.
pub fn is_hidden(schema: &Schema) -> bool {
    schema.sensitive
}
