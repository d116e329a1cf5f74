//! Committing reference updates: references, generation and events in one transaction.

use std::collections::BTreeMap;

use aws::{Event, Timestamp};
use git2::Oid;
use serde_json::{Value, json};
use store::{Range, ReadTx, Versioned, WriteTx};

use super::decide::{self, Refusal, Target, Update};
use super::{BRANCHES, TAGS, branch, branch_name};
use crate::error::Error;
use crate::git::projection::{Delta, Snapshot};
use crate::records::{Reference, Repository};

/// Who changes references, and when.
#[derive(Clone, Debug)]
pub struct Actor {
    pub arn: String,
    pub at: Timestamp,
}

/// What a transaction did.
#[derive(Clone, Debug)]
pub struct Applied {
    /// In the order of the updates.
    pub outcomes: Vec<Result<(), Refusal>>,
    /// What git's files must now show; `None` where nothing changed.
    pub delta: Option<Delta>,
}

/// How many references one read takes in.
const PAGE: usize = 1_000;

/// Applies the updates that can be. Nothing is changed outside of the transaction.
/// Errors: `RepositoryDoesNotExist` when it was deleted meanwhile.
pub fn apply(
    tx: &mut WriteTx<'_>,
    repository: &Repository,
    updates: &[Update],
    atomic: bool,
    actor: &Actor,
) -> Result<Applied, Error> {
    let mut repository = current(tx, repository)?;
    let present = present(tx, &repository.id, updates)?;
    let outcomes = decide::decide(&present, repository.default_branch.as_deref(), updates, atomic);
    let taken =
        || updates.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(update, _)| update);
    let changed: Vec<&Update> =
        taken().filter(|update| update.old != update.new.map(|target| target.object)).collect();
    if changed.is_empty() {
        return Ok(Applied { outcomes, delta: None });
    }
    for update in &changed {
        write_reference(tx, &repository.id, update)?;
    }
    let mut delta = Delta { generation: repository.generation + 1, ..Delta::default() };
    if repository.default_branch.is_none() {
        let created = changed.iter().filter(|update| update.new.is_some()).map(|update| update.name.as_str());
        repository.default_branch = decide::default_branch(created).map(str::to_owned);
        delta.head = repository.default_branch.as_deref().map(branch);
    }
    repository.generation = delta.generation;
    repository.modified_at = actor.at.max(repository.modified_at);
    tx.put(&repository.record)?;
    for update in changed {
        if let Some(event) = state_change(&repository, update, present.get(&update.name), actor) {
            tx.append(aws::event::TOPIC, &event)?;
        }
        delta.references.push((update.name.clone(), update.new.map(|target| target.object)));
    }
    Ok(Applied { outcomes, delta: Some(delta) })
}

/// The repository as the transaction sees it, found by its id: it may have been renamed.
pub fn current(tx: &mut ReadTx<'_>, repository: &Repository) -> Result<Versioned<Repository>, Error> {
    let found = tx.scan_index::<Repository>(Repository::BY_ID, store::Key::of(&repository.id), 1)?;
    let found = found.records.into_iter().next();
    found.ok_or_else(|| Error::RepositoryDoesNotExist(repository.name.clone()))
}

/// All references of a repository with its generation, as one transaction sees them.
pub fn snapshot(tx: &mut ReadTx<'_>, repository: &Repository) -> Result<Snapshot, Error> {
    let repository = current(tx, repository)?;
    let mut references = BTreeMap::new();
    let mut next = None;
    loop {
        let range = Range::prefix(store::Key::of(&repository.id)).after(next);
        let page = tx.scan::<Reference>(range, PAGE)?;
        for reference in page.records {
            let target = object_id(&reference.target)?;
            references.insert(reference.record.name, target);
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let head = repository.default_branch.as_deref().map(branch);
    Ok(Snapshot { generation: repository.generation, head, references })
}

/// What a stored reference names.
pub fn target(reference: &Reference) -> Result<Target, Error> {
    let commit = reference.commit.as_deref().map(object_id).transpose()?;
    Ok(Target { object: object_id(&reference.target)?, commit })
}

fn object_id(hex: &str) -> Result<Oid, Error> {
    Ok(hex.parse::<Oid>()?)
}

/// The references that a decision on these updates depends on.
fn present(
    tx: &mut ReadTx<'_>,
    repository: &str,
    updates: &[Update],
) -> Result<BTreeMap<String, Target>, Error> {
    let mut present = BTreeMap::new();
    let mut keep = |reference: Reference| -> Result<(), Error> {
        let target = target(&reference)?;
        present.insert(reference.name, target);
        Ok(())
    };
    for update in updates {
        let key = Reference::key_of(repository, &update.name);
        if update.old.is_some() {
            if let Some(reference) = tx.get::<Reference>(&key)? {
                keep(reference.record)?;
            }
            continue;
        }
        // The name itself and those below it; one more than this push could delete tells whether one stays.
        for reference in tx.scan::<Reference>(key, updates.len() + 1)?.records {
            keep(reference.record)?;
        }
        for (end, _) in update.name.match_indices('/').skip(2) {
            let above = Reference::key_of(repository, &update.name[..end]);
            if let Some(reference) = tx.get::<Reference>(&above)? {
                keep(reference.record)?;
            }
        }
    }
    Ok(present)
}

fn write_reference(tx: &mut WriteTx<'_>, repository: &str, update: &Update) -> Result<(), Error> {
    match update.new {
        Some(target) => tx.put(&Reference {
            repository: repository.to_owned(),
            name: update.name.clone(),
            target: target.object.to_string(),
            commit: target.commit.map(|commit| commit.to_string()),
        })?,
        None => {
            return Ok(tx.delete::<Reference>(&Reference::key_of(repository, &update.name)).map(|_| ())?);
        }
    };
    Ok(())
}

/// The event of one changed branch or tag; other references have none.
/// Source: EventBridge events of CodeCommit, "CodeCommit Repository State Change".
fn state_change(
    repository: &Repository,
    update: &Update,
    before: Option<&Target>,
    actor: &Actor,
) -> Option<Event> {
    let (kind, name) = match branch_name(&update.name) {
        Some(name) => ("branch", name),
        None => ("tag", update.name.strip_prefix(TAGS)?),
    };
    let commit = |target: &Target| Value::from(target.commit.unwrap_or(target.object).to_string());
    let event = match (before, update.new) {
        (None, _) => "referenceCreated",
        (Some(_), Some(_)) => "referenceUpdated",
        (Some(_), None) => "referenceDeleted",
    };
    let mut detail = json!({
        "callerUserArn": actor.arn,
        "event": event,
        "repositoryName": repository.name,
        "repositoryId": repository.id,
        "referenceType": kind,
        "referenceName": name,
        "referenceFullName": update.name,
    });
    if let Some(after) = &update.new {
        detail["commitId"] = commit(after);
    }
    if let Some(before) = before {
        detail["oldCommitId"] = commit(before);
    }
    let resources = vec![repository.arn().to_string()];
    let detail_type = "CodeCommit Repository State Change";
    Some(Event::new(&repository.scope(), "aws.codecommit", detail_type, actor.at, resources, detail))
}

/// The stored reference of a branch.
pub fn find_branch(tx: &mut ReadTx<'_>, repository: &str, name: &str) -> Result<Option<Target>, Error> {
    find(tx, repository, &format!("{BRANCHES}{name}"))
}

/// What a reference names, by its full name.
pub fn find(tx: &mut ReadTx<'_>, repository: &str, full_name: &str) -> Result<Option<Target>, Error> {
    let reference = tx.get::<Reference>(&Reference::key_of(repository, full_name))?;
    reference.map(|reference| target(&reference)).transpose()
}
