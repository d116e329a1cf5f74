use aws::{Ctx, Timestamp};
use codebuild_model::{BuildPhaseType, StopBuild, StopBuildOutput};
use store::WriteTx;

use crate::{
    CodeBuild,
    driver::{Entry, QUEUED_TIMEOUTS, dequeue},
    error::Error,
    records::Build,
    service::change,
    shape,
    state::{Change, Outcome},
};

/// Asks a build to end. One that waits ends at once; one that runs ends when its commands have been told; one that has
/// ended stays as it is.
/// Errors: BuildNotFound.
/// Source: CodeBuild API Reference, StopBuild.
pub(super) async fn stop_build(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: StopBuild,
) -> Result<StopBuildOutput, Error> {
    let build = codebuild.build(&ctx.scope, &input.id).await?;
    Ok(StopBuildOutput { build: Some(shape::build(&stop(codebuild, build, ctx.now()).await?)) })
}

/// Has a build end; gives what it is like now.
pub(crate) async fn stop(codebuild: &CodeBuild, build: Build, at: Timestamp) -> Result<Build, Error> {
    let id = build.id.clone();
    let key = Build::key_of(&build.scope, &id);
    let write = codebuild.store.write(move |tx: &mut WriteTx<'_>| {
        let waits =
            tx.get::<Build>(&key)?.is_some_and(|build| build.open_phase() == Some(&BuildPhaseType::Queued));
        let changes = match waits {
            true => {
                let entry = Entry::of(&build).id();
                dequeue(tx, &entry)?;
                tx.dequeue(QUEUED_TIMEOUTS, &entry)?;
                let outcome = Outcome::stopped();
                vec![
                    Change::Stop,
                    Change::Leave { phase: BuildPhaseType::Queued, outcome, at },
                    Change::Complete { at },
                ]
            }
            false => vec![Change::Stop],
        };
        change(tx, &key, &changes, None, at)?.ok_or_else(|| Error::BuildNotFound(build.id.to_string()))
    });
    let build = write.await?;
    codebuild.stops().stop(id.uuid);
    Ok(build)
}
