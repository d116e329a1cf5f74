//! Whoever takes work up again is told at once if an artifact for it was cleaned up, not by an action that fails later.

use aws::Timestamp;

use super::commit::{Commit, Fault};
use super::inputs::Absent;
use crate::definition::{self, Definition};
use crate::engine::{ActionStatus, Execution, ExecutionId, Position};

impl Commit<'_, '_> {
    /// Why an execution that has just been taken up again cannot do what lies ahead of it: an artifact from before it is
    /// cleaned up. Called before [`Commit::finish`]; whoever gets an answer undoes the transaction.
    pub(crate) fn removed_input(&mut self, id: ExecutionId) -> Result<Option<String>, Fault> {
        let Some(live) = self.live.engine.executions.get(&id).cloned() else {
            // An action of it failed at once, and that ended it.
            return Ok(self
                .met_removed
                .as_ref()
                .map(|(artifact, at)| Absent::Removed(*at).message(artifact)));
        };
        let definition = self.definition(live.version)?;
        for (producer, artifact) in needed(&definition, &live) {
            if let Some(at) = self.removed_at(&definition, id, producer)? {
                return Ok(Some(Absent::Removed(at).message(artifact)));
            }
        }
        Ok(None)
    }

    fn removed_at(
        &mut self,
        definition: &Definition,
        execution: ExecutionId,
        (stage, action): Place,
    ) -> Result<Option<Timestamp>, Fault> {
        let stage = &definition.declaration.stages[stage];
        let maker = self.maker(execution, &stage.name, &stage.actions[action].name)?;
        Ok(maker.and_then(|maker| maker.outputs_removed_at))
    }
}

/// Stage and action by their places in the definition.
type Place = (usize, usize);

/// The artifacts that an execution has ahead of it to take in and does not make anew, with their makers.
fn needed<'a>(definition: &'a Definition, execution: &Execution) -> Vec<(Place, &'a str)> {
    let current = execution.position.stage();
    let stages = definition.declaration.stages.iter().enumerate().skip(current);
    let stages = stages.take(if execution.ends_here() { 1 } else { usize::MAX });
    let ahead = |stage: usize, action: usize| match &execution.position {
        Position::Inside(run) if run.stage == stage => {
            let status = run.actions[action].as_ref().map(|run| run.status);
            run.wants(action) && status != Some(ActionStatus::Succeeded)
        }
        Position::Inside(_) | Position::Inbound { .. } => {
            let only = execution.rerun.as_ref().and_then(|rerun| rerun.only.as_deref());
            only.is_none_or(|only| definition.declaration.stages[stage].actions[action].name == only)
        }
    };
    let actions = stages.flat_map(|(stage, declared)| {
        let actions = declared.actions.iter().enumerate();
        actions.filter(move |(action, _)| ahead(stage, *action)).map(|(_, action)| action)
    });
    let inputs = actions.flat_map(definition::inputs);
    let makers = inputs.filter_map(|input| Some((maker(definition, input)?, input)));
    makers
        .filter(|((stage, action), _)| *stage < current || (*stage == current && !ahead(*stage, *action)))
        .collect()
}

fn maker(definition: &Definition, artifact: &str) -> Option<Place> {
    let (stage, action) = definition.producer(artifact)?;
    let index = definition.declaration.stages.iter().position(|other| other.name == stage.name)?;
    Some((index, stage.actions.iter().position(|other| other.name == action.name)?))
}
