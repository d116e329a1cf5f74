use aws::Ctx;
use codepipeline_model::{PutThirdPartyJobFailureResult, PutThirdPartyJobFailureResultOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::jobs::results::{Proof, Said, take_in};

/// A partner's worker could not do its job: the action fails with what it says.
/// Errors: `JobNotFound`, `InvalidClientToken`, `InvalidJobState`.
/// Source: CodePipeline API Reference, PutThirdPartyJobFailureResult.
pub(super) async fn put_third_party_job_failure_result(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PutThirdPartyJobFailureResult,
) -> Result<PutThirdPartyJobFailureResultOutput, Error> {
    let said = Said::Failed(input.failure_details);
    take_in(codepipeline, ctx, Proof::ClientToken(input.client_token), input.job_id, said).await?;
    Ok(PutThirdPartyJobFailureResultOutput {})
}
