use std::sync::Arc;

use aws::Ctx;
use codepipeline_model::{UpdatePipeline, UpdatePipelineOutput};

use super::create_pipeline::check_declaration;
use crate::definition::Definition;
use crate::definitions;
use crate::driver::{self, Commit};
use crate::error::Error;
use crate::records::Secrets;
use crate::{CodePipeline, secrets};

/// Replaces the definition; the version grows by one. Starts no execution; those in progress are cancelled as soon as
/// their running actions have ended, PARALLEL ones go on with the definition that they began with.
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
    let sealer = codepipeline.sealer.clone();
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
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.update(definition.clone(), false)?;
        commit.finish()?;
        Ok(definition.declaration.clone())
    });
    let pipeline = write.await.map_err(|fault| super::explain(fault, Error::internal))?;
    Ok(UpdatePipelineOutput { pipeline: Some(pipeline) })
}
