use aws::Ctx;
use codepipeline_model::{CleanUpArtifacts, CleanUpArtifactsOutput, CleanedExecution, S3ArtifactLocation};

use crate::CodePipeline;
use crate::driver;
use crate::error::Error;
use crate::retention::Retention;

/// Lets the artifacts of old executions go: by the rule that is given, or else by the pipeline's. A dry run only tells
/// which. Never those of an execution that runs, nor those that a rollback would need. The objects are deleted soon
/// after, as the pipeline's role. AWS has nothing like it. Errors: `PipelineNotFound`, `Validation` without a rule.
pub(super) async fn clean_up_artifacts(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: CleanUpArtifacts,
) -> Result<CleanUpArtifactsOutput, Error> {
    let (scope, name) = (ctx.scope.clone(), input.pipeline_name.clone());
    let pipeline = codepipeline.store.read(move |tx| super::find_pipeline(tx, &scope, &name)).await?;
    let count = |given: Option<i32>| given.and_then(|given| u32::try_from(given).ok());
    let given = Retention::new(count(input.keep_executions), count(input.keep_days));
    let rule = given.or(codepipeline.settings.of(&pipeline.tags).artifact_retention);
    let rule = rule.ok_or_else(|| {
        Error::Validation(format!(
            "The artifacts of pipeline '{}' are kept forever: say how many executions or days are kept",
            pipeline.name
        ))
    })?;
    let cleaned = driver::clean(codepipeline, &pipeline, rule, input.dry_run).await;
    let cleaned = cleaned.map_err(|fault| super::explain(fault, Error::internal))?;
    let executions = cleaned.into_iter().map(|cleaned| CleanedExecution {
        pipeline_execution_id: cleaned.execution.to_string(),
        artifacts: cleaned
            .artifacts
            .into_iter()
            .map(|artifact| S3ArtifactLocation { bucket_name: artifact.bucket, object_key: artifact.key })
            .collect(),
    });
    Ok(CleanUpArtifactsOutput { executions: executions.collect() })
}
