//! A build's way through its phases: changes as data, applied to the record, with what they tell the world.
//!
//! Pure: no clock, no store. Applying a change twice leaves what applying it once leaves, so a driver that was
//! interrupted repeats itself without harm.

use aws::Timestamp;
use codebuild_model::{BuildPhaseType, StatusType};

use crate::records::{Artifact, Build, LogStream, Phase, ReportId, Step};

/// One change of a build.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// A phase begins. One of the same kind that has just ended is tried again and makes way.
    Enter {
        phase: BuildPhaseType,
        at: Timestamp,
    },
    /// The open phase ends.
    Leave {
        phase: BuildPhaseType,
        outcome: Outcome,
        at: Timestamp,
    },
    /// Everything is over.
    Complete {
        at: Timestamp,
    },
    Stop,
    Step(Step),
    Resolved(String),
    Log(LogStream),
    CredentialsToken(String),
    Exported(Vec<(String, String)>),
    Artifacts {
        primary: Option<Artifact>,
        secondary: Vec<Artifact>,
    },
    Reports(Vec<ReportId>),
}

/// How a phase ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub status: StatusType,
    /// Code and message; none for phases that have no contexts.
    pub context: Option<(String, String)>,
}

/// What the world is told of a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    /// IN_PROGRESS at the beginning, the final status at the end.
    State,
    /// The phase at this place of the list has ended.
    PhaseEnded(usize),
}

impl Outcome {
    pub fn succeeded() -> Self {
        Self { status: StatusType::Succeeded, context: Some((String::new(), String::new())) }
    }

    /// Of SUBMITTED and QUEUED, which carry no contexts.
    pub fn passed() -> Self {
        Self { status: StatusType::Succeeded, context: None }
    }

    pub fn failed(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: StatusType::Failed, context: Some((code.into(), message.into())) }
    }

    pub fn stopped() -> Self {
        Self { status: StatusType::Stopped, context: None }
    }

    pub fn timed_out() -> Self {
        // The blank at the end is CodeBuild's.
        let context = ("BUILD_TIMED_OUT".to_owned(), "Build has timed out. ".to_owned());
        Self { status: StatusType::TimedOut, context: Some(context) }
    }

    pub fn fault(message: impl Into<String>) -> Self {
        let context = ("INTERNAL_SERVICE_ERROR".to_owned(), message.into());
        Self { status: StatusType::Fault, context: Some(context) }
    }
}

impl Build {
    /// The phase that is under way.
    pub(crate) fn open_phase(&self) -> Option<&BuildPhaseType> {
        self.phases.last().filter(|phase| phase.ended.is_none()).map(|phase| &phase.kind)
    }

    pub(crate) fn current_phase(&self) -> BuildPhaseType {
        self.phases.last().map_or(BuildPhaseType::Submitted, |phase| phase.kind.clone())
    }

    /// IN_PROGRESS until the build is complete. Then the gravest of its phases: one that was stopped before one that
    /// failed.
    pub(crate) fn status(&self) -> StatusType {
        if !self.is_complete() {
            return StatusType::InProgress;
        }
        let gravest = [StatusType::Stopped, StatusType::TimedOut, StatusType::Fault, StatusType::Failed];
        let has = |status: &StatusType| self.phases.iter().any(|phase| phase.status.as_ref() == Some(status));
        gravest.into_iter().find(has).unwrap_or(StatusType::Succeeded)
    }

    /// The first phase that did not go well.
    pub(crate) fn failed_phase(&self) -> Option<&Phase> {
        self.phases.iter().find(|phase| {
            matches!(
                phase.status,
                Some(StatusType::Failed | StatusType::Fault | StatusType::TimedOut | StatusType::Stopped)
            )
        })
    }

    pub(crate) fn apply(&mut self, change: Change) -> Option<News> {
        if self.is_complete() {
            return None;
        }
        match change {
            Change::Enter { phase, at } => return self.enter(phase, at),
            Change::Leave { phase, outcome, at } => return self.leave(&phase, outcome, at),
            Change::Complete { at } => return self.complete(at),
            Change::Stop => self.stopping = true,
            Change::Step(step) => self.step = step,
            Change::Resolved(version) => self.resolved_source_version = Some(version),
            Change::Log(stream) => self.log = Some(stream),
            Change::CredentialsToken(hash) => self.credentials_token = Some(hash),
            Change::Exported(variables) => self.exported = variables,
            Change::Artifacts { primary, secondary } => {
                self.artifacts = primary;
                self.secondary_artifacts = secondary;
            }
            Change::Reports(reports) => self.reports = reports,
        }
        None
    }

    fn enter(&mut self, kind: BuildPhaseType, at: Timestamp) -> Option<News> {
        if self.phases.last().is_some_and(|last| last.kind == kind) {
            if self.open_phase().is_some() {
                return None;
            }
            self.phases.pop();
        }
        self.phases.push(Phase { kind, status: None, started: at, ended: None, context: None });
        None
    }

    fn leave(&mut self, kind: &BuildPhaseType, outcome: Outcome, at: Timestamp) -> Option<News> {
        let index = self.phases.len().checked_sub(1)?;
        let phase = self.phases.get_mut(index)?;
        if phase.kind != *kind || phase.ended.is_some() {
            return None;
        }
        phase.status = Some(outcome.status);
        phase.context = outcome.context;
        phase.ended = Some(at);
        Some(News::PhaseEnded(index))
    }

    fn complete(&mut self, at: Timestamp) -> Option<News> {
        self.phases.push(Phase {
            kind: BuildPhaseType::Completed,
            status: None,
            started: at,
            ended: None,
            context: None,
        });
        self.ended = Some(at);
        // A finished build's role must not be had by whoever still knows the token.
        self.credentials_token = None;
        Some(News::State)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::records::{BuildId, Configuration};

    pub(crate) fn build() -> Build {
        Build {
            scope: aws::Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            id: BuildId { project: "demo".into(), uuid: Uuid::nil() },
            number: 7,
            initiator: "alice".into(),
            started: at(0),
            ended: None,
            configuration: Configuration::default(),
            source_version: None,
            resolved_source_version: None,
            phases: vec![],
            step: Step::Preparing,
            stopping: false,
            log: None,
            credentials_token: None,
            exported: vec![],
            artifacts: None,
            secondary_artifacts: vec![],
            auto_retry: None,
            part_of: None,
            reports: vec![],
            on_behalf_of: None,
            fleet: None,
            webhook: None,
            open: None,
        }
    }

    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_709_287_080_000 + seconds * 1000)
    }

    fn enter(phase: BuildPhaseType) -> Change {
        Change::Enter { phase, at: at(1) }
    }

    fn leave(phase: BuildPhaseType, outcome: Outcome) -> Change {
        Change::Leave { phase, outcome, at: at(2) }
    }

    #[test]
    fn every_change_may_be_applied_twice() {
        let changes = [
            enter(BuildPhaseType::Build),
            leave(BuildPhaseType::Build, Outcome::failed("C", "m")),
            Change::Exported(vec![("A".into(), "1".into())]),
            Change::Complete { at: at(3) },
        ];
        let (mut once, mut twice) = (build(), build());
        for change in changes {
            once.apply(change.clone());
            twice.apply(change.clone());
            // A phase that has ended is entered again only to be tried again.
            if !matches!(change, Change::Enter { .. }) {
                assert_eq!(twice.apply(change), None, "what was told once is not told again");
            }
        }
        assert_eq!(once, twice);
        assert_eq!(once.status(), StatusType::Failed);
    }

    #[test]
    fn phase_that_is_tried_again_makes_way() {
        let mut build = build();
        build.apply(enter(BuildPhaseType::Install));
        build.apply(leave(BuildPhaseType::Install, Outcome::failed("C", "m")));
        build.apply(enter(BuildPhaseType::Install));
        build.apply(leave(BuildPhaseType::Install, Outcome::succeeded()));
        assert_eq!(build.phases.len(), 1);
        build.apply(Change::Complete { at: at(3) });
        assert_eq!(build.status(), StatusType::Succeeded);
    }

    #[test]
    fn gravest_phase_decides() {
        let mut build = build();
        build.apply(enter(BuildPhaseType::Install));
        build.apply(leave(BuildPhaseType::Install, Outcome::failed("C", "m")));
        build.apply(enter(BuildPhaseType::PreBuild));
        build.apply(leave(BuildPhaseType::PreBuild, Outcome::stopped()));
        assert_eq!(build.status(), StatusType::InProgress);
        build.apply(Change::Complete { at: at(3) });
        assert_eq!(build.status(), StatusType::Stopped);
        assert_eq!(build.current_phase(), BuildPhaseType::Completed);
    }

    #[test]
    fn token_ends_with_the_build() {
        let mut build = build();
        build.apply(Change::CredentialsToken("hash".into()));
        build.apply(Change::Complete { at: at(3) });
        assert_eq!(build.credentials_token, None);
    }
}
