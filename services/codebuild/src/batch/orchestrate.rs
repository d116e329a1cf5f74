//! Does what batches ask for, as their roles, and tells them what came of it.

use std::{sync::Arc, time::Duration};

use aws::{Client, Timestamp};
use codebuild_model::{RetryBuild, StartBuild, StopBuild};
use store::Claimed;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    BATCHES, change, combine, deadline_entry, part,
    state::{Command, Event},
};
use crate::{
    CodeBuild,
    driver::{Entry, Fault},
    records::{Batch, BuildId},
    role::Role,
};

/// Batches that are seen to at one time.
const WORKERS: usize = 4;
const PAUSE: Duration = Duration::from_secs(1);
/// Before builds are asked for again for which there was no room.
const NO_ROOM: Duration = Duration::from_secs(3);

pub(crate) async fn run(codebuild: Arc<CodeBuild>) {
    let room = Arc::new(Semaphore::new(WORKERS));
    let mut working = JoinSet::new();
    loop {
        while working.try_join_next().is_some() {}
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match codebuild.store.claim(BATCHES, "codebuild", codebuild.lease).await {
            Ok(claimed) => {
                let codebuild = codebuild.clone();
                working.spawn(async move {
                    hold(&codebuild, &claimed).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "batches cannot be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What is left to do when a round is over.
enum Rest {
    Nothing,
    /// The same again, later.
    Later(Duration),
}

async fn hold(codebuild: &CodeBuild, claimed: &Claimed) {
    let entry: Entry = match claimed.payload.parse() {
        Ok(entry) => entry,
        Err(error) => {
            tracing::error!(%error, entry = claimed.id, "an entry of the batch queue cannot be read");
            return;
        }
    };
    let is_deadline = claimed.id == deadline_entry(entry.build.uuid);
    let seen_to = tokio::select! {
        seen_to = see_to(codebuild, &entry, is_deadline) => seen_to,
        error = stay_alive(codebuild, claimed) => Err(Fault::Store(error)),
    };
    let rest = seen_to.unwrap_or_else(|fault| {
        tracing::warn!(%fault, batch.id = %entry.build, "a batch cannot be seen to now");
        Rest::Later(PAUSE)
    });
    let done = match rest {
        Rest::Nothing => {
            let claimed = claimed.clone();
            codebuild.store.write(move |tx| tx.complete(&claimed)).await
        }
        Rest::Later(delay) => codebuild.store.release(claimed, delay).await,
    };
    match done {
        // The batch has changed meanwhile: it is seen to again.
        Ok(()) | Err(store::Error::LeaseLost { .. }) => {}
        Err(error) => tracing::warn!(%error, batch.id = %entry.build, "its claim ends with its lease"),
    }
}

async fn stay_alive(codebuild: &CodeBuild, claimed: &Claimed) -> store::Error {
    loop {
        tokio::time::sleep(codebuild.lease / 3).await;
        match codebuild.store.heartbeat(claimed, codebuild.lease).await {
            // One that has changed meanwhile is somebody else's, and what is done twice is done once.
            Ok(()) | Err(store::Error::LeaseLost { .. }) => {}
            Err(error) => return error,
        }
    }
}

async fn see_to(codebuild: &CodeBuild, entry: &Entry, is_deadline: bool) -> Result<Rest, Fault> {
    let key = Batch::key_of(&entry.scope, &entry.build);
    let found = codebuild.store.read(move |tx| tx.get::<Batch>(&key)).await?;
    let Some(mut batch) = found.map(store::Versioned::into_inner) else { return Ok(Rest::Nothing) };
    let now = Timestamp::now();
    if !batch.is_complete() && now >= batch.deadline() {
        batch = tell(codebuild, &batch, Event::TimedOut).await?.unwrap_or(batch);
    }
    if is_deadline && !batch.is_complete() {
        // Clocks differ, or it was retried.
        return Ok(Rest::Later(batch.deadline().since(now).max(PAUSE)));
    }
    let role = role_of(codebuild, &batch);
    let mut rest = Rest::Nothing;
    for command in batch.commands() {
        match carry_out(codebuild, &batch, &role, &command).await {
            Ok(()) => {}
            Err(error) if is_for_now(&error) => {
                tracing::debug!(%error, batch.id = %batch.id, ?command, "not now");
                rest = Rest::Later(NO_ROOM);
            }
            Err(error) => refused(codebuild, &batch, &command, error).await?,
        }
    }
    if batch.is_complete() {
        // Left by a crash while its artifacts became one, if at all.
        codebuild.executor.remove(batch.id.uuid).await?;
    }
    Ok(rest)
}

/// The batch's own role, by which nothing else is done than builds started, stopped and repeated.
fn role_of(codebuild: &CodeBuild, batch: &Batch) -> Role {
    let config = batch.configuration.0.build_batch_config.as_ref();
    let arn = config.and_then(|config| config.service_role.clone()).unwrap_or_default();
    Role::new(&codebuild.client, &batch.scope, arn, part::session_name(batch.id.uuid))
}

async fn carry_out(
    codebuild: &CodeBuild,
    batch: &Batch,
    role: &Role,
    command: &Command,
) -> Result<(), aws::Error> {
    match command {
        Command::Start { identifier, build } => start(batch, &role.client().await?, identifier, build).await,
        Command::Repeat { build, earlier, identifier } => {
            let client = role.client().await?;
            let token = part::token(batch.id.uuid, build.uuid);
            let retry = RetryBuild { id: Some(earlier.to_string()), idempotency_token: Some(token) };
            match client.call(retry).await {
                // Deleted meanwhile: what it was is known all the same.
                Err(error) if error.code == "ResourceNotFoundException" => {
                    start(batch, &client, identifier, build).await
                }
                answer => answer.map(|_| ()),
            }
        }
        Command::Stop { build } => {
            let client = role.client().await?;
            client.call(StopBuild { id: build.to_string() }).await.map(|_| ())
        }
        Command::Combine => {
            let combined = combine::combine(codebuild, batch).await?;
            tell(codebuild, batch, Event::Combined(combined)).await.map_err(aws::Error::internal)?;
            combine::clear(codebuild, batch).await;
            Ok(())
        }
    }
}

async fn start(batch: &Batch, client: &Client, identifier: &str, build: &BuildId) -> Result<(), aws::Error> {
    let Some(start): Option<StartBuild> = part::start_build(batch, identifier, build.uuid) else {
        return Ok(());
    };
    client.call(start).await.map(|_| ())
}

/// What may go better later: faults of others, and queues that are full. What is not built never goes better.
fn is_for_now(error: &aws::Error) -> bool {
    error.is_fault() && error.status != 501 || error.code == "AccountLimitExceededException"
}

/// What the role may not do, or what is wrong with a build, fails that build.
async fn refused(
    codebuild: &CodeBuild,
    batch: &Batch,
    command: &Command,
    error: aws::Error,
) -> Result<(), Fault> {
    match command {
        Command::Start { build, .. } | Command::Repeat { build, .. } => {
            let event =
                Event::Refused { build: build.uuid, code: error.code.to_string(), message: error.message };
            tell(codebuild, batch, event).await.map(|_| ())
        }
        Command::Stop { build } => {
            tracing::warn!(%error, batch.id = %batch.id, build.id = %build, "a build of a batch cannot be stopped");
            Ok(())
        }
        Command::Combine => {
            let event = Event::Combined(Err((error.code.to_string(), error.message)));
            tell(codebuild, batch, event).await.map(|_| ())
        }
    }
}

async fn tell(codebuild: &CodeBuild, batch: &Batch, event: Event) -> Result<Option<Batch>, Fault> {
    let (scope, id, at) = (batch.scope.clone(), batch.id.clone(), Timestamp::now());
    Ok(codebuild.store.write(move |tx| change(tx, &scope, &id, event.clone(), at)).await?)
}
