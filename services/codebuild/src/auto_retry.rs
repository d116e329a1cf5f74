//! Builds that failed and are tried again by themselves, as their project's service role.
//! Source: CodeBuild User Guide, "Retry builds automatically".

use std::{sync::Arc, time::Duration};

use aws::{Ctx, Principal};
use codebuild_model::{RetryBuild, StatusType};
use store::{Claimed, WriteTx};

use crate::{CodeBuild, PRINCIPAL, driver::Entry, records::Build, role::Role};

const QUEUE: &str = "codebuild/auto-retries";
const PAUSE: Duration = Duration::from_secs(1);
/// Before a build is asked for again for which there was no room.
const NO_ROOM: Duration = Duration::from_secs(5);
/// What fails so often does not go better.
const MOST_ATTEMPTS: u32 = 1000;

/// Has a build that is over be tried again, if it may be. Belongs into the transaction that ends it.
pub(crate) fn consider(tx: &mut WriteTx<'_>, build: &Build) -> Result<(), store::Error> {
    if is_due(build) {
        let entry = Entry::of(build);
        tx.enqueue(QUEUE, &entry.id(), &entry, None)?;
    }
    Ok(())
}

/// One that was stopped was wanted so; what a pipeline started, the pipeline tries again.
fn is_due(build: &Build) -> bool {
    let failed = matches!(build.status(), StatusType::Failed | StatusType::Fault | StatusType::TimedOut);
    let left =
        build.auto_retry.as_ref().is_some_and(|retry| retry.next.is_none() && retry.number < retry.limit);
    failed && left && build.part_of.is_none() && !build.initiator.starts_with("codepipeline/")
}

fn token(build: &Build) -> String {
    format!("auto-retry/{}", build.id.uuid)
}

/// Whether a call of RetryBuild is this module's own: only the service itself can make calls in its own name.
pub(crate) fn is_own(ctx: &Ctx, earlier: &Build, asked: Option<&str>) -> bool {
    let is_role = matches!(&ctx.caller.principal, Principal::AssumedRole { .. });
    ctx.invoked_by.as_deref() == Some(PRINCIPAL)
        && is_role
        && earlier.auto_retry.is_some()
        && asked == Some(&token(earlier))
}

pub(crate) async fn run(codebuild: Arc<CodeBuild>) {
    loop {
        let tried = async {
            let claimed = codebuild.store.claim(QUEUE, "codebuild", codebuild.lease).await?;
            try_again(&codebuild, claimed).await
        };
        if let Err(error) = tried.await {
            tracing::warn!(%error, "a build could not be tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn try_again(codebuild: &CodeBuild, claimed: Claimed) -> Result<(), store::Error> {
    let entry: Entry = claimed.payload.parse()?;
    let done = |claimed: Claimed| async move { codebuild.store.write(move |tx| tx.complete(&claimed)).await };
    let Some(build) = codebuild.find_build(&entry.key()).await?.filter(is_due) else {
        return done(claimed).await;
    };
    let role = Role::of(&codebuild.client, &build);
    let retry = RetryBuild { id: Some(build.id.to_string()), idempotency_token: Some(token(&build)) };
    let asked = async { role.client().await?.call(retry).await };
    match asked.await {
        Ok(_) => done(claimed).await,
        Err(error)
            if claimed.attempt < MOST_ATTEMPTS
                && (error.is_fault() || error.code == "AccountLimitExceededException") =>
        {
            codebuild.store.release(&claimed, NO_ROOM).await
        }
        Err(error) => {
            tracing::warn!(%error, build.id = %build.id, "a build is not tried again: its role may not");
            done(claimed).await
        }
    }
}

#[cfg(test)]
mod tests {
    use codebuild_model::BuildPhaseType;

    use super::*;
    use crate::{
        records::AutoRetry,
        state::{
            Change, Outcome,
            tests::{at, build},
        },
    };

    fn ended(outcome: Outcome, number: i32) -> Build {
        let mut build = build();
        build.auto_retry = Some(AutoRetry { limit: 2, number, previous: None, next: None });
        build.apply(Change::Enter { phase: BuildPhaseType::Build, at: at(1) });
        build.apply(Change::Leave { phase: BuildPhaseType::Build, outcome, at: at(2) });
        build.apply(Change::Complete { at: at(3) });
        build
    }

    #[test]
    fn failures_are_tried_again_as_often_as_the_limit_says() {
        assert!(is_due(&ended(Outcome::failed("C", "m"), 0)));
        assert!(is_due(&ended(Outcome::timed_out(), 1)));
        assert!(!is_due(&ended(Outcome::failed("C", "m"), 2)), "the limit is reached");
        assert!(!is_due(&ended(Outcome::stopped(), 0)) && !is_due(&ended(Outcome::succeeded(), 0)));
        let of_pipeline = Build { initiator: "codepipeline/p".into(), ..ended(Outcome::failed("C", "m"), 0) };
        assert!(!is_due(&of_pipeline));
    }
}
