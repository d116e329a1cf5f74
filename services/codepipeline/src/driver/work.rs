//! Workers: claim an entry, let the provider work with the role's permissions, give the engine the outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::Scope;
use store::Claimed;
use tokio::sync::Semaphore;

use super::commit::{Cause, Commit, Fault};
use super::replication::Copies;
use super::step::{Entry, Step, Task, WORK};
use super::{PAUSE, now, rules};
use crate::CodePipeline;
use crate::catalogue::Owner;
use crate::definition::{self, Definition};
use crate::engine::{ActionStatus, Event};
use crate::providers::{Approval, ErrorDetails, Outcome, Provider, Report, Trouble, Work};
use crate::records::{ActionExecution, Execution, Pipeline, Secrets};
use crate::role::Role;
use crate::secrets;
use crate::variables;

/// Actions that are worked on at one time. Waiting for a build or an approval takes none of them.
const WORKERS: usize = 64;
/// Signs of life within one lease while a provider works.
const HEARTBEATS: u32 = 3;
/// Between attempts at something that is unavailable: doubled each time, up to the longest.
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

pub(super) async fn run(codepipeline: Arc<CodePipeline>) {
    let workers = Arc::new(Semaphore::new(WORKERS));
    // Their own set: when the driver is dropped, so is what it was working on.
    let mut running = tokio::task::JoinSet::new();
    loop {
        let Ok(permit) = workers.clone().acquire_owned().await else { return };
        // As many as can be worked on now: a claim is a durable write, whether of one entry or of many.
        let others = std::iter::from_fn(|| workers.clone().try_acquire_owned().ok());
        let permits: Vec<_> = std::iter::once(permit).chain(others).collect();
        match codepipeline.store.claim_up_to(permits.len(), WORK, "codepipeline", codepipeline.lease).await {
            Ok(all) => {
                for (claimed, permit) in all.into_iter().zip(permits) {
                    let codepipeline = codepipeline.clone();
                    running.spawn(async move {
                        carry_out(&codepipeline, &claimed, work(&codepipeline, &claimed)).await;
                        drop(permit);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no work can be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while let Some(ended) = running.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a worker of the pipeline driver failed; its entry is claimed again");
            }
        }
    }
}

/// Keeps the claim alive while its work is done, and gives it back if the work has to be tried again.
pub(super) async fn carry_out(
    codepipeline: &CodePipeline,
    claimed: &Claimed,
    working: impl Future<Output = Result<(), Again>>,
) {
    tokio::pin!(working);
    let mut heartbeat = tokio::time::interval(codepipeline.lease / HEARTBEATS);
    heartbeat.tick().await;
    let result = loop {
        tokio::select! {
            result = &mut working => break result,
            _ = heartbeat.tick() => {
                if let Err(error) = codepipeline.store.heartbeat(claimed, codepipeline.lease).await {
                    tracing::warn!(entry = claimed.id, %error, "a claim was lost; somebody else goes on with it");
                    return;
                }
            }
        }
    };
    if let Err(error) = result {
        let delay = delay(claimed.attempt);
        tracing::warn!(entry = claimed.id, %error, delay_ms = delay.as_millis(), "work is tried again");
        if let Err(error) = codepipeline.store.release(claimed, delay).await {
            tracing::warn!(entry = claimed.id, %error, "a claim could not be given back; it ends with its lease");
        }
    }
}

fn delay(attempt: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_DELAY)
}

/// Why an entry is to be tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Again {
    #[error("{0}")]
    Unavailable(String),
    #[error(transparent)]
    Fault(#[from] Fault),
}

async fn work(codepipeline: &CodePipeline, claimed: &Claimed) -> Result<(), Again> {
    let step = match claimed.payload.parse().map_err(Fault::from)? {
        Entry::Action(step) => step,
        Entry::Rule(step) => return rules::work(codepipeline, claimed, &step).await,
    };
    let Some(job) = Job::load(codepipeline, &step).await? else {
        return Ok(complete(codepipeline, claimed).await?);
    };
    if job.action.by_worker && step.task == Task::Start {
        return hand_over(codepipeline, claimed, &job).await;
    }
    match job.perform(codepipeline, step.task).await {
        Ok(Some(outcome)) => Ok(report(codepipeline, claimed, &job, outcome).await?),
        Ok(None) => Ok(complete(codepipeline, claimed).await?),
        Err(Trouble::Refused(error)) if step.task.is_stop() => {
            // The action has ended already: there is nothing left to fail.
            tracing::warn!(action = %step.action, code = error.code, error.message, "work could not be stopped");
            Ok(complete(codepipeline, claimed).await?)
        }
        Err(Trouble::Refused(error)) => {
            let outcome = Outcome::Failed(Report::default(), error);
            Ok(report(codepipeline, claimed, &job, outcome).await?)
        }
        Err(Trouble::Unavailable(why)) => Err(Again::Unavailable(why)),
    }
}

/// What a worker must know.
struct Job {
    pipeline: Pipeline,
    definition: Arc<Definition>,
    execution: Execution,
    action: ActionExecution,
    /// Of partners' actions, which alone have some.
    secrets: Option<Secrets>,
}

impl Job {
    /// `None`: nobody waits for it any more.
    async fn load(codepipeline: &CodePipeline, step: &Step) -> Result<Option<Self>, Fault> {
        let definitions = codepipeline.definitions.clone();
        let step = step.clone();
        let read = codepipeline.store.read(move |tx| {
            let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&step.scope, &step.pipeline_name))?;
            let Some(pipeline) = pipeline.filter(|pipeline| pipeline.id == step.pipeline) else {
                return Ok(None);
            };
            let id = ActionExecution::with_id(step.pipeline, step.action);
            let action = tx.scan_index::<ActionExecution>(ActionExecution::ID, id, 1)?.into_records().pop();
            let id = Execution::with_id(step.pipeline, step.execution);
            let execution = tx.scan_index::<Execution>(Execution::ID, id, 1)?.into_records().pop();
            let (Some(action), Some(execution)) = (action, execution) else { return Ok(None) };
            if action.status != ActionStatus::InProgress && !step.task.is_stop() {
                return Ok(None);
            }
            let definition = definitions.get(tx, step.pipeline, action.version)?;
            let Some(definition) = definition else { return Ok(None) };
            let declared = definition.action(&action.stage, &action.action);
            let of_partner = |declared: &codepipeline_model::ActionDeclaration| {
                declared.action_type_id.owner.as_str() == Owner::ThirdParty.as_str()
            };
            let secrets = match declared.is_some_and(of_partner) {
                true => tx.get::<Secrets>(&Secrets::key_of(step.pipeline, action.version))?,
                false => None,
            };
            let secrets = secrets.map(store::Versioned::into_inner);
            let pipeline = pipeline.into_inner();
            Ok(Some(Self { pipeline, definition, execution, action, secrets }))
        });
        read.await
    }

    /// `None`: there is nothing to report.
    async fn perform(&self, codepipeline: &CodePipeline, task: Task) -> Result<Option<Outcome>, Trouble> {
        let external_id = self.action.report.external_execution_id.as_deref();
        let provider = self.provider(codepipeline)?;
        match (task, external_id) {
            (Task::Start, _) => {
                self.copy_inputs(codepipeline).await?;
                provider.start(&self.work(codepipeline)?).await.map(Some)
            }
            (Task::Observe(_), Some(id)) => provider.observe(&self.work(codepipeline)?, id).await.map(Some),
            (Task::Stop | Task::StopLate, Some(id)) => {
                provider.stop(&self.work(codepipeline)?, id).await.map(|()| None)
            }
            (Task::Observe(_) | Task::Stop | Task::StopLate, None)
            | (Task::TimeOut | Task::JobTimeOut(_), _) => Ok(None),
        }
    }

    fn provider(&self, codepipeline: &CodePipeline) -> Result<&'static dyn Provider, Trouble> {
        let id = &self.declared()?.action_type_id;
        codepipeline.provider(id).ok_or_else(|| Trouble::Refused(ErrorDetails::not_available(id)))
    }

    fn declared(&self) -> Result<&codepipeline_model::ActionDeclaration, Trouble> {
        let declared = self.definition.action(&self.action.stage, &self.action.action);
        declared.ok_or_else(|| Trouble::configuration("The definition has no such action"))
    }

    fn scope(&self) -> Result<Scope, Trouble> {
        Ok(definition::scope_of_action(self.declared()?, &self.pipeline.scope))
    }

    /// Makes the copies that the action takes.
    async fn copy_inputs(&self, codepipeline: &CodePipeline) -> Result<(), Trouble> {
        let copies = Copies {
            home: &self.pipeline.scope,
            scope: &self.scope()?,
            definition: &self.definition,
            inputs: &self.action.inputs,
            elsewhere: &self.action.elsewhere,
        };
        copies.make(codepipeline, &self.action.id.to_string()).await
    }

    fn work(&self, codepipeline: &CodePipeline) -> Result<Work, Trouble> {
        let scope = self.scope()?;
        let pipeline_role = &self.definition.declaration.role_arn;
        let action_role = self.declared()?.role_arn.as_deref();
        let session = self.action.id.to_string();
        let store = self.definition.artifact_store(scope.region.as_str());
        let overrides = self.execution.overrides.iter().filter(|other| other.action == self.action.action);
        let revisions: BTreeMap<String, String> =
            overrides.map(|revision| (revision.kind.clone(), revision.value.clone())).collect();
        Ok(Work {
            role: Role::new(&codepipeline.client, &scope, pipeline_role, action_role, &session),
            scope,
            action: self.action.action.clone(),
            id: self.action.id,
            started_at: self.action.started_at,
            configuration: self.action.resolved_configuration.clone(),
            inputs: self.action.inputs.clone(),
            outputs: self.action.outputs.clone(),
            encryption_key: store.and_then(|store| store.encryption_key.as_ref()).map(|key| key.id.clone()),
            approval: self.approval(codepipeline)?,
            revisions,
            pipeline: self.pipeline.name.clone(),
            commands: self.action.commands.clone(),
            secrets: self.secrets(codepipeline)?,
            github: codepipeline.github.clone(),
            compute: codepipeline.compute.clone(),
        })
    }

    fn secrets(&self, codepipeline: &CodePipeline) -> Result<BTreeMap<String, aws::Secret>, Trouble> {
        let Some(secrets) = &self.secrets else { return Ok(BTreeMap::new()) };
        let opened = secrets::open(secrets, &codepipeline.sealer, &self.action.stage, &self.action.action);
        opened.map_err(|error| Trouble::configuration(format!("The secrets of the action: {error}")))
    }

    /// What the approver is told; `None` if nobody is asked.
    fn approval(&self, codepipeline: &CodePipeline) -> Result<Option<Approval>, Trouble> {
        let Some(token) = self.action.token else { return Ok(None) };
        let timeout = definition::timeout(self.declared()?);
        Ok(Some(Approval {
            pipeline: self.pipeline.name.clone(),
            stage: self.action.stage.clone(),
            token,
            expires: self.action.started_at.plus(timeout),
            endpoint: codepipeline.config.endpoint.clone(),
        }))
    }
}

/// A worker gets the job once the copies are there that it takes.
async fn hand_over(codepipeline: &CodePipeline, claimed: &Claimed, job: &Job) -> Result<(), Again> {
    match job.copy_inputs(codepipeline).await {
        Ok(()) => {}
        Err(Trouble::Refused(error)) => {
            let outcome = Outcome::Failed(Report::default(), error);
            return Ok(report(codepipeline, claimed, job, outcome).await?);
        }
        Err(Trouble::Unavailable(why)) => return Err(Again::Unavailable(why)),
    }
    let (definitions, pipeline, claimed) =
        (codepipeline.definitions.clone(), job.pipeline.clone(), claimed.clone());
    let (id, moment) = (job.action.id, now());
    let write = codepipeline.store.write(move |tx| {
        let current = tx.get::<Pipeline>(&Pipeline::key_of(&pipeline.scope, &pipeline.name))?;
        if let Some(current) = current.filter(|current| current.id == pipeline.id) {
            let mut commit = Commit::load(tx, &definitions, &current, moment)?;
            commit.begin_job(id)?;
            commit.finish()?;
        }
        Ok::<_, Fault>(tx.complete(&claimed)?)
    });
    Ok(write.await?)
}

/// Gives the engine the outcome, and takes the entry out of the queue in the same transaction.
async fn report(
    codepipeline: &CodePipeline,
    claimed: &Claimed,
    job: &Job,
    outcome: Outcome,
) -> Result<(), Fault> {
    let (execution, action) = (job.action.execution, job.action.id);
    let (event, cause) = match check_size(outcome) {
        Outcome::InProgress(report) => {
            (Event::ActionProgressed { execution, action }, Cause { report, ..Cause::default() })
        }
        Outcome::Succeeded(report) => {
            (Event::ActionSucceeded { execution, action }, Cause { report, ..Cause::default() })
        }
        Outcome::Failed(report, error) => (
            Event::ActionFailed { execution, action },
            Cause { report, error: Some(error), ..Cause::default() },
        ),
    };
    let (definitions, pipeline, claimed) =
        (codepipeline.definitions.clone(), job.pipeline.clone(), claimed.clone());
    let moment = now();
    let write = codepipeline.store.write(move |tx| {
        // The pipeline may have been deleted while its action was worked on.
        let current = tx.get::<Pipeline>(&Pipeline::key_of(&pipeline.scope, &pipeline.name))?;
        if let Some(current) = current.filter(|current| current.id == pipeline.id) {
            let mut commit = Commit::load(tx, &definitions, &current, moment)?;
            match commit.apply(event.clone(), &cause) {
                Ok(()) => {}
                Err(Fault::Refused(_)) => commit.came_late(action, &cause.report)?,
                Err(error @ Fault::Error(_)) => return Err(error),
            }
            commit.finish()?;
        }
        Ok(tx.complete(&claimed)?)
    });
    write.await
}

/// Output variables beyond the limit fail the action: they would not fit the records.
fn check_size(outcome: Outcome) -> Outcome {
    let (Outcome::InProgress(report) | Outcome::Succeeded(report) | Outcome::Failed(report, _)) = &outcome;
    let variables = report.output_variables.iter().flatten();
    let size: usize = variables.map(|(key, value)| key.len() + value.len()).sum();
    if size <= variables::OUTPUT_VARIABLES_LIMIT {
        return outcome;
    }
    let message = format!(
        "The output variables have {size} bytes, more than the maximum of {}",
        variables::OUTPUT_VARIABLES_LIMIT
    );
    let report = Report { output_variables: None, ..report.clone() };
    Outcome::Failed(report, ErrorDetails::new("JobFailed", message))
}

pub(super) async fn complete(codepipeline: &CodePipeline, claimed: &Claimed) -> Result<(), Fault> {
    let claimed = claimed.clone();
    codepipeline.store.write(move |tx| tx.complete(&claimed)).await.map_err(Fault::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_minute() {
        assert_eq!([delay(1), delay(2), delay(3)].map(|delay| delay.as_millis()), [200, 400, 800]);
        assert_eq!(delay(u32::MAX), LONGEST_DELAY);
    }

    #[test]
    fn too_many_output_variables_fail_the_action() {
        let variables = BTreeMap::from([("k".to_owned(), "x".repeat(variables::OUTPUT_VARIABLES_LIMIT))]);
        let report = Report { output_variables: Some(variables), ..Report::default() };
        assert!(matches!(check_size(Outcome::Succeeded(report)), Outcome::Failed(_, _)));
    }
}
