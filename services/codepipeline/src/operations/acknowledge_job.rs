use aws::Ctx;
use codepipeline_model::{AcknowledgeJob, AcknowledgeJobOutput};
use store::WriteTx;

use crate::CodePipeline;
use crate::error::Error;
use crate::jobs;
use crate::jobs::results::{Proof, Shared, of_refused, proved};

/// Claims a job that a poll handed out. Errors: `JobNotFound`, `InvalidNonce`.
/// Source: CodePipeline API Reference, AcknowledgeJob.
pub(super) async fn acknowledge_job(
    codepipeline: &CodePipeline,
    ctx: &Ctx,
    input: AcknowledgeJob,
) -> Result<AcknowledgeJobOutput, Error> {
    let (shared, scope) = (Shared::of(codepipeline), ctx.scope.clone());
    let write = codepipeline
        .store
        .write(move |tx| acknowledge(tx, &shared, &scope, &Proof::Account, &input.job_id, &input.nonce));
    Ok(AcknowledgeJobOutput { status: Some(write.await?.as_str().into()) })
}

pub(super) fn acknowledge(
    tx: &mut WriteTx<'_>,
    shared: &Shared,
    scope: &aws::Scope,
    proof: &Proof,
    id: &str,
    nonce: &str,
) -> Result<jobs::Status, Error> {
    let mut job = proved(tx, shared, scope, proof, id)?.job;
    let status = job.state.acknowledge(nonce).map_err(|refused| of_refused(refused, &job))?;
    tx.put(&job)?;
    Ok(status)
}
