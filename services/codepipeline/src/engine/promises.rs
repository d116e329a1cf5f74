//! What every command must be, and every state.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::world::World;
use super::{
    ActionStatus, CONCURRENT_ACTIONS, CONCURRENT_EXECUTIONS, Command, ConditionRun, ConditionType, Execution,
    ExecutionId, ExecutionMode, ExecutionState, ExecutionStatus, Name, Pipeline, Plan, Position, Rerun,
    Rollback, RuleStatus, StageState, Subject,
};

impl World {
    pub(super) fn carry_out(&mut self, commands: Vec<Command>, before: &BTreeMap<u32, Arc<Plan>>) {
        for command in commands {
            match command {
                Command::StartAction { id, execution, token, version, stage, action } => {
                    assert!(self.commanded.insert(id), "an action was commanded twice");
                    let plan = self.state.plans.get(&version).or(before.get(&version)).expect("a plan");
                    let stage = &plan.stages[plan.stage_index(&stage).expect("a stage of its plan")];
                    let action = &stage.actions[stage.action_index(&action).expect("an action of its stage")];
                    assert_eq!(action.approval, token.is_some());
                    assert!(!self.kept.contains_key(&execution), "an ended execution starts an action");
                }
                Command::SetTimer { execution, id, at } => {
                    assert!(at > self.clock && self.commanded.contains(&id));
                    self.timers.insert(id, execution);
                }
                Command::CancelTimer { id } => assert!(self.timers.remove(&id).is_some(), "no such timer"),
                Command::StartRule { id, deadline, .. } => {
                    assert!(deadline > self.clock && self.rules.insert(id), "a rule was commanded twice");
                }
                Command::EndRule { id, status, .. } => {
                    assert!(self.rules.remove(&id), "no such rule");
                    assert_ne!(status, RuleStatus::InProgress);
                }
                Command::StopRule { id, .. } => assert!(self.rules.contains(&id)),
                Command::StopAction { id, .. } => assert!(self.commanded.contains(&id)),
                Command::Keep(execution) => {
                    assert!(execution.status.has_ended());
                    assert!(self.kept.insert(execution.id, execution).is_none(), "an execution ended twice");
                }
                Command::Announce(change) => self.heard(change.execution, &change.subject),
            }
        }
    }

    fn heard(&mut self, execution: ExecutionId, subject: &Subject) {
        match subject {
            Subject::Action { id, .. } => {
                assert!(self.commanded.contains(id), "an action that nobody started");
            }
            Subject::Stage { stage, state, .. } => {
                let succeeded = self.succeeded.entry(execution).or_default();
                let passed = self.passed.entry(execution).or_default();
                match state {
                    StageState::Succeeded => succeeded.insert(stage.clone()) | passed.insert(stage.clone()),
                    StageState::Skipped => passed.insert(stage.clone()),
                    _ => succeeded.remove(stage) | passed.remove(stage),
                };
                match state {
                    StageState::Started => self.check_entered(execution, stage),
                    StageState::Succeeded => self.check_met(execution, stage),
                    _ => {}
                }
            }
            Subject::Execution { state: ExecutionState::Started } => {
                let started = self.state.executions.get(&execution);
                if let Some(rollback) = started.and_then(|execution| execution.rollback) {
                    self.check_rollback(execution, rollback);
                }
                if let Some(rerun) = started.and_then(|execution| execution.rerun.clone()) {
                    self.check_rerun(execution, &rerun);
                }
            }
            Subject::Execution { .. } => {}
        }
    }

    /// Nobody passes a shut gate or a stage that did not succeed; a rollback begins where it is wanted.
    fn check_entered(&self, id: ExecutionId, stage: &Name) {
        // It may have ended in the same step.
        let execution = self.state.executions.get(&id).or(self.kept.get(&id).map(|kept| &**kept));
        let Some(execution) = execution.filter(|execution| execution.rollback.is_none()) else { return };
        let Some(plan) = self.state.plans.get(&execution.version).or(self.plans.get(&execution.version))
        else {
            return;
        };
        let index = plan.stage_index(stage).expect("a stage of its plan");
        self.check_not_overtaking(execution, stage);
        let Some(before) = index.checked_sub(1) else { return };
        assert!(
            self.state.stages.get(stage).is_none_or(|gate| gate.transition.enabled),
            "passed a shut gate"
        );
        assert!(self.passed[&id].contains(&plan.stages[before].name), "passed a stage that did not succeed");
    }

    /// Nobody enters a stage that an earlier execution on another definition has still ahead of it.
    fn check_not_overtaking(&self, execution: &Execution, stage: &Name) {
        let shares = |e: &&Execution| e.mode != ExecutionMode::Parallel && !e.cancelling && e.stop.is_none();
        if !shares(&execution) {
            return;
        }
        for earlier in self.state.executions.values().filter(shares) {
            let passes_by = earlier.rollback.is_some() || earlier.runs_one_action();
            if earlier.ordinal >= execution.ordinal || earlier.version == execution.version || passes_by {
                continue;
            }
            let ahead = match &earlier.position {
                Position::Inbound { stage, .. } => *stage,
                Position::Inside(run) => run.stage + 1,
            };
            let mut ahead = self.state.plans[&earlier.version].stages.iter().skip(ahead);
            assert!(
                !ahead.any(|ahead| ahead.name == *stage),
                "{execution:?} has overtaken {earlier:?} in front of {stage}"
            );
        }
    }

    /// What is taken up again is nothing that its execution did not get to, and it is no newer than that.
    fn check_rerun(&mut self, id: ExecutionId, rerun: &Rerun) {
        let execution = &self.state.executions[&id];
        let base = self.state.executions.get(&rerun.of);
        let base = base.or(self.kept.get(&rerun.of).map(|kept| &**kept)).expect("what is run again");
        assert!(base.rollback.is_none() && base.ordinal < execution.ordinal);
        let age = base.rerun.as_ref().map_or(base.ordinal, |rerun| rerun.age);
        assert_eq!(age, rerun.age);
        let gone_through = &self.plans[&base.version].stages[..base.position.stage()];
        let ended_well = base.status == ExecutionStatus::Succeeded && !base.runs_one_action();
        let last = &self.plans[&base.version].stages[base.position.stage()];
        let before = &self.state.plans[&execution.version].stages[..execution.position.stage()];
        for stage in before {
            let passed = gone_through.iter().any(|gone| gone.name == stage.name)
                || (ended_well && last.name == stage.name);
            assert!(passed, "what comes before it was not done");
        }
        let before: HashSet<Name> = before.iter().map(|stage| stage.name.clone()).collect();
        self.passed.entry(id).or_default().extend(before);
    }

    /// A stage that checks its success has succeeded only if the check says so.
    fn check_met(&self, id: ExecutionId, stage: &Name) {
        let latest = self.state.stages.get(stage).and_then(|gate| gate.latest.as_ref());
        let Some(latest) = latest.filter(|latest| latest.execution == id && !latest.is_rollback) else {
            return;
        };
        let execution = self.state.executions.get(&id).or(self.kept.get(&id).map(|kept| &**kept));
        let Some(plan) = execution.and_then(|execution| self.plans.get(&execution.version)) else { return };
        let Some(index) = plan.stage_index(stage) else { return };
        for condition in plan.stages[index].conditions.keys() {
            let met = latest.conditions.get(condition).is_some_and(ConditionRun::is_met);
            assert!(met || *condition == ConditionType::OnFailure, "{condition:?} was not met");
        }
    }

    /// What a rollback goes back to succeeded in its stage, on the same version, and is none itself. One that nobody asked
    /// for runs on the definition of the execution that failed.
    fn check_rollback(&self, id: ExecutionId, rollback: Rollback) {
        let execution = &self.state.executions[&id];
        let stage = &self.state.plans[&execution.version].stages[execution.position.stage()].name;
        assert!(execution.position.stage() > 0, "a source was rolled back");
        assert_ne!(execution.mode, ExecutionMode::Parallel);
        assert!(self.succeeded[&rollback.target].contains(stage), "back to one that did not succeed");
        let target = self.state.executions.get(&rollback.target);
        let target = target.or(self.kept.get(&rollback.target).map(|kept| &**kept)).expect("the target");
        assert_eq!((target.version, target.rollback), (execution.version, None));
        if let Some(failed) = rollback.failed {
            let failed = self.kept.get(&failed).expect("the one that failed has ended");
            assert_eq!((failed.version, failed.status), (execution.version, ExecutionStatus::Failed));
        } else {
            assert_eq!(execution.version, self.state.version);
        }
    }

    pub(super) fn check(&self, before: &Pipeline) {
        let mut holders: HashMap<ExecutionId, Name> = HashMap::new();
        for (name, stage) in &self.state.stages {
            if let Some(holder) = stage.holder {
                assert!(holders.insert(holder, name.clone()).is_none(), "an execution holds two stages");
            }
            let waiting: BTreeSet<_> = stage.inbound.iter().collect();
            assert_eq!(waiting.len(), stage.inbound.len(), "somebody waits twice");
            for id in &stage.inbound {
                assert!(self.state.executions.contains_key(id), "somebody waits who is not in progress");
            }
        }
        for execution in self.state.executions.values() {
            assert!(!execution.status.has_ended());
            assert!(!self.kept.contains_key(&execution.id), "in progress and ended");
            self.check_execution(execution, holders.remove(&execution.id));
        }
        assert!(holders.is_empty(), "held by nobody in progress: {holders:?}");
        self.check_order(before);
        let running: HashSet<_> = self.running().into_iter().map(|(_, id, _)| id).collect();
        assert_eq!(running, self.timers.keys().copied().collect(), "every running action has a timer");
        assert!(running.is_subset(&self.commanded));
        let evaluated: HashSet<_> = self.evaluated().into_iter().map(|(_, rule)| rule).collect();
        assert_eq!(evaluated, self.rules, "every rule that is evaluated has a deadline");
        let capped = self.state.executions.values().filter(|e| e.mode != ExecutionMode::Superseded).count();
        assert!(capped <= CONCURRENT_EXECUTIONS);
    }

    /// An execution in progress runs something, or waits where a lock or a gate keeps it.
    fn check_execution(&self, execution: &Execution, holds: Option<Name>) {
        let plan = &self.state.plans[&execution.version];
        let stage = &plan.stages[execution.position.stage()];
        match &execution.position {
            Position::Inbound { stage: index, .. } => {
                assert_eq!(holds, None);
                let gate = &self.state.stages[&stage.name];
                assert!(gate.inbound.contains(&execution.id));
                let shut = *index > 0 && !gate.transition.enabled;
                let expected = self.state.earlier_on_other_definition(execution, &stage.name).is_some();
                let taken = execution.mode != ExecutionMode::Parallel && (gate.holder.is_some() || expected);
                assert!(shut || taken, "stuck in front of {}: {execution:?}", stage.name);
                if execution.mode == ExecutionMode::Superseded {
                    assert_eq!(
                        gate.inbound
                            .iter()
                            .filter(|id| { self.state.executions[*id].mode == ExecutionMode::Superseded })
                            .count(),
                        1,
                        "only the newest may wait"
                    );
                }
            }
            Position::Inside(run) => {
                let locks = execution.mode != ExecutionMode::Parallel;
                assert_eq!(holds, locks.then(|| stage.name.clone()));
                let running = run.in_progress().count();
                let evaluating = run.evaluating();
                assert!(running > 0 || evaluating.is_some(), "stuck inside {}: {execution:?}", stage.name);
                assert!(running == 0 || evaluating.is_none(), "actions run while a condition is evaluated");
                let rules = run.conditions.values().map(|condition| condition.in_progress().count());
                assert_eq!(rules.sum::<usize>() > 0, evaluating.is_some());
                let entry = stage.conditions.contains_key(&ConditionType::BeforeEntry);
                if entry && execution.rollback.is_none() && run.actions.iter().any(Option::is_some) {
                    assert!(run.conditions[&ConditionType::BeforeEntry].is_met(), "it was not let in");
                }
                assert!(locks || running <= CONCURRENT_ACTIONS);
                let unfinished = |run_order: u16| {
                    run.only.is_none()
                        && stage.actions.iter().zip(&run.actions).any(|(plan, action)| {
                            plan.run_order < run_order
                                && !matches!(action, Some(action) if action.status == ActionStatus::Succeeded)
                        })
                };
                if let Some(only) = run.only {
                    let others = run.actions.iter().enumerate().filter(|(index, _)| *index != only);
                    assert!(others.into_iter().all(|(_, slot)| slot.is_none()), "more than one action ran");
                }
                for (plan, action) in stage.actions.iter().zip(&run.actions) {
                    assert!(
                        action.is_none() || !unfinished(plan.run_order),
                        "{} started too early",
                        plan.name
                    );
                }
            }
        }
    }

    /// No execution that shares its stages gets in front of an earlier one.
    fn check_order(&self, before: &Pipeline) {
        let ordered = |pipeline: &Pipeline| {
            let mut live: Vec<(u64, ExecutionId, u32, usize)> = pipeline
                .executions
                .values()
                .filter(|execution| execution.mode != ExecutionMode::Parallel && !execution.cancelling)
                // A rollback and a re-run start where others have been before them.
                .filter(|execution| execution.rollback.is_none() && execution.rerun.is_none())
                .map(|execution| {
                    (execution.ordinal, execution.id, execution.version, execution.position.stage())
                })
                .collect();
            live.sort_unstable();
            live
        };
        for pair in ordered(&self.state).windows(2) {
            let [(_, _, version, first), (_, _, later_version, later)] = pair else { continue };
            assert!(version != later_version || first >= later, "overtaken: {pair:?}");
        }
        for (_, id, version, stage) in ordered(before) {
            if let Some(now) = self.state.executions.get(&id)
                && now.version == version
            {
                assert!(now.position.stage() >= stage, "an execution went backwards");
            }
        }
    }
}
