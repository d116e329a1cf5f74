//! Small pieces of work in queues of the store: claimed, kept alive, done or tried again later.

use std::{sync::Arc, time::Duration};

use store::Claimed;
use tokio::{sync::Semaphore, task::JoinSet};

use super::PAUSE;
use crate::CodeBuild;

/// Pieces of a queue at one time.
const AT_ONCE: usize = 4;
/// Then a piece is given up.
const MOST_ATTEMPTS: u32 = 12;
/// Between attempts at most.
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

/// Carries out what comes, with `work`, until the future is dropped. `work` takes its entry out of the queue in the
/// transaction that records the result; what it cannot do now it says, and it is tried again.
pub(super) async fn work_off<F, W>(codebuild: Arc<CodeBuild>, queue: &'static str, work: F)
where
    F: Fn(Arc<CodeBuild>, Claimed) -> W,
    W: Future<Output = Result<(), String>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match codebuild.store.claim(queue, "codebuild", codebuild.lease).await {
            Ok(claimed) => {
                let (codebuild, doing) = (codebuild.clone(), work(codebuild.clone(), claimed.clone()));
                running.spawn(async move {
                    hold(&codebuild, queue, claimed, doing).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, queue, "nothing can be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn hold(
    codebuild: &CodeBuild,
    queue: &str,
    claimed: Claimed,
    doing: impl Future<Output = Result<(), String>>,
) {
    let alive = async {
        loop {
            tokio::time::sleep(codebuild.lease / 3).await;
            if let Err(error @ store::Error::LeaseLost { .. }) =
                codebuild.store.heartbeat(&claimed, codebuild.lease).await
            {
                return error.to_string();
            }
        }
    };
    let done = tokio::select! {
        done = doing => done,
        // Somebody else has it.
        _ = alive => return,
    };
    let Err(why) = done else { return };
    let released = match claimed.attempt >= MOST_ATTEMPTS {
        true => {
            tracing::error!(why, queue, entry = claimed.id, "given up");
            let claimed = claimed.clone();
            codebuild.store.write(move |tx| tx.complete(&claimed)).await
        }
        false => {
            tracing::warn!(why, queue, entry = claimed.id, attempt = claimed.attempt, "tried again later");
            let wait = PAUSE * 2_u32.saturating_pow(claimed.attempt.min(10));
            codebuild.store.release(&claimed, wait.min(LONGEST_WAIT)).await
        }
    };
    if let Err(error) = released {
        tracing::warn!(%error, queue, "its claim ends with its lease");
    }
}
