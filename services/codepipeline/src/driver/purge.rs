//! What a deleted pipeline leaves behind goes bit by bit.

use std::sync::Arc;

use store::{Range, Record, WriteTx};
use uuid::Uuid;

use super::PAUSE;
use crate::CodePipeline;
use crate::error::Error;
use crate::records::{
    ActionExecution, Cleanup, Definition, Execution, Job, PendingChange, Polled, PushedRevision,
    RuleExecution, Secrets,
};

const PURGES: &str = "codepipeline/purges";
/// Records of a kind that one transaction takes away: it must not hold up the others.
const AT_ONCE: usize = 200;

pub(crate) fn later(tx: &mut WriteTx<'_>, pipeline: Uuid) -> Result<(), Error> {
    tx.enqueue(PURGES, &pipeline.to_string(), &pipeline, None)?;
    Ok(())
}

pub(super) async fn run(codepipeline: Arc<CodePipeline>) {
    loop {
        if let Err(error) = next(&codepipeline).await {
            tracing::warn!(%error, "the history of a deleted pipeline could not be taken away; it is tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(codepipeline: &CodePipeline) -> Result<(), Error> {
    let claimed = codepipeline.store.claim(PURGES, "codepipeline", codepipeline.lease).await?;
    let pipeline: Uuid = claimed.payload.parse()?;
    let write = codepipeline.store.write(move |tx| {
        let definitions = take::<Definition>(tx, Range::prefix(Execution::of_pipeline(pipeline)))?;
        let executions = take::<Execution>(tx, Range::prefix(Execution::of_pipeline(pipeline)))?;
        let actions = take::<ActionExecution>(tx, Range::prefix(ActionExecution::of_pipeline(pipeline)))?;
        let secrets = take::<Secrets>(tx, Range::prefix(Secrets::of_pipeline(pipeline)))?;
        let jobs = take::<Job>(tx, Range::prefix(Job::of_pipeline(pipeline)))?;
        let pushed = take::<PushedRevision>(tx, Range::prefix(PushedRevision::of_pipeline(pipeline)))?;
        tx.delete::<Cleanup>(&Cleanup::key_of(pipeline))?;
        let rules = take::<RuleExecution>(tx, Range::prefix(RuleExecution::of_pipeline(pipeline)))?;
        let polled = take::<Polled>(tx, Range::prefix(Polled::of_pipeline(pipeline)))?;
        let changes = take::<PendingChange>(tx, Range::prefix(PendingChange::of_pipeline(pipeline)))?;
        if polled && changes && definitions && executions && actions && secrets && jobs && pushed && rules {
            tx.complete(&claimed)?;
        } else {
            tx.release(&claimed, std::time::Duration::ZERO)?;
        }
        Ok(())
    });
    write.await
}

/// Whether nothing is left.
fn take<R: Record>(tx: &mut WriteTx<'_>, range: Range) -> Result<bool, Error> {
    let page = tx.scan::<R>(range, AT_ONCE)?;
    let last = page.next.is_none();
    for record in page.into_records() {
        tx.delete::<R>(&record.key())?;
    }
    Ok(last)
}
