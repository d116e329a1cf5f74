//! Wire protocols: pairs of a [`Writer`](crate::shape::Writer) and a [`Reader`](crate::shape::Reader) driven by
//! schemas. Nothing here knows an operation.

pub mod audited;
pub mod bindings;
pub mod cbor;
pub mod form;
pub mod json;
mod json_text;
pub mod query;
mod scalar;
pub(crate) mod tree;
pub mod xml;

use crate::shape::{Member, Path, ReadError, Segment};

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
        // One is enough to refuse an input; a hostile one could lack millions.
        if self.missing.len() >= MAX_MISSING {
            return;
        }
        let mut path = self.path.clone();
        path.push(Segment::Member(member.name));
        self.missing.push(path);
    }
}

/// How deep values may nest; a hostile body must not exhaust the stack.
pub const MAX_DEPTH: usize = 128;

/// How many values a body may hold: as a tree it takes many times the memory of its bytes. The largest inputs of
/// any API here have a tenth of it.
pub const MAX_VALUES: usize = 250_000;
/// How many missing members are told at most.
const MAX_MISSING: usize = 1000;

fn too_many_values() -> ReadError {
    ReadError(format!("The request holds more than {MAX_VALUES} values"))
}
