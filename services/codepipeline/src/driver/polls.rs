//! Looking at the branches of GitHub's version 1, which tells nobody of a push unless a webhook is registered.
//!
//! A pipeline with such a source has one entry in a queue, which is claimed about once a minute. What a look has found is
//! committed together with the execution that it starts: a crash repeats the look, and nothing starts twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::Scope;
use serde::{Deserialize, Serialize};
use store::{Claimed, ReadTx, WriteTx};
use uuid::Uuid;

use super::commit::Fault;
use super::start::{self, Triggered};
use super::work::{Again, carry_out};
use super::{PAUSE, now};
use crate::CodePipeline;
use crate::definition::Definition;
use crate::engine::Moment;
use crate::operations::newest_execution;
use crate::providers::{Trouble, github};
use crate::records::{ExecutionTrigger, Pipeline, Polled, Secrets, SourceOverride};
use crate::secrets;

const QUEUE: &str = "codepipeline/polls";
/// Pipelines that are looked after at one time.
pub(super) const POLLERS: usize = 4;

/// A pipeline whose sources are looked at.
#[derive(Debug, Serialize, Deserialize)]
struct Poll {
    scope: Scope,
    pipeline_name: String,
    pipeline: Uuid,
}

/// Has the sources of a pipeline looked at from now on, if any wants to be.
pub(crate) fn enqueue(
    tx: &mut WriteTx<'_>,
    pipeline: &Pipeline,
    definition: &Definition,
) -> Result<(), store::Error> {
    if polled(definition).next().is_some() {
        let poll = Poll {
            scope: pipeline.scope.clone(),
            pipeline_name: pipeline.name.clone(),
            pipeline: pipeline.id,
        };
        tx.enqueue(QUEUE, &pipeline.id.to_string(), &poll, None)?;
    }
    Ok(())
}

/// Stage, name and configuration of the actions whose branches are looked at.
fn polled(definition: &Definition) -> impl Iterator<Item = (&str, &str, &BTreeMap<String, String>)> {
    definition.actions().filter_map(|(stage, action)| {
        let configuration = action.configuration.as_ref()?;
        let is_polled = github::is_polled(&action.action_type_id, configuration);
        is_polled.then_some((stage.name.as_str(), action.name.as_str(), configuration))
    })
}

pub(super) async fn run(codepipeline: Arc<CodePipeline>) {
    loop {
        match codepipeline.store.claim(QUEUE, "codepipeline", codepipeline.lease).await {
            Ok(claimed) => carry_out(&codepipeline, &claimed, look(&codepipeline, &claimed)).await,
            Err(error) => {
                tracing::warn!(%error, "no sources can be looked at");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A pipeline on its current version.
struct Found {
    pipeline: Pipeline,
    definition: Arc<Definition>,
    secrets: Option<Secrets>,
}

async fn find(codepipeline: &CodePipeline, poll: Poll) -> Result<Option<Found>, Fault> {
    let definitions = codepipeline.definitions.clone();
    let read = codepipeline.store.read(move |tx| {
        let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&poll.scope, &poll.pipeline_name))?;
        let pipeline = pipeline.map(store::Versioned::into_inner);
        let Some(pipeline) = pipeline.filter(|pipeline| pipeline.id == poll.pipeline) else {
            return Ok(None);
        };
        let secrets = tx.get::<Secrets>(&Secrets::key_of(pipeline.id, pipeline.version))?;
        let definition = definitions.get(tx, pipeline.id, pipeline.version)?;
        let secrets = secrets.map(store::Versioned::into_inner);
        Ok(definition.map(|definition| Found { pipeline, definition, secrets }))
    });
    read.await
}

/// Looks once, and leaves the entry for the next time; a pipeline that is gone or wants no looks has none any more.
async fn look(codepipeline: &CodePipeline, claimed: &Claimed) -> Result<(), Again> {
    let poll: Poll = claimed.payload.parse().map_err(Fault::from)?;
    let (Some(found), Some(host)) = (find(codepipeline, poll).await?, &codepipeline.github) else {
        return Ok(super::work::complete(codepipeline, claimed).await?);
    };
    let mut heads = Vec::new();
    for (stage, action, configuration) in polled(&found.definition) {
        let token = token(codepipeline, &found, stage, action);
        match host.head(configuration, token).await {
            Ok(Some(head)) => heads.push((action.to_owned(), head)),
            Ok(None) => {}
            Err(Trouble::Unavailable(why)) => return Err(Again::Unavailable(why)),
            // Its executions fail with the same words.
            Err(Trouble::Refused(error)) => {
                let pipeline = &found.pipeline.name;
                tracing::warn!(pipeline, action, error.message, "a source cannot be looked at");
            }
        }
    }
    let is_over = polled(&found.definition).next().is_none();
    let (definitions, claimed, interval) =
        (codepipeline.definitions.clone(), claimed.clone(), codepipeline.config.poll_interval);
    let (pipeline, moment) = (found.pipeline, now());
    let write = codepipeline.store.write(move |tx| {
        let current = tx.get::<Pipeline>(&Pipeline::key_of(&pipeline.scope, &pipeline.name))?;
        // What was replaced meanwhile is looked at anew.
        let is_current = |found: &Pipeline| found.id == pipeline.id && found.version == pipeline.version;
        if current.is_some_and(|current| is_current(&current)) {
            for (number, (action, head)) in heads.iter().enumerate() {
                if has_news(tx, &pipeline, action, head)? {
                    start::start_or_tell(
                        tx,
                        &definitions,
                        &pipeline,
                        triggered(action, head),
                        of(moment, number),
                    )?;
                }
            }
        }
        match is_over {
            true => tx.complete(&claimed)?,
            false => tx.release(&claimed, interval)?,
        }
        Ok::<_, Fault>(())
    });
    Ok(write.await?)
}

fn token(codepipeline: &CodePipeline, found: &Found, stage: &str, action: &str) -> Option<aws::Secret> {
    let opened = secrets::open(found.secrets.as_ref()?, &codepipeline.sealer, stage, action);
    opened.ok()?.remove(github::TOKEN)
}

/// Whether a branch has a commit that it had not at the last look, and that the newest execution does not have either.
/// Notes it. The first look compares with what the pipeline has taken.
fn has_news(tx: &mut WriteTx<'_>, pipeline: &Pipeline, action: &str, head: &str) -> Result<bool, Fault> {
    let known = tx.get::<Polled>(&Polled::key_of(pipeline.id, action))?;
    if known.as_ref().is_some_and(|known| known.commit == head) {
        return Ok(false);
    }
    let taken = match taken(tx, pipeline, action)? {
        Taken::Commit(commit) => Some(commit),
        Taken::Nothing => None,
        Taken::NotYet => return Ok(false),
    };
    tx.put(&Polled { pipeline: pipeline.id, action: action.to_owned(), commit: head.to_owned() })?;
    Ok(match taken {
        Some(commit) => commit != head,
        None => known.is_some(),
    })
}

/// What the newest execution has of a source.
enum Taken {
    Commit(String),
    Nothing,
    /// It is about to take the newest.
    NotYet,
}

fn taken(tx: &mut ReadTx<'_>, pipeline: &Pipeline, action: &str) -> Result<Taken, Fault> {
    let Some(newest) = newest_execution(tx, pipeline)? else { return Ok(Taken::Nothing) };
    let revision = newest.revisions.iter().find(|known| known.action == action);
    let wanted = newest.overrides.iter().find(|wanted| wanted.action == action);
    Ok(match (revision, wanted) {
        (Some(known), _) => Taken::Commit(known.revision.id.clone()),
        (None, Some(wanted)) => Taken::Commit(wanted.value.clone()),
        (None, None) if newest.status.has_ended() => Taken::Nothing,
        (None, None) => Taken::NotYet,
    })
}

fn triggered(action: &str, head: &str) -> Triggered {
    let commit =
        SourceOverride { action: action.to_owned(), kind: "COMMIT_ID".to_owned(), value: head.to_owned() };
    Triggered {
        trigger: ExecutionTrigger { kind: "PollForSourceChanges".to_owned(), detail: action.to_owned() },
        overrides: vec![commit],
        change: None,
    }
}

/// Each execution gets a seed of its own.
fn of(moment: Moment, number: usize) -> Moment {
    Moment { seed: *blake3::keyed_hash(&moment.seed, &number.to_le_bytes()).as_bytes(), ..moment }
}
