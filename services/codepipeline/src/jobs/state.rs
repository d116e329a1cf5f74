//! What can happen to a job. No clock, no randomness: times and nonces come from outside.

use aws::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Nobody has it.
    Queued,
    /// Somebody got it from a poll.
    Dispatched,
    /// Somebody acknowledged it.
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

impl Status {
    /// The word in API answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Dispatched => "Dispatched",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimedOut => "TimedOut",
        }
    }

    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Dispatched | Self::InProgress => false,
            Self::Succeeded | Self::Failed | Self::TimedOut => true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub status: Status,
    /// When a worker may have it, or have it again if it is not acknowledged until then.
    due_at: Timestamp,
    /// Of the last handing out; none once it was used.
    nonce: Option<String>,
}

/// Why nothing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The nonce is another one, or was used before.
    InvalidNonce,
    /// The job is not being worked on.
    NotInProgress(Status),
}

impl State {
    pub fn queued(at: Timestamp) -> Self {
        Self { status: Status::Queued, due_at: at, nonce: None }
    }

    /// From when on a worker may have it; `None`: nobody may any more.
    pub fn due_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Queued | Status::Dispatched => Some(self.due_at),
            Status::InProgress | Status::Succeeded | Status::Failed | Status::TimedOut => None,
        }
    }

    /// The nonce with which it can be claimed.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// Hands it out until a time, if it is due. A nonce that was handed out before is good no more.
    pub fn dispatch(&mut self, at: Timestamp, until: Timestamp, nonce: String) -> bool {
        let due = self.due_at().is_some_and(|due_at| due_at <= at);
        if due {
            *self = Self { status: Status::Dispatched, due_at: until, nonce: Some(nonce) };
        }
        due
    }

    /// Takes back what could not be handed out.
    pub fn take_back(&mut self, nonce: &str, at: Timestamp) {
        if self.status == Status::Dispatched && self.nonce() == Some(nonce) {
            *self = Self::queued(at);
        }
    }

    /// Claims it for whoever has the nonce. Of a job that ended meanwhile the answer is how.
    pub fn acknowledge(&mut self, nonce: &str) -> Result<Status, Refused> {
        if self.nonce() != Some(nonce) {
            return Err(Refused::InvalidNonce);
        }
        if self.status == Status::Dispatched {
            self.status = Status::InProgress;
            self.nonce = None;
        }
        Ok(self.status)
    }

    /// The worker says how it ended.
    pub fn finish(&mut self, status: Status) -> Result<(), Refused> {
        match self.status {
            Status::InProgress => {
                self.status = status;
                Ok(())
            }
            other => Err(Refused::NotInProgress(other)),
        }
    }

    /// Its action ended without it.
    pub fn close(&mut self, status: Status) {
        if !self.status.has_ended() {
            self.status = status;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn dispatched() -> State {
        let mut state = State::queued(at(0));
        assert!(state.dispatch(at(1), at(61), "1".to_owned()));
        state
    }

    #[test]
    fn the_way_of_a_job() {
        let mut state = dispatched();
        assert_eq!(state.acknowledge("1"), Ok(Status::InProgress));
        assert_eq!(state.acknowledge("1"), Err(Refused::InvalidNonce), "it was used");
        assert_eq!(state.finish(Status::Succeeded), Ok(()));
        assert_eq!(state.finish(Status::Failed), Err(Refused::NotInProgress(Status::Succeeded)));
    }

    #[test]
    fn what_is_not_acknowledged_is_handed_out_again_with_another_nonce() {
        let mut state = dispatched();
        assert!(!state.dispatch(at(60), at(120), "2".to_owned()), "somebody has it");
        assert!(state.dispatch(at(61), at(121), "2".to_owned()));
        assert_eq!(state.acknowledge("1"), Err(Refused::InvalidNonce));
        assert_eq!(state.acknowledge("2"), Ok(Status::InProgress));
        assert!(!state.dispatch(at(500), at(560), "3".to_owned()));
    }

    #[test]
    fn nothing_ends_what_nobody_acknowledged() {
        assert_eq!(dispatched().finish(Status::Succeeded), Err(Refused::NotInProgress(Status::Dispatched)));
    }

    #[test]
    fn the_nonce_of_a_job_that_ended_tells_how() {
        let mut state = dispatched();
        state.close(Status::TimedOut);
        assert_eq!(state.acknowledge("1"), Ok(Status::TimedOut));
        state.close(Status::Failed);
        assert_eq!(state.status, Status::TimedOut);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Poll,
        Acknowledge(usize),
        Finish,
        Close,
        Wait,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Poll),
            3 => (0..4_usize).prop_map(Step::Acknowledge),
            2 => Just(Step::Finish),
            1 => Just(Step::Close),
            2 => Just(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever workers do: at most one of them holds the job, and it ends once.
        #[test]
        fn one_worker_at_most(steps in prop::collection::vec(step(), 0..40)) {
            let (mut state, mut now, mut nonces) = (State::queued(at(0)), 0, Vec::new());
            let (mut claims, mut ends) = (0, 0);
            for step in steps {
                let before = state.clone();
                match step {
                    Step::Poll => {
                        let nonce = nonces.len().to_string();
                        if state.dispatch(at(now), at(now + 60), nonce.clone()) {
                            nonces.push(nonce);
                        }
                    }
                    Step::Acknowledge(back) => {
                        let Some(nonce) = nonces.iter().rev().nth(back) else { continue };
                        let answer = state.acknowledge(nonce);
                        if answer == Ok(Status::InProgress) {
                            claims += 1;
                            prop_assert_eq!(back, 0, "only the newest nonce claims");
                        }
                    }
                    Step::Finish => ends += usize::from(state.finish(Status::Succeeded).is_ok()),
                    Step::Close => {
                        ends += usize::from(!state.status.has_ended());
                        state.close(Status::Failed);
                    }
                    Step::Wait => now += 61,
                }
                prop_assert!(claims <= 1 && ends <= 1);
                if before.status.has_ended() {
                    prop_assert_eq!(&before, &state);
                }
                prop_assert_eq!(state.due_at().is_some(), matches!(state.status, Status::Queued | Status::Dispatched));
            }
        }
    }
}
