//! Where the parts of a declaration stand in its file.

use std::collections::HashMap;

use document::{Node, Value};

use super::finding::{START, Spot};

/// Places by path, in the words of the API, positions from 0: `pipeline.stages[1].actions[0].name`.
#[derive(Debug, Default)]
pub struct Places(HashMap<String, Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    name: Option<Spot>,
    value: Spot,
    is_scalar: bool,
}

impl Places {
    pub(super) fn note(&mut self, path: &str, name: Option<&Node>, value: &Node) {
        let is_scalar = matches!(value.value, Value::Scalar { .. });
        self.0.insert(path.to_owned(), Entry { name: name.map(Spot::from), value: value.into(), is_scalar });
    }

    /// Where the value at a path stands; of a list, map or structure its name, of something that is not there what it
    /// would be a part of.
    pub fn of(&self, path: &str) -> Spot {
        let mut path = path;
        loop {
            if let Some(entry) = self.0.get(path) {
                return entry.name.filter(|_| !entry.is_scalar).unwrap_or(entry.value);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return START,
            }
        }
    }

    /// Where the name of a member or key stands.
    pub fn of_name(&self, path: &str) -> Spot {
        self.0.get(path).and_then(|entry| entry.name).unwrap_or_else(|| self.of(path))
    }
}
