use aws::Ctx;
use codepipeline_model::{ActionDeclaration, ActionRevision, PutActionRevision, PutActionRevisionOutput};
use store::Versioned;
use uuid::Uuid;

use super::start_pipeline_execution::default_variables;
use crate::CodePipeline;
use crate::catalogue::Owner;
use crate::definition::Definition;
use crate::driver::{self, Cause, Commit, Fault, NewExecution};
use crate::engine::{Event, ExecutionId};
use crate::error::Error;
use crate::records::{ExecutionTrigger, Pipeline, PushedRevision, SourceOverride};

/// Tells of a new revision of a source, and starts an execution with it. The revision that was told last starts nothing
/// again: the answer is what it started.
/// Errors: `PipelineNotFound`, `StageNotFound`, `ActionNotFound`, `Validation` (no source action),
/// `ConcurrentPipelineExecutionsLimitExceeded`. Source: CodePipeline API Reference, PutActionRevision.
pub(super) async fn put_action_revision(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PutActionRevision,
) -> Result<PutActionRevisionOutput, Error> {
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let (moment, id) = (driver::now(), ExecutionId(Uuid::new_v4()));
    let trigger =
        ExecutionTrigger { kind: "PutActionRevision".to_owned(), detail: ctx.caller.principal.arn() };
    let name = input.pipeline_name.clone();
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.pipeline_name)?;
        let definition = super::current_definition(tx, &definitions, &pipeline)?;
        let source = find_source(&pipeline, &definition, &input)?;
        let key = PushedRevision::key_of(pipeline.id, &input.stage_name, &input.action_name);
        let last = tx.get::<PushedRevision>(&key)?.map(Versioned::into_inner);
        if let Some(last) = last.filter(|last| last.revision_id == input.action_revision.revision_id) {
            return Ok((false, last.execution));
        }
        let new = NewExecution {
            trigger: trigger.clone(),
            variables: default_variables(&definition)?,
            overrides: vec![wanted(source, &input.action_revision)],
            client_request_token: None,
        };
        tx.put(&pushed(&pipeline, &input, id))?;
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::Started { execution: id }, &Cause { start: Some(new), ..Cause::default() })?;
        commit.finish()?;
        Ok::<_, Fault>((true, id))
    });
    let (new_revision, execution) = write
        .await
        .map_err(|fault| super::explain(fault, |refusal| Error::of_refusal(refusal, &name, "", "")))?;
    Ok(PutActionRevisionOutput {
        new_revision: Some(new_revision),
        pipeline_execution_id: Some(execution.to_string()),
    })
}

fn find_source<'a>(
    pipeline: &Pipeline,
    definition: &'a Definition,
    input: &PutActionRevision,
) -> Result<&'a ActionDeclaration, Error> {
    let (stage, action) = (input.stage_name.clone(), input.action_name.clone());
    if definition.stage(&stage).is_none() {
        return Err(Error::StageNotFound { pipeline: pipeline.name.clone(), stage });
    }
    let Some(source) = definition.action(&stage, &action) else {
        return Err(Error::ActionNotFound { pipeline: pipeline.name.clone(), stage, action });
    };
    if source.action_type_id.category.as_str() != "Source" {
        return Err(Error::Validation(format!("Action '{action}' is not a source action")));
    }
    Ok(source)
}

/// The revision in the words of whoever takes it.
fn wanted(source: &ActionDeclaration, revision: &ActionRevision) -> SourceOverride {
    let id = &source.action_type_id;
    let kind = match (id.owner.as_str() == Owner::Aws.as_str(), id.provider.as_str()) {
        (true, "CodeCommit") => "COMMIT_ID",
        (true, "S3") => "S3_OBJECT_VERSION_ID",
        _ => "REVISION",
    };
    SourceOverride { action: source.name.clone(), kind: kind.to_owned(), value: revision.revision_id.clone() }
}

fn pushed(pipeline: &Pipeline, input: &PutActionRevision, execution: ExecutionId) -> PushedRevision {
    PushedRevision {
        pipeline: pipeline.id,
        stage: input.stage_name.clone(),
        action: input.action_name.clone(),
        revision_id: input.action_revision.revision_id.clone(),
        revision_change_id: input.action_revision.revision_change_id.clone(),
        created: input.action_revision.created,
        execution,
    }
}
