use aws::Ctx;
use codepipeline_model::{GetPipeline, GetPipelineOutput, PipelineMetadata};

use crate::CodePipeline;
use crate::error::Error;

/// The declaration of the current version, or of an earlier one.
/// Errors: `PipelineNotFound`, `PipelineVersionNotFound`. Source: CodePipeline API Reference, GetPipeline.
pub(super) async fn get_pipeline(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: GetPipeline,
) -> Result<GetPipelineOutput, Error> {
    let (scope, definitions) = (ctx.scope.clone(), codepipeline.definitions.clone());
    let read = codepipeline.store.read(move |tx| {
        let pipeline = super::find_pipeline(tx, &scope, &input.name)?;
        let Some(version) = input.version else {
            let definition = super::current_definition(tx, &definitions, &pipeline)?;
            return Ok((pipeline, definition));
        };
        let asked = u32::try_from(version).ok().filter(|asked| *asked <= pipeline.version);
        let found = asked.map(|asked| definitions.get(tx, pipeline.id, asked)).transpose()?.flatten();
        match found {
            Some(definition) => Ok((pipeline, definition)),
            None => Err(Error::PipelineVersionNotFound { name: pipeline.name, version }),
        }
    });
    let (pipeline, definition) = read.await?;
    Ok(GetPipelineOutput {
        pipeline: Some(definition.declaration.clone()),
        metadata: Some(PipelineMetadata {
            pipeline_arn: Some(pipeline.arn()),
            created: Some(pipeline.created),
            updated: Some(pipeline.updated),
            polling_disabled_at: None,
        }),
    })
}
