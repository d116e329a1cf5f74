//! What the engine must know of a pipeline's definition, and no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::RetryMode;
use super::ids::Name;
use super::state::ExecutionMode;

/// One version of a definition, as the engine sees it. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of the pipeline, from 1.
    pub version: u32,
    pub mode: ExecutionMode,
    /// In definition order. Invariant: at least one, names unique.
    pub stages: Vec<StagePlan>,
}

impl Plan {
    pub fn stage_index(&self, name: &str) -> Option<usize> {
        self.stages.iter().position(|stage| &*stage.name == name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagePlan {
    pub name: Name,
    /// In definition order. Invariant: at least one, names unique.
    pub actions: Vec<ActionPlan>,
    /// Indexes into `actions` of those that run side by side; groups in the order of their run order.
    groups: Vec<Vec<usize>>,
    pub on_failure: OnFailure,
    /// What is evaluated before the first action, and after the last.
    pub conditions: BTreeMap<ConditionType, ConditionPlan>,
}

/// What a stage does by itself when actions of it have failed. Source: CodePipeline API Reference, FailureConditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFailure {
    #[default]
    Fail,
    /// Runs again, once; then it fails.
    Retry(RetryMode),
    /// Fails, and is rolled back to the execution that succeeded in it last.
    Rollback,
}

impl StagePlan {
    pub fn new(name: impl Into<Name>, actions: Vec<ActionPlan>) -> Self {
        let mut orders: Vec<u16> = actions.iter().map(|action| action.run_order).collect();
        orders.sort_unstable();
        orders.dedup();
        let groups = orders
            .into_iter()
            .map(|order| (0..actions.len()).filter(|index| actions[*index].run_order == order).collect())
            .collect();
        Self { name: name.into(), actions, groups, on_failure: OnFailure::Fail, conditions: BTreeMap::new() }
    }

    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    #[must_use]
    pub fn condition(mut self, condition: ConditionType, plan: ConditionPlan) -> Self {
        self.conditions.insert(condition, plan);
        self
    }

    pub fn action_index(&self, name: &str) -> Option<usize> {
        self.actions.iter().position(|action| &*action.name == name)
    }

    /// Indexes of the actions that run side by side, group after group.
    pub fn groups(&self) -> impl Iterator<Item = &[usize]> {
        self.groups.iter().map(Vec::as_slice)
    }
}

/// When a condition of a stage is evaluated. Source: CodePipeline User Guide, "How do stage conditions work?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionType {
    /// Before the first action; unless it is met, its result takes the place of the stage.
    BeforeEntry,
    /// When all actions have succeeded; unless it is met, its result takes the place of success.
    OnSuccess,
    /// When an action has failed; only if it is met, its result follows.
    OnFailure,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionPlan {
    pub result: ConditionResult,
    /// Evaluated side by side; the condition is met if all of them are. Invariant: at least one, names unique.
    pub rules: Vec<RulePlan>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionResult {
    Fail,
    /// Only before entry: the execution goes on behind the stage.
    Skip,
    /// Only afterwards: the stage fails, and is rolled back.
    Rollback,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulePlan {
    pub name: Name,
    /// Milliseconds from the rule's start until it counts as failed.
    pub timeout: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionPlan {
    pub name: Name,
    /// 1 to 999. Equal: side by side; higher: after all lower ones succeeded. Gaps mean nothing.
    pub run_order: u16,
    /// A manual approval: the engine makes a token, and only an answer with it ends the action well.
    pub approval: bool,
    /// Milliseconds from the action's start until it fails by itself.
    pub timeout: i64,
}
