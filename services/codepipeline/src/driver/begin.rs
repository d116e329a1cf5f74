//! What an execution begins with; a rollback: with everything of the execution that it goes back to.

use std::collections::BTreeSet;

use serde_json::json;

use super::commit::{Cause, Commit, Fault, NewExecution};
use crate::engine::{ExecutionId, Rollback};
use crate::error::Error;
use crate::records::{ActionExecution, Execution, ExecutionTrigger};

/// Executions that took each other's work up, one after the other, through which an artifact is looked for.
pub(super) const LONGEST_CHAIN: usize = 100;

/// The trigger is who asked for it, or the execution that failed.
fn start(rollback: Rollback, target: &Execution, cause: &Cause) -> NewExecution {
    let trigger = match rollback.failed {
        Some(failed) => ExecutionTrigger {
            kind: "AutomatedRollback".to_owned(),
            detail: json!({"FailedPipelineExecutionId": failed}).to_string(),
        },
        None => ExecutionTrigger {
            kind: "ManualRollback".to_owned(),
            detail: cause.by.clone().unwrap_or_default(),
        },
    };
    NewExecution {
        trigger,
        variables: target.variables.clone(),
        overrides: target.overrides.clone(),
        client_request_token: None,
    }
}

impl Commit<'_, '_> {
    /// The record of an execution that starts.
    pub(super) fn new_execution(&mut self, id: ExecutionId, cause: &Cause) -> Result<Execution, Fault> {
        let missing =
            |what: &str| Error::from(aws::Error::internal(format!("{what} of a new execution is missing")));
        let started = self.live.engine.executions.get(&id).ok_or_else(|| missing("the state"))?;
        let (ordinal, version, mode, status) =
            (started.ordinal, started.version, started.mode, started.status);
        let rollback = started.rollback;
        let again = started.rerun.clone();
        let (new, revisions) = match rollback {
            Some(rollback) => {
                let target = self.execution(rollback.target)?;
                (start(rollback, target, cause), target.revisions.clone())
            }
            None => {
                let new = cause.start.clone().ok_or_else(|| missing("the trigger"))?;
                let revisions = match &again {
                    Some(rerun) => self.execution(rerun.of)?.revisions.clone(),
                    None => Vec::new(),
                };
                (new, revisions)
            }
        };
        Ok(Execution {
            pipeline: self.pipeline.id,
            id,
            ordinal,
            version,
            mode,
            status,
            started_at: self.now(),
            updated_at: self.now(),
            resumed_at: None,
            trigger: new.trigger,
            stop_reason: None,
            variables: new.variables,
            overrides: new.overrides,
            revisions,
            succeeded_stages: BTreeSet::new(),
            client_request_token: new.client_request_token,
            rollback_target: rollback.map(|rollback| rollback.target),
            rerun: cause.rerun.clone(),
            ended: None,
        })
    }

    /// The attempt whose artifacts and output variables an execution takes: its own last one, or else that of the
    /// execution that it goes back to.
    pub(super) fn maker(
        &mut self,
        execution: ExecutionId,
        stage: &str,
        action: &str,
    ) -> Result<Option<ActionExecution>, Fault> {
        if let Some(own) = self.last_attempt(execution, stage, action)? {
            return Ok(Some(own));
        }
        let mut before = self.execution(execution)?.predecessor();
        for _ in 0..LONGEST_CHAIN {
            let Some(predecessor) = before else { break };
            if let Some(attempt) = self.last_attempt(predecessor, stage, action)? {
                return Ok(Some(attempt));
            }
            before = self.execution(predecessor)?.predecessor();
        }
        Ok(None)
    }
}
