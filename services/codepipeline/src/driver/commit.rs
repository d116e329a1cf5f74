//! One transaction: an event, what the engine decides, and everything that becomes durable with it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use aws::Timestamp;
use store::{Range, WriteTx};

use super::announce;
use super::cleanup;
use super::inputs;
use super::jobs;
use super::polls;
use super::rules::{NewRule, RuleStep};
use super::step::{self, Step, Task};
use crate::definition::Definition;
use crate::definitions::Definitions;
use crate::engine::{
    ActionExecutionId, ActionState, ActionStatus, Change, Command, Event, ExecutionId, ExecutionState,
    ExecutionStatus, Moment, Refusal, RuleExecutionId, StageState, Subject,
};
use crate::error::Error;
use crate::providers::{self, ErrorDetails, Report, github};
use crate::records::{
    ActionExecution, ArtifactRevision, Execution, ExecutionTrigger, Live, Pipeline, Rerun, RuleExecution,
    SourceOverride,
};

/// What the records keep of an event beyond what the engine decides by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause {
    /// ARN of who caused it.
    pub(crate) by: Option<String>,
    pub(crate) report: Report,
    pub(crate) error: Option<ErrorDetails>,
    /// A timer caused it.
    pub(crate) out_of_time: bool,
    /// Of the execution that is started.
    pub(crate) start: Option<NewExecution>,
    /// Of the execution that is started: what it takes up again.
    pub(crate) rerun: Option<Rerun>,
    /// When the provider of a rule wants to look again, milliseconds since 1970.
    pub(crate) look_at: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct NewExecution {
    pub(crate) trigger: ExecutionTrigger,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) overrides: Vec<SourceOverride>,
    pub(crate) client_request_token: Option<String>,
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Error(#[from] Error),
}

impl From<store::Error> for Fault {
    fn from(error: store::Error) -> Self {
        Self::Error(error.into())
    }
}

/// A unit of work on one pipeline, within a transaction. Only [`Commit::finish`] writes its state.
pub(crate) struct Commit<'a, 'tx> {
    pub(super) tx: &'a mut WriteTx<'tx>,
    pub(super) pipeline: &'a Pipeline,
    definitions: &'a Definitions,
    /// Made in this transaction, so not to be remembered yet.
    fresh: Option<Arc<Definition>>,
    pub(super) moment: Moment,
    pub(super) live: Live,
    executions: BTreeMap<ExecutionId, Execution>,
    actions: BTreeMap<ActionExecutionId, ActionExecution>,
    pub(super) rules: BTreeMap<RuleExecutionId, RuleExecution>,
    /// What follows at once from a command that cannot be carried out.
    pub(super) follow_ups: VecDeque<(Event, Cause)>,
    /// An input artifact of an action that started, and when it had been cleaned up.
    pub(super) met_removed: Option<(String, Timestamp)>,
}

impl<'a, 'tx> Commit<'a, 'tx> {
    /// Begins with the stored state.
    pub(crate) fn load(
        tx: &'a mut WriteTx<'tx>,
        definitions: &'a Definitions,
        pipeline: &'a Pipeline,
        moment: Moment,
    ) -> Result<Self, Fault> {
        let live = tx.get::<Live>(&Live::key_of(pipeline.id))?;
        let live = live.ok_or_else(|| Error::internal("a pipeline has no state"))?;
        let mut commit = Self::begin(tx, definitions, pipeline, moment, live.into_inner());
        let versions: Vec<u32> = commit.live.engine.versions_in_use().collect();
        for version in versions {
            let plan = commit.definition(version)?.plan.clone();
            commit.live.engine.plans.insert(version, plan);
        }
        Ok(commit)
    }

    /// Begins with a pipeline that is being created.
    pub(crate) fn create(
        tx: &'a mut WriteTx<'tx>,
        definitions: &'a Definitions,
        pipeline: &'a Pipeline,
        moment: Moment,
        definition: Arc<Definition>,
    ) -> Self {
        let engine = crate::engine::Pipeline::new(definition.plan.clone());
        let live = Live { pipeline: pipeline.id, engine, last_action: 0, last_rule: 0 };
        let mut commit = Self::begin(tx, definitions, pipeline, moment, live);
        commit.fresh = Some(definition);
        commit
    }

    fn begin(
        tx: &'a mut WriteTx<'tx>,
        definitions: &'a Definitions,
        pipeline: &'a Pipeline,
        moment: Moment,
        live: Live,
    ) -> Self {
        Self {
            tx,
            pipeline,
            definitions,
            fresh: None,
            moment,
            live,
            executions: BTreeMap::new(),
            actions: BTreeMap::new(),
            rules: BTreeMap::new(),
            follow_ups: VecDeque::new(),
            met_removed: None,
        }
    }

    /// Replaces the definition. `pin`: executions in progress keep theirs.
    pub(crate) fn update(&mut self, definition: Arc<Definition>, pin: bool) -> Result<(), Fault> {
        let plan = definition.plan.clone();
        self.fresh = Some(definition);
        self.apply(Event::Updated { plan, pin }, &Cause::default())
    }

    /// Lets the engine decide, and everything follow that does. Refused: nothing has changed.
    pub(crate) fn apply(&mut self, event: Event, cause: &Cause) -> Result<(), Fault> {
        let commands = self.live.engine.decide(&self.moment, &event)?;
        self.carry_out(&event, commands, cause)?;
        while let Some((event, cause)) = self.follow_ups.pop_front() {
            self.moment.seed = *blake3::hash(&self.moment.seed).as_bytes();
            match self.live.engine.decide(&self.moment, &event) {
                Ok(commands) => self.carry_out(&event, commands, &cause)?,
                // What followed before has ended it: the first rule that fails decides its condition.
                Err(
                    Refusal::RuleNotInProgress
                    | Refusal::ActionNotInProgress
                    | Refusal::ExecutionNotInProgress(_),
                ) => {}
                Err(other) => return Err(Error::internal(other).into()),
            }
        }
        Ok(())
    }

    /// Writes all that has changed.
    pub(crate) fn finish(mut self) -> Result<(), Fault> {
        self.flush()?;
        self.tx.put(&self.live)?;
        Ok(())
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.moment.at)
    }

    fn carry_out(&mut self, event: &Event, commands: Vec<Command>, cause: &Cause) -> Result<(), Fault> {
        match event {
            Event::ActionProgressed { action, .. } => self.progressed(*action, cause)?,
            Event::RuleProgressed { rule, .. } => self.rule_progressed(*rule, cause)?,
            Event::StopRequested { execution, reason, .. } => {
                self.execution(*execution)?.stop_reason.clone_from(reason);
            }
            Event::Started { .. }
            | Event::ActionSucceeded { .. }
            | Event::ActionFailed { .. }
            | Event::TimerFired { .. }
            | Event::ApprovalAnswered { .. }
            | Event::TransitionDisabled { .. }
            | Event::TransitionEnabled { .. }
            | Event::StageRetryRequested { .. }
            | Event::RollbackRequested { .. }
            | Event::RerunRequested { .. }
            | Event::RuleEnded { .. }
            | Event::RuleTimedOut { .. }
            | Event::ConditionOverridden { .. }
            | Event::Updated { .. } => {}
        }
        for command in commands {
            self.perform(command, cause)?;
        }
        Ok(())
    }

    fn perform(&mut self, command: Command, cause: &Cause) -> Result<(), Fault> {
        match command {
            Command::StartAction { execution, version, stage, action, id, token } => {
                self.live.last_action += 1;
                let record = ActionExecution {
                    pipeline: self.pipeline.id,
                    number: self.live.last_action,
                    id,
                    execution,
                    version,
                    stage: stage.to_string(),
                    action: action.to_string(),
                    status: ActionStatus::InProgress,
                    started_at: self.now(),
                    updated_at: self.now(),
                    updated_by: None,
                    token,
                    by_worker: false,
                    resolved_configuration: BTreeMap::new(),
                    commands: None,
                    inputs: Vec::new(),
                    elsewhere: Vec::new(),
                    outputs: Vec::new(),
                    outputs_removed_at: None,
                    report: Report::default(),
                    error: None,
                };
                self.start_action(record)?;
            }
            Command::StopAction { execution, id } => {
                if self.has_provider(id)? {
                    Step::new(self.pipeline, execution, id, Task::Stop).enqueue(self.tx, None)?;
                }
            }
            Command::SetTimer { execution, id, at } => {
                Step::new(self.pipeline, execution, id, Task::TimeOut).enqueue(self.tx, Some(at))?;
            }
            Command::CancelTimer { id } => {
                self.tx.dequeue(step::TIMERS, &step::timer_id(id))?;
            }
            Command::StartRule { execution, version, stage, condition, rule, id, deadline } => {
                let started = self.now();
                let new = NewRule { execution, version, stage, condition, rule, id };
                self.start_rule(new.record(self.pipeline.id, self.live.last_rule + 1, started), deadline)?;
            }
            Command::EndRule { id, status, .. } => self.end_rule(id, status, cause)?,
            Command::StopRule { execution, id } => {
                RuleStep::new(self.pipeline, execution, id, Task::Stop).enqueue(self.tx, None)?;
            }
            Command::Announce(change) => self.announce(&change, cause)?,
            Command::Keep(ended) => {
                let id = ended.id;
                self.execution(id)?.ended = Some(*ended);
                cleanup::later(self.tx, self.pipeline, id)?;
            }
        }
        Ok(())
    }

    /// Has a provider or a worker begin, unless the action already lacks something that it needs: then it fails at
    /// once.
    fn start_action(&mut self, mut record: ActionExecution) -> Result<(), Fault> {
        let definition = self.definition(record.version)?;
        let prepared = match inputs::prepare(self, &definition, &mut record)? {
            Ok(()) => self.begin_work(&definition, &mut record)?,
            Err(error) => Err(error),
        };
        match prepared {
            Ok(()) => {}
            Err(error) => {
                let failed = Event::ActionFailed { execution: record.execution, action: record.id };
                self.follow_ups.push_back((failed, Cause { error: Some(error), ..Cause::default() }));
            }
        }
        self.actions.insert(record.id, record);
        Ok(())
    }

    fn begin_work(
        &mut self,
        definition: &Definition,
        record: &mut ActionExecution,
    ) -> Result<Result<(), ErrorDetails>, Fault> {
        let Some(declared) = definition.action(&record.stage, &record.action) else { return Ok(Ok(())) };
        if providers::provider(&declared.action_type_id).is_none() {
            record.by_worker = true;
            if record.elsewhere.is_empty() {
                return jobs::begin(self, declared, record);
            }
            // What it takes is copied first.
        }
        if github::is_polled(&declared.action_type_id, &record.resolved_configuration) {
            polls::enqueue(self.tx, self.pipeline, definition)?;
        }
        Step::of(self.pipeline, record, Task::Start).enqueue(self.tx, None)?;
        Ok(Ok(()))
    }

    /// Whether a provider here does the work of an action; else a worker does, or nobody.
    fn has_provider(&mut self, id: ActionExecutionId) -> Result<bool, Fault> {
        let (version, stage, action) = {
            let record = self.action(id)?;
            (record.version, record.stage.clone(), record.action.clone())
        };
        let definition = self.definition(version)?;
        let declared = definition.action(&stage, &action);
        Ok(declared.is_some_and(|declared| providers::provider(&declared.action_type_id).is_some()))
    }

    fn announce(&mut self, change: &Change, cause: &Cause) -> Result<(), Fault> {
        let now = self.now();
        match &change.subject {
            Subject::Execution { state } => self.execution_changed(change.execution, *state, cause)?,
            Subject::Stage { stage, state, .. } => {
                let record = self.execution(change.execution)?;
                record.updated_at = now;
                match state {
                    // One action does not make the stage.
                    StageState::Succeeded if record.runs_one_action() => {}
                    StageState::Succeeded => drop(record.succeeded_stages.insert(stage.to_string())),
                    StageState::Started
                    | StageState::Resumed
                    | StageState::Failed
                    | StageState::Canceled
                    | StageState::Stopping
                    | StageState::Stopped
                    | StageState::Skipped => drop(record.succeeded_stages.remove(&**stage)),
                }
            }
            Subject::Action { id, state, .. } => self.action_changed(change.execution, *id, *state, cause)?,
        }
        announce::publish(self, change)
    }

    fn execution_changed(
        &mut self,
        id: ExecutionId,
        state: ExecutionState,
        cause: &Cause,
    ) -> Result<(), Fault> {
        let now = self.now();
        if state == ExecutionState::Started {
            let record = self.new_execution(id, cause)?;
            self.executions.insert(id, record);
            return Ok(());
        }
        let live = self.live.engine.executions.get(&id).map(|live| (live.version, live.mode));
        let record = self.execution(id)?;
        record.updated_at = now;
        record.status = match state {
            ExecutionState::Started | ExecutionState::Resumed => ExecutionStatus::InProgress,
            ExecutionState::Succeeded => ExecutionStatus::Succeeded,
            ExecutionState::Failed => ExecutionStatus::Failed,
            ExecutionState::Canceled => ExecutionStatus::Cancelled,
            ExecutionState::Stopping => ExecutionStatus::Stopping,
            ExecutionState::Stopped => ExecutionStatus::Stopped,
            ExecutionState::Superseded => ExecutionStatus::Superseded,
        };
        if state == ExecutionState::Resumed {
            record.ended = None;
            record.resumed_at = Some(now);
            record.stop_reason = None;
            // A retry may have taken over a newer definition.
            if let Some((version, mode)) = live
                && version != record.version
            {
                (record.version, record.mode) = (version, mode);
                record.succeeded_stages.clear();
            }
        }
        Ok(())
    }

    fn action_changed(
        &mut self,
        execution: ExecutionId,
        id: ActionExecutionId,
        state: ActionState,
        cause: &Cause,
    ) -> Result<(), Fault> {
        let now = self.now();
        self.execution(execution)?.updated_at = now;
        let record = self.action(id)?;
        record.updated_at = now;
        record.status = match state {
            ActionState::Started => return Ok(()),
            ActionState::Succeeded => ActionStatus::Succeeded,
            ActionState::Failed => ActionStatus::Failed,
            ActionState::Abandoned => ActionStatus::Abandoned,
        };
        if !self.has_provider(id)? {
            jobs::close(self, id, cause)?;
        }
        let record = self.action(id)?;
        record.updated_by.clone_from(&cause.by);
        match state {
            ActionState::Started | ActionState::Abandoned => return Ok(()),
            ActionState::Succeeded => record.report.update(cause.report.clone()),
            ActionState::Failed => {
                record.report.update(cause.report.clone());
                record.error.clone_from(&cause.error);
            }
        }
        let (action, artifact) =
            (record.action.clone(), record.outputs.first().map(|output| output.name.clone()));
        if let (Some(artifact), Some(revision)) = (artifact, record.report.revision.clone()) {
            let revisions = &mut self.execution(execution)?.revisions;
            revisions.retain(|known| known.action != action);
            revisions.push(ArtifactRevision { action, artifact, revision });
        }
        Ok(())
    }

    /// Keeps what is new of an action, and looks after its work once it has a name by which to look.
    fn progressed(&mut self, id: ActionExecutionId, cause: &Cause) -> Result<(), Fault> {
        let now = self.now();
        let record = self.action(id)?;
        let before = record.report.clone();
        record.report.update(cause.report.clone());
        if record.report == before {
            return Ok(());
        }
        record.updated_at = now;
        if before.external_execution_id != record.report.external_execution_id && self.has_provider(id)? {
            let record = self.action(id)?;
            // Its work may have ended before anybody could know to whom the event of that belongs.
            let record = record.clone();
            Step::of(self.pipeline, &record, Task::Observe(0)).enqueue(self.tx, None)?;
        }
        Ok(())
    }

    /// A provider's answer for an action that ended meanwhile: its work is known by name from now on, and if nobody
    /// else ends it (the action ran out of time), it is ended.
    pub(crate) fn came_late(&mut self, id: ActionExecutionId, report: &Report) -> Result<(), Fault> {
        let record = self.action(id)?;
        if record.report.external_execution_id.is_none() && report.external_execution_id.is_some() {
            record.report.external_execution_id.clone_from(&report.external_execution_id);
            if record.status == ActionStatus::Failed {
                let record = record.clone();
                Step::of(self.pipeline, &record, Task::StopLate).enqueue(self.tx, None)?;
            }
        }
        Ok(())
    }

    /// A definition that executions run on.
    pub(super) fn definition(&mut self, version: u32) -> Result<Arc<Definition>, Fault> {
        if let Some(fresh) = self.fresh.as_ref().filter(|fresh| fresh.version() == version) {
            return Ok(fresh.clone());
        }
        let found = self.definitions.get(self.tx, self.pipeline.id, version)?;
        found.ok_or_else(|| Error::internal(Refusal::DefinitionMissing(version)).into())
    }

    /// The record of an execution, to be written at the end.
    pub(super) fn execution(&mut self, id: ExecutionId) -> Result<&mut Execution, Fault> {
        use std::collections::btree_map::Entry;
        let pipeline = self.pipeline.id;
        match self.executions.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let page = self.tx.scan_index(Execution::ID, Execution::with_id(pipeline, id), 1)?;
                let found = page.into_records().into_iter().next();
                let found = found.ok_or_else(|| Error::internal("an execution has no record"));
                Ok(place.insert(found?))
            }
        }
    }

    /// The record of an action execution, to be written at the end.
    pub(super) fn action(&mut self, id: ActionExecutionId) -> Result<&mut ActionExecution, Fault> {
        use std::collections::btree_map::Entry;
        let pipeline = self.pipeline.id;
        match self.actions.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let page =
                    self.tx.scan_index(ActionExecution::ID, ActionExecution::with_id(pipeline, id), 1)?;
                let found = page.into_records().into_iter().next();
                let found = found.ok_or_else(|| Error::internal("an action execution has no record"));
                Ok(place.insert(found?))
            }
        }
    }

    /// The last attempt at an action within an execution.
    pub(super) fn last_attempt(
        &mut self,
        execution: ExecutionId,
        stage: &str,
        action: &str,
    ) -> Result<Option<ActionExecution>, Fault> {
        let is_attempt = |known: &&ActionExecution| {
            known.execution == execution && known.stage == stage && known.action == action
        };
        let prefix = ActionExecution::of_action(self.pipeline.id, execution, stage, action);
        let page = self.tx.scan_index(ActionExecution::ACTION, Range::prefix(prefix).descending(), 1)?;
        // What is known here is newer than what is stored of it.
        let known = self.actions.values().filter(is_attempt).max_by_key(|known| known.number);
        let stored = page.into_records().pop();
        let is_newer = |known: &&ActionExecution| {
            stored.as_ref().is_none_or(|stored: &ActionExecution| known.number >= stored.number)
        };
        Ok(known.filter(is_newer).cloned().or(stored))
    }

    /// Writes the records that have changed, so that a scan finds them.
    pub(super) fn flush(&mut self) -> Result<(), store::Error> {
        for execution in std::mem::take(&mut self.executions).into_values() {
            self.tx.put(&execution)?;
        }
        for action in std::mem::take(&mut self.actions).into_values() {
            self.tx.put(&action)?;
        }
        for rule in std::mem::take(&mut self.rules).into_values() {
            self.tx.put(&rule)?;
        }
        Ok(())
    }
}
