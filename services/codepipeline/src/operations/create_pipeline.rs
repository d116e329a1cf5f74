use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{Ctx, Scope};
use codepipeline_model::{CreatePipeline, CreatePipelineOutput, PipelineDeclaration};
use uuid::Uuid;

use super::start_pipeline_execution::default_variables;
use crate::catalogue::ActionTypes;
use crate::definition::{Definition, check_with, conditions};
use crate::definitions;
use crate::driver::{self, Cause, Commit, Fault, NewExecution};
use crate::engine::{Event, ExecutionId};
use crate::error::Error;
use crate::records::{self, ExecutionTrigger, Pipeline, Secrets};
use crate::role::Role;
use crate::{CodePipeline, secrets, tags};

/// Creates a pipeline and starts its first execution.
/// Errors: those of the declaration, `PipelineNameInUse`, `InvalidTags`, `TooManyTags`.
/// Source: CodePipeline API Reference, CreatePipeline.
pub(super) async fn create_pipeline(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: CreatePipeline,
) -> Result<CreatePipelineOutput, Error> {
    let name = input.pipeline.name.clone();
    let mut tags = BTreeMap::new();
    tags::add(&mut tags, input.tags.as_deref().unwrap_or_default(), &name)?;
    let action_types = check_declaration(codepipeline, &ctx.scope, &input.pipeline).await?;

    let (id, mut declaration) = (Uuid::new_v4(), input.pipeline);
    let values = secrets::take(&mut declaration, &action_types, &codepipeline.sealer, id, &[])?;
    let definition = Arc::new(Definition::new(declaration, 1));
    let secrets = Secrets { pipeline: id, version: definition.version(), values };
    let pipeline = Pipeline {
        id,
        scope: ctx.scope.clone(),
        name,
        version: definition.version(),
        created: ctx.now(),
        updated: ctx.now(),
        tags,
        watches: definition.watches(),
    };
    let output = CreatePipelineOutput {
        pipeline: Some(definition.declaration.clone()),
        tags: Some(tags::list(&pipeline.tags)),
    };
    let first = first_execution(ctx, &definition);
    let definitions = codepipeline.definitions.clone();
    let (moment, execution) = (driver::now(), ExecutionId(Uuid::new_v4()));
    let write = codepipeline.store.write(move |tx| {
        if tx.exists::<Pipeline>(&Pipeline::key_of(&pipeline.scope, &pipeline.name))? {
            let (account, name) = (pipeline.scope.account.to_string(), pipeline.name.clone());
            return Err(Fault::Error(Error::PipelineNameInUse { account, name }));
        }
        tx.put(&pipeline)?;
        tx.put(&definitions::record(pipeline.id, &definition, pipeline.created))?;
        if !secrets.values.is_empty() {
            tx.put(&secrets)?;
        }
        let mut commit = Commit::create(tx, &definitions, &pipeline, moment, definition.clone());
        // A pipeline whose variables have no values cannot start by itself; AWS creates it all the same.
        if let Some(first) = &first {
            let cause = Cause { start: Some(first.clone()), ..Cause::default() };
            commit.apply(Event::Started { execution }, &cause)?;
        }
        commit.finish()
    });
    write.await.map_err(|fault| super::explain(fault, Error::internal))?;
    Ok(output)
}

fn first_execution(ctx: &Ctx, definition: &Definition) -> Option<NewExecution> {
    let trigger = ExecutionTrigger { kind: "CreatePipeline".to_owned(), detail: ctx.caller.principal.arn() };
    Some(NewExecution {
        trigger,
        variables: default_variables(definition).ok()?,
        overrides: Vec::new(),
        client_request_token: None,
    })
}

/// Everything that can be wrong with a declaration: first what it says, then what it refers to. Answers the action types
/// that it was checked against.
pub(super) async fn check_declaration(
    codepipeline: &CodePipeline,
    scope: &Scope,
    declaration: &PipelineDeclaration,
) -> Result<ActionTypes, Error> {
    let (of, uses) = (scope.clone(), declaration.clone());
    let used = codepipeline.store.read(move |tx| records::ActionType::used_by(tx, &of, &uses));
    let action_types = used.await?;
    if let Some(violation) = check_with(declaration, &scope.region, &action_types).into_iter().next() {
        return Err(violation.error);
    }
    let refused = |error: aws::Error| match &*error.code {
        "AccessDeniedException" => Error::InvalidStructure(error.message),
        _ => error.into(),
    };
    let assumable = |action_role: Option<&str>| {
        Role::new(&codepipeline.client, scope, &declaration.role_arn, action_role, "CreatePipeline")
    };
    let role = assumable(None);
    let client = role.client().await.map_err(refused)?;
    let actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
    let action_roles = actions.filter_map(|action| action.role_arn.as_deref());
    for role in action_roles.chain(conditions::roles(declaration)) {
        assumable(Some(role)).client().await.map_err(refused)?;
    }
    let home = declaration.artifact_store.iter().map(|store| (scope.region.as_str(), store));
    let stores = declaration.artifact_stores.iter().flatten().map(|(region, store)| (region.as_str(), store));
    for (region, store) in home.chain(stores) {
        let bucket = &store.location;
        // A role that may not ask where the bucket is may still write to it.
        let what = match client.bucket_location(bucket).await {
            Err(error) if error.code == "NoSuchBucket" => {
                format!("No bucket with the name {bucket} was found")
            }
            Ok(location) if location != region => {
                format!("The bucket named {bucket} is not located in the {region} AWS region")
            }
            Ok(_) | Err(_) => continue,
        };
        return Err(Error::InvalidStructure(format!(
            "An error occurred while validating the artifact bucket '{bucket}': {what}. Choose a valid artifact bucket \
             in '{region}', or create a new artifact bucket to use in your pipeline."
        )));
    }
    Ok(action_types)
}
