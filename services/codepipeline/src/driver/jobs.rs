//! Jobs within the transaction of the event that makes or ends them.

use codepipeline_model::ActionDeclaration;
use store::WriteTx;
use uuid::Uuid;

use super::commit::{Cause, Commit, Fault};
use super::step::{self, Step, Task};
use crate::catalogue::{self, ActionType, CLIENT_ID, CLIENT_TOKEN, Executor, Owner};
use crate::engine::{ActionExecutionId, ActionStatus, Event, Moment};
use crate::jobs::{self, State, Status};
use crate::providers::ErrorDetails;
use crate::records::{self, ActionExecution, Job};

/// Jobs of one action that are open at once: the one that its worker has.
const OPEN_AT_ONCE: usize = 10;

/// Makes the first job of an action. The inner error is what the action fails with.
pub(super) fn begin(
    commit: &mut Commit<'_, '_>,
    declared: &ActionDeclaration,
    record: &ActionExecution,
) -> Result<Result<(), ErrorDetails>, Fault> {
    let id = &declared.action_type_id;
    let scope = commit.pipeline.scope.clone();
    let Some(action_type) = records::ActionType::find(commit.tx, &scope, id)? else {
        let message = format!("The action type {} does not exist any more", catalogue::path(id));
        return Ok(Err(ErrorDetails::new("ConfigurationError", message)));
    };
    match &action_type.executor {
        Executor::JobWorker { .. } => {}
        Executor::Service => return Ok(Err(ErrorDetails::not_available(id))),
        Executor::Lambda { function_arn, .. } => {
            let message =
                format!("The function {function_arn} cannot be invoked: Lambda is not available here");
            return Ok(Err(ErrorDetails::new("ConfigurationError", message)));
        }
    }
    let client_id = match client_of(&action_type, declared) {
        Ok(client_id) => client_id,
        Err(error) => return Ok(Err(error)),
    };
    let queryable = action_type.queryable();
    let queried_value =
        queryable.and_then(|property| record.resolved_configuration.get(&property.name)).cloned();
    if let Some(value) = queried_value.as_ref().filter(|value| !catalogue::is_queryable_value(value)) {
        let message =
            format!("No worker can ask for the job: '{value}' is not a value of a queryable property");
        return Ok(Err(ErrorDetails::new("ConfigurationError", message)));
    }
    let job = Job {
        id: new_id(&commit.moment, record),
        scope,
        pipeline: commit.pipeline.id,
        pipeline_name: commit.pipeline.name.clone(),
        execution: record.execution,
        action: record.id,
        action_type: action_type.path(),
        queried_value: queried_value.unwrap_or_default(),
        client_id,
        state: State::queued(commit.now()),
        created_at: commit.now(),
        continuation_token: None,
    };
    put_new(commit, &job, &action_type)?;
    Ok(Ok(()))
}

impl Commit<'_, '_> {
    /// Makes the first job of an action that had to wait for its inputs, unless it has ended, or has it already.
    pub(super) fn begin_job(&mut self, id: ActionExecutionId) -> Result<(), Fault> {
        let record = self.action(id)?.clone();
        let is_open = !self.tx.scan_index::<Job>(Job::OPEN, Job::open_of(id), 1)?.records.is_empty();
        if record.status != ActionStatus::InProgress || is_open {
            return Ok(());
        }
        let definition = self.definition(record.version)?;
        let Some(declared) = definition.action(&record.stage, &record.action) else { return Ok(()) };
        match begin(self, declared, &record)? {
            Ok(()) => Ok(()),
            Err(error) => {
                let failed = Event::ActionFailed { execution: record.execution, action: id };
                match self.apply(failed, &Cause { error: Some(error), ..Cause::default() }) {
                    Ok(()) | Err(Fault::Refused(_)) => Ok(()),
                    Err(error @ Fault::Error(_)) => Err(error),
                }
            }
        }
    }
}

/// Goes on with the work of a job in another one, which the worker gets at a later poll.
pub(crate) fn go_on(
    commit: &mut Commit<'_, '_>,
    before: &Job,
    action_type: &ActionType,
    continuation_token: String,
) -> Result<(), Fault> {
    let action = commit.action(before.action)?.clone();
    let job = Job {
        id: new_id(&commit.moment, &action),
        state: State::queued(commit.now()),
        created_at: commit.now(),
        continuation_token: Some(continuation_token),
        ..before.clone()
    };
    put_new(commit, &job, action_type)
}

/// Takes back the time limit of a job that ended.
pub(crate) fn forget_timer(tx: &mut WriteTx<'_>, job: &Job) -> Result<(), store::Error> {
    tx.dequeue(step::TIMERS, &step::job_timer_id(job.id)).map(|_| ())
}

/// Ends what is open of an action that ended.
pub(super) fn close(
    commit: &mut Commit<'_, '_>,
    id: crate::engine::ActionExecutionId,
    cause: &Cause,
) -> Result<(), Fault> {
    let status = match commit.action(id)?.status {
        ActionStatus::Succeeded => Status::Succeeded,
        ActionStatus::Failed if cause.out_of_time => Status::TimedOut,
        ActionStatus::Failed | ActionStatus::Abandoned | ActionStatus::InProgress => Status::Failed,
    };
    let open = commit.tx.scan_index::<Job>(Job::OPEN, Job::open_of(id), OPEN_AT_ONCE)?;
    for mut job in open.into_records() {
        job.state.close(status);
        commit.tx.put(&job)?;
        forget_timer(commit.tx, &job)?;
    }
    Ok(())
}

fn put_new(commit: &mut Commit<'_, '_>, job: &Job, action_type: &ActionType) -> Result<(), Fault> {
    commit.tx.put(job)?;
    if let Some(seconds) = action_type.job_timeout() {
        let at = commit.moment.at.saturating_add(i64::from(seconds).saturating_mul(1000));
        let task = Task::JobTimeOut(job.id);
        Step::new(commit.pipeline, job.execution, job.action, task).enqueue(commit.tx, Some(at))?;
    }
    Ok(())
}

/// Whose job it is, if a partner's worker does the work.
fn client_of(action_type: &ActionType, declared: &ActionDeclaration) -> Result<Option<String>, ErrorDetails> {
    if action_type.owner == Owner::Custom {
        return Ok(None);
    }
    let value = |key: &str| declared.configuration.as_ref().and_then(|given| given.get(key));
    let refused = |message: String| Err(ErrorDetails::new("ConfigurationError", message));
    let (Some(id), Some(_)) = (value(CLIENT_ID), value(CLIENT_TOKEN)) else {
        return refused(format!(
            "The worker of {} cannot know whose job this is: the configuration needs {CLIENT_ID} and {CLIENT_TOKEN}",
            action_type.provider
        ));
    };
    match id.parse::<Uuid>() {
        Ok(id) => Ok(Some(id.to_string())),
        Err(_) => refused(format!("{CLIENT_ID} must be a UUID")),
    }
}

/// Random like the seed, and another one for each action.
fn new_id(moment: &Moment, action: &ActionExecution) -> jobs::Id {
    let mut hasher = blake3::Hasher::new_keyed(&moment.seed);
    hasher.update(b"job").update(action.id.0.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    jobs::Id(uuid::Builder::from_random_bytes(bytes).into_uuid())
}
