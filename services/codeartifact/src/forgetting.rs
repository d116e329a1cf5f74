//! Taking away the packages of deleted repositories, some at a time.

use std::sync::Arc;
use std::time::Duration;

use aws::Timestamp;
use store::{Record, WriteTx};

use crate::CodeArtifact;
use crate::error::Error;
use crate::packages::writing;
use crate::records::{External, ExternalVersion, Package, Repository, ServiceToken, Version};

const QUEUE: &str = "codeartifact/deleted-repositories";
const LEASE: Duration = Duration::from_secs(60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// In one transaction.
const VERSIONS_AT_ONCE: usize = 200;
/// A domain has no more service tokens.
const MOST_TOKENS: usize = 1_000;

/// Hands the packages of a repository over to be taken away, in the transaction that deletes it.
pub fn hand_over(tx: &mut WriteTx<'_>, repository: &Repository) -> Result<(), store::Error> {
    let tokens = tx.scan::<ServiceToken>(ServiceToken::all_of(repository.domain_id), MOST_TOKENS)?;
    for token in tokens.into_records().iter().filter(|token| token.repository == repository.id) {
        tx.delete::<ServiceToken>(&token.key())?;
    }
    tx.enqueue(QUEUE, &repository.id.to_string(), repository, None)?;
    Ok(())
}

impl CodeArtifact {
    /// Takes away what deleted repositories held, for as long as it is polled. One node or many may run it; what a crash
    /// interrupts is taken up again.
    pub async fn forget_deleted(&self, worker: &str) {
        loop {
            if let Err(error) = self.forget_next(worker).await {
                tracing::warn!(%error, "packages of a deleted repository could not be taken away; it is tried again");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn forget_next(&self, worker: &str) -> Result<(), Error> {
        let claimed = Arc::new(self.store.claim(QUEUE, worker, LEASE).await?);
        let repository: Repository = claimed.payload.parse()?;
        loop {
            let (held, repository, now) = (claimed.clone(), repository.clone(), Timestamp::now());
            let write = self.store.write(move |tx| {
                let more = remove_some(tx, &repository, now)?;
                if more {
                    tx.heartbeat(&held, LEASE)?;
                } else {
                    tx.complete(&held)?;
                }
                Ok::<_, Error>(more)
            });
            if !write.await? {
                return Ok(());
            }
        }
    }
}

/// Answers whether there is more.
fn remove_some(tx: &mut WriteTx<'_>, repository: &Repository, now: Timestamp) -> Result<bool, Error> {
    let packages = tx.scan::<Package>(Package::all_of(repository.id), 1)?.into_records();
    let Some(mut package) = packages.into_iter().next() else { return forget_outside(tx, repository) };
    let range = Version::all_of(repository.id, &package.coordinates);
    let page = tx.scan::<Version>(range, VERSIONS_AT_ONCE)?;
    let is_last = page.next.is_none();
    for version in page.into_records() {
        writing::remove(tx, repository, &mut package, &version, now)?;
    }
    if is_last {
        tx.delete::<Package>(&Package::key_of(repository.id, &package.coordinates))?;
    }
    Ok(true)
}

/// What was seen outside. Answers whether there is more.
fn forget_outside(tx: &mut WriteTx<'_>, repository: &Repository) -> Result<bool, Error> {
    let all = Package::all_of(repository.id);
    let versions = tx.scan::<ExternalVersion>(all.clone(), VERSIONS_AT_ONCE)?;
    let packages = tx.scan::<External>(all, VERSIONS_AT_ONCE)?;
    let is_more = versions.next.is_some() || packages.next.is_some();
    for known in versions.into_records() {
        tx.delete::<ExternalVersion>(&known.key())?;
    }
    for known in packages.into_records() {
        tx.delete::<External>(&known.key())?;
    }
    Ok(is_more)
}
