use aws::Ctx;
use codepipeline_model::{GetJobDetails, GetJobDetailsOutput, JobDetails};

use crate::CodePipeline;
use crate::error::Error;
use crate::jobs;
use crate::jobs::results::{Proof, Shared, proved};

/// A job with fresh credentials, for a worker whose last ones are about to end. One that has ended gets none.
/// Errors: `JobNotFound`. Source: CodePipeline API Reference, GetJobDetails.
pub(super) async fn get_job_details(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: GetJobDetails,
) -> Result<GetJobDetailsOutput, Error> {
    let (shared, scope) = (Shared::of(codepipeline), ctx.scope.clone());
    let read = codepipeline.store.read(move |tx| proved(tx, &shared, &scope, &Proof::Account, &input.job_id));
    let context = read.await?;
    let credentials = super::fresh_credentials(codepipeline, &context).await?;
    let data = jobs::job_data(&context, &codepipeline.sealer, credentials.as_ref())?;
    Ok(GetJobDetailsOutput {
        job_details: Some(JobDetails {
            id: Some(context.job.id.to_string()),
            data: Some(data),
            account_id: Some(context.job.scope.account.to_string()),
        }),
    })
}
