use std::collections::BTreeMap;

use aws::Ctx;
use codepipeline_model::{Job, PollForJobs, PollForJobsOutput};

use crate::catalogue::{ActionType, Owner};
use crate::error::Error;
use crate::{CodePipeline, catalogue, jobs, records};

/// Hands out jobs of a custom action type that wait for a worker, with what the worker needs for them. Answers at once,
/// also when there are none. Errors: `ActionTypeNotFound`, `Validation` (the query).
/// Source: CodePipeline API Reference, PollForJobs.
pub(super) async fn poll_for_jobs(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: PollForJobs,
) -> Result<PollForJobsOutput, Error> {
    let (scope, id) = (ctx.scope.clone(), input.action_type_id.clone());
    let found = codepipeline.store.read(move |tx| records::ActionType::find(tx, &scope, &id)).await?;
    let found = found.filter(|found| found.owner == Owner::Custom);
    let path = catalogue::path(&input.action_type_id);
    let action_type = found.ok_or_else(|| Error::ActionTypeNotFound(path.clone()))?;
    codepipeline.polls.note(&ctx.scope, &path, ctx.now());
    let value = queried(&action_type, input.query_param.unwrap_or_default())?;
    let most = super::page_size(Some(input.max_batch_size.unwrap_or(1)), jobs::LARGEST_BATCH);
    let handed_out = jobs::hand_out(codepipeline, &ctx.scope, &path, &value, most, true).await?;
    let jobs = handed_out.into_iter().map(|job| {
        Ok(Job {
            id: Some(job.context.job.id.to_string()),
            data: Some(jobs::job_data(&job.context, &codepipeline.sealer, job.credentials.as_ref())?),
            nonce: Some(job.nonce),
            account_id: Some(job.context.job.scope.account.to_string()),
        })
    });
    Ok(PollForJobsOutput { jobs: Some(jobs.collect::<Result<_, Error>>()?) })
}

/// The value by which jobs are chosen; empty for a type that has none.
fn queried(action_type: &ActionType, mut given: BTreeMap<String, String>) -> Result<String, Error> {
    let Some(property) = action_type.queryable() else {
        return match given.keys().next() {
            None => Ok(String::new()),
            Some(key) => Err(Error::Validation(format!("The action type has no queryable property '{key}'"))),
        };
    };
    let value = given.remove(&property.name);
    value.filter(|_| given.is_empty()).ok_or_else(|| {
        Error::Validation(format!(
            "The query must give a value for '{}', the queryable property of the action type, and no other",
            property.name
        ))
    })
}
