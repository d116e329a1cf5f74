//! Conditions of stages: when they are evaluated, and what follows from their results.

use serde::{Deserialize, Serialize};

use super::command::Command;
use super::flow::Step;
use super::ids::RuleExecutionId;
use super::plan::{ConditionResult, ConditionType};
use super::state::{Execution, ExecutionStatus, Position, StageRun, StageStatus};

/// One evaluation of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionRun {
    pub status: ConditionStatus,
    /// When the status changed last, milliseconds since 1970.
    pub since: i64,
    /// In definition order.
    pub rules: Vec<RuleRun>,
}

impl ConditionRun {
    pub fn is_met(&self) -> bool {
        matches!(self.status, ConditionStatus::Succeeded | ConditionStatus::Overridden)
    }

    /// Rules that have not ended.
    pub fn in_progress(&self) -> impl Iterator<Item = &RuleRun> {
        self.rules.iter().filter(|rule| rule.status == RuleStatus::InProgress)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    InProgress,
    Succeeded,
    Failed,
    /// A rule could not be evaluated; follows what follows from a failure.
    Errored,
    /// The execution was stopped, or cancelled by an update.
    Cancelled,
    /// The execution was stopped, and its work abandoned.
    Abandoned,
    Overridden,
}

impl ConditionStatus {
    /// The word in API answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Errored => "Errored",
            Self::Cancelled => "Cancelled",
            Self::Abandoned => "Abandoned",
            Self::Overridden => "Overridden",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleRun {
    pub id: RuleExecutionId,
    pub status: RuleStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleStatus {
    InProgress,
    Succeeded,
    Failed,
    /// The condition was decided without it.
    Abandoned,
}

impl RuleStatus {
    /// The word in API answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Abandoned => "Abandoned",
        }
    }
}

impl StageRun {
    /// The condition that is being evaluated.
    pub fn evaluating(&self) -> Option<ConditionType> {
        let mut conditions = self.conditions.iter();
        conditions.find(|(_, run)| run.status == ConditionStatus::InProgress).map(|(condition, _)| *condition)
    }

    /// Whether a condition keeps the run from being over: it was evaluated and is not met.
    pub(super) fn is_kept_by(&self, condition: ConditionType) -> bool {
        self.conditions.get(&condition).is_some_and(|run| !run.is_met())
    }

    /// What was evaluated after the actions counts no more once they run again.
    pub(super) fn forget_exit(&mut self) {
        self.conditions.retain(|condition, _| *condition == ConditionType::BeforeEntry);
    }
}

impl Step<'_> {
    /// Begins to evaluate a condition; not, if the stage has none of this type. Rollbacks pass all conditions: a check
    /// that keeps new work out must not keep the old state from being restored.
    pub(super) fn begin_condition(&mut self, execution: &mut Execution, condition: ConditionType) -> bool {
        let plan = self.plan_of(execution);
        let Position::Inside(run) = &mut execution.position else { return false };
        let stage = &plan.stages[run.stage];
        let Some(declared) = stage.conditions.get(&condition).filter(|_| execution.rollback.is_none()) else {
            return false;
        };
        let mut rules = Vec::with_capacity(declared.rules.len());
        for rule in &declared.rules {
            let id = RuleExecutionId(self.ids.draw());
            rules.push(RuleRun { id, status: RuleStatus::InProgress });
            self.commands.push(Command::StartRule {
                execution: execution.id,
                version: execution.version,
                stage: stage.name.clone(),
                condition,
                rule: rule.name.clone(),
                id,
                deadline: self.at.saturating_add(rule.timeout),
            });
        }
        let begun = ConditionRun { status: ConditionStatus::InProgress, since: self.at, rules };
        run.conditions.insert(condition, begun);
        self.show_run(execution);
        true
    }

    /// Goes on where a stage run stands: in front of its actions, among them, or behind them.
    pub(super) fn resume(&mut self, execution: &mut Execution) {
        let plan = self.plan_of(execution);
        let Position::Inside(run) = &execution.position else { return };
        let entry = ConditionType::BeforeEntry;
        let met = run.conditions.get(&entry).is_some_and(ConditionRun::is_met);
        let at_entry = plan.stages[run.stage].conditions.contains_key(&entry) && !met;
        if run.all_succeeded() {
            self.begin_condition(execution, ConditionType::OnSuccess);
        } else if !at_entry || !self.begin_condition(execution, entry) {
            self.start_due(execution);
        }
    }

    /// Ends the evaluation of a condition; rules that it no longer needs are abandoned.
    pub(super) fn end_condition(
        &mut self,
        execution: &mut Execution,
        condition: ConditionType,
        status: ConditionStatus,
    ) {
        let id = execution.id;
        let Position::Inside(run) = &mut execution.position else { return };
        let Some(evaluated) = run.conditions.get_mut(&condition) else { return };
        evaluated.status = status;
        evaluated.since = self.at;
        for rule in evaluated.rules.iter_mut().filter(|rule| rule.status == RuleStatus::InProgress) {
            rule.status = RuleStatus::Abandoned;
            self.commands.push(Command::StopRule { execution: id, id: rule.id });
            self.commands.push(Command::EndRule { execution: id, id: rule.id, status: rule.status });
        }
        self.show_run(execution);
    }

    /// What follows from a condition that is decided.
    pub(super) fn conclude(
        &mut self,
        mut execution: Execution,
        condition: ConditionType,
        status: ConditionStatus,
    ) {
        self.end_condition(&mut execution, condition, status);
        let plan = self.plan_of(&execution);
        let Position::Inside(run) = &execution.position else { return self.put(execution) };
        let Some(declared) = plan.stages[run.stage].conditions.get(&condition) else {
            return self.settle(execution);
        };
        let met = run.conditions.get(&condition).is_some_and(ConditionRun::is_met);
        let result = match (condition, met) {
            (ConditionType::BeforeEntry, true) => {
                self.start_due(&mut execution);
                return self.put(execution);
            }
            (ConditionType::OnSuccess, true) => return self.go_on(execution, StageStatus::Succeeded),
            (ConditionType::OnFailure, false) => ConditionResult::Fail,
            (ConditionType::BeforeEntry | ConditionType::OnSuccess, false)
            | (ConditionType::OnFailure, true) => declared.result,
        };
        match result {
            ConditionResult::Fail => self.leave(execution, StageStatus::Failed, ExecutionStatus::Failed),
            ConditionResult::Skip => self.go_on(execution, StageStatus::Skipped),
            ConditionResult::Rollback => self.fail_and_roll_back(execution),
        }
    }
}
