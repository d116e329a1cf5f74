//! What webhooks have delivered, decided by their filters: a change starts one build, or none.

use std::sync::Arc;

use aws::Timestamp;
use githost::{
    Failure,
    change::{Change, What},
};
use store::{Claimed, Versioned, WriteTx};

use crate::{
    CodeBuild,
    error::Error,
    host_access::{Denied, HostAccess},
    operations::start_build::{new_build, number},
    records::{Build, BuildId, Delivery, Project, Webhook},
    role::Role,
    webhook::{
        filter::{Contents, admits, asks_for, may_admit},
        host,
        settings::is_withheld,
        start::start,
    },
};

/// Deliveries that wait to be decided: address and name.
pub(crate) const DELIVERIES: &str = "codebuild/deliveries";

/// May be done again: a change leaves the delivery in the transaction that makes its build.
pub(super) async fn decide(codebuild: Arc<CodeBuild>, claimed: Claimed) -> Result<(), String> {
    let text = |error: store::Error| error.to_string();
    let (address, name): (String, String) = claimed.payload.parse().map_err(text)?;
    let key = Delivery::key_of(&address, &name);
    loop {
        let found = find(&codebuild, &key).await.map_err(text)?;
        let change = found.as_ref().and_then(|(delivery, ..)| delivery.changes.first().cloned());
        let (Some((delivery, webhook, project)), Some(change)) = (found, change) else {
            let claimed = claimed.clone();
            return codebuild.store.write(move |tx| tx.complete(&claimed)).await.map_err(text);
        };
        let build = build(&codebuild, &delivery, &webhook, &project, &change).await?;
        let (key, config) = (key.clone(), codebuild.config.clone());
        let write = codebuild.store.write(move |tx| take(tx, &key, &change, build.as_ref(), &config));
        write.await.map_err(|error| error.to_string())?;
    }
}

type Found = (Delivery, Webhook, Project);

/// None if the delivery, its webhook or its project is gone.
async fn find(codebuild: &CodeBuild, key: &store::Key) -> Result<Option<Found>, store::Error> {
    let key = key.clone();
    let read = codebuild.store.read(move |tx| {
        let Some(delivery) = tx.get::<Delivery>(&key)?.map(Versioned::into_inner) else { return Ok(None) };
        let (scope, name) = (&delivery.scope, &delivery.project);
        let webhook = tx.get::<Webhook>(&Webhook::key_of(scope, name))?.map(Versioned::into_inner);
        let webhook = webhook.filter(|webhook| webhook.address == delivery.address);
        let project = tx.get::<Project>(&Project::key_of(scope, name))?.map(Versioned::into_inner);
        Ok::<_, store::Error>(webhook.zip(project).map(|(webhook, project)| (delivery, webhook, project)))
    });
    read.await
}

/// The first change leaves the delivery, and its build begins. Errors: TooManyQueued, so that it is tried again.
fn take(
    tx: &mut WriteTx<'_>,
    key: &store::Key,
    change: &Change,
    build: Option<&Build>,
    config: &crate::Config,
) -> Result<(), Error> {
    let Some(mut delivery) = tx.get::<Delivery>(key)? else { return Ok(()) };
    if delivery.record.changes.first() != Some(change) {
        // Another worker was faster.
        return Ok(());
    }
    delivery.record.changes.remove(0);
    tx.update(&delivery)?;
    match build.map(|build| number(tx, build, config)) {
        None | Some(Ok(_) | Err(Error::ProjectNotFound(_))) => Ok(()),
        Some(Err(error @ Error::TooManyOfProject { .. })) => {
            tracing::warn!(%error, "a webhook could not start a build");
            Ok(())
        }
        Some(Err(error)) => Err(error),
    }
}

/// The build that a change starts. None if it starts none.
async fn build(
    codebuild: &CodeBuild,
    delivery: &Delivery,
    webhook: &Webhook,
    project: &Project,
    change: &Change,
) -> Result<Option<Build>, String> {
    let settings = &webhook.settings.0;
    let is_of_project = host::repository(&project.configuration.0).is_ok_and(|repository| {
        repository.provider == webhook.provider && repository.path.eq_ignore_ascii_case(&change.repository)
    });
    if !is_of_project || is_withheld(settings, change) || !may_admit(settings, change) {
        return Ok(None);
    }
    let contents = contents(codebuild, webhook, project, change).await?;
    if !admits(settings, change, &contents) {
        return Ok(None);
    }
    let (version, told) = start(webhook.provider, change);
    let configuration = project.configuration.0.clone();
    let (scope, name) = (&delivery.scope, &delivery.project);
    let sender = delivery.sender.clone();
    let build =
        new_build(scope, BuildId::of_build(name), sender, Timestamp::now(), configuration, Some(version));
    Ok(Some(Build { webhook: Some(told), ..build }))
}

/// What the commit says and changes, if filters ask for it. What payloads tell of files is not asked: it is cut off, and not
/// always there.
async fn contents(
    codebuild: &CodeBuild,
    webhook: &Webhook,
    project: &Project,
    change: &Change,
) -> Result<Contents, String> {
    let (files, message) = asks_for(&webhook.settings.0);
    if !(files || message) {
        return Ok(Contents::default());
    }
    let settings = &project.configuration.0;
    let role = Role::of_project(
        &codebuild.client,
        &project.scope,
        settings.service_role.as_deref().unwrap_or_default(),
    );
    let access = HostAccess { codebuild, scope: &project.scope, role: &role };
    let repository = host::repository(settings).map_err(|error| error.to_string())?;
    let source = settings.source.clone().unwrap_or_default();
    let (remote, _) = match access.remote(&source, &repository).await {
        Ok(remote) => remote,
        Err(denied @ Denied::Fault(_)) => return Err(denied.message().to_owned()),
        Err(denied) => {
            tracing::warn!(project = project.name, why = denied.message(), "filters cannot be decided");
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
                What::Release(_) => None,
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
        What::Release(_) => None,
    }
}
