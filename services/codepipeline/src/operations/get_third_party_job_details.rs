use aws::Ctx;
use codepipeline_model::{GetThirdPartyJobDetails, GetThirdPartyJobDetailsOutput, ThirdPartyJobDetails};

use crate::CodePipeline;
use crate::error::Error;
use crate::jobs;
use crate::jobs::results::{Proof, Shared, proved};

/// What a partner's worker needs for a job that it polled: the nonce with which it claims it, the data, and fresh
/// credentials. Errors: `JobNotFound`, `InvalidClientToken`, `InvalidJob` for one that has ended or that nobody polled.
/// Source: CodePipeline API Reference, GetThirdPartyJobDetails.
pub(super) async fn get_third_party_job_details(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: GetThirdPartyJobDetails,
) -> Result<GetThirdPartyJobDetailsOutput, Error> {
    let (shared, scope) = (Shared::of(codepipeline), ctx.scope.clone());
    let proof = Proof::ClientToken(input.client_token);
    let read = codepipeline.store.read(move |tx| proved(tx, &shared, &scope, &proof, &input.job_id));
    let context = read.await?;
    let (id, state) = (context.job.id.to_string(), context.job.state.status);
    if !matches!(state, jobs::Status::Dispatched | jobs::Status::InProgress) {
        return Err(Error::InvalidJob { id, state });
    }
    let credentials = super::fresh_credentials(codepipeline, &context).await?;
    let data = jobs::third_party_job_data(&context, &codepipeline.sealer, credentials.as_ref())?;
    let nonce = context.job.state.nonce().map(str::to_owned);
    Ok(GetThirdPartyJobDetailsOutput {
        job_details: Some(ThirdPartyJobDetails { id: Some(id), data: Some(data), nonce }),
    })
}
