//! A push from its commands to its report.

use std::sync::Arc;

use git2::Oid;

use crate::error::Error;
use crate::git::lookup;
use crate::git::receive::report::Report;
use crate::git::receive::{Push, connectivity, ingest};
use crate::git::repositories::Folder;
use crate::git::request_body::RequestBody;
use crate::git::{self, Quarantine};
use crate::records::Repository;
use crate::references::decide::Target;
use crate::references::{Actor, Refusal, Update};
use crate::service::{CodeCommit, blocking};

/// Beyond so many references, all of a push that does not connect are refused without a look at each.
const CHECKED_ONE_BY_ONE: usize = 64;
const MISSING: &str = "missing necessary objects";

/// What a push came to.
pub struct Outcome {
    pub report: Report,
    /// How many bytes of objects were received.
    pub received: u64,
}

/// A push under way: what is still to happen to each of its references.
type Verdicts = Vec<Result<(), String>>;

impl CodeCommit {
    /// Takes a push in. `allowed`: for each command, whether the policies admit it, or why not.
    /// What the report says has happened is durable, with its events, when this returns.
    pub async fn receive(
        &self,
        repository: &Repository,
        push: &Push,
        body: &mut RequestBody,
        allowed: Verdicts,
        actor: Actor,
    ) -> Result<Outcome, Error> {
        let hopeless =
            allowed.iter().all(Result::is_err) || (push.atomic && allowed.iter().any(Result::is_err));
        if hopeless || !push.brings_objects() {
            if push.brings_objects() {
                ingest::drain(body).await;
            }
            let report = self.commit_push(repository, push, allowed, &[], actor).await?;
            return Ok(Outcome { report, received: 0 });
        }
        // The checks below see as known what git's files show.
        self.project(repository).await?;
        let folder = self.folder(repository)?;
        let source = folder.clone();
        let quarantine = Arc::new(blocking(move || Quarantine::open(&source)).await?);
        let received = match ingest::ingest(&folder, &quarantine, body, self.config.max_pack_bytes).await? {
            Ok(received) => received,
            Err(reason) => return Ok(Outcome { report: Report::not_unpacked(push, reason), received: 0 }),
        };
        let mut verdicts = allowed;
        let targets = check_targets(&folder, &quarantine, push, &mut verdicts).await?;
        if push.atomic && verdicts.iter().any(Result::is_err) {
            // Nothing of it will be: its objects need not be kept.
            let report = self.commit_push(repository, push, verdicts, &targets, actor).await?;
            return Ok(Outcome { report, received });
        }
        blocking(move || match Arc::into_inner(quarantine) {
            Some(quarantine) => quarantine.migrate(),
            None => Err(git::Error::Task("a quarantine is still in use".to_owned())),
        })
        .await?;
        let report = self.commit_push(repository, push, verdicts, &targets, actor).await?;
        Ok(Outcome { report, received })
    }

    /// Changes the references that were not refused before. `targets`: by command; may be shorter where nothing
    /// but deletions is asked for.
    async fn commit_push(
        &self,
        repository: &Repository,
        push: &Push,
        mut verdicts: Verdicts,
        targets: &[Option<Target>],
        actor: Actor,
    ) -> Result<Report, Error> {
        if push.atomic && verdicts.iter().any(Result::is_err) {
            for verdict in verdicts.iter_mut().filter(|verdict| verdict.is_ok()) {
                *verdict = Err(Refusal::Atomic.to_string());
            }
        }
        let open: Vec<usize> = (0..push.commands.len()).filter(|&index| verdicts[index].is_ok()).collect();
        let update = |&index: &usize| {
            let command = &push.commands[index];
            let new = targets.get(index).copied().flatten();
            Update { name: command.name.clone(), old: command.old, new }
        };
        let updates: Vec<Update> = open.iter().map(update).collect();
        if !updates.is_empty() {
            let outcomes = self.update_references(repository, updates, push.atomic, actor).await?;
            for (index, outcome) in open.into_iter().zip(outcomes) {
                verdicts[index] = outcome.map_err(|refusal| refusal.to_string());
            }
        }
        Ok(Report { unpack: Ok(()), commands: verdicts, messages: Vec::new() })
    }
}

/// Refuses commands whose new objects are absent, unfit or without their history, and answers what the others'
/// references will name.
async fn check_targets(
    folder: &Folder,
    quarantine: &Arc<Quarantine>,
    push: &Push,
    verdicts: &mut Verdicts,
) -> Result<Vec<Option<Target>>, Error> {
    let (held, commands) = (quarantine.clone(), push.commands.clone());
    let looked_at = blocking(move || {
        let library = held.library()?;
        let look = |command: &git::receive::Command| -> Result<Result<Option<Target>, String>, git::Error> {
            let Some(object) = command.new else { return Ok(Ok(None)) };
            if let Some(reason) = connectivity::unfit_target(&library, &command.name, object)? {
                return Ok(Err(reason.to_owned()));
            }
            Ok(Ok(Some(Target { object, commit: lookup::peel_to_commit(&library, object)? })))
        };
        commands.iter().map(look).collect::<Result<Vec<_>, _>>()
    })
    .await?;
    let mut targets = Vec::with_capacity(looked_at.len());
    for (verdict, looked_at) in verdicts.iter_mut().zip(looked_at) {
        match looked_at {
            Ok(target) => targets.push(target),
            Err(reason) => {
                targets.push(None);
                if verdict.is_ok() {
                    *verdict = Err(reason);
                }
            }
        }
    }
    check_history(folder, quarantine, &targets, verdicts).await?;
    Ok(targets)
}

async fn check_history(
    folder: &Folder,
    quarantine: &Quarantine,
    targets: &[Option<Target>],
    verdicts: &mut Verdicts,
) -> Result<(), Error> {
    let open: Vec<(usize, Oid)> = targets
        .iter()
        .enumerate()
        .filter(|(index, _)| verdicts[*index].is_ok())
        .filter_map(|(index, target)| target.map(|target| (index, target.object)))
        .collect();
    let objects: Vec<Oid> = open.iter().map(|(_, object)| *object).collect();
    if objects.is_empty() || connectivity::is_whole(folder, quarantine, &objects).await? {
        return Ok(());
    }
    let one_by_one = open.len() <= CHECKED_ONE_BY_ONE;
    for (index, object) in open {
        if !one_by_one || !connectivity::is_whole(folder, quarantine, &[object]).await? {
            verdicts[index] = Err(MISSING.to_owned());
        }
    }
    Ok(())
}
