//! Actions that run out of time.

use std::sync::Arc;

use super::commit::{Cause, Commit, Fault};
use super::step::{Entry, TIMERS, Task};
use super::{PAUSE, now, rules};
use crate::CodePipeline;
use crate::engine::Event;
use crate::providers::ErrorDetails;
use crate::records::Pipeline;

pub(super) async fn run(codepipeline: Arc<CodePipeline>) {
    loop {
        if let Err(error) = next(&codepipeline).await {
            tracing::warn!(%error, "a timer could not be handled; it stays");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(codepipeline: &CodePipeline) -> Result<(), Fault> {
    let claimed = codepipeline.store.claim(TIMERS, "codepipeline", codepipeline.lease).await?;
    let step = match claimed.payload.parse()? {
        Entry::Action(step) => step,
        Entry::Rule(step) => return rules::time_out(codepipeline, &step).await,
    };
    let definitions = codepipeline.definitions.clone();
    let moment = now();
    let write = codepipeline.store.write(move |tx| {
        let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&step.scope, &step.pipeline_name))?;
        if let Some(pipeline) = pipeline.filter(|pipeline| pipeline.id == step.pipeline) {
            let message = match step.task {
                Task::JobTimeOut(_) => "The job did not complete within its time limit.",
                Task::Start | Task::Observe(_) | Task::Stop | Task::StopLate | Task::TimeOut => {
                    "The action did not complete within its time limit."
                }
            };
            let error = Some(ErrorDetails::new("JobFailed", message));
            let event = Event::TimerFired { execution: step.execution, action: step.action };
            let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
            match commit.apply(event, &Cause { error, out_of_time: true, ..Cause::default() }) {
                // It ended at the very last moment.
                Ok(()) | Err(Fault::Refused(_)) => commit.finish()?,
                Err(error @ Fault::Error(_)) => return Err(error),
            }
        }
        // The timers of an action that ended are cancelled, this one included.
        tx.dequeue(TIMERS, &claimed.id)?;
        Ok(())
    });
    write.await
}
