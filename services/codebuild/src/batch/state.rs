//! What becomes of a batch: events applied to its record, and what the record asks for. Pure.

use std::time::Duration;

use aws::Timestamp;
use codebuild_model::StatusType;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::TIMEOUT_MINUTES;
use crate::{
    buildspec::{self, BatchBuild, DOWNLOAD_SOURCE},
    records::{
        Artifact, Batch, BatchPhase, BatchPhaseKind as Kind, BuildId, BuildSummary, Group, GroupState,
    },
};

/// What happens to a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The build of a group is there.
    Started {
        build: Uuid,
    },
    /// The build of a group is over.
    Ended {
        build: Uuid,
        end: Box<End>,
    },
    /// The build of a group cannot be started.
    Refused {
        build: Uuid,
        code: String,
        message: String,
    },
    Stop,
    TimedOut,
    Combined(Result<Artifact, (String, String)>),
    /// Of a batch that has ended and that can be [retried](Batch::may_be_retried).
    Retry {
        all: bool,
    },
}

/// How a build of a batch ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    pub status: StatusType,
    /// Of the phase that failed.
    pub context: Option<(String, String)>,
    pub resolved_source_version: Option<String>,
    pub primary: Option<Artifact>,
    pub secondary: Vec<Artifact>,
    /// What the build that fetches the source has read.
    pub batch: Option<buildspec::Batch>,
}

/// What is to be done for a batch. Doing it twice does it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Start a build for this group.
    Start {
        identifier: String,
        build: BuildId,
    },
    /// Start a build that repeats an earlier one.
    Repeat {
        identifier: String,
        build: BuildId,
        earlier: BuildId,
    },
    Stop {
        build: BuildId,
    },
    Combine,
}

impl Group {
    fn waiting(build: BatchBuild) -> Self {
        Self { build, state: GroupState::Waiting, current: None, prior: vec![], repeats: None }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, GroupState::Succeeded | GroupState::Failed | GroupState::Skipped)
    }

    /// Whether those that depend on it may go on.
    fn is_passed(&self) -> bool {
        match self.state {
            GroupState::Succeeded => true,
            GroupState::Failed => self.build.ignore_failure,
            GroupState::Waiting | GroupState::Starting | GroupState::Running | GroupState::Skipped => false,
        }
    }

    /// Takes the build away, to be kept as an earlier one.
    fn reset(&mut self) {
        if let Some(current) = self.current.take().filter(|current| current.build.is_some()) {
            self.prior.push(current);
        }
        self.state = GroupState::Waiting;
    }
}

impl Batch {
    /// A batch that has just been submitted: its source is to be fetched.
    pub(crate) fn submit(mut self) -> Self {
        let at = self.started;
        self.groups = vec![download_group()];
        self.enter(Kind::Submitted, at);
        self.leave(StatusType::Succeeded, None, at);
        self.enter(Kind::DownloadBatchspec, at);
        self.settle(at);
        self
    }

    /// Whose status the host is told.
    pub(crate) fn commit(&self) -> Option<&String> {
        let of_webhook = self.webhook.as_ref().and_then(|webhook| webhook.commit.as_ref());
        of_webhook.or(self.resolved_source_version.as_ref())
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.ended.is_some()
    }

    pub(crate) fn current_phase(&self) -> Kind {
        self.phases.last().map_or(Kind::Submitted, |phase| phase.kind)
    }

    /// IN_PROGRESS until it is complete; then how its last phase that did something ended.
    pub(crate) fn status(&self) -> StatusType {
        if !self.is_complete() {
            return StatusType::InProgress;
        }
        match self.current_phase() {
            Kind::Succeeded => StatusType::Succeeded,
            Kind::Stopped => StatusType::Stopped,
            _ => {
                let before = self.phases.iter().rev().nth(1).and_then(|phase| phase.status.clone());
                before
                    .filter(|status| matches!(status, StatusType::TimedOut | StatusType::Fault))
                    .unwrap_or(StatusType::Failed)
            }
        }
    }

    /// When it is to be over.
    pub(crate) fn deadline(&self) -> Timestamp {
        let config = self.configuration.0.build_batch_config.as_ref();
        let minutes = config.and_then(|config| config.timeout_in_mins).unwrap_or(TIMEOUT_MINUTES);
        self.resumed.plus(Duration::from_secs(60 * u64::try_from(minutes).unwrap_or(0)))
    }

    pub(crate) fn combines(&self) -> bool {
        let config = self.configuration.0.build_batch_config.as_ref();
        config.and_then(|config| config.combine_artifacts) == Some(true)
    }

    /// Whether it has failed, and nothing of it runs any more.
    pub(crate) fn may_be_retried(&self) -> bool {
        let failed = matches!(self.status(), StatusType::Failed | StatusType::Fault | StatusType::TimedOut);
        failed && !self.groups.iter().any(|group| group.state == GroupState::Running)
    }

    pub(crate) fn group_of(&self, build: Uuid) -> Option<&Group> {
        self.groups.iter().find(|group| is_of(group, build))
    }

    /// What there is to do now.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let halted = self.is_complete() || self.failing_fast;
        let mut commands: Vec<Command> = Vec::new();
        for group in &self.groups {
            let Some(build) = group.current.as_ref().and_then(|current| current.build.clone()) else {
                continue;
            };
            let identifier = group.build.identifier.clone();
            match (group.state, &group.repeats) {
                (GroupState::Starting, None) if !halted => {
                    commands.push(Command::Start { identifier, build });
                }
                (GroupState::Starting, Some(earlier)) if !halted => {
                    commands.push(Command::Repeat { identifier, build, earlier: earlier.clone() });
                }
                (GroupState::Running, _) if halted => commands.push(Command::Stop { build }),
                _ => {}
            }
        }
        if !self.is_complete() && self.current_phase() == Kind::CombineArtifacts {
            commands.push(Command::Combine);
        }
        commands
    }

    /// An event that no longer fits changes nothing. False: nothing was changed.
    pub(crate) fn apply(&mut self, event: Event, at: Timestamp) -> bool {
        let before = self.clone();
        match event {
            Event::Started { build } => self.build_started(build, at),
            Event::Ended { build, end } => self.build_ended(build, *end, at),
            Event::Refused { build, code, message } => self.build_refused(build, code, message, at),
            Event::Stop => self.finish(StatusType::Stopped, None, Kind::Stopped, at),
            Event::TimedOut => {
                // The blank at the end is CodeBuild's.
                let context = ("BUILD_TIMED_OUT".to_owned(), "Build has timed out. ".to_owned());
                self.finish(StatusType::TimedOut, Some(context), Kind::Failed, at);
            }
            Event::Combined(result) => self.combined(result, at),
            Event::Retry { all } => self.retry(all, at),
        }
        self.settle(at);
        *self != before
    }

    fn build_started(&mut self, build: Uuid, at: Timestamp) {
        let halted = self.is_complete() || self.failing_fast;
        let found = self.groups.iter_mut().find(|group| is_of(group, build));
        if let Some(group) = found.filter(|group| group.state == GroupState::Starting && !halted) {
            group.state = GroupState::Running;
            group.repeats = None;
            if let Some(current) = &mut group.current {
                current.requested = at;
                current.status = Some(StatusType::InProgress);
            }
        }
    }

    fn build_ended(&mut self, build: Uuid, end: End, at: Timestamp) {
        let Some(index) = self.groups.iter().position(|group| is_of(group, build)) else { return };
        let group = &mut self.groups[index];
        if group.state != GroupState::Running {
            return;
        }
        let succeeded = end.status == StatusType::Succeeded;
        group.state = if succeeded { GroupState::Succeeded } else { GroupState::Failed };
        if let Some(current) = &mut group.current {
            current.status = Some(end.status.clone());
            current.primary = end.primary;
            current.secondary = end.secondary;
        }
        if index > 0 || self.is_complete() {
            return;
        }
        self.resolved_source_version = end.resolved_source_version.or(self.resolved_source_version.take());
        match (end.status, end.batch) {
            (StatusType::Succeeded, Some(batch)) => self.plan(batch, at),
            (StatusType::Succeeded, None) => {
                let context = client_error("The batch was not read");
                self.finish(StatusType::Failed, Some(context), Kind::Failed, at);
            }
            (StatusType::Stopped, _) => self.finish(StatusType::Stopped, None, Kind::Stopped, at),
            (status, _) => self.finish(status, end.context, Kind::Failed, at),
        }
    }

    /// The source is there, and with it what the batch consists of.
    fn plan(&mut self, batch: buildspec::Batch, at: Timestamp) {
        if let Some(context) = self.exceeds(&batch) {
            return self.finish(StatusType::Failed, Some(context), Kind::Failed, at);
        }
        self.fast_fail = batch.fast_fail;
        let mut earlier: Vec<Group> = self.groups.split_off(1);
        for build in batch.builds {
            let known = earlier.iter().position(|group| group.build.identifier == build.identifier);
            let prior = known.map(|index| earlier.swap_remove(index).prior).unwrap_or_default();
            self.groups.push(Group { prior, ..Group::waiting(build) });
        }
        self.leave(StatusType::Succeeded, None, at);
        self.enter(Kind::InProgress, at);
    }

    fn build_refused(&mut self, build: Uuid, code: String, message: String, at: Timestamp) {
        let Some(index) = self.groups.iter().position(|group| is_of(group, build)) else { return };
        let group = &mut self.groups[index];
        if group.state != GroupState::Starting || self.ended.is_some() {
            return;
        }
        group.state = GroupState::Failed;
        group.repeats = None;
        if let Some(current) = &mut group.current {
            current.build = None;
            current.status = Some(StatusType::Failed);
        }
        if index == 0 {
            self.finish(StatusType::Failed, Some((code, message)), Kind::Failed, at);
        } else if let Some(phase) = self.phases.last_mut()
            && phase.context.is_none()
        {
            let message =
                format!("Build '{}' could not be started: {message}", self.groups[index].build.identifier);
            phase.context = Some((code, message));
        }
    }

    fn combined(&mut self, result: Result<Artifact, (String, String)>, at: Timestamp) {
        if self.is_complete() || self.current_phase() != Kind::CombineArtifacts {
            return;
        }
        match result {
            Ok(artifact) => {
                self.artifacts = Some(artifact);
                self.finish(StatusType::Succeeded, None, Kind::Succeeded, at);
            }
            Err(context) => self.finish(StatusType::Failed, Some(context), Kind::Failed, at),
        }
    }

    fn retry(&mut self, all: bool, at: Timestamp) {
        if !self.may_be_retried() {
            return;
        }
        if let Some(phase) = self.phases.last_mut() {
            phase.status = Some(StatusType::Failed);
            phase.ended = Some(at);
        }
        self.ended = None;
        self.failing_fast = false;
        self.resumed = at;
        let fetched = self.groups.first().is_some_and(|group| group.state == GroupState::Succeeded);
        if !all && fetched && self.groups.len() > 1 {
            for group in self.groups.iter_mut().filter(|group| group.state != GroupState::Succeeded) {
                group.repeats = group.current.as_ref().and_then(|current| current.build.clone());
                if group.state == GroupState::Starting {
                    // Its build was never there.
                    group.current = None;
                    group.repeats = None;
                }
                group.reset();
            }
            return self.enter(Kind::InProgress, at);
        }
        for group in &mut self.groups {
            if group.state == GroupState::Starting {
                group.current = None;
            }
            group.reset();
            group.repeats = None;
        }
        self.enter(Kind::Submitted, at);
        self.leave(StatusType::Succeeded, None, at);
        self.enter(Kind::DownloadBatchspec, at);
    }

    /// Goes on as far as it can without anything happening.
    fn settle(&mut self, at: Timestamp) {
        if self.is_complete() {
            return;
        }
        match self.current_phase() {
            Kind::DownloadBatchspec => {
                let id = self.next_build(0);
                if let Some(group) =
                    self.groups.first_mut().filter(|group| group.state == GroupState::Waiting)
                {
                    begin(group, id, at);
                }
            }
            Kind::InProgress => self.settle_builds(at),
            Kind::Submitted | Kind::CombineArtifacts | Kind::Succeeded | Kind::Failed | Kind::Stopped => {}
        }
    }

    fn settle_builds(&mut self, at: Timestamp) {
        let counts = |group: &&Group| group.state == GroupState::Failed && !group.build.ignore_failure;
        let has_failed = self.groups.iter().any(|group| counts(&group));
        if self.fast_fail && has_failed {
            self.failing_fast = true;
            for group in &mut self.groups {
                if matches!(group.state, GroupState::Waiting | GroupState::Starting) {
                    skip(group, at);
                }
            }
        }
        // A build that is skipped lets those be skipped that depend on it.
        while let Some(index) = self.groups.iter().position(|group| self.is_barred(group)) {
            skip(&mut self.groups[index], at);
        }
        let ready: Vec<usize> =
            (1..self.groups.len()).filter(|index| self.is_ready(&self.groups[*index])).collect();
        for index in ready {
            let id = self.next_build(index);
            begin(&mut self.groups[index], id, at);
        }
        if !self.groups.iter().all(Group::is_over) {
            return;
        }
        if has_failed {
            self.finish(StatusType::Failed, None, Kind::Failed, at);
        } else if self.combines() {
            self.leave(StatusType::Succeeded, None, at);
            self.enter(Kind::CombineArtifacts, at);
        } else {
            self.finish(StatusType::Succeeded, None, Kind::Succeeded, at);
        }
    }

    fn depended_on<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Group> {
        let named = |name: &String| self.groups.iter().find(|other| other.build.identifier == *name);
        group.build.depends_on.iter().filter_map(named)
    }

    fn is_barred(&self, group: &Group) -> bool {
        group.state == GroupState::Waiting
            && self.depended_on(group).any(|other| other.is_over() && !other.is_passed())
    }

    fn is_ready(&self, group: &Group) -> bool {
        group.state == GroupState::Waiting && self.depended_on(group).all(Group::is_passed)
    }

    /// The id of the next build of a group: always the same until it has been one.
    fn next_build(&self, index: usize) -> BuildId {
        let group = &self.groups[index];
        let name = format!(
            "{} {} {} {}",
            self.id.uuid,
            group.build.identifier,
            group.prior.len(),
            self.resumed.as_millis()
        );
        let digest = Sha256::digest(name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        BuildId { project: self.id.project.clone(), uuid }
    }

    fn enter(&mut self, kind: Kind, at: Timestamp) {
        self.phases.push(BatchPhase { kind, status: None, started: at, ended: None, context: None });
    }

    fn leave(&mut self, status: StatusType, context: Option<(String, String)>, at: Timestamp) {
        if let Some(phase) = self.phases.last_mut() {
            phase.status = Some(status);
            phase.ended = Some(at);
            phase.context = context.or(phase.context.take());
        }
    }

    /// Leaves the open phase, and is over.
    fn finish(&mut self, status: StatusType, context: Option<(String, String)>, kind: Kind, at: Timestamp) {
        if self.is_complete() {
            return;
        }
        self.leave(status, context, at);
        self.enter(kind, at);
        self.ended = Some(at);
    }
}

fn download_group() -> Group {
    Group::waiting(BatchBuild { identifier: DOWNLOAD_SOURCE.to_owned(), ..BatchBuild::default() })
}

fn is_of(group: &Group, build: Uuid) -> bool {
    let current = group.current.as_ref().and_then(|current| current.build.as_ref());
    current.is_some_and(|current| current.uuid == build)
}

fn begin(group: &mut Group, build: BuildId, at: Timestamp) {
    group.state = GroupState::Starting;
    group.current = Some(BuildSummary {
        build: Some(build),
        requested: at,
        status: None,
        primary: None,
        secondary: vec![],
    });
}

fn skip(group: &mut Group, at: Timestamp) {
    group.state = GroupState::Skipped;
    let status = Some(StatusType::Stopped);
    group.current =
        Some(BuildSummary { build: None, requested: at, status, primary: None, secondary: vec![] });
}

pub(super) fn client_error(message: impl Into<String>) -> (String, String) {
    ("CLIENT_ERROR".to_owned(), message.into())
}

#[cfg(test)]
pub(crate) mod tests;
