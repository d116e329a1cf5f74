//! Where a writer is while a shape goes by.

use crate::shape::{Path, Segment};

/// The path of the current value; every container that begins must end.
#[derive(Debug, Default)]
pub struct Walk {
    pub path: Path,
    /// Whether each open container has a part entered, which the path ends with.
    open: Vec<bool>,
}

impl Walk {
    pub fn begin(&mut self) {
        self.open.push(false);
    }

    /// Enters a part of the innermost container, leaving the part before.
    pub fn enter(&mut self, segment: Segment) {
        self.leave();
        if let Some(entered) = self.open.last_mut() {
            *entered = true;
        }
        self.path.push(segment);
    }

    /// Back to the innermost container's own path.
    pub fn leave(&mut self) {
        if let Some(entered) = self.open.last_mut()
            && std::mem::take(entered)
        {
            self.path.pop();
        }
    }

    pub fn end(&mut self) {
        self.leave();
        self.open.pop();
    }
}
