//! Rules of conditions: their records, their entries in the queues, and the work of their providers.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Scope, Timestamp};
use codepipeline_model::RuleDeclaration;
use serde::{Deserialize, Serialize};
use store::{Claimed, WriteTx};
use uuid::Uuid;

use super::commit::{Cause, Commit, Fault};
use super::replication::{self, Copies};
use super::step::{TIMERS, Task, WORK};
use super::work::{Again, complete};
use super::{inputs, now};
use crate::CodePipeline;
use crate::definition::{Definition, scope_of_rule};
use crate::engine::{
    ActionExecutionId, ConditionType, Event, ExecutionId, Name, RuleExecutionId, RuleStatus, Verdict,
};
use crate::error::Error;
use crate::providers::{Commands, ErrorDetails, Report, Trouble, Work};
use crate::records::{Pipeline, RuleExecution};
use crate::role::Role;
use crate::rules::{self, RuleOutcome};

/// What is to be done for one rule execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RuleStep {
    scope: Scope,
    pipeline_name: String,
    pipeline: Uuid,
    execution: ExecutionId,
    rule: RuleExecutionId,
    task: Task,
}

impl RuleStep {
    pub(super) fn new(
        pipeline: &Pipeline,
        execution: ExecutionId,
        rule: RuleExecutionId,
        task: Task,
    ) -> Self {
        Self {
            scope: pipeline.scope.clone(),
            pipeline_name: pipeline.name.clone(),
            pipeline: pipeline.id,
            execution,
            rule,
            task,
        }
    }

    /// `not_before`: milliseconds since 1970.
    pub(super) fn enqueue(&self, tx: &mut WriteTx<'_>, not_before: Option<i64>) -> Result<(), store::Error> {
        let (queue, id) = match self.task {
            Task::Start => (WORK, format!("{}:start", self.rule)),
            Task::Observe(number) => (WORK, look_id(self.rule, number)),
            Task::Stop => (WORK, format!("{}:stop", self.rule)),
            Task::StopLate => (WORK, format!("{}:stop-late", self.rule)),
            // Rules have no jobs.
            Task::TimeOut | Task::JobTimeOut(_) => (TIMERS, self.rule.to_string()),
        };
        tx.enqueue(queue, &id, self, not_before).map(|_| ())
    }
}

fn look_id(rule: RuleExecutionId, number: u64) -> String {
    format!("{rule}:observe:{number}")
}

/// A rule that the engine has started.
pub(super) struct NewRule {
    pub(super) execution: ExecutionId,
    pub(super) version: u32,
    pub(super) stage: Name,
    pub(super) condition: ConditionType,
    pub(super) rule: Name,
    pub(super) id: RuleExecutionId,
}

impl NewRule {
    pub(super) fn record(self, pipeline: Uuid, number: u64, started: Timestamp) -> RuleExecution {
        RuleExecution {
            pipeline,
            number,
            id: self.id,
            execution: self.execution,
            version: self.version,
            stage: self.stage.to_string(),
            condition: self.condition,
            rule: self.rule.to_string(),
            status: RuleStatus::InProgress,
            started_at: started,
            updated_at: started,
            updated_by: None,
            resolved_configuration: BTreeMap::new(),
            commands: None,
            inputs: Vec::new(),
            elsewhere: Vec::new(),
            report: Report::default(),
            error: None,
            look_at: None,
        }
    }
}

impl Commit<'_, '_> {
    /// Has a provider begin, unless the rule already lacks something that it needs.
    pub(super) fn start_rule(&mut self, mut record: RuleExecution, deadline: i64) -> Result<(), Fault> {
        self.live.last_rule = record.number;
        RuleStep::new(self.pipeline, record.execution, record.id, Task::TimeOut)
            .enqueue(self.tx, Some(deadline))?;
        match self.prepare_rule(&mut record)? {
            Ok(()) => {
                RuleStep::new(self.pipeline, record.execution, record.id, Task::Start)
                    .enqueue(self.tx, None)?;
            }
            Err(error) => {
                let (execution, rule) = (record.execution, record.id);
                let ended = Event::RuleEnded { execution, rule, verdict: Verdict::Errored };
                self.follow_ups.push_back((ended, Cause { error: Some(error), ..Cause::default() }));
            }
        }
        self.rules.insert(record.id, record);
        Ok(())
    }

    /// Fills the record in. The inner error is what the rule fails with.
    fn prepare_rule(&mut self, record: &mut RuleExecution) -> Result<Result<(), ErrorDetails>, Fault> {
        let definition = self.definition(record.version)?;
        let configuration_error = |message: String| Ok(Err(ErrorDetails::new("ConfigurationError", message)));
        let Some(declared) = definition.rule(&record.stage, record.condition, &record.rule) else {
            return configuration_error(format!(
                "The definition has no rule '{}' in stage '{}'",
                record.rule, record.stage
            ));
        };
        for input in declared.input_artifacts.iter().flatten() {
            match inputs::input_artifact(self, &definition, record.execution, &input.name)? {
                Ok(made) => {
                    let scope = scope_of_rule(declared, &self.pipeline.scope);
                    let name = &self.pipeline.name;
                    let here = replication::place(&definition, &scope, name, record.execution, &made);
                    if here != made {
                        record.elsewhere.push(made);
                    }
                    record.inputs.push(here);
                }
                Err(absent) => return configuration_error(absent.message(&input.name)),
            }
        }
        let configuration = declared.configuration.clone().unwrap_or_default();
        let resolved = inputs::resolve(self, &definition, record.execution, &configuration)?;
        let commands = inputs::commands(self, &definition, record.execution, &Commands::of_rule(declared))?;
        match resolved.zip(commands) {
            Some((resolved, commands)) => {
                record.resolved_configuration = resolved;
                record.commands = commands;
            }
            None => {
                return configuration_error(format!(
                    "A rule in this pipeline failed because one or more variables could not be resolved: Rule name={}.",
                    record.rule
                ));
            }
        }
        Ok(Ok(()))
    }

    /// A rule that is abandoned is so because of others: what they report is not its own.
    pub(super) fn end_rule(
        &mut self,
        id: RuleExecutionId,
        status: RuleStatus,
        cause: &Cause,
    ) -> Result<(), Fault> {
        self.tx.dequeue(TIMERS, &id.to_string())?;
        let now = self.now();
        let record = self.rule(id)?;
        record.status = status;
        record.updated_at = now;
        record.updated_by.clone_from(&cause.by);
        if status != RuleStatus::Abandoned {
            record.report.update(cause.report.clone());
            record.error.clone_from(&cause.error);
        }
        if let Some(look_at) = record.look_at.take() {
            self.tx.dequeue(WORK, &look_id(id, look_at.unsigned_abs()))?;
        }
        Ok(())
    }

    /// Keeps what is new of a rule, and looks after it when its provider wants to, or its work has got a name.
    pub(super) fn rule_progressed(&mut self, id: RuleExecutionId, cause: &Cause) -> Result<(), Fault> {
        let now = self.now();
        let record = self.rule(id)?;
        let before = record.report.clone();
        record.report.update(cause.report.clone());
        if record.report != before {
            record.updated_at = now;
        }
        let execution = record.execution;
        let named = before.external_execution_id != record.report.external_execution_id;
        let look_at = cause.look_at.filter(|at| record.look_at != Some(*at));
        if look_at.is_some() {
            record.look_at = look_at;
        }
        let step = |task| RuleStep::new(self.pipeline, execution, id, task);
        if named {
            // Its work may have ended before anybody could know to whom the event of that belongs.
            step(Task::Observe(0)).enqueue(self.tx, None)?;
        }
        if let Some(at) = look_at {
            step(Task::Observe(at.unsigned_abs())).enqueue(self.tx, Some(at))?;
        }
        Ok(())
    }

    /// The record of a rule execution, to be written at the end.
    fn rule(&mut self, id: RuleExecutionId) -> Result<&mut RuleExecution, Fault> {
        use std::collections::btree_map::Entry;
        let pipeline = self.pipeline.id;
        match self.rules.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let page = self.tx.scan_index(RuleExecution::ID, RuleExecution::with_id(pipeline, id), 1)?;
                let found = page.into_records().into_iter().next();
                let found = found.ok_or_else(|| Error::internal("a rule execution has no record"));
                Ok(place.insert(found?))
            }
        }
    }
}

/// A build that a rule waits for has ended.
pub(super) fn build_ended(tx: &mut WriteTx<'_>, build: &str, seq: u64) -> Result<(), Fault> {
    let index = RuleExecution::with_external_id(build);
    let waiting = tx.scan_index::<RuleExecution>(RuleExecution::EXTERNAL, index, 1)?.into_records();
    for rule in waiting {
        let pipeline = tx.scan_index::<Pipeline>(Pipeline::ID, Pipeline::with_id(rule.pipeline), 1)?;
        for pipeline in pipeline.into_records() {
            RuleStep::new(&pipeline, rule.execution, rule.id, Task::Observe(seq)).enqueue(tx, None)?;
        }
    }
    Ok(())
}

/// The deadline of a rule has come.
pub(super) async fn time_out(codepipeline: &CodePipeline, step: &RuleStep) -> Result<(), Fault> {
    let error = ErrorDetails::new("JobFailed", "The rule did not complete within its time limit.");
    let event = Event::RuleTimedOut { execution: step.execution, rule: step.rule };
    let cause = Cause { error: Some(error), ..Cause::default() };
    let (definitions, step, moment) = (codepipeline.definitions.clone(), step.clone(), now());
    let write = codepipeline.store.write(move |tx| {
        let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&step.scope, &step.pipeline_name))?;
        if let Some(pipeline) = pipeline.filter(|pipeline| pipeline.id == step.pipeline) {
            let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
            match commit.apply(event.clone(), &cause) {
                // It ended at the very last moment.
                Ok(()) | Err(Fault::Refused(_)) => commit.finish()?,
                Err(error @ Fault::Error(_)) => return Err(error),
            }
        }
        // The engine ends the timer of a rule that ended, this one included.
        tx.dequeue(TIMERS, &step.rule.to_string())?;
        Ok(())
    });
    write.await
}

pub(super) async fn work(
    codepipeline: &CodePipeline,
    claimed: &Claimed,
    step: &RuleStep,
) -> Result<(), Again> {
    let Some(job) = Job::load(codepipeline, step).await? else {
        return Ok(complete(codepipeline, claimed).await?);
    };
    match job.perform(codepipeline, step.task).await {
        Ok(Some(RuleOutcome::Waiting { report, look_at })) => {
            let look_at = look_at.map(Timestamp::as_millis);
            let event = Event::RuleProgressed { execution: step.execution, rule: step.rule };
            Ok(report_to_engine(
                codepipeline,
                claimed,
                &job,
                event,
                Cause { report, look_at, ..Cause::default() },
            )
            .await?)
        }
        Ok(Some(RuleOutcome::Passed(report))) => {
            let cause = Cause { report, ..Cause::default() };
            Ok(report_to_engine(codepipeline, claimed, &job, step.ended(Verdict::Passed), cause).await?)
        }
        Ok(Some(RuleOutcome::Failed(report, error))) => {
            let cause = Cause { report, error: Some(error), ..Cause::default() };
            Ok(report_to_engine(codepipeline, claimed, &job, step.ended(Verdict::Failed), cause).await?)
        }
        Ok(None) => Ok(complete(codepipeline, claimed).await?),
        Err(Trouble::Refused(error)) if step.task.is_stop() => {
            // The rule has ended already: there is nothing left to fail.
            tracing::warn!(rule = %step.rule, code = error.code, error.message, "work could not be stopped");
            Ok(complete(codepipeline, claimed).await?)
        }
        Err(Trouble::Refused(error)) => {
            let cause = Cause { error: Some(error), ..Cause::default() };
            Ok(report_to_engine(codepipeline, claimed, &job, step.ended(Verdict::Errored), cause).await?)
        }
        Err(Trouble::Unavailable(why)) => Err(Again::Unavailable(why)),
    }
}

impl RuleStep {
    fn ended(&self, verdict: Verdict) -> Event {
        Event::RuleEnded { execution: self.execution, rule: self.rule, verdict }
    }
}

/// What a worker must know.
struct Job {
    pipeline: Pipeline,
    definition: Arc<Definition>,
    rule: RuleExecution,
}

impl Job {
    /// `None`: nobody waits for it any more.
    async fn load(codepipeline: &CodePipeline, step: &RuleStep) -> Result<Option<Self>, Fault> {
        let (definitions, step) = (codepipeline.definitions.clone(), step.clone());
        let read = codepipeline.store.read(move |tx| {
            let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&step.scope, &step.pipeline_name))?;
            let Some(pipeline) = pipeline.filter(|pipeline| pipeline.id == step.pipeline) else {
                return Ok(None);
            };
            let id = RuleExecution::with_id(step.pipeline, step.rule);
            let rule = tx.scan_index::<RuleExecution>(RuleExecution::ID, id, 1)?.into_records().pop();
            let wanted = |rule: &RuleExecution| rule.status == RuleStatus::InProgress || step.task.is_stop();
            let Some(rule) = rule.filter(wanted) else { return Ok(None) };
            let definition = definitions.get(tx, step.pipeline, rule.version)?;
            let pipeline = pipeline.into_inner();
            Ok(definition.map(|definition| Self { pipeline, definition, rule }))
        });
        read.await
    }

    /// `None`: there is nothing to report.
    async fn perform(&self, codepipeline: &CodePipeline, task: Task) -> Result<Option<RuleOutcome>, Trouble> {
        let declared = self.definition.rule(&self.rule.stage, self.rule.condition, &self.rule.rule);
        let declared = declared.ok_or_else(|| Trouble::configuration("The definition has no such rule"))?;
        let provider = rules::provider(&declared.rule_type_id).ok_or_else(|| {
            let provider = &declared.rule_type_id.provider;
            Trouble::configuration(format!("The rule provider {provider} is not available here"))
        })?;
        let external_id = self.rule.report.external_execution_id.as_deref();
        let work = self.work(codepipeline, declared);
        match (task, external_id) {
            (Task::Start, _) => {
                let copies = Copies {
                    home: &self.pipeline.scope,
                    scope: &work.scope,
                    definition: &self.definition,
                    inputs: &self.rule.inputs,
                    elsewhere: &self.rule.elsewhere,
                };
                copies.make(codepipeline, &self.rule.id.to_string()).await?;
                provider.start(&work).await.map(Some)
            }
            (Task::Observe(_), id) => provider.observe(&work, id).await.map(Some),
            (Task::Stop | Task::StopLate, Some(id)) => provider.stop(&work, id).await.map(|()| None),
            (Task::Stop | Task::StopLate, None) | (Task::TimeOut | Task::JobTimeOut(_), _) => Ok(None),
        }
    }

    fn work(&self, codepipeline: &CodePipeline, declared: &RuleDeclaration) -> Work {
        let scope = scope_of_rule(declared, &self.pipeline.scope);
        let role = declared.role_arn.as_deref();
        let store = self.definition.artifact_store(scope.region.as_str());
        let pipeline_role = &self.definition.declaration.role_arn;
        Work {
            role: Role::new(&codepipeline.client, &scope, pipeline_role, role, &self.rule.id.to_string()),
            scope,
            action: self.rule.rule.clone(),
            id: ActionExecutionId(self.rule.id.0),
            started_at: self.rule.started_at,
            configuration: self.rule.resolved_configuration.clone(),
            inputs: self.rule.inputs.clone(),
            outputs: Vec::new(),
            encryption_key: store.and_then(|store| store.encryption_key.as_ref()).map(|key| key.id.clone()),
            approval: None,
            revisions: BTreeMap::new(),
            pipeline: self.pipeline.name.clone(),
            commands: self.rule.commands.clone(),
            secrets: BTreeMap::new(),
            github: None,
            compute: codepipeline.compute.clone(),
        }
    }
}

/// Gives the engine the outcome, and takes the entry out of the queue in the same transaction.
async fn report_to_engine(
    codepipeline: &CodePipeline,
    claimed: &Claimed,
    job: &Job,
    event: Event,
    cause: Cause,
) -> Result<(), Fault> {
    let (definitions, pipeline, claimed) =
        (codepipeline.definitions.clone(), job.pipeline.clone(), claimed.clone());
    let (moment, step) = (now(), (job.rule.execution, job.rule.id));
    let write = codepipeline.store.write(move |tx| {
        // The pipeline may have been deleted while its rule was worked on.
        let current = tx.get::<Pipeline>(&Pipeline::key_of(&pipeline.scope, &pipeline.name))?;
        if let Some(current) = current.filter(|current| current.id == pipeline.id) {
            let mut commit = Commit::load(tx, &definitions, &current, moment)?;
            match commit.apply(event.clone(), &cause) {
                Ok(()) => {}
                // Decided meanwhile: what the provider has begun is ended as soon as its name is known.
                Err(Fault::Refused(_)) => commit.rule_came_late(step.0, step.1, &cause.report)?,
                Err(error @ Fault::Error(_)) => return Err(error),
            }
            commit.finish()?;
        }
        Ok(tx.complete(&claimed)?)
    });
    write.await
}

impl Commit<'_, '_> {
    fn rule_came_late(
        &mut self,
        execution: ExecutionId,
        id: RuleExecutionId,
        report: &Report,
    ) -> Result<(), Fault> {
        let record = self.rule(id)?;
        if record.report.external_execution_id.is_none() && report.external_execution_id.is_some() {
            record.report.external_execution_id.clone_from(&report.external_execution_id);
            RuleStep::new(self.pipeline, execution, id, Task::StopLate).enqueue(self.tx, None)?;
        }
        Ok(())
    }
}
