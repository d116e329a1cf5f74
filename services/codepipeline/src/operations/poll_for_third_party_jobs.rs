use aws::Ctx;
use codepipeline_model::{PollForThirdPartyJobs, PollForThirdPartyJobsOutput, ThirdPartyJob};

use crate::catalogue::Owner;
use crate::error::Error;
use crate::{CodePipeline, catalogue, jobs, records};

/// Names jobs that wait for a partner's worker, and whose they are. Errors: `ActionTypeNotFound`.
/// Source: CodePipeline API Reference, PollForThirdPartyJobs.
pub(super) async fn poll_for_third_party_jobs(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PollForThirdPartyJobs,
) -> Result<PollForThirdPartyJobsOutput, Error> {
    let (scope, id) = (ctx.scope.clone(), input.action_type_id.clone());
    let found = codepipeline.store.read(move |tx| records::ActionType::find(tx, &scope, &id)).await?;
    let is_polled = found.is_some_and(|found| found.owner == Owner::ThirdParty && found.has_job_worker());
    let path = catalogue::path(&input.action_type_id);
    if !is_polled {
        return Err(Error::ActionTypeNotFound(path));
    }
    codepipeline.polls.note(&ctx.scope, &path, ctx.now());
    let most = super::page_size(Some(input.max_batch_size.unwrap_or(1)), jobs::LARGEST_BATCH);
    let handed_out = jobs::hand_out(codepipeline, &ctx.scope, &path, "", most, false).await?;
    let jobs = handed_out.into_iter().map(|handed_out| {
        let job = handed_out.context.job;
        ThirdPartyJob { client_id: job.client_id, job_id: Some(job.id.to_string()) }
    });
    Ok(PollForThirdPartyJobsOutput { jobs: Some(jobs.collect()) })
}
