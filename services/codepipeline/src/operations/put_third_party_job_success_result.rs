use aws::Ctx;
use codepipeline_model::{PutThirdPartyJobSuccessResult, PutThirdPartyJobSuccessResultOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::jobs::results::{Proof, Said, take_in};

/// A partner's worker has done its job: the action succeeds, or with a continuation token goes on in another job.
/// Errors: `JobNotFound`, `InvalidClientToken`, `InvalidJobState`.
/// Source: CodePipeline API Reference, PutThirdPartyJobSuccessResult.
pub(super) async fn put_third_party_job_success_result(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PutThirdPartyJobSuccessResult,
) -> Result<PutThirdPartyJobSuccessResultOutput, Error> {
    let said = Said::Succeeded {
        details: input.execution_details,
        revision: input.current_revision,
        output_variables: None,
        continuation_token: input.continuation_token,
    };
    take_in(codepipeline, ctx, Proof::ClientToken(input.client_token), input.job_id, said).await?;
    Ok(PutThirdPartyJobSuccessResultOutput {})
}
