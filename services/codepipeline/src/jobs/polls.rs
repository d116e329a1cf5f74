//! When workers last asked for jobs: what tells a job that nobody comes for from one whose worker is busy.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws::{Scope, Timestamp};

/// Action types that are remembered; beyond that all are forgotten. An account has 50 of its own at most.
const MOST: usize = 10_000;

/// Kept in memory, by each server for itself: nothing depends on it.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<(Scope, String), Timestamp>>);

impl Polls {
    /// Somebody asks for jobs of an action type that exists.
    pub(crate) fn note(&self, scope: &Scope, action_type: &str, at: Timestamp) {
        let mut polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if polls.len() >= MOST {
            polls.clear();
        }
        polls.insert((scope.clone(), action_type.to_owned()), at);
    }

    pub(crate) fn last(&self, scope: &Scope, action_type: &str) -> Option<Timestamp> {
        let polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        polls.get(&(scope.clone(), action_type.to_owned())).copied()
    }
}
