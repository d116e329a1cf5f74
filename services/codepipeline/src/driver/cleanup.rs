//! Artifacts that nobody needs any more go, as the pipeline's rule says ([`crate::retention`]).
//!
//! In one transaction the action executions are marked, so that nothing takes their artifacts from then on, and an entry
//! is queued; a worker claims it and deletes the objects as the pipeline's role, which therefore needs `s3:DeleteObject`.
//! A crash in between leaves the entry, and deleting an object twice does no harm.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws::objects::ObjectId;
use store::{Claimed, Range, ReadTx, WriteTx};

use super::begin::LONGEST_CHAIN;
use super::commit::Fault;
use super::{PAUSE, work};
use crate::CodePipeline;
use crate::definitions::Definitions;
use crate::engine::ExecutionId;
use crate::error::Error;
use crate::providers::Artifact;
use crate::records::{ActionExecution, Cleanup, Execution, Live, Pipeline, Removal, RuleExecution};
use crate::retention::{Judged, Retention, removable};
use crate::role::Role;
use crate::settings::ARTIFACT_RETENTION;

/// Pipelines of which an execution has ended, if a tag says which artifacts they keep.
const CLEANUPS: &str = "codepipeline/cleanups";
/// All pipelines, one entry.
const SWEEPS: &str = "codepipeline/sweeps";
const REMOVALS: &str = "codepipeline/removals";
/// Between two looks at all pipelines: days pass without an execution, and not all rules are in tags.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
const PIPELINES_AT_ONCE: usize = 100;
/// Executions of a pipeline that one look takes in; the next look goes on.
const EXECUTIONS_AT_ONCE: usize = 1_000;
/// Action executions of one execution at most: twice what the largest definition has.
const ACTIONS: usize = 5_000;
/// A role that may not delete is asked again after this time at the longest.
const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);

/// An execution whose artifacts go, with their places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cleaned {
    pub(crate) execution: ExecutionId,
    pub(crate) artifacts: Vec<Artifact>,
}

/// An execution has ended: there may be one too many now.
pub(super) fn later(
    tx: &mut WriteTx<'_>,
    pipeline: &Pipeline,
    ended: ExecutionId,
) -> Result<(), store::Error> {
    if pipeline.tags.contains_key(ARTIFACT_RETENTION) {
        tx.enqueue(CLEANUPS, &ended.to_string(), &pipeline.id, None)?;
    }
    Ok(())
}

/// Looks at pipelines of which executions have ended.
pub(super) async fn run(codepipeline: Arc<CodePipeline>) {
    loop {
        if let Err(error) = clean_next(&codepipeline).await {
            tracing::warn!(%error, "the artifacts of a pipeline could not be looked through; it is tried again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn clean_next(codepipeline: &CodePipeline) -> Result<(), Fault> {
    let claimed = codepipeline.store.claim(CLEANUPS, "codepipeline", codepipeline.lease).await?;
    let id: uuid::Uuid = claimed.payload.parse()?;
    let read = codepipeline.store.read(move |tx| {
        let found = tx.scan_index::<Pipeline>(Pipeline::ID, Pipeline::with_id(id), 1)?;
        Ok::<_, Fault>(found.into_records().into_iter().next())
    });
    if let Some(pipeline) = read.await?
        && let Some(retention) = codepipeline.settings.of(&pipeline.tags).artifact_retention
    {
        clean(codepipeline, &pipeline, retention, false).await?;
    }
    work::complete(codepipeline, &claimed).await
}

/// Looks at all pipelines now and then.
pub(super) async fn run_sweeps(codepipeline: Arc<CodePipeline>) {
    loop {
        if let Err(error) = sweep(&codepipeline).await {
            tracing::warn!(%error, "artifacts could not be looked through");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn sweep(codepipeline: &CodePipeline) -> Result<(), Fault> {
    let write = codepipeline.store.write(|tx| tx.enqueue(SWEEPS, "all", &(), None).map(|_| ()));
    write.await?;
    let claimed = codepipeline.store.claim(SWEEPS, "codepipeline", codepipeline.lease).await?;
    let mut after = None;
    loop {
        let range = Range::all().after(after.take());
        let page = codepipeline.store.read(move |tx| tx.scan::<Pipeline>(range.clone(), PIPELINES_AT_ONCE));
        let page = page.await?;
        let next = page.next.clone();
        for pipeline in page.into_records() {
            if let Some(retention) = codepipeline.settings.of(&pipeline.tags).artifact_retention {
                clean(codepipeline, &pipeline, retention, false).await?;
            }
        }
        codepipeline.store.heartbeat(&claimed, codepipeline.lease).await?;
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    codepipeline.store.write(move |tx| tx.release(&claimed, SWEEP_EVERY)).await?;
    Ok(())
}

/// A look as if an hour had passed since the last one, while no driver runs; answers how many executions are to lose their
/// artifacts.
#[cfg(test)]
pub(crate) async fn sweep_again(codepipeline: &CodePipeline) -> Result<u64, Fault> {
    codepipeline.store.write(|tx| tx.dequeue(SWEEPS, "all").map(drop)).await?;
    sweep(codepipeline).await?;
    Ok(codepipeline.store.read(|tx| tx.queue_length(REMOVALS)).await?)
}

/// Lets the artifacts go that the rule does not keep. `dry_run`: only tells which.
pub(crate) async fn clean(
    codepipeline: &CodePipeline,
    pipeline: &Pipeline,
    retention: Retention,
    dry_run: bool,
) -> Result<Vec<Cleaned>, Fault> {
    let (id, definitions) = (pipeline.id, codepipeline.definitions.clone());
    let version = pipeline.version;
    let now = codepipeline.clock.now();
    let read = codepipeline.store.read(move |tx| {
        let look = Look::at(tx, &definitions, id, version)?;
        Ok::<_, Fault>((look.removable(retention, now), look))
    });
    let (doomed, look) = read.await?;
    let mut cleaned = Vec::new();
    for execution in doomed {
        let ordinal = look.ordinal(execution);
        let older: Vec<u64> = look.ordinals_before(ordinal);
        if dry_run {
            let read = codepipeline.store.read(move |tx| {
                Ok::<_, Fault>(places(&artifacts(tx, id, execution)?, &rules(tx, id, execution)?))
            });
            cleaned.push(Cleaned { execution, artifacts: read.await? });
            continue;
        }
        let (pipeline, definitions) = (pipeline.clone(), codepipeline.definitions.clone());
        let write = codepipeline.store.write(move |tx| {
            // Somebody may have taken up its work meanwhile.
            let look = Look::at(tx, &definitions, id, version)?;
            if !look.removable(retention, now).contains(&execution) {
                return Ok(None);
            }
            mark(tx, &pipeline, execution, ordinal, &older, now).map(Some)
        });
        let gone = write.await?;
        cleaned.extend(gone.map(|artifacts| Cleaned { execution, artifacts }));
    }
    cleaned.retain(|cleaned| !cleaned.artifacts.is_empty());
    Ok(cleaned)
}

/// What is known of the executions of a pipeline that may still have artifacts.
struct Look {
    executions: Vec<Judged>,
    newest: u64,
    succeeded: BTreeSet<ExecutionId>,
}

impl Look {
    fn at(
        tx: &mut ReadTx<'_>,
        definitions: &Definitions,
        pipeline: uuid::Uuid,
        version: u32,
    ) -> Result<Self, Fault> {
        let cleanup = tx.get::<Cleanup>(&Cleanup::key_of(pipeline))?;
        let cleanup = cleanup.map_or_else(|| Cleanup::new(pipeline), store::Versioned::into_inner);
        let live = tx.get::<Live>(&Live::key_of(pipeline))?;
        let live = live.ok_or_else(|| Error::internal("a pipeline has no state"))?.into_inner().engine;
        let of = Execution::of_pipeline(pipeline);
        let from = of.clone().and_u64(cleanup.done_to.saturating_add(1));
        let range = Range::between(from, of.clone().and_u64(u64::MAX));
        let mut records = tx.scan::<Execution>(range, EXECUTIONS_AT_ONCE)?.into_records();
        for ordinal in &cleanup.left {
            records.extend(
                tx.get::<Execution>(&of.clone().and_u64(*ordinal))?.map(store::Versioned::into_inner),
            );
        }
        let mut succeeded: BTreeSet<ExecutionId> = live
            .stages
            .values()
            .filter_map(|stage| stage.last_success)
            .map(|success| success.execution)
            .collect();
        if let Some(definition) = definitions.get(tx, pipeline, version)? {
            for stage in &definition.declaration.stages {
                let prefix = Execution::succeeded_in(pipeline, version, &stage.name);
                let newest = Range::prefix(prefix).descending();
                let last = tx.scan_index::<Execution>(Execution::SUCCEEDED, newest, 1)?.into_records();
                succeeded.extend(last.into_iter().map(|one| one.id));
            }
        }
        // Those that need the artifacts of others, wherever they are.
        let needing = succeeded.iter().chain(live.executions.keys());
        for id in needing {
            let mut next = Some(*id);
            for _ in 0..=LONGEST_CHAIN {
                let Some(id) = next.take() else { break };
                let page = tx.scan_index::<Execution>(Execution::ID, Execution::with_id(pipeline, id), 1)?;
                next = page.records.first().and_then(|one| one.predecessor());
                records.extend(page.into_records());
            }
        }
        records.sort_by_key(|one| one.ordinal);
        records.dedup_by_key(|one| one.ordinal);
        let executions = records.iter().map(|one| Judged {
            id: one.id,
            ordinal: one.ordinal,
            has_ended: one.status.has_ended() && !live.executions.contains_key(&one.id),
            last_heard_of: one.updated_at,
            predecessor: one.predecessor(),
        });
        Ok(Self { executions: executions.collect(), newest: live.last_ordinal, succeeded })
    }

    fn removable(&self, retention: Retention, now: aws::Timestamp) -> Vec<ExecutionId> {
        removable(retention, &self.executions, self.newest, &self.succeeded, now)
    }

    fn ordinal(&self, id: ExecutionId) -> u64 {
        self.executions.iter().find(|one| one.id == id).map_or(0, |one| one.ordinal)
    }

    fn ordinals_before(&self, ordinal: u64) -> Vec<u64> {
        self.executions.iter().map(|one| one.ordinal).filter(|one| *one < ordinal).collect()
    }
}

/// From here on nothing takes the artifacts of an execution, and they are on their way out.
fn mark(
    tx: &mut WriteTx<'_>,
    pipeline: &Pipeline,
    execution: ExecutionId,
    ordinal: u64,
    older: &[u64],
    now: aws::Timestamp,
) -> Result<Vec<Artifact>, Fault> {
    let cleanup = tx.get::<Cleanup>(&Cleanup::key_of(pipeline.id))?;
    let mut cleanup = cleanup.map_or_else(|| Cleanup::new(pipeline.id), store::Versioned::into_inner);
    let done_to = cleanup.done_to;
    cleanup.advance(ordinal, older.iter().copied().filter(|older| *older > done_to));
    tx.put(&cleanup)?;
    let actions = artifacts(tx, pipeline.id, execution)?;
    if actions.is_empty() {
        return Ok(Vec::new());
    }
    let places = places(&actions, &rules(tx, pipeline.id, execution)?);
    for mut action in actions {
        action.outputs_removed_at = Some(now);
        tx.put(&action)?;
    }
    let removal = Removal {
        scope: pipeline.scope.clone(),
        pipeline_name: pipeline.name.clone(),
        pipeline: pipeline.id,
        execution,
        marked_at: now,
    };
    tx.enqueue(REMOVALS, &execution.to_string(), &removal, None)?;
    Ok(places)
}

/// What an action has made, and the copies that were made for it.
fn own(action: &ActionExecution) -> impl Iterator<Item = &Artifact> {
    action.outputs.iter().chain(copies(&action.inputs, &action.elsewhere))
}

/// The inputs that are copies of what lies elsewhere.
fn copies<'a>(inputs: &'a [Artifact], elsewhere: &'a [Artifact]) -> impl Iterator<Item = &'a Artifact> {
    inputs.iter().filter(|input| elsewhere.iter().any(|original| original.name == input.name))
}

/// The attempts of an execution that have made artifacts, which are there.
fn artifacts(
    tx: &mut ReadTx<'_>,
    pipeline: uuid::Uuid,
    execution: ExecutionId,
) -> Result<Vec<ActionExecution>, Fault> {
    let mut actions = actions(tx, pipeline, execution)?;
    actions.retain(|action| own(action).next().is_some() && action.outputs_removed_at.is_none());
    Ok(actions)
}

fn actions(
    tx: &mut ReadTx<'_>,
    pipeline: uuid::Uuid,
    execution: ExecutionId,
) -> Result<Vec<ActionExecution>, Fault> {
    let prefix = ActionExecution::of_execution(pipeline, execution);
    Ok(tx.scan_index::<ActionExecution>(ActionExecution::EXECUTION, prefix, ACTIONS)?.into_records())
}

/// The evaluations of rules, for which copies were made as for actions.
fn rules(
    tx: &mut ReadTx<'_>,
    pipeline: uuid::Uuid,
    execution: ExecutionId,
) -> Result<Vec<RuleExecution>, Fault> {
    let prefix = RuleExecution::of_execution(pipeline, execution);
    Ok(tx.scan_index::<RuleExecution>(RuleExecution::EXECUTION, prefix, ACTIONS)?.into_records())
}

fn places(actions: &[ActionExecution], rules: &[RuleExecution]) -> Vec<Artifact> {
    let mut places: Vec<Artifact> = Vec::new();
    let of_rules = rules.iter().flat_map(|rule| copies(&rule.inputs, &rule.elsewhere));
    for artifact in actions.iter().flat_map(own).chain(of_rules) {
        // Several may share a copy.
        if !places.contains(artifact) {
            places.push(artifact.clone());
        }
    }
    places
}

/// Deletes what was marked.
pub(super) async fn run_removals(codepipeline: Arc<CodePipeline>) {
    let mut failures: u32 = 0;
    loop {
        match remove_next(&codepipeline, failures).await {
            Ok(true) => failures = 0,
            Ok(false) => failures = failures.saturating_add(1),
            Err(error) => {
                tracing::warn!(%error, "artifacts could not be deleted; it is tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// False: they could not be deleted yet.
async fn remove_next(codepipeline: &CodePipeline, failures: u32) -> Result<bool, Fault> {
    let claimed = codepipeline.store.claim(REMOVALS, "codepipeline", codepipeline.lease).await?;
    let removal: Removal = claimed.payload.parse()?;
    match remove(codepipeline, &claimed, &removal).await? {
        Ok(()) => {
            work::complete(codepipeline, &claimed).await?;
            Ok(true)
        }
        Err(error) => {
            let delay = PAUSE.saturating_mul(1 << failures.min(12)).min(LONGEST_DELAY);
            let (pipeline, execution) = (&removal.pipeline_name, removal.execution);
            tracing::warn!(pipeline, %execution, %error, "artifacts cannot be deleted; it is tried again");
            codepipeline.store.write(move |tx| tx.release(&claimed, delay)).await?;
            Ok(false)
        }
    }
}

async fn remove(
    codepipeline: &CodePipeline,
    claimed: &Claimed,
    removal: &Removal,
) -> Result<Result<(), aws::Error>, Fault> {
    let definitions = codepipeline.definitions.clone();
    let of = removal.clone();
    let read = codepipeline.store.read(move |tx| {
        let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&of.scope, &of.pipeline_name))?;
        let Some(pipeline) = pipeline.filter(|pipeline| pipeline.id == of.pipeline) else { return Ok(None) };
        let definition = definitions.get(tx, pipeline.id, pipeline.version)?;
        let marked = actions(tx, of.pipeline, of.execution)?;
        let marked = marked.into_iter().filter(|action| action.outputs_removed_at.is_some());
        let places = places(&marked.collect::<Vec<_>>(), &rules(tx, of.pipeline, of.execution)?);
        Ok::<_, Fault>(definition.map(|found| (found, places)))
    });
    // A pipeline that was deleted meanwhile has no role any more, and its artifacts are its owner's.
    let Some((definition, artifacts)) = read.await? else { return Ok(Ok(())) };
    let role = &definition.declaration.role_arn;
    let role = Role::new(&codepipeline.client, &removal.scope, role, None, "ArtifactRetention");
    let client = match role.client().await {
        Ok(client) => client,
        Err(error) => return Ok(Err(error)),
    };
    for artifact in artifacts {
        match client.delete_object(&ObjectId::new(&artifact.bucket, &artifact.key)).await {
            Ok(()) => {}
            Err(error) if error.code == "NoSuchBucket" => {}
            Err(error) => return Ok(Err(error)),
        }
        codepipeline.store.heartbeat(claimed, codepipeline.lease).await?;
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws::Timestamp;
    use store::{Config, Store};
    use uuid::Uuid;

    use super::*;
    use crate::driver::rules::NewRule;
    use crate::engine::{
        self, ConditionType, ExecutionMode, ExecutionStatus, Plan, RuleExecutionId, Stage, Success,
    };
    use crate::records::{ExecutionTrigger, Rerun};

    const PIPELINE: Uuid = Uuid::nil();

    fn id(ordinal: u64) -> ExecutionId {
        ExecutionId(Uuid::from_u128(ordinal.into()))
    }

    fn execution(ordinal: u64, of: Option<u64>) -> Execution {
        let at = Timestamp::from_millis(0);
        Execution {
            pipeline: PIPELINE,
            id: id(ordinal),
            ordinal,
            version: 1,
            mode: ExecutionMode::Superseded,
            status: ExecutionStatus::Failed,
            started_at: at,
            updated_at: at,
            resumed_at: None,
            trigger: ExecutionTrigger { kind: "StartPipelineExecution".to_owned(), detail: String::new() },
            stop_reason: None,
            variables: BTreeMap::new(),
            overrides: vec![],
            revisions: vec![],
            succeeded_stages: BTreeSet::new(),
            client_request_token: None,
            rollback_target: None,
            rerun: of.map(|of| Rerun { of: id(of), stage: "Build".to_owned(), action: None }),
            ended: None,
        }
    }

    #[test]
    fn a_copy_for_a_rule_goes_with_the_others() {
        let rule = NewRule {
            execution: id(1),
            version: 1,
            stage: "Build".into(),
            condition: ConditionType::BeforeEntry,
            rule: "Look".into(),
            id: RuleExecutionId(Uuid::nil()),
        };
        let at = |bucket: &str, name: &str| Artifact {
            name: name.to_owned(),
            bucket: bucket.to_owned(),
            key: format!("web/{name}/1"),
        };
        let mut rule = rule.record(PIPELINE, 1, Timestamp::from_millis(0));
        rule.inputs = vec![at("abroad", "App"), at("abroad", "Page")];
        rule.elsewhere = vec![at("home", "App")];
        assert_eq!(places(&[], &[rule.clone(), rule]), [at("abroad", "App")]);
    }

    /// The last one is a re-run of a re-run; the one between them is beyond what a look takes in.
    #[tokio::test]
    async fn what_a_re_run_of_a_re_run_needs_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
        let (window, between) = (EXECUTIONS_AT_ONCE as u64, EXECUTIONS_AT_ONCE as u64 + 1);
        let last = between + 1;
        let plan = Plan { version: 1, mode: ExecutionMode::Superseded, stages: vec![] };
        let mut engine = engine::Pipeline::new(Arc::new(plan));
        let last_success = Some(Success { execution: id(last), version: 1 });
        engine.stages.insert("Build".into(), Stage { last_success, ..Stage::default() });
        engine.last_ordinal = last;
        let write = store.write(move |tx| {
            tx.put(&Live { pipeline: PIPELINE, engine: engine.clone(), last_action: 0, last_rule: 0 })?;
            for ordinal in 1..=window {
                tx.put(&execution(ordinal, None))?;
            }
            tx.put(&execution(between, Some(10)))?;
            tx.put(&execution(last, Some(between)))
        });
        write.await.unwrap();
        let look = store.read(|tx| Look::at(tx, &Definitions::default(), PIPELINE, 1)).await.unwrap();
        let retention = Retention::new(Some(1), None).unwrap();
        let gone = look.removable(retention, Timestamp::from_millis(0));
        assert!(gone.contains(&id(9)) && !gone.contains(&id(10)) && !gone.contains(&id(between)));
    }
}
