//! Documents of packages as they were last written, so that the next client who asks for the same gets the same bytes.
//!
//! A document follows from what the repositories along the chain have of the package; each of them tells of its state by a
//! number that no other state has. So whoever finds a document of the same states need not look at any version.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use uuid::Uuid;

use super::answer::fingerprint;
use crate::names::Coordinates;
use crate::packages::chain::Link;

/// Of all documents that are kept, in bytes.
const ALL: usize = 64 * 1024 * 1024;
/// Of one; larger ones are written anew each time.
const LARGEST: usize = 16 * 1024 * 1024;

/// Which document it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub repository: Uuid,
    pub coordinates: Coordinates,
    /// In which form.
    pub form: &'static str,
    /// The address that its links begin with.
    pub base: String,
}

/// The states that a document follows from.
pub type States = Vec<(Uuid, [u64; 3])>;

#[derive(Clone, Debug)]
pub struct Document {
    pub body: Bytes,
    /// As in `ETag`.
    pub tag: String,
}

/// The documents, bounded in size; those that nobody asked for longest go first.
#[derive(Default)]
pub struct Documents(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    documents: BTreeMap<Name, (States, Document, u64)>,
    /// By when they were asked for last.
    order: BTreeMap<u64, Name>,
    clock: u64,
    bytes: usize,
}

impl Document {
    pub fn of(body: Vec<u8>) -> Self {
        let tag = fingerprint(&body);
        Self { body: body.into(), tag }
    }
}

/// What a chain of repositories tells of its states.
pub fn states(links: &[Link]) -> States {
    links.iter().map(|link| (link.repository.id, link.state)).collect()
}

impl Documents {
    /// The document, if it was written from these states.
    pub fn get(&self, name: &Name, states: &States) -> Option<Document> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let (of, document, used) = kept.documents.get_mut(name)?;
        if of != states {
            return None;
        }
        kept.clock += 1;
        kept.order.remove(used);
        kept.order.insert(kept.clock, name.clone());
        *used = kept.clock;
        Some(document.clone())
    }

    pub fn put(&self, name: Name, states: States, document: Document) {
        if document.body.len() > LARGEST {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&name);
        kept.clock += 1;
        kept.bytes += document.body.len();
        let clock = kept.clock;
        kept.order.insert(clock, name.clone());
        kept.documents.insert(name, (states, document, clock));
        while kept.bytes > ALL {
            let Some((_, oldest)) = kept.order.first_key_value() else { return };
            let oldest = oldest.clone();
            kept.remove(&oldest);
        }
    }
}

impl Kept {
    fn remove(&mut self, name: &Name) {
        if let Some((_, document, used)) = self.documents.remove(name) {
            self.order.remove(&used);
            self.bytes -= document.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Format;

    fn name(text: &str) -> Name {
        let coordinates = Coordinates::normal(Format::Npm, "", text);
        Name { repository: Uuid::nil(), coordinates, form: "full", base: String::new() }
    }

    fn document(size: usize) -> Document {
        Document { body: vec![b'x'; size].into(), tag: String::new() }
    }

    #[test]
    fn a_document_of_other_states_is_not_the_one() {
        let documents = Documents::default();
        let states = |state| vec![(Uuid::nil(), [state, 0, 0])];
        documents.put(name("a"), states(1), document(1));
        assert!(documents.get(&name("a"), &states(1)).is_some());
        assert!(documents.get(&name("a"), &states(2)).is_none());
        assert!(documents.get(&name("b"), &states(1)).is_none());
    }

    #[test]
    fn what_nobody_asked_for_goes_first() {
        let documents = Documents::default();
        for text in ["a", "b", "c", "d"] {
            documents.put(name(text), Vec::new(), document(LARGEST));
        }
        assert!(documents.get(&name("a"), &Vec::new()).is_some());
        documents.put(name("e"), Vec::new(), document(LARGEST));
        documents.put(name("f"), Vec::new(), document(LARGEST + 1));
        let is_kept = |text| documents.get(&name(text), &Vec::new()).is_some();
        assert_eq!(["a", "b", "c", "d", "e", "f"].map(is_kept), [true, false, true, true, true, false]);
        let kept = documents.0.lock().unwrap();
        assert_eq!((kept.bytes, kept.documents.len(), kept.order.len()), (ALL, 4, 4));
    }
}
