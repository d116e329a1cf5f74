//! The service's state and what its operations share.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws::{Client, Router, Scope, Timestamp};
use githost::{clones::Clones, git::Git};
use runner::{Container, Executor, Folder, Network, Pool, remote::RemoteExecutor};
use seal::Sealer;
use store::{Key, Store, Versioned, WriteTx};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    announce, auto_retry, batch,
    container::Containers,
    driver,
    environment::Access,
    error::Error,
    fleet::{FleetName, capacity},
    hosts::GitHosts,
    records::{Batch, Build, BuildId, Fleet, Progress, Project, Report, ReportGroup, ReportStatus, Webhook},
    sessions::Sessions,
    state::Change,
    tools,
    trust::Trust,
};

/// How long a claim on a build holds without a sign of life: how long a crash delays it.
const LEASE: Duration = Duration::from_secs(10);
/// A build that was taken up so often does not end by itself.
const ATTEMPTS: u32 = 100;

/// Of all local caches, unless the operator says otherwise.
pub const CACHE_BYTES: u64 = 20 << 30;

/// How the service is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This server's address as builds reach it: `http://127.0.0.1:4000`.
    pub endpoint: String,
    /// Builds that run at one time; the others are QUEUED.
    pub concurrency: usize,
    /// Builds that may be QUEUED beside them.
    pub queue: u64,
    pub network: Network,
    /// The folder of local caches; none: there are none.
    pub caches: Option<std::path::PathBuf>,
    /// What all local caches may have together.
    pub most_cache_bytes: u64,
    pub containers: Containers,
    pub git_hosts: GitHosts,
    /// The origin of a port of the loopback at which builds on the machine's network fetch their credentials; without it
    /// they fetch them at `endpoint`.
    pub passage: Option<String>,
    /// The authority of this server's certificate.
    pub trust: Option<Trust>,
}

impl Config {
    pub fn new(endpoint: impl Into<String>, concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        let endpoint = endpoint.into().trim_end_matches('/').to_owned();
        Self {
            endpoint,
            concurrency,
            queue: 1000,
            network: Network::Host,
            caches: None,
            most_cache_bytes: CACHE_BYTES,
            containers: Containers::default(),
            git_hosts: GitHosts::new(),
            passage: None,
            trust: None,
        }
    }

    /// What every build has in its folder.
    pub(crate) fn furnish(&self, folder: &Folder) -> std::io::Result<()> {
        tools::furnish(folder)?;
        self.trust.as_ref().map_or(Ok(()), |trust| trust.furnish(folder))
    }

    /// How a build comes to this server, in its container if it has one.
    pub(crate) fn access<'a>(
        &'a self,
        container: Option<&Container>,
        credentials_token: &'a str,
    ) -> Access<'a> {
        let on_machine = container.is_none() || self.containers.on_machine_network;
        let passage = self.passage.as_deref().filter(|_| on_machine);
        Access {
            endpoint: &self.endpoint,
            credentials: passage.unwrap_or(&self.endpoint),
            credentials_token,
            trust: self.trust.as_ref(),
        }
    }
}

/// The service. [`CodeBuild::router`] serves its API, [`CodeBuild::run`] drives its builds.
pub struct CodeBuild {
    pub(crate) store: Store,
    /// Without identity: each use gives it one.
    pub(crate) client: Client,
    pub(crate) executor: Arc<dyn Executor>,
    /// The same one, where workers can run builds.
    pub(crate) workers: Option<Arc<RemoteExecutor>>,
    /// For tokens of Git hosts.
    pub(crate) sealer: Sealer,
    pub(crate) clones: Clones,
    /// For what filters ask of commits.
    pub(crate) git: Git,
    pub(crate) config: Config,
    pub(crate) lease: Duration,
    pub(crate) attempts: u32,
    stops: Stops,
    /// Counts commands of sandboxes that this process has taken.
    pub(crate) submissions: watch::Sender<u64>,
    /// Shells that somebody may open.
    pub(crate) sessions: Sessions,
}

impl CodeBuild {
    /// `client` needs no identity. What is fetched from Git hosts is kept below `data`.
    pub fn new(
        store: Store,
        client: Client,
        executor: Arc<dyn Executor>,
        sealer: Sealer,
        data: &Path,
        config: Config,
    ) -> Self {
        let folder = data.join("codebuild");
        let (clones, git) = (Clones::new(folder.join("clones")), Git::new(folder.join("fetch")));
        let (stops, submissions, sessions) = (Stops::default(), watch::channel(0).0, Sessions::default());
        Self {
            store,
            client,
            executor,
            workers: None,
            sealer,
            clones,
            git,
            config,
            lease: LEASE,
            attempts: ATTEMPTS,
            stops,
            submissions,
            sessions,
        }
    }

    /// Has workers run the builds of fleets, with the executor that the service was made with.
    #[must_use]
    pub fn with_workers(mut self, workers: Arc<RemoteExecutor>) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Workers that have asked this server lately, of the fleet of this ARN.
    pub(crate) fn workers_of(&self, fleet: &str) -> u64 {
        let census = self.workers.as_ref().map(|workers| workers.census()).unwrap_or_default();
        census.get(&Pool::Fleet(fleet.to_owned())).map_or(0, |census| census.workers)
    }

    /// Gives a build up that was taken up so often when its driving fails; when it was taken up twice as often it is not
    /// tidied up either.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Takes up builds that a crash interrupted after this time. Signs of life come three times as often.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Drives builds until the future is dropped. Dropping it at any point loses nothing: commands that run go on, and
    /// what was under way is taken up again when its lease has ended.
    pub async fn run(self: Arc<Self>) {
        crate::driver::run(self).await;
    }

    /// Serves the API on this state.
    pub fn router(self: &Arc<Self>) -> Router {
        crate::operations::router(self.clone())
    }

    /// Errors: `ProjectNotFound`.
    pub(crate) async fn project(&self, scope: &Scope, name: &str) -> Result<Project, Error> {
        let key = Project::key_of(scope, name);
        let found = self.store.read(move |tx| tx.get::<Project>(&key)).await?;
        let arn = scope.arn("codebuild", format_args!("project/{name}")).to_string();
        found.map(Versioned::into_inner).ok_or(Error::ProjectNotFound(arn))
    }

    /// Errors: `WebhookNotFound`.
    pub(crate) async fn webhook(&self, scope: &Scope, project: &str) -> Result<Webhook, Error> {
        let key = Webhook::key_of(scope, project);
        let found = self.store.read(move |tx| tx.get::<Webhook>(&key)).await?;
        found.map(Versioned::into_inner).ok_or_else(|| Error::WebhookNotFound(project.to_owned()))
    }

    /// Errors: `BuildNotFound`.
    pub(crate) async fn build(&self, scope: &Scope, id: &str) -> Result<Build, Error> {
        let not_found = || Error::BuildNotFound(id.to_owned());
        let key = Build::key_of(scope, &BuildId::parse(id).ok_or_else(not_found)?);
        self.find_build(&key).await?.ok_or_else(not_found)
    }

    /// Errors: `BatchNotFound`.
    pub(crate) async fn batch(&self, scope: &Scope, id: &str) -> Result<Batch, Error> {
        let not_found = || Error::BatchNotFound(id.to_owned());
        let key = Batch::key_of(scope, &BuildId::parse_batch(id).ok_or_else(not_found)?);
        let found = self.store.read(move |tx| tx.get::<Batch>(&key)).await?;
        found.map(Versioned::into_inner).ok_or_else(not_found)
    }

    /// Errors: `SandboxNotFound`.
    pub(crate) async fn sandbox(&self, scope: &Scope, id: &str) -> Result<Build, Error> {
        let not_found = || Error::SandboxNotFound(id.to_owned());
        let key = Build::key_of(scope, &BuildId::parse_sandbox(id).ok_or_else(not_found)?);
        self.find_build(&key).await?.ok_or_else(not_found)
    }

    pub(crate) async fn find_build(&self, key: &Key) -> Result<Option<Build>, store::Error> {
        let key = key.clone();
        Ok(self.store.read(move |tx| tx.get::<Build>(&key)).await?.map(Versioned::into_inner))
    }

    pub(crate) async fn fleet(&self, name: &FleetName) -> Result<Option<Fleet>, store::Error> {
        let name = name.clone();
        Ok(self.store.read(move |tx| name.find(tx)).await?.map(Versioned::into_inner))
    }

    pub(crate) async fn report_group(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Option<ReportGroup>, store::Error> {
        let key = ReportGroup::key_of(scope, name);
        Ok(self.store.read(move |tx| tx.get::<ReportGroup>(&key)).await?.map(Versioned::into_inner))
    }

    pub(crate) fn stops(&self) -> &Stops {
        &self.stops
    }
}

/// Applies changes to a build, tells the world, and keeps how far the driver has come: together or not at all.
/// None if there is no such build.
pub(crate) fn change(
    tx: &mut WriteTx<'_>,
    key: &Key,
    changes: &[Change],
    progress: Option<&Progress>,
    at: Timestamp,
) -> Result<Option<Build>, store::Error> {
    let Some(mut build) = tx.get::<Build>(key)? else { return Ok(None) };
    let was_complete = build.record.is_complete();
    for change in changes {
        if let Some(news) = build.record.apply(change.clone()) {
            announce::publish(tx, &build.record, &news, at)?;
        }
    }
    tx.update(&build)?;
    let resolved = || changes.iter().any(|change| matches!(change, Change::Resolved(_)));
    let told_by_webhook = build.record.webhook.as_ref().is_some_and(|webhook| webhook.commit.is_some());
    if build.record.is_complete() && !was_complete {
        over(tx, &build.record, at)?;
    } else if !was_complete && !told_by_webhook && resolved() {
        driver::report(tx, &build.record)?;
    }
    if let Some(progress) = progress {
        tx.put(progress)?;
    }
    Ok(Some(build.record))
}

/// What comes of the end of a build, once.
fn over(tx: &mut WriteTx<'_>, build: &Build, at: Timestamp) -> Result<(), store::Error> {
    end_reports(tx, build)?;
    capacity::leave(tx, build)?;
    batch::tell(tx, build, at)?;
    auto_retry::consider(tx, build)?;
    driver::report(tx, build)
}

/// What was not completed with the build never will be.
fn end_reports(tx: &mut WriteTx<'_>, build: &Build) -> Result<(), store::Error> {
    for id in &build.reports {
        let found = tx.get::<Report>(&Report::key_of(&build.scope, id))?;
        if let Some(mut report) = found.filter(|report| report.status == ReportStatus::Generating) {
            report.record.status = ReportStatus::Incomplete;
            tx.update(&report)?;
        }
    }
    Ok(())
}

/// Wakes the drivers of this process that hold a build when it is to be stopped. Others learn it from the record.
#[derive(Default)]
pub(crate) struct Stops(Mutex<HashMap<Uuid, watch::Sender<bool>>>);

/// A driver's end. Dropping it ends the subscription.
pub(crate) struct StopSignal<'a> {
    stops: &'a Stops,
    build: Uuid,
    receiver: watch::Receiver<bool>,
}

impl Stops {
    pub fn listen(&self, build: Uuid) -> StopSignal<'_> {
        let receiver = self.table().entry(build).or_insert_with(|| watch::channel(false).0).subscribe();
        StopSignal { stops: self, build, receiver }
    }

    pub fn stop(&self, build: Uuid) {
        if let Some(sender) = self.table().get(&build) {
            sender.send_replace(true);
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<bool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StopSignal<'_> {
    /// Returns at once when the build has been stopped before. May be dropped and asked again.
    pub async fn stopped(&self) {
        let mut receiver = self.receiver.clone();
        if receiver.wait_for(|stopped| *stopped).await.is_err() {
            // The sender stands in the table as long as this does.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for StopSignal<'_> {
    fn drop(&mut self) {
        let mut table = self.stops.table();
        if table.get(&self.build).is_some_and(|sender| sender.receiver_count() <= 1) {
            table.remove(&self.build);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stop_is_heard_before_and_after_it_is_listened_for() {
        let stops = Stops::default();
        stops.stop(Uuid::nil());
        let signal = stops.listen(Uuid::nil());
        assert!(tokio::time::timeout(Duration::from_millis(10), signal.stopped()).await.is_err());
        stops.stop(Uuid::nil());
        signal.stopped().await;
        signal.stopped().await;
        drop(signal);
        assert!(stops.table().is_empty());
    }
}
