use std::sync::Arc;

use aws::Ctx;
use codepipeline_model::{UpdatePipeline, UpdatePipelineOutput};
use store::ReadTx;
use uuid::Uuid;

use super::create_pipeline::check_declaration;
use super::start_pipeline_execution::{trigger, variables_again};
use crate::definition::Definition;
use crate::definitions;
use crate::driver::{self, Cause, Commit, Fault, NewExecution};
use crate::engine::{Event, ExecutionId};
use crate::error::Error;
use crate::records::{Execution, ExecutionTrigger, Pipeline, Secrets, SourceOverride};
use crate::{CodePipeline, secrets};

/// Replaces the definition; the version grows by one. Starts no execution; those in progress are cancelled as soon as
/// their running actions have ended, PARALLEL ones go on with the definition that they began with. Where the operator or
/// a tag of the pipeline says so, all go on with the definition that they began with, or the pipeline starts again with
/// the source revisions of its newest execution.
/// Errors: those of the declaration, `PipelineNotFound`.
/// Source: CodePipeline API Reference, UpdatePipeline.
pub(super) async fn update_pipeline(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: UpdatePipeline,
) -> Result<UpdatePipelineOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), input.pipeline.name.clone());
    codepipeline.store.read(move |tx| super::find_pipeline(tx, &scope, &name)).await?;
    let action_types = check_declaration(codepipeline, &ctx.scope, &input.pipeline).await?;

    let (scope, declaration, updated) = (ctx.scope.clone(), input.pipeline, ctx.now());
    let (definitions, moment) = (codepipeline.definitions.clone(), driver::now());
    let (sealer, settings) = (codepipeline.sealer.clone(), codepipeline.settings);
    let (id, trigger) = (ExecutionId(Uuid::new_v4()), trigger(ctx));
    let write = codepipeline.store.write(move |tx| {
        let mut pipeline = super::find_pipeline(tx, &scope, &declaration.name)?;
        let before = tx.get::<Secrets>(&Secrets::key_of(pipeline.id, pipeline.version))?;
        let before = before.map_or_else(Vec::new, |before| before.into_inner().values);
        let mut declaration = declaration.clone();
        let values = secrets::take(&mut declaration, &action_types, &sealer, pipeline.id, &before)?;
        let definition = Arc::new(Definition::new(declaration, pipeline.version + 1));
        pipeline.version = definition.version();
        pipeline.updated = updated;
        pipeline.watches = definition.watches();
        tx.put(&pipeline)?;
        tx.put(&definitions::record(pipeline.id, &definition, updated))?;
        if !values.is_empty() {
            tx.put(&Secrets { pipeline: pipeline.id, version: definition.version(), values })?;
        }
        let settings = settings.of(&pipeline.tags);
        let again = match settings.restart_on_update {
            true => again(tx, &pipeline, &definition, &trigger)?,
            false => None,
        };
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.update(definition.clone(), settings.pin_running_executions)?;
        if let Some(again) = again {
            start_again(&mut commit, id, again)?;
        }
        commit.finish()?;
        driver::polls::enqueue(tx, &pipeline, &definition)?;
        Ok(definition.declaration.clone())
    });
    let pipeline = write.await.map_err(|fault| super::explain(fault, Error::internal))?;
    Ok(UpdatePipelineOutput { pipeline: Some(pipeline) })
}

/// What the pipeline starts again with; nothing if it was never started, or if a new variable has no value: then nobody
/// but its user can start it.
fn again(
    tx: &mut ReadTx<'_>,
    pipeline: &Pipeline,
    definition: &Definition,
    trigger: &ExecutionTrigger,
) -> Result<Option<NewExecution>, Error> {
    let Some(newest) = super::newest_execution(tx, pipeline)? else { return Ok(None) };
    let Ok(variables) = variables_again(definition, &newest.variables) else {
        tracing::warn!(pipeline = pipeline.name, "an update starts no execution: a variable has no value");
        return Ok(None);
    };
    Ok(Some(NewExecution {
        trigger: trigger.clone(),
        variables,
        overrides: same_revisions(definition, &newest),
        client_request_token: None,
    }))
}

/// The revisions that an execution took, or was to take, for the sources that the definition has and can be told one.
fn same_revisions(definition: &Definition, newest: &Execution) -> Vec<SourceOverride> {
    let sources = definition.actions().map(|(_, action)| action).filter(|action| {
        // Nobody but its worker knows what the revisions of a source of one's own are.
        action.action_type_id.category.as_str() == "Source"
            && action.action_type_id.owner.as_str() != "Custom"
    });
    let overrides = sources.flat_map(|source| {
        let kind = match source.action_type_id.provider.as_str() {
            "CodeCommit" | "CodeStarSourceConnection" | "GitHub" => Some("COMMIT_ID"),
            "S3" => Some("S3_OBJECT_VERSION_ID"),
            "ECR" => Some("IMAGE_DIGEST"),
            _ => None,
        };
        let asked = newest.overrides.iter().filter(|known| known.action == source.name).cloned();
        let taken = newest.revisions.iter().find(|known| known.action == source.name);
        match (kind, taken) {
            (Some(kind), Some(taken)) => {
                let same = SourceOverride {
                    action: source.name.clone(),
                    kind: kind.to_owned(),
                    value: taken.revision.id.clone(),
                };
                // Another key of S3 is no revision, and goes with it.
                asked.filter(|known| known.kind != kind).chain([same]).collect::<Vec<_>>()
            }
            (Some(_) | None, _) => asked.collect(),
        }
    });
    overrides.collect()
}

fn start_again(commit: &mut Commit<'_, '_>, id: ExecutionId, new: NewExecution) -> Result<(), Fault> {
    let cause = Cause { start: Some(new), ..Cause::default() };
    match commit.apply(Event::Started { execution: id }, &cause) {
        // The update itself is none the worse for it.
        Err(Fault::Refused(refusal)) => {
            tracing::warn!(%refusal, "an update starts no execution");
            Ok(())
        }
        other => other,
    }
}
