use aws::Timestamp;
use codepipeline_model::WaitingExecution;

use super::Known;
use crate::engine::{ExecutionId, ExecutionMode, Position};
use crate::operations::get_pipeline_state::transition_state;

/// What an execution waits for in front of a stage; none: it is inside of one, or has ended.
pub(super) fn waiting(known: &Known<'_>, id: ExecutionId) -> Option<WaitingExecution> {
    let execution = known.live.executions.get(&id)?;
    let Position::Inbound { stage, since } = &execution.position else { return None };
    let plan = known.live.plans.get(&execution.version)?;
    let name = &plan.stages.get(*stage)?.name;
    let gate = known.live.stages.get(name)?;
    let ahead: Vec<String> =
        gate.inbound.iter().take_while(|other| **other != id).map(ToString::to_string).collect();
    let locks = execution.mode != ExecutionMode::Parallel;
    let expected = locks.then(|| known.live.earlier_on_other_definition(execution, name)).flatten();
    Some(WaitingExecution {
        stage_name: name.to_string(),
        since: Timestamp::from_millis(*since),
        position: i32::try_from(ahead.len() + 1).unwrap_or(i32::MAX),
        ahead,
        held_by: gate.holder.filter(|_| locks).map(|holder| holder.to_string()),
        expected: expected.map(|id| id.to_string()),
        transition: transition_state(gate),
    })
}
