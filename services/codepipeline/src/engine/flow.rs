//! How executions move: arriving at a stage, entering it, starting its actions, leaving it, ending.
//!
//! A [`Step`] is one decision under way. An execution that moves is taken out of the state first and put back where it
//! comes to rest, so that a chain of moves (one leaves a stage, the next one enters it) never sees it in two places.

use std::sync::Arc;

use super::command::{ActionState, Change, Command, ExecutionState, StageState, Subject};
use super::condition::ConditionStatus;
use super::event::Moment;
use super::ids::{ActionExecutionId, ApprovalToken, ExecutionId, Ids, Name};
use super::plan::{ConditionType, Plan};
use super::state::{
    ActionRun, ActionStatus, Execution, ExecutionMode, ExecutionStatus, LatestRun, Pipeline, Position, Stage,
    StageRun, StageStatus, Success,
};
use super::{CONCURRENT_ACTIONS, CONCURRENT_EXECUTIONS, SUPERSEDED_EXECUTIONS};

pub(super) struct Step<'a> {
    pub(super) state: &'a mut Pipeline,
    pub(super) at: i64,
    pub(super) ids: Ids,
    pub(super) commands: Vec<Command>,
}

impl<'a> Step<'a> {
    pub(super) fn new(state: &'a mut Pipeline, moment: &Moment) -> Self {
        // As many as most decisions come to; a command is large, and moving them costs more than the room.
        let commands = Vec::with_capacity(12);
        Self { state, at: moment.at, ids: Ids::new(moment.seed), commands }
    }

    /// The definition that an execution runs on. `Pipeline::decide` has checked that it is there.
    pub(super) fn plan_of(&self, execution: &Execution) -> Arc<Plan> {
        self.state.plans[&execution.version].clone()
    }

    fn plan(&self, execution: &Execution) -> &Plan {
        &self.state.plans[&execution.version]
    }

    /// Whether one more execution may be in progress.
    pub(super) fn has_room(&self, mode: ExecutionMode) -> bool {
        match mode {
            // At most one inside and one in front of each stage: only pinned ones, which may be in stages of their
            // own, can be more.
            ExecutionMode::Superseded => self.state.executions.len() < SUPERSEDED_EXECUTIONS,
            ExecutionMode::Queued | ExecutionMode::Parallel => {
                self.state.executions.len() < CONCURRENT_EXECUTIONS
            }
        }
    }

    /// Lets an execution into a stage, or makes it wait in front of it.
    pub(super) fn arrive(&mut self, execution: Execution, stage: usize) {
        let name = self.plan(&execution).stages[stage].name.clone();
        if self.admits(&execution, stage, &name) {
            self.enter(execution, stage);
        } else {
            self.wait(execution, stage, &name);
        }
    }

    fn admits(&self, execution: &Execution, stage: usize, name: &Name) -> bool {
        // Nobody is inside of a stage that is not known, and nobody has shut it.
        let gate = self.state.stages.get(name);
        // The first stage has no transition in front of it.
        let open = stage == 0 || gate.is_none_or(|gate| gate.transition.enabled);
        let free = || gate.is_none_or(|gate| gate.holder.is_none());
        let next = || self.expected_before(execution, name).is_none();
        open && (execution.mode == ExecutionMode::Parallel || (free() && next()))
    }

    /// An earlier execution on another definition that has the stage still ahead of it: nobody overtakes it, although
    /// the ways of the two differ.
    fn expected_before(&self, execution: &Execution, name: &Name) -> Option<ExecutionId> {
        if self.state.plans.len() == 1 {
            return None;
        }
        self.state.earlier_on_other_definition(execution, name)
    }

    fn wait(&mut self, mut execution: Execution, stage: usize, name: &Name) {
        if execution.mode == ExecutionMode::Superseded {
            for earlier in self.gate(name).inbound.clone() {
                let Some(waiting) = self.state.executions.get(&earlier) else { continue };
                if waiting.mode != ExecutionMode::Superseded {
                    continue;
                }
                // The newest wins, also if it was here first: a re-run, or a pinned execution, may come late.
                if waiting.age() > execution.age() {
                    execution.position = Position::Inbound { stage, since: self.at };
                    return self.end(execution, ExecutionStatus::Superseded);
                }
                if let Some(earlier) = self.take_inbound(earlier, name) {
                    self.end(earlier, ExecutionStatus::Superseded);
                }
            }
        }
        execution.position = Position::Inbound { stage, since: self.at };
        self.gate(name).inbound.push_back(execution.id);
        self.put(execution);
    }

    /// Takes a waiting execution out of the state and out of its place in front of the stage.
    pub(super) fn take_inbound(&mut self, id: ExecutionId, stage: &Name) -> Option<Execution> {
        self.gate(stage).inbound.retain(|waiting| *waiting != id);
        self.state.executions.remove(&id)
    }

    pub(super) fn enter(&mut self, mut execution: Execution, stage: usize) {
        let plan = self.plan_of(&execution);
        let stage_plan = &plan.stages[stage];
        let mut run = StageRun::new(stage, stage_plan, self.at);
        let only = execution.rerun.as_ref().and_then(|rerun| rerun.only.as_ref());
        run.only = only.and_then(|action| stage_plan.action_index(action));
        execution.position = Position::Inside(run);
        self.occupy(&execution);
        self.announce_stage(&execution, StageState::Started);
        if !self.begin_condition(&mut execution, ConditionType::BeforeEntry) {
            self.start_due(&mut execution);
        }
        self.put(execution);
    }

    /// Takes the lock of the stage that the execution is inside of, and becomes the latest there.
    pub(super) fn occupy(&mut self, execution: &Execution) {
        let Position::Inside(run) = &execution.position else { return };
        if execution.mode == ExecutionMode::Parallel {
            return;
        }
        let name = self.stage_name(execution);
        let latest = LatestRun {
            execution: execution.id,
            ordinal: execution.ordinal,
            status: run.status,
            is_rollback: execution.rollback.is_some(),
            retries: run.retries,
            conditions: run.conditions.clone(),
        };
        let gate = self.gate(&name);
        gate.holder = Some(execution.id);
        gate.latest = Some(latest);
    }

    /// Starts what may start now: the open actions of the first group that has not succeeded as a whole.
    pub(super) fn start_due(&mut self, execution: &mut Execution) {
        let plan = self.plan_of(execution);
        let Position::Inside(run) = &mut execution.position else { return };
        if execution.stop.is_some() || execution.cancelling || run.has_failure() {
            return;
        }
        let stage = &plan.stages[run.stage];
        let open = |run: &StageRun, index: usize| {
            run.wants(index)
                && !matches!(&run.actions[index], Some(action) if action.status == ActionStatus::Succeeded)
        };
        let Some(group) = stage.groups().find(|group| group.iter().any(|index| open(run, *index))) else {
            return;
        };
        let mut room = match execution.mode {
            ExecutionMode::Parallel => CONCURRENT_ACTIONS.saturating_sub(run.in_progress().count()),
            ExecutionMode::Superseded | ExecutionMode::Queued => usize::MAX,
        };
        let due = group.iter().copied().filter(|index| run.wants(*index) && run.actions[*index].is_none());
        let due: Vec<usize> = due.collect();
        for index in due {
            if room == 0 {
                break;
            }
            room -= 1;
            self.start_action(execution, &plan, index);
        }
    }

    fn start_action(&mut self, execution: &mut Execution, plan: &Plan, index: usize) {
        let Position::Inside(run) = &mut execution.position else { return };
        let stage = &plan.stages[run.stage];
        let action = &stage.actions[index];
        let id = ActionExecutionId(self.ids.draw());
        let token = action.approval.then(|| ApprovalToken(self.ids.draw()));
        run.actions[index] = Some(ActionRun { id, status: ActionStatus::InProgress, token });
        self.commands.push(Command::StartAction {
            execution: execution.id,
            version: execution.version,
            stage: stage.name.clone(),
            action: action.name.clone(),
            id,
            token,
        });
        let timeout = self.at.saturating_add(action.timeout);
        self.commands.push(Command::SetTimer { execution: execution.id, id, at: timeout });
        if execution.mode != ExecutionMode::Parallel {
            self.gate(&stage.name).actions.insert(action.name.clone(), id);
        }
        self.announce_action(execution, index, ActionState::Started);
    }

    /// Goes on after something ended inside a stage: starts what is due, or lets the execution leave the stage.
    pub(super) fn settle(&mut self, mut execution: Execution) {
        let Position::Inside(run) = &execution.position else { return self.put(execution) };
        if run.in_progress().next().is_some() {
            self.start_due(&mut execution);
            return self.put(execution);
        }
        let (evaluating, failed, succeeded) = (run.evaluating(), run.has_failure(), run.all_succeeded());
        let stop = execution.stop.as_ref().map(|stop| stop.abandon);
        // Nothing of a condition is worth waiting for.
        if let Some(condition) = evaluating.filter(|_| stop.is_some() || execution.cancelling) {
            let abandoned = stop == Some(true);
            let status = if abandoned { ConditionStatus::Abandoned } else { ConditionStatus::Cancelled };
            self.end_condition(&mut execution, condition, status);
        }
        if stop.is_some() {
            self.leave(execution, StageStatus::Stopped, ExecutionStatus::Stopped);
        } else if execution.cancelling {
            self.leave(execution, StageStatus::Cancelled, ExecutionStatus::Cancelled);
        } else if evaluating.is_some() {
            self.put(execution);
        } else if failed {
            self.stage_failed(execution);
        } else if !succeeded {
            self.start_due(&mut execution);
            self.put(execution);
        } else if self.begin_condition(&mut execution, ConditionType::OnSuccess) {
            self.put(execution);
        } else {
            self.go_on(execution, StageStatus::Succeeded);
        }
    }

    /// Lets an execution that is done with its stage go to the next one, or end.
    pub(super) fn go_on(&mut self, mut execution: Execution, status: StageStatus) {
        let stages = self.plan(&execution).stages.len();
        let next = execution.position.stage() + 1;
        if next == stages || execution.ends_here() {
            return self.leave(execution, status, ExecutionStatus::Succeeded);
        }
        self.set_stage_status(&mut execution, status);
        let (name, id) = (self.stage_name(&execution), execution.id);
        // First onwards, then the lock: the next execution finds this one already ahead of it.
        self.arrive(execution, next);
        self.release(&name, id);
    }

    /// Ends the stage run and with it the execution, then lets the next one in.
    pub(super) fn leave(&mut self, mut execution: Execution, stage: StageStatus, status: ExecutionStatus) {
        self.set_stage_status(&mut execution, stage);
        let name = self.stage_name(&execution);
        let id = execution.id;
        self.end(execution, status);
        self.release(&name, id);
    }

    pub(super) fn end(&mut self, mut execution: Execution, status: ExecutionStatus) {
        execution.status = status;
        let state = match status {
            ExecutionStatus::Stopped => ExecutionState::Stopped,
            ExecutionStatus::Succeeded => ExecutionState::Succeeded,
            ExecutionStatus::Failed => ExecutionState::Failed,
            ExecutionStatus::Superseded => ExecutionState::Superseded,
            ExecutionStatus::Cancelled => ExecutionState::Canceled,
            ExecutionStatus::InProgress | ExecutionStatus::Stopping => return self.put(execution),
        };
        self.announce_execution(&execution, state);
        self.commands.push(Command::Keep(Box::new(execution)));
    }

    pub(super) fn release(&mut self, stage: &Name, id: ExecutionId) {
        let gate = self.gate(stage);
        if gate.holder == Some(id) {
            gate.holder = None;
        }
        self.admit(stage);
        self.forget_removed(stage);
    }

    /// Lets in who may enter now, in the order of arrival.
    pub(super) fn admit(&mut self, stage: &Name) {
        for id in self.gate(stage).inbound.clone() {
            let Some(execution) = self.state.executions.get(&id) else { continue };
            let index = execution.position.stage();
            if self.admits(execution, index, stage)
                && let Some(execution) = self.take_inbound(id, stage)
            {
                self.enter(execution, index);
            }
        }
    }

    /// Lets in those who waited only until executions on another definition had passed.
    pub(super) fn admit_after_others(&mut self) {
        if self.state.plans.len() == 1 {
            return;
        }
        loop {
            let waiting = self.state.stages.iter().filter(|(_, stage)| !stage.inbound.is_empty());
            let waiting: Vec<Name> = waiting.map(|(name, _)| name.clone()).collect();
            let before = self.commands.len();
            for stage in &waiting {
                self.admit(stage);
            }
            if self.commands.len() == before {
                return;
            }
        }
    }

    /// Drops a stage that the current definition no longer has, once nobody needs it.
    pub(super) fn forget_removed(&mut self, stage: &Name) {
        let Some(gate) = self.state.stages.get(stage) else { return };
        let idle = gate.holder.is_none() && gate.inbound.is_empty();
        let removed = self.state.plan().is_some_and(|plan| plan.stage_index(stage).is_none());
        if idle && removed {
            self.state.stages.remove(stage);
        }
    }

    pub(super) fn set_stage_status(&mut self, execution: &mut Execution, status: StageStatus) {
        let Position::Inside(run) = &mut execution.position else { return };
        run.status = status;
        let state = match status {
            StageStatus::InProgress => StageState::Resumed,
            StageStatus::Succeeded => StageState::Succeeded,
            StageStatus::Failed => StageState::Failed,
            StageStatus::Stopping => StageState::Stopping,
            StageStatus::Stopped => StageState::Stopped,
            StageStatus::Cancelled => StageState::Canceled,
            StageStatus::Skipped => StageState::Skipped,
        };
        self.show_run(execution);
        if status == StageStatus::Succeeded && !execution.ends_here() {
            let success = Success { execution: execution.id, version: execution.version };
            let name = self.stage_name(execution);
            if let Some(gate) = self.state.stages.get_mut(&name)
                && gate.latest.as_ref().is_some_and(|latest| latest.execution == success.execution)
            {
                gate.last_success = Some(success);
            }
        }
        self.announce_stage(execution, state);
    }

    /// Shows at its stage how the run of the execution that entered last stands.
    pub(super) fn show_run(&mut self, execution: &Execution) {
        let Position::Inside(run) = &execution.position else { return };
        let name = self.stage_name(execution);
        let latest = self.state.stages.get_mut(&name).and_then(|gate| gate.latest.as_mut());
        if let Some(latest) = latest.filter(|latest| latest.execution == execution.id) {
            latest.status = run.status;
            latest.retries = run.retries;
            if latest.conditions != run.conditions {
                latest.conditions.clone_from(&run.conditions);
            }
        }
    }

    pub(super) fn stage_name(&self, execution: &Execution) -> Name {
        self.plan(execution).stages[execution.position.stage()].name.clone()
    }

    pub(super) fn gate(&mut self, stage: &Name) -> &mut Stage {
        self.state.stages.entry(stage.clone()).or_default()
    }

    pub(super) fn put(&mut self, execution: Execution) {
        self.state.executions.insert(execution.id, execution);
    }

    pub(super) fn announce_execution(&mut self, execution: &Execution, state: ExecutionState) {
        self.announce(execution, Subject::Execution { state });
    }

    fn announce_stage(&mut self, execution: &Execution, state: StageState) {
        let Position::Inside(run) = &execution.position else { return };
        let (since, retried_at) = (run.since, run.retried_at);
        let stage = self.stage_name(execution);
        self.announce(execution, Subject::Stage { stage, state, since, retried_at });
    }

    pub(super) fn announce_action(&mut self, execution: &Execution, index: usize, state: ActionState) {
        let Position::Inside(run) = &execution.position else { return };
        let Some(action_run) = &run.actions[index] else { return };
        let stage = &self.plan(execution).stages[run.stage];
        let subject = Subject::Action {
            stage: stage.name.clone(),
            action: stage.actions[index].name.clone(),
            id: action_run.id,
            state,
            retried_at: run.retried_at,
        };
        self.announce(execution, subject);
    }

    fn announce(&mut self, execution: &Execution, subject: Subject) {
        let change = Change { execution: execution.id, attempt: execution.attempt, subject };
        self.commands.push(Command::Announce(change));
    }
}
