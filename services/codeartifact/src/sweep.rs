//! The retention rules of repositories, carried out from time to time where they say so.
//!
//! Page by page, each as a call of `CleanUpPackages` by the service itself: so each is audited with what went, versions go
//! with their events, and what a repository's tag does not say is refused. A crash in between repeats a page at most.

use std::time::Duration;

use aws::{Client, Timestamp};
use codeartifact_model::CleanUpPackages;
use store::{Claimed, Range};

use crate::CodeArtifact;
use crate::error::Error;
use crate::records::Repository;
use crate::retention::Mode;
use crate::service_tokens::PRINCIPAL;
use crate::settings;

const QUEUE: &str = "codeartifact/retention";
const ENTRY: &str = "sweep";
/// A sweep that gives no sign of life for so long is taken over.
const LEASE: Duration = Duration::from_secs(5 * 60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// Repositories that are read at once.
const REPOSITORIES: usize = 100;

impl CodeArtifact {
    /// Carries the rules out, for as long as it is polled. Each node may run it; one at a time does.
    pub async fn sweep(&self, worker: &str) {
        loop {
            if let Err(error) = self.next_sweep(worker).await {
                tracing::warn!(%error, "retention rules could not be carried out; it is tried again");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn next_sweep(&self, worker: &str) -> Result<(), Error> {
        self.store.write(|tx| Ok::<_, Error>(tx.enqueue(QUEUE, ENTRY, &(), None)?)).await?;
        let claimed = self.store.claim(QUEUE, worker, LEASE).await?;
        let mut after = None;
        loop {
            let from = after.clone();
            let page = self
                .store
                .read(move |tx| tx.scan::<Repository>(Range::all().after(from.clone()), REPOSITORIES))
                .await?;
            after = page.next.clone();
            for repository in page.into_records() {
                self.sweep_repository(&repository, &claimed).await?;
            }
            if after.is_none() {
                break;
            }
        }
        let next = Timestamp::now().plus(self.config.retention_every).as_millis();
        let write = self.store.write(move |tx| {
            tx.complete(&claimed)?;
            tx.enqueue(QUEUE, ENTRY, &(), Some(next))?;
            Ok(())
        });
        write.await
    }

    /// What is wrong with one repository does not keep others from having their turn.
    async fn sweep_repository(&self, repository: &Repository, claimed: &Claimed) -> Result<(), Error> {
        let Some(retention) = settings::retention(&repository.tags) else { return Ok(()) };
        let dry_run = match retention.mode {
            Mode::Asked => return Ok(()),
            Mode::Report => true,
            Mode::Enforce => false,
        };
        let name = repository.full_name();
        let client: Client = self.client.as_service(PRINCIPAL, name.domain.scope.clone());
        let client = client.on_behalf_of(&name.arn().to_string());
        let (mut next_token, mut count) = (None, 0);
        loop {
            let asked = CleanUpPackages {
                domain: repository.domain.clone(),
                domain_owner: Some(name.domain.scope.account.to_string()),
                repository: repository.name.clone(),
                rules: None,
                dry_run,
                next_token,
            };
            let page = match client.call(asked).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, repository = %name.arn(), "the retention rules of a repository");
                    return Ok(());
                }
            };
            count += page.versions.len();
            self.store.heartbeat(claimed, LEASE).await?;
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        if count > 0 {
            tracing::info!(count, dry_run, repository = %name.arn(), "versions that retention rules let go");
        }
        Ok(())
    }
}
