use aws::{Ctx, Timestamp};
use codebuild_model::{RetryBuildBatch, RetryBuildBatchOutput, RetryBuildBatchType};
use store::WriteTx;

use super::start_build::note_token;
use crate::{
    CodeBuild, batch,
    batch::state::Event,
    error::Error,
    records::{Batch, BuildId, Token},
    shape,
};

/// Lets a batch that has failed go on: with the builds that did not succeed, or from its beginning.
/// Errors: InvalidInput, BatchNotFound.
/// Source: CodeBuild API Reference, RetryBuildBatch.
pub(super) async fn retry_build_batch(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: RetryBuildBatch,
) -> Result<RetryBuildBatchOutput, Error> {
    let id = input.id.as_deref().ok_or_else(|| Error::InvalidInput("Batch ID must be given".to_owned()))?;
    let batch = codebuild.batch(&ctx.scope, id).await?;
    let all = match &input.retry_type {
        Some(RetryBuildBatchType::RetryFailedBuilds) => false,
        Some(RetryBuildBatchType::RetryAllBuilds | RetryBuildBatchType::Other(_)) | None => true,
    };
    let (id, now, token) = (batch.id, ctx.now(), input.idempotency_token);
    let scope = ctx.scope.clone();
    let write = codebuild.store.write(move |tx| {
        let found = tx.get::<Batch>(&Batch::key_of(&scope, &id))?;
        let found = found.ok_or_else(|| Error::BatchNotFound(id.to_string()))?.into_inner();
        if let Some(token) = &token
            && is_repeated(tx, &found, &Token::of::<RetryBuildBatch>(token), all, now)?
        {
            return Ok(found);
        }
        if !found.may_be_retried() {
            let message = match found.is_complete() {
                true => format!("Build batch {id} cannot be retried: only one that has failed can, once its builds are over"),
                false => format!("Build batch {id} has not ended yet"),
            };
            return Err(Error::InvalidInput(message));
        }
        let retried = batch::change(tx, &scope, &id, Event::Retry { all }, now)?.unwrap_or(found);
        batch::watch_deadline(tx, &retried)?;
        Ok(retried)
    });
    Ok(RetryBuildBatchOutput { build_batch: Some(shape::batch(&write.await?)) })
}

/// Whether the same call was made before. If not, notes that it is made now.
fn is_repeated(
    tx: &mut WriteTx<'_>,
    batch: &Batch,
    token: &str,
    all: bool,
    now: Timestamp,
) -> Result<bool, Error> {
    let request = format!("RetryBuildBatch {} {all}", batch.id);
    if let Some(earlier) = tx.get::<Token>(&Token::key_of(&batch.scope, token))?
        && earlier.expires > now
    {
        return match earlier.request == request {
            true => Ok(true),
            false => Err(Error::ParameterMismatch),
        };
    }
    let made: &BuildId = &batch.id;
    note_token(tx, &batch.scope, token, request, made, now)?;
    Ok(false)
}
