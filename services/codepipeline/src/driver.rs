//! The shell around the engine: loads its state, lets it decide, commits what it decided, and has it carried out.
//!
//! Everything that follows from one event becomes durable in one transaction ([`commit`]): the new state, the records
//! that the API shows, the events for the world, and entries in two queues. Workers ([`work`], [`timers`]) claim those
//! entries and answer with further events. A crash at any point leaves the old state or the new one, and an entry that
//! was being worked on is claimed again when its lease ends: carrying it out twice does no harm, because a provider
//! finds what it began by the action execution id, and the engine refuses a result that it has already.
//!
//! Nothing polls: a build that ends wakes its action by the event that CodeBuild publishes ([`changes`]). Only branches of
//! GitHub's version 1, of which nobody tells, are looked at ([`polls`]).

mod additional;
mod announce;
mod begin;
mod changes;
mod cleanup;
mod commit;
mod inputs;
pub(crate) mod jobs;
pub(crate) mod polls;
mod purge;
mod removed;
mod replication;
mod rules;
mod start;
mod step;
mod timers;
mod triggers;
mod work;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::CodePipeline;
use crate::engine::Moment;

pub(crate) use announce::SOURCE;
pub(crate) use cleanup::clean;
#[cfg(test)]
pub(crate) use cleanup::sweep_again;
pub(crate) use commit::{Cause, Commit, Fault, NewExecution};
pub(crate) use purge::later as purge_later;
pub(crate) use start::{Started, Triggered, change_of, start};
#[cfg(test)]
pub(crate) use step::Task;

/// Before a loop that met an error goes on.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn run(codepipeline: Arc<CodePipeline>) {
    let mut loops = JoinSet::new();
    loops.spawn(work::run(codepipeline.clone()));
    loops.spawn(timers::run(codepipeline.clone()));
    loops.spawn(purge::run(codepipeline.clone()));
    loops.spawn(triggers::run(codepipeline.clone()));
    loops.spawn(cleanup::run(codepipeline.clone()));
    loops.spawn(cleanup::run_sweeps(codepipeline.clone()));
    loops.spawn(cleanup::run_removals(codepipeline.clone()));
    for _ in 0..polls::POLLERS {
        loops.spawn(polls::run(codepipeline.clone()));
    }
    loops.spawn(changes::run(codepipeline.clone(), aws::event::TOPIC));
    loops.spawn(changes::run(codepipeline, aws::event::UNPUBLISHED_TOPIC));
    // The loops never end by themselves; one that panicked must not go unnoticed.
    while let Some(ended) = loops.join_next().await {
        tracing::error!(?ended, "a loop of the pipeline driver ended");
    }
}

/// The moment of an event that happens now.
pub(crate) fn now() -> Moment {
    Moment { at: aws::Timestamp::now().as_millis(), seed: rand::random() }
}

/// Puts work for an action into its queue, as if it had been worked on twice or its time had come.
#[cfg(test)]
pub(crate) async fn enqueue(
    codepipeline: &CodePipeline,
    name: &str,
    action: &str,
    task: Task,
) -> Result<(), Fault> {
    use crate::records::{ActionExecution, Pipeline};
    let id: crate::engine::ActionExecutionId = action.parse().expect("an action execution id");
    let key = Pipeline::key_of(codepipeline.client.scope(), name);
    let write = codepipeline.store.write(move |tx| {
        let pipeline = tx.get::<Pipeline>(&key)?.expect("the pipeline");
        let index = ActionExecution::with_id(pipeline.id, id);
        let actions = tx.scan_index::<ActionExecution>(ActionExecution::ID, index, 1)?.into_records();
        match task {
            Task::JobTimeOut(job) => tx.dequeue(step::TIMERS, &step::job_timer_id(job))?,
            Task::Start | Task::Observe(_) | Task::Stop | Task::StopLate | Task::TimeOut => {
                tx.dequeue(step::TIMERS, &step::timer_id(id))?
            }
        };
        for action in actions {
            step::Step::of(&pipeline, &action, task).enqueue(tx, None)?;
        }
        Ok(())
    });
    write.await
}
