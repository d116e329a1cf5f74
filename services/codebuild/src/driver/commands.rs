//! Commands of a sandbox: handed to its environment, and followed to their ends.

use aws::Timestamp;
use codebuild_model::BuildPhaseType;
use runner::Event;
use store::{Range, WriteTx};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};
use uuid::Uuid;

use super::{Fault, drive::Drive};
use crate::{
    CodeBuild,
    records::{Build, CommandExecution},
};

/// Of a sandbox, commands that have not ended at most.
pub(crate) const MOST_PENDING: usize = 100;

/// The phase in which commands run.
pub(crate) fn run_sandbox() -> BuildPhaseType {
    BuildPhaseType::Other("RUN_SANDBOX".to_owned())
}

/// Tells when commands may have been submitted.
pub(super) struct Commands {
    submissions: watch::Receiver<u64>,
    /// For those that another process took.
    looks: Interval,
}

impl Commands {
    /// None unless the build is a sandbox. What was submitted before is handed on.
    pub async fn of(drive: &Drive<'_>, build: &Build) -> Result<Option<Self>, Fault> {
        if !build.is_sandbox() {
            return Ok(None);
        }
        let submissions = drive.codebuild.submissions.subscribe();
        post(drive, build).await?;
        let mut looks = interval(drive.codebuild.lease / 3);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Some(Self { submissions, looks }))
    }

    /// May be dropped and called again.
    pub async fn submitted(&mut self) {
        tokio::select! {
            changed = self.submissions.changed() => if changed.is_err() {
                // The sender lives as long as the service.
                std::future::pending::<()>().await;
            },
            _ = self.looks.tick() => {}
        }
    }
}

/// Hands on what has not ended; what was handed on before stays as it is.
pub(super) async fn post(drive: &Drive<'_>, build: &Build) -> Result<(), Fault> {
    let pending = pending(drive.codebuild, build).await?;
    if pending.iter().all(|command| command.started.is_some()) {
        return Ok(());
    }
    let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
    let posted = tokio::task::spawn_blocking(move || {
        let unposted = pending.iter().filter(|command| command.started.is_none());
        unposted.into_iter().try_for_each(|command| folder.post_command(command.id, &command.command))
    });
    posted.await.map_err(std::io::Error::other)??;
    Ok(())
}

async fn pending(codebuild: &CodeBuild, build: &Build) -> Result<Vec<CommandExecution>, store::Error> {
    let of_sandbox = CommandExecution::of_sandbox(&build.scope, &build.id);
    let read = codebuild.store.read(move |tx| {
        let range = Range::prefix(of_sandbox.clone());
        Ok::<_, store::Error>(
            tx.scan_index::<CommandExecution>(CommandExecution::PENDING, range, MOST_PENDING)?.into_records(),
        )
    });
    read.await
}

/// What an event says of a command. May be taken again.
pub(super) async fn take(drive: &Drive<'_>, build: &Build, event: &Event) -> Result<(), Fault> {
    match event {
        Event::RunStarted { id, at } => {
            let started = Timestamp::from_millis(*at);
            change(drive, build, *id, move |command| command.started = Some(started)).await
        }
        Event::RunEnded { id, exit_code, at } => {
            let (id, exit_code, ended) = (*id, *exit_code, Timestamp::from_millis(*at));
            let folder = drive.codebuild.executor.prepare(build.id.uuid).await?;
            let output = tokio::task::spawn_blocking(move || folder.command_output(id));
            let output = output.await.map_err(std::io::Error::other)??;
            change(drive, build, id, move |command| {
                command.exit_code = exit_code;
                command.ended = Some(ended);
                command.stdout.clone_from(&output.stdout);
                command.stderr.clone_from(&output.stderr);
            })
            .await
        }
        Event::Started { .. }
        | Event::PhaseStarted { .. }
        | Event::CommandStarted { .. }
        | Event::CommandEnded { .. }
        | Event::PhaseFinished { .. }
        | Event::Exported { .. }
        | Event::Evaluated { .. }
        | Event::Finished { .. } => Ok(()),
    }
}

async fn change(
    drive: &Drive<'_>,
    build: &Build,
    id: Uuid,
    change: impl Fn(&mut CommandExecution) + Send + Sync + 'static,
) -> Result<(), Fault> {
    let key = CommandExecution::key_of(&build.scope, &build.id, id);
    let write = drive.codebuild.store.write(move |tx| {
        if let Some(mut command) = tx.get::<CommandExecution>(&key)? {
            change(&mut command.record);
            tx.update(&command)?;
        }
        Ok::<_, store::Error>(())
    });
    Ok(write.await?)
}

/// With the end of a sandbox: what has not ended never will.
pub(super) fn end_all(tx: &mut WriteTx<'_>, build: &Build, at: Timestamp) -> Result<(), store::Error> {
    if !build.is_sandbox() {
        return Ok(());
    }
    let range = Range::prefix(CommandExecution::of_sandbox(&build.scope, &build.id));
    let page = tx.scan_index::<CommandExecution>(CommandExecution::PENDING, range, MOST_PENDING)?;
    for command in page.into_records() {
        tx.put(&CommandExecution { ended: Some(at), ..command })?;
    }
    Ok(())
}
