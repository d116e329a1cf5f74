use aws::Ctx;
use codepipeline_model::{PutJobFailureResult, PutJobFailureResultOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::jobs::results::{Proof, Said, take_in};

/// A worker could not do its job: the action fails with what it says.
/// Errors: `JobNotFound`, `InvalidJobState`. Source: CodePipeline API Reference, PutJobFailureResult.
pub(super) async fn put_job_failure_result(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PutJobFailureResult,
) -> Result<PutJobFailureResultOutput, Error> {
    let said = Said::Failed(input.failure_details);
    take_in(codepipeline, ctx, Proof::Account, input.job_id, said).await?;
    Ok(PutJobFailureResultOutput {})
}
