//! Jobs for whoever asks.

use std::time::Duration;

use aws::{Scope, Timestamp};

use super::{Context, LARGEST_BATCH};
use crate::CodePipeline;
use crate::driver::{self, Cause, Commit, Fault};
use crate::engine::Event;
use crate::error::Error;
use crate::providers::{ErrorDetails, Trouble};
use crate::records::{Job, Pipeline};

/// How long a worker has to acknowledge what it got. AWS does not say how long it waits.
const DISPATCH_LEASE: Duration = Duration::from_secs(60);

/// A job that a worker gets.
pub(crate) struct HandedOut {
    pub(crate) context: Context,
    pub(crate) nonce: String,
    pub(crate) credentials: Option<aws::Credentials>,
}

/// Hands out up to `most` jobs of an action type that are due now. Two that ask at once never get the same one.
/// `with_credentials`: the worker gets the data of the job at once. A job whose role refuses it fails its action.
pub(crate) async fn hand_out(
    codepipeline: &CodePipeline,
    scope: &Scope,
    action_type: &str,
    queried_value: &str,
    most: usize,
    with_credentials: bool,
) -> Result<Vec<HandedOut>, Error> {
    let now = Timestamp::now();
    let range = Job::due(scope, action_type, queried_value, now);
    let (definitions, moment) = (codepipeline.definitions.clone(), driver::now());
    // A poll that finds nothing, as most do, writes nothing.
    let (looked_for, most) = (range.clone(), most.clamp(1, LARGEST_BATCH));
    let read = codepipeline.store.read(move |tx| {
        Ok::<_, Error>(tx.scan_index::<Job>(Job::WAITING, looked_for.clone(), 1)?.records.is_empty())
    });
    if read.await? {
        return Ok(Vec::new());
    }
    let write = codepipeline.store.write(move |tx| {
        let due = tx.scan_index::<Job>(Job::WAITING, range.clone(), most)?.into_records();
        let mut contexts = Vec::with_capacity(due.len());
        for mut job in due {
            let nonce = nonce(&moment, &job);
            if job.state.dispatch(now, now.plus(DISPATCH_LEASE), nonce.clone()) {
                tx.put(&job)?;
                if let Some(context) = Context::load(tx, &definitions, job)? {
                    contexts.push((context, nonce));
                }
            }
        }
        Ok::<_, Error>(contexts)
    });
    let mut handed_out = Vec::new();
    for (context, nonce) in write.await? {
        if !with_credentials {
            handed_out.push(HandedOut { context, nonce, credentials: None });
            continue;
        }
        match context.credentials(codepipeline).await {
            Ok(credentials) => handed_out.push(HandedOut { context, nonce, credentials }),
            Err(Trouble::Refused(error)) => fail(codepipeline, &context, error).await?,
            Err(Trouble::Unavailable(why)) => {
                tracing::warn!(job.id = %context.job.id, why, "a job is not handed out now");
                take_back(codepipeline, context.job.id, nonce, now).await?;
            }
        }
    }
    Ok(handed_out)
}

/// A number that cannot be guessed.
fn nonce(moment: &crate::engine::Moment, job: &Job) -> String {
    let hash = blake3::keyed_hash(&moment.seed, job.id.0.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    u128::from_le_bytes(bytes).to_string()
}

/// Fails the action of a job that cannot be worked on.
pub(crate) async fn fail(
    codepipeline: &CodePipeline,
    context: &Context,
    error: ErrorDetails,
) -> Result<(), Error> {
    let (pipeline, definitions) = (context.pipeline.clone(), codepipeline.definitions.clone());
    let (execution, action) = (context.job.execution, context.job.action);
    let cause = Cause { error: Some(error), ..Cause::default() };
    let moment = driver::now();
    let write = codepipeline.store.write(move |tx| {
        let current = tx.get::<Pipeline>(&Pipeline::key_of(&pipeline.scope, &pipeline.name))?;
        if current.is_none_or(|current| current.id != pipeline.id) {
            return Ok(());
        }
        let mut commit = Commit::load(tx, &definitions, &pipeline, moment)?;
        commit.apply(Event::ActionFailed { execution, action }, &cause)?;
        commit.finish()
    });
    match write.await {
        // It ended meanwhile.
        Ok(()) | Err(Fault::Refused(_)) => Ok(()),
        Err(Fault::Error(error)) => Err(error),
    }
}

async fn take_back(
    codepipeline: &CodePipeline,
    id: super::Id,
    nonce: String,
    at: Timestamp,
) -> Result<(), Error> {
    let write = codepipeline.store.write(move |tx| {
        let found = tx.scan_index::<Job>(Job::ID, Job::with_id(id), 1)?.into_records().pop();
        if let Some(mut job) = found {
            job.state.take_back(&nonce, at);
            tx.put(&job)?;
        }
        Ok::<_, Error>(())
    });
    write.await
}
