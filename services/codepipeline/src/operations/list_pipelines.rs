use aws::Ctx;
use codepipeline_model::{ListPipelines, ListPipelinesOutput, PipelineSummary};
use store::Range;

use crate::CodePipeline;
use crate::error::Error;
use crate::records::Pipeline;

const PAGE: usize = 1000;

/// The pipelines of the account and region by name.
/// Errors: `InvalidNextToken`. Source: CodePipeline API Reference, ListPipelines.
pub(super) async fn list_pipelines(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: ListPipelines,
) -> Result<ListPipelinesOutput, Error> {
    let start = super::page_start(ctx, input.next_token.as_ref())?;
    let size = super::page_size(input.max_results, PAGE);
    let (range, definitions) =
        (Range::prefix(Pipeline::in_scope(&ctx.scope)).after(start), codepipeline.definitions.clone());
    let read = codepipeline.store.read(move |tx| {
        let page = tx.scan::<Pipeline>(range.clone(), size)?;
        let next = page.next.clone();
        let mut pipelines = Vec::with_capacity(page.records.len());
        for pipeline in page.into_records() {
            let definition = super::current_definition(tx, &definitions, &pipeline)?;
            pipelines.push(PipelineSummary {
                version: i32::try_from(pipeline.version).ok(),
                pipeline_type: definition.declaration.pipeline_type.clone(),
                execution_mode: definition.declaration.execution_mode.clone(),
                created: Some(pipeline.created),
                updated: Some(pipeline.updated),
                name: Some(pipeline.name),
            });
        }
        Ok::<_, Error>((pipelines, next))
    });
    let (pipelines, next) = read.await?;
    Ok(ListPipelinesOutput { pipelines: Some(pipelines), next_token: super::page_end(ctx, next) })
}
