//! What webhooks have delivered, decided by their filters: a change starts one build, or none, or one that waits for
//! approval.

use std::{sync::Arc, time::Duration};

use aws::Timestamp;
use codebuild_model::{ProjectSource, WebhookBuildType};
use githost::{
    Failure, Provider,
    api::{Api, Refusal},
    change::{Approval, Change, PullRequest, What},
};
use store::{Claimed, Key, Range, Record, Versioned, WriteTx};

use super::statuses::report_withheld;
use crate::{
    CodeBuild,
    error::Error,
    host_access::HostAccess,
    operations::{
        start_build::{new_build, number},
        start_build_batch::{self, new_batch},
    },
    records::{Batch, Build, BuildId, Delivery, Project, Webhook, Withheld},
    role::Role,
    source::git::Repository,
    webhook::{
        filter::{Contents, admits, asks_for, may_admit},
        host::place,
        settings::{approves, is_withheld},
        start::{start, start_approved},
    },
};

/// Deliveries that wait to be decided: address and name.
pub(crate) const DELIVERIES: &str = "codebuild/deliveries";
/// A pull request that nobody has approved for so long is forgotten.
const WITHHELD_FOR: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Forgotten ones that are cleared away with each new one.
const CLEARED: usize = 20;

/// May be done again: a change leaves the delivery in the transaction that makes its build.
pub(super) async fn decide(codebuild: Arc<CodeBuild>, claimed: Claimed) -> Result<(), String> {
    let text = |error: store::Error| error.to_string();
    let (address, name): (String, String) = claimed.payload.parse().map_err(text)?;
    let key = Delivery::key_of(&address, &name);
    loop {
        let found = find(&codebuild, &key).await.map_err(text)?;
        let change = found.as_ref().and_then(|found| found.delivery.changes.first().cloned());
        let (Some(found), Some(change)) = (found, change) else {
            let claimed = claimed.clone();
            return codebuild.store.write(move |tx| tx.complete(&claimed)).await.map_err(text);
        };
        let decision = found.decide(&codebuild, &change).await?;
        let (key, config) = (key.clone(), codebuild.config.clone());
        let write = codebuild.store.write(move |tx| take(tx, &key, &change, &decision, &config));
        write.await.map_err(|error| error.to_string())?;
    }
}

/// A delivery with its webhook and project.
struct Found {
    delivery: Delivery,
    webhook: Webhook,
    project: Project,
}

/// What becomes of a change.
enum Decision {
    Nothing,
    /// Its build waits for approval.
    Withhold(Box<Withheld>),
    /// The second is what was withheld until now.
    Start(Started, Option<Box<Withheld>>),
}

enum Started {
    Build(Box<Build>),
    Batch(Box<Batch>),
}

/// None if the delivery, its webhook or its project is gone.
async fn find(codebuild: &CodeBuild, key: &store::Key) -> Result<Option<Found>, store::Error> {
    let key = key.clone();
    let read = codebuild.store.read(move |tx| {
        let Some(delivery) = tx.get::<Delivery>(&key)?.map(Versioned::into_inner) else { return Ok(None) };
        let (scope, name) = (&delivery.scope, &delivery.project);
        let webhook = tx.get::<Webhook>(&Webhook::key_of(scope, name))?.map(Versioned::into_inner);
        let webhook = webhook.filter(|webhook| webhook.address == delivery.address);
        let project = tx.get::<Project>(&Project::key_of(scope, name))?.map(Versioned::into_inner);
        let found = webhook.zip(project);
        Ok::<_, store::Error>(found.map(|(webhook, project)| Found { delivery, webhook, project }))
    });
    read.await
}

/// The first change leaves the delivery, and what was decided begins. Errors: TooManyQueued, so that it is tried again.
fn take(
    tx: &mut WriteTx<'_>,
    key: &store::Key,
    change: &Change,
    decision: &Decision,
    config: &crate::Config,
) -> Result<(), Error> {
    let Some(mut delivery) = tx.get::<Delivery>(key)? else { return Ok(()) };
    if delivery.record.changes.first() != Some(change) {
        // Another worker was faster.
        return Ok(());
    }
    delivery.record.changes.remove(0);
    tx.update(&delivery)?;
    let (started, approved) = match decision {
        Decision::Nothing => return Ok(()),
        Decision::Withhold(withheld) => {
            clear_old(tx, withheld.since)?;
            tx.put(withheld.as_ref())?;
            return Ok(report_withheld(tx, withheld)?);
        }
        Decision::Start(started, approved) => (started, approved),
    };
    if let Some(approved) = approved
        && tx.get::<Withheld>(&approved.key())?.is_none_or(|known| known.change != approved.change)
    {
        // Approved twice, or it has changed since.
        return Ok(());
    }
    let begun = match started {
        Started::Build(build) => number(tx, build, config).map(drop),
        Started::Batch(batch) => start_build_batch::put(tx, batch).map(drop),
    };
    match begun {
        Ok(()) => match approved {
            Some(approved) => Ok(tx.delete::<Withheld>(&approved.key()).map(drop)?),
            None => Ok(()),
        },
        Err(Error::ProjectNotFound(_)) => Ok(()),
        // Of a fleet that is not there, for example.
        Err(error @ (Error::TooManyOfProject { .. } | Error::InvalidInput(_))) => {
            // What was approved can be approved again.
            tracing::warn!(%error, "a webhook could not start a build");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn clear_old(tx: &mut WriteTx<'_>, now: Timestamp) -> Result<(), store::Error> {
    let limit = now.as_millis().saturating_sub(i64::try_from(WITHHELD_FOR.as_millis()).unwrap_or(i64::MAX));
    let old = Range::between(Key::empty().and_i64(i64::MIN), Key::empty().and_i64(limit));
    for withheld in tx.scan_index::<Withheld>(Withheld::SINCE, old, CLEARED)?.into_records() {
        tx.delete::<Withheld>(&withheld.key())?;
    }
    Ok(())
}

/// The repository in which something has happened, and how the project fetches it.
struct Place {
    repository: Repository,
    source: ProjectSource,
}

impl Found {
    /// None for a repository that is not the project's, or not its organisation's.
    fn place(&self, name: &str) -> Option<Place> {
        place(&self.webhook, &self.project, name).map(|(repository, source)| Place { repository, source })
    }

    async fn decide(&self, codebuild: &CodeBuild, change: &Change) -> Result<Decision, String> {
        let Self { delivery, webhook, project } = self;
        let settings = &webhook.settings.0;
        let Some(place) = self.place(&change.repository) else { return Ok(Decision::Nothing) };
        if let What::Approval(approval) = &change.what {
            return self.approved(codebuild, &place, approval).await;
        }
        if !may_admit(settings, change) {
            return Ok(Decision::Nothing);
        }
        let contents = contents(codebuild, webhook, project, &place, change).await?;
        if !admits(settings, change, &contents) {
            return Ok(Decision::Nothing);
        }
        match &change.what {
            What::PullRequest(request) if is_withheld(settings, change) => {
                if self.are_trusted(codebuild, &place, &request.contributors).await?
                    && let Some(request) = self.whole(codebuild, &place, request).await?
                {
                    return Ok(self.start_request(change, &place, &delivery.sender, request, None));
                }
                let withheld = Withheld {
                    scope: delivery.scope.clone(),
                    project: delivery.project.clone(),
                    address: webhook.address.clone(),
                    request: Withheld::name(&change.repository, &request.id),
                    sender: delivery.sender.clone(),
                    since: Timestamp::now(),
                    change: change.clone(),
                };
                Ok(Decision::Withhold(Box::new(withheld)))
            }
            _ => Ok(self.start(change, &place, &delivery.sender, None, None)),
        }
    }

    /// Somebody has approved a pull request: what was withheld of it starts, if he may and it is still the same.
    async fn approved(
        &self,
        codebuild: &CodeBuild,
        place: &Place,
        approval: &Approval,
    ) -> Result<Decision, String> {
        let Self { delivery, webhook, .. } = self;
        let name = Withheld::name(&place.repository.path, &approval.id);
        let key = Withheld::key_of(&delivery.scope, &delivery.project, &name);
        let found = codebuild.store.read(move |tx| tx.get::<Withheld>(&key)).await;
        let found = found.map_err(|error| error.to_string())?.map(Versioned::into_inner);
        let is_here = |withheld: &Withheld| {
            let repository = &withheld.change.repository;
            withheld.address == webhook.address && repository.eq_ignore_ascii_case(&place.repository.path)
        };
        let Some(withheld) = found.filter(is_here) else { return Ok(Decision::Nothing) };
        let What::PullRequest(request) = &withheld.change.what else { return Ok(Decision::Nothing) };
        if !request.is_at(&approval.commit)
            || !self.are_trusted(codebuild, place, std::slice::from_ref(&approval.by)).await?
        {
            return Ok(Decision::Nothing);
        }
        let request = PullRequest { commit: approval.commit.clone(), ..request.clone() };
        let (change, sender) = (withheld.change.clone(), withheld.sender.clone());
        Ok(self.start_request(&change, place, &sender, request, Some(Box::new(withheld))))
    }

    /// A pull request with the full id of its commit. None if that cannot be had, or it has another one by now.
    async fn whole(
        &self,
        codebuild: &CodeBuild,
        place: &Place,
        request: &PullRequest,
    ) -> Result<Option<PullRequest>, String> {
        if self.webhook.provider != Provider::Bitbucket {
            return Ok(Some(request.clone()));
        }
        let Some(api) = self.api(codebuild, place).await? else { return Ok(None) };
        match api.newest_commit(&request.id).await {
            Ok(newest) => Ok(newest
                .filter(|newest| request.is_at(newest))
                .map(|commit| PullRequest { commit, ..request.clone() })),
            Err(Refusal::Unavailable(why)) => Err(why),
            Err(refusal) => {
                self.warn(&refusal.to_string());
                Ok(None)
            }
        }
    }

    fn warn(&self, why: &str) {
        tracing::warn!(
            project = self.project.name,
            why,
            "the host cannot be asked who may approve, and what"
        );
    }

    /// The host's API, if it can be asked about a repository. Errors: what may go well later.
    async fn api(&self, codebuild: &CodeBuild, place: &Place) -> Result<Option<Api>, String> {
        let role = Role::of_project(&codebuild.client, &self.project.scope, &self.project.configuration.0);
        let access = HostAccess { codebuild, scope: &self.project.scope, role: &role };
        match access.api(&place.source, &place.repository).await {
            Ok(api) => Ok(api),
            Err(denied) => {
                self.warn(&denied.refusal()?);
                Ok(None)
            }
        }
    }

    /// Whether all of these accounts may approve; nobody is nobody who may. Errors: what may go well later.
    async fn are_trusted(
        &self,
        codebuild: &CodeBuild,
        place: &Place,
        accounts: &[String],
    ) -> Result<bool, String> {
        let Self { webhook, .. } = self;
        if accounts.is_empty() {
            return Ok(false);
        }
        let Some(api) = self.api(codebuild, place).await? else { return Ok(false) };
        for account in accounts {
            match api.role(account).await {
                Ok(Some(role)) if approves(&webhook.settings.0, webhook.provider, &role) => {}
                Ok(_) => return Ok(false),
                Err(Refusal::Unavailable(why)) => return Err(why),
                Err(refusal) => {
                    self.warn(&refusal.to_string());
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// As `start`, of the commit of a pull request alone.
    fn start_request(
        &self,
        change: &Change,
        place: &Place,
        sender: &str,
        request: PullRequest,
        approved: Option<Box<Withheld>>,
    ) -> Decision {
        let change = Change { what: What::PullRequest(request.clone()), ..change.clone() };
        self.start(&change, place, sender, Some(&request), approved)
    }

    /// The build or the batch that a change starts, of the commit of `request` alone if it is given.
    fn start(
        &self,
        change: &Change,
        place: &Place,
        sender: &str,
        request: Option<&PullRequest>,
        approved: Option<Box<Withheld>>,
    ) -> Decision {
        let Self { delivery, webhook, project } = self;
        let Some((version, told)) = start(webhook.provider, change) else { return Decision::Nothing };
        let version = request.map_or(version.clone(), |request| start_approved(request, &version));
        let mut configuration = project.configuration.0.clone();
        configuration.source = Some(place.source.clone());
        let (scope, name) = (&delivery.scope, &delivery.project);
        let (sender, now) = (sender.to_owned(), Timestamp::now());
        if webhook.settings.0.build_type == Some(WebhookBuildType::BuildBatch) {
            return match new_batch(scope, name, sender, now, configuration, Some(version)) {
                Ok(batch) => {
                    let batch = Batch { webhook: Some(told), ..batch }.submit();
                    Decision::Start(Started::Batch(Box::new(batch)), approved)
                }
                Err(error) => {
                    tracing::warn!(%error, "a webhook could not start a batch");
                    Decision::Nothing
                }
            };
        }
        let build = new_build(scope, BuildId::of_build(name), sender, now, configuration, Some(version));
        Decision::Start(Started::Build(Box::new(Build { webhook: Some(told), ..build })), approved)
    }
}

/// What the commit says and changes, if filters ask for it. What payloads tell of files is not asked: it is cut off, and not
/// always there.
async fn contents(
    codebuild: &CodeBuild,
    webhook: &Webhook,
    project: &Project,
    place: &Place,
    change: &Change,
) -> Result<Contents, String> {
    let (files, message) = asks_for(&webhook.settings.0);
    if !(files || message) {
        return Ok(Contents::default());
    }
    let role = Role::of_project(&codebuild.client, &project.scope, &project.configuration.0);
    let access = HostAccess { codebuild, scope: &project.scope, role: &role };
    let (remote, _) = match access.remote(&place.source, &place.repository).await {
        Ok(remote) => remote,
        Err(denied) => {
            let why = denied.refusal()?;
            tracing::warn!(project = project.name, why, "filters cannot be decided");
            return Ok(Contents::default());
        }
    };
    let looked = async {
        let fetched = codebuild.git.open(remote).await?;
        let mut contents = Contents::default();
        if message && let Some(commit) = commit(change) {
            contents.message = Some(fetched.message(commit).await?);
        }
        if files {
            contents.files = match &change.what {
                What::Push(push) => Some(match &push.before {
                    Some(before) => match fetched.changed_between(before, &push.commit).await {
                        // Nothing leads to it any more: the branch was moved by force.
                        Err(Failure::ReferenceNotFound) => fetched.changed_in(&push.commit).await?,
                        other => other?,
                    },
                    None => fetched.changed_in(&push.commit).await?,
                }),
                What::PullRequest(request) => {
                    Some(fetched.changed_since(&request.destination_branch, &request.commit).await?)
                }
                What::Release(_) | What::Approval(_) => None,
            };
        }
        Ok::<_, Failure>(contents)
    };
    match looked.await {
        Ok(contents) => Ok(contents),
        Err(failure @ (Failure::Io(_) | Failure::Other(_) | Failure::TooSlow)) => Err(failure.to_string()),
        Err(failure) => {
            tracing::warn!(project = project.name, %failure, "filters cannot be decided");
            Ok(Contents::default())
        }
    }
}

fn commit(change: &Change) -> Option<&str> {
    match &change.what {
        What::Push(push) => Some(&push.commit),
        What::PullRequest(request) => Some(&request.commit),
        What::Release(_) | What::Approval(_) => None,
    }
}
