//! A value being built bottom-up, for formats whose values are trees (JSON, CBOR).

/// Open containers, innermost last, each with the name that its next value goes under.
#[derive(Debug)]
pub struct Building<V> {
    open: Vec<Open<V>>,
    done: Option<V>,
}

/// A container whose end has not been met yet.
#[derive(Debug)]
pub enum Open<V> {
    Named { entries: Vec<(String, V)>, next: String },
    Listed(Vec<V>),
}

impl<V> Default for Building<V> {
    fn default() -> Self {
        Self { open: Vec::new(), done: None }
    }
}

impl<V> Building<V> {
    pub fn begin_named(&mut self) {
        self.open.push(Open::Named { entries: Vec::new(), next: String::new() });
    }

    pub fn begin_listed(&mut self, length: usize) {
        self.open.push(Open::Listed(Vec::with_capacity(length)));
    }

    pub fn name_next(&mut self, name: &str) {
        if let Some(Open::Named { next, .. }) = self.open.last_mut() {
            name.clone_into(next);
        }
    }

    pub fn put(&mut self, value: V) {
        match self.open.last_mut() {
            Some(Open::Named { entries, next }) => entries.push((std::mem::take(next), value)),
            Some(Open::Listed(items)) => items.push(value),
            None => self.done = Some(value),
        }
    }

    /// Ends the innermost container; `of` makes a value of it.
    pub fn close(&mut self, of: impl FnOnce(Open<V>) -> V) {
        if let Some(open) = self.open.pop() {
            let value = of(open);
            self.put(value);
        }
    }

    /// `None` when nothing was written.
    pub fn finish(self) -> Option<V> {
        self.done
    }
}
