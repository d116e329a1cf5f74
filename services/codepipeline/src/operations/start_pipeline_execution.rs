use std::collections::BTreeMap;

use aws::{Ctx, Timestamp};
use codepipeline_model::{
    PipelineType, PipelineVariable, SourceRevisionOverride, SourceRevisionType, StartPipelineExecution,
    StartPipelineExecutionOutput,
};
use uuid::Uuid;

use crate::CodePipeline;
use crate::definition::Definition;
use crate::driver::{self, Cause, Commit, Fault, NewExecution};
use crate::engine::{Event, ExecutionId};
use crate::error::Error;
use crate::records::{ExecutionTrigger, SourceOverride, Start};

/// Starts an execution. With the same client request token it answers the same execution again, and likewise for a rule of
/// EventBridge that brings a change which the pipeline has noticed itself, unless the rule hands over variables.
/// Errors: `PipelineNotFound`, `Validation` (variables, source revisions),
/// `ConcurrentPipelineExecutionsLimitExceeded`. Source: CodePipeline API Reference, StartPipelineExecution.
pub(super) async fn start_pipeline_execution(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: StartPipelineExecution,
) -> Result<StartPipelineExecutionOutput, Error> {
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let (moment, id) = (driver::now(), ExecutionId(Uuid::new_v4()));
    let trigger = trigger(ctx);
    let (name, change) = (input.name.clone(), ctx.change.clone());
    let write = codepipeline.store.write(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.name)?;
        if let Some(before) = super::with_token(tx, &pipeline, input.client_request_token.as_deref())? {
            return Ok(before);
        }
        let definition = super::current_definition(tx, &definitions, &pipeline)?;
        let overrides = overrides(&definition, input.source_revisions.as_deref().unwrap_or_default())?;
        let change = change.as_ref().filter(|_| input.variables.as_ref().is_none_or(Vec::is_empty));
        if let Some(change) = change
            && let Some(before) = Start::find(tx, pipeline.id, change, &overrides)?
            && before.own
        {
            return Ok(before.execution);
        }
        let new = NewExecution {
            trigger: trigger.clone(),
            variables: variables(&definition, input.variables.as_deref().unwrap_or_default())?,
            overrides,
            client_request_token: input.client_request_token.clone(),
        };
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::Started { execution: id }, &Cause { start: Some(new), ..Cause::default() })?;
        commit.finish()?;
        if let Some(change) = change {
            let (change, at) = (change.clone(), Timestamp::from_millis(moment.at));
            Start { pipeline: pipeline.id, change, execution: id, own: false, at }.note(tx)?;
        }
        Ok::<_, Fault>(id)
    });
    let id = write
        .await
        .map_err(|fault| super::explain(fault, |refusal| Error::of_refusal(refusal, &name, "", "")))?;
    Ok(StartPipelineExecutionOutput { pipeline_execution_id: Some(id.to_string()) })
}

/// Who calls; for a call of EventBridge the rule, under the old name of that service.
/// Source: CodePipeline API Reference, ExecutionTrigger.
pub(super) fn trigger(ctx: &Ctx) -> ExecutionTrigger {
    let (kind, detail) = match (ctx.invoked_by.as_deref(), &ctx.source_arn) {
        (Some("events.amazonaws.com"), Some(rule)) => ("CloudWatchEvent", rule.clone()),
        _ => ("StartPipelineExecution", ctx.caller.principal.arn()),
    };
    ExecutionTrigger { kind: kind.to_owned(), detail }
}

/// The values of the pipeline's variables if nobody gives others. Errors: `Validation` for one without default.
pub(crate) fn default_variables(definition: &Definition) -> Result<BTreeMap<String, String>, Error> {
    variables(definition, &[])
}

/// The values that an execution before had, of the variables that the definition has now.
/// Errors: `Validation` for one that is new and has no default.
pub(crate) fn variables_again(
    definition: &Definition,
    before: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Error> {
    let declared = definition.declaration.variables.as_deref().unwrap_or_default();
    let given = before.iter().filter(|(name, _)| declared.iter().any(|variable| variable.name == **name));
    let given = given.map(|(name, value)| PipelineVariable { name: name.clone(), value: value.clone() });
    variables(definition, &given.collect::<Vec<_>>())
}

fn variables(definition: &Definition, given: &[PipelineVariable]) -> Result<BTreeMap<String, String>, Error> {
    let declared = definition.declaration.variables.as_deref().unwrap_or_default();
    if let Some(unknown) = given.iter().find(|given| !declared.iter().any(|known| known.name == given.name)) {
        return Err(Error::Validation(format!(
            "The pipeline has no variable with the name '{}'",
            unknown.name
        )));
    }
    let values = declared.iter().map(|variable| {
        let given = given.iter().rev().find(|given| given.name == variable.name).map(|given| &given.value);
        match given.or(variable.default_value.as_ref()) {
            Some(value) => Ok((variable.name.clone(), value.clone())),
            None => {
                let message =
                    format!("The variable '{}' has no default value and must be given one", variable.name);
                Err(Error::Validation(message))
            }
        }
    });
    values.collect()
}

fn overrides(
    definition: &Definition,
    given: &[SourceRevisionOverride],
) -> Result<Vec<SourceOverride>, Error> {
    // Source: CodePipeline User Guide, "Pipeline types".
    if !given.is_empty() && definition.declaration.pipeline_type.as_ref() == Some(&PipelineType::V1) {
        let message = "Source revision overrides can only be used with V2 pipelines";
        return Err(Error::Validation(message.to_owned()));
    }
    let overrides = given.iter().map(|given| {
        let name = &given.action_name;
        let mut sources = definition.actions().map(|(_, action)| action);
        let source = sources
            .find(|action| action.name == *name && action.action_type_id.category.as_str() == "Source")
            .ok_or_else(|| {
                Error::Validation(format!("The pipeline has no source action with the name '{name}'"))
            })?;
        let provider = source.action_type_id.provider.as_str();
        let fits = match &given.revision_type {
            SourceRevisionType::CommitId => {
                matches!(provider, "CodeCommit" | "CodeStarSourceConnection" | "GitHub")
            }
            SourceRevisionType::S3ObjectVersionId | SourceRevisionType::S3ObjectKey => provider == "S3",
            SourceRevisionType::ImageDigest => provider == "ECR",
            SourceRevisionType::Other(_) => false,
        };
        let kind = given.revision_type.as_str().to_owned();
        if !fits {
            return Err(Error::Validation(format!(
                "A revision of type {kind} does not fit source action '{name}'"
            )));
        }
        if given.revision_type == SourceRevisionType::ImageDigest && !is_digest(&given.revision_value) {
            let message = format!("'{}' is not the digest of an image", given.revision_value);
            return Err(Error::Validation(message));
        }
        Ok(SourceOverride { action: name.clone(), kind, value: given.revision_value.clone() })
    });
    overrides.collect()
}

/// `sha256:` and the hash in hexadecimal.
fn is_digest(value: &str) -> bool {
    let hash = value.strip_prefix("sha256:").unwrap_or_default();
    hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())
}
