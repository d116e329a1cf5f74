//! What the engine must know of a pipeline's definition, and no more.

use serde::{Deserialize, Serialize};

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
        Self { name: name.into(), actions, groups }
    }

    pub fn action_index(&self, name: &str) -> Option<usize> {
        self.actions.iter().position(|action| &*action.name == name)
    }

    /// Indexes of the actions that run side by side, group after group.
    pub fn groups(&self) -> impl Iterator<Item = &[usize]> {
        self.groups.iter().map(Vec::as_slice)
    }
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
