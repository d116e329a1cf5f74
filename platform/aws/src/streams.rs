//! Bodies that are too large for memory: of the few operations whose payload is a file.
//!
//! Over the wire such an operation gets its payload here instead of in its input, and may leave that of its answer here
//! instead of in its output; both pass validation, authorisation and audit like every other call, with an empty payload.
//! Calls in process have no streams, and carry their payload in the shapes.

use std::sync::{Arc, Mutex, PoisonError};

use crate::http::Body;

/// The bodies of one call. Clones share them; each is taken once.
#[derive(Clone, Default)]
pub struct Streams(Option<Arc<Both>>);

#[derive(Default)]
struct Both {
    incoming: Mutex<Option<Body>>,
    outgoing: Mutex<Option<Outgoing>>,
}

/// The body of an answer.
pub struct Outgoing {
    pub body: Body,
    /// In bytes.
    pub length: u64,
}

impl Streams {
    /// Those of a call over the wire.
    pub fn of(incoming: Option<Body>) -> Self {
        Self(Some(Arc::new(Both { incoming: Mutex::new(incoming), outgoing: Mutex::default() })))
    }

    /// The payload, to be read. `None` if the call carries it in its input, or if it was taken before.
    pub fn take_incoming(&self) -> Option<Body> {
        self.0.as_ref()?.incoming.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether an answer may stream. If not, its payload goes into the output.
    pub fn are_open(&self) -> bool {
        self.0.is_some()
    }

    /// Leaves the payload of the answer.
    pub fn answer(&self, outgoing: Outgoing) {
        if let Some(both) = &self.0 {
            *both.outgoing.lock().unwrap_or_else(PoisonError::into_inner) = Some(outgoing);
        }
    }

    pub fn take_outgoing(&self) -> Option<Outgoing> {
        self.0.as_ref()?.outgoing.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::empty;

    #[test]
    fn a_body_is_taken_once_and_only_over_the_wire() {
        let wire = Streams::of(Some(empty()));
        assert!(wire.are_open() && wire.clone().take_incoming().is_some() && wire.take_incoming().is_none());
        wire.answer(Outgoing { body: empty(), length: 0 });
        assert!(wire.clone().take_outgoing().is_some() && wire.take_outgoing().is_none());
        let in_process = Streams::default();
        in_process.answer(Outgoing { body: empty(), length: 0 });
        assert!(!in_process.are_open() && in_process.take_outgoing().is_none());
    }
}
