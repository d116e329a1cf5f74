use aws::Ctx;
use codepipeline_model::{AcknowledgeThirdPartyJob, AcknowledgeThirdPartyJobOutput};

use super::acknowledge_job::acknowledge;
use crate::CodePipeline;
use crate::error::Error;
use crate::jobs::results::{Proof, Shared};

/// Claims a job for a partner's worker. Errors: `JobNotFound`, `InvalidClientToken`, `InvalidNonce`.
/// Source: CodePipeline API Reference, AcknowledgeThirdPartyJob.
pub(super) async fn acknowledge_third_party_job(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: AcknowledgeThirdPartyJob,
) -> Result<AcknowledgeThirdPartyJobOutput, Error> {
    let (shared, scope) = (Shared::of(codepipeline), ctx.scope.clone());
    let proof = Proof::ClientToken(input.client_token);
    let write = codepipeline
        .store
        .write(move |tx| acknowledge(tx, &shared, &scope, &proof, &input.job_id, &input.nonce));
    Ok(AcknowledgeThirdPartyJobOutput { status: Some(write.await?.as_str().into()) })
}
