use aws::Ctx;
use codepipeline_model::{PutJobSuccessResult, PutJobSuccessResultOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::jobs::results::{Proof, Said, take_in};

/// A worker has done its job: the action succeeds, or with a continuation token goes on in another job.
/// Errors: `JobNotFound`, `InvalidJobState`, `OutputVariablesSizeExceeded`, `Validation`.
/// Source: CodePipeline API Reference, PutJobSuccessResult.
pub(super) async fn put_job_success_result(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PutJobSuccessResult,
) -> Result<PutJobSuccessResultOutput, Error> {
    let said = Said::Succeeded {
        details: input.execution_details,
        revision: input.current_revision,
        output_variables: input.output_variables,
        continuation_token: input.continuation_token,
    };
    take_in(codepipeline, ctx, Proof::Account, input.job_id, said).await?;
    Ok(PutJobSuccessResultOutput {})
}
