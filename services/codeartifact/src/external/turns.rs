//! One fetch for all who want the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Who is at it, by what it is.
#[derive(Default)]
pub struct Turns(Mutex<BTreeMap<String, Arc<Turn<()>>>>);

/// While it is held, others who want the same wait.
pub struct Held<'t> {
    turns: &'t Turns,
    what: String,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else is at it. Whoever waited should look whether it is done.
    pub async fn take(&self, what: String) -> Held<'_> {
        let turn =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what.clone()).or_default().clone();
        // Made before waiting: one who gives up waiting tidies up, too.
        let mut held = Held { turns: self, what, guard: None };
        held.guard = Some(turn.lock_owned().await);
        held
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut turns = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody but the table has it: nobody is at it or waits for it.
        if turns.get(&self.what).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_are_taken_one_after_the_other_and_forgotten() {
        let turns = Turns::default();
        let first = turns.take("a".into()).await;
        let other = turns.take("b".into()).await;
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(5), turns.take("a".into())).await;
        assert!(waiting.is_err());
        drop((first, other));
        drop(turns.take("a".into()).await);
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
