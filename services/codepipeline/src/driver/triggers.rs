//! Changes of repositories behind connections: each pipeline looks at its own in the order in which they happened, one
//! after the other, since which files were changed may have to be asked of the Git host.

use std::sync::Arc;
use std::time::Duration;

use aws::{Scope, Timestamp};
use codeconnections_model::ListChangedFiles;
use codepipeline_model::ActionDeclaration;
use serde::{Deserialize, Serialize};
use store::{Claimed, Range, WriteTx};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::commit::Fault;
use super::start::{Triggered, start_or_tell};
use super::work::{Again, carry_out};
use super::{PAUSE, now};
use crate::CodePipeline;
use crate::definition::Definition;
use crate::providers::Trouble;
use crate::records::{ExecutionTrigger, PendingChange, Pipeline};
use crate::role::Role;
use crate::triggers::change::What;
use crate::triggers::filter::by_default;
use crate::triggers::{Change, Decision, PROVIDER, decide};

/// One entry for each pipeline that has changes to look at.
const LANES: &str = "codepipeline/triggers";
/// Pipelines that look at their changes at one time.
const AT_ONCE: usize = 16;
/// How long a Git host may be out of reach before the change starts the pipeline without being looked at closer. The
/// source action then shows what is wrong.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lane {
    scope: Scope,
    name: String,
    pipeline: Uuid,
}

/// Leaves a change for a pipeline to look at. `seq` is the number of its event.
pub(super) fn take_in(
    tx: &mut WriteTx<'_>,
    pipeline: &Pipeline,
    seq: u64,
    change: &Change,
    since: Timestamp,
) -> Result<(), store::Error> {
    tx.put(&PendingChange { pipeline: pipeline.id, seq, change: change.clone(), since })?;
    let lane = Lane { scope: pipeline.scope.clone(), name: pipeline.name.clone(), pipeline: pipeline.id };
    tx.enqueue(LANES, &pipeline.id.to_string(), &lane, None).map(|_| ())
}

pub(super) async fn run(codepipeline: Arc<CodePipeline>) {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = tokio::task::JoinSet::new();
    loop {
        let Ok(permit) = slots.clone().acquire_owned().await else { return };
        match codepipeline.store.claim(LANES, "codepipeline", codepipeline.lease).await {
            Ok(claimed) => {
                let codepipeline = codepipeline.clone();
                running.spawn(async move {
                    carry_out(&codepipeline, &claimed, look(&codepipeline, &claimed)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no changes of repositories can be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while running.try_join_next().is_some() {}
    }
}

/// The oldest change that a pipeline has not looked at, and what it is to be looked at with.
struct Task {
    pipeline: Pipeline,
    definition: Arc<Definition>,
    pending: PendingChange,
}

async fn look(codepipeline: &CodePipeline, claimed: &Claimed) -> Result<(), Again> {
    let lane: Lane = claimed.payload.parse().map_err(Fault::from)?;
    let Some(task) = load(codepipeline, &lane).await? else {
        return Ok(super::work::complete(codepipeline, claimed).await?);
    };
    let actions = task.starting(codepipeline).await?;
    Ok(commit(codepipeline, claimed, lane, task, actions).await?)
}

/// `None`: there is nothing to look at any more.
async fn load(codepipeline: &CodePipeline, lane: &Lane) -> Result<Option<Task>, Fault> {
    let (lane, definitions) = (lane.clone(), codepipeline.definitions.clone());
    let read = codepipeline.store.read(move |tx| {
        let pipeline = tx.get::<Pipeline>(&Pipeline::key_of(&lane.scope, &lane.name))?;
        let Some(pipeline) =
            pipeline.map(store::Versioned::into_inner).filter(|found| found.id == lane.pipeline)
        else {
            return Ok(None);
        };
        let range = Range::prefix(PendingChange::of_pipeline(pipeline.id));
        let pending = tx.scan::<PendingChange>(range, 1)?.into_records().pop();
        let definition = definitions.get(tx, pipeline.id, pipeline.version)?;
        Ok(pending.zip(definition).map(|(pending, definition)| Task { pipeline, definition, pending }))
    });
    read.await
}

impl Task {
    /// The names of the source actions that the change starts.
    async fn starting(&self, codepipeline: &CodePipeline) -> Result<Vec<String>, Again> {
        let change = &self.pending.change;
        let mut files: Option<Files> = None;
        let mut starting = Vec::new();
        for action in self.sources() {
            let mut decision = self.decide(action, None);
            if decision == Decision::NeedsFiles {
                let known = match files.take() {
                    Some(known) => known,
                    None => self.changed_files(codepipeline, action).await?,
                };
                decision = match &known {
                    Files::Known(paths) => self.decide(action, Some(paths)),
                    Files::Unknown => Decision::Starts,
                };
                files = Some(known);
            }
            if decision == Decision::Starts {
                starting.push(action.name.clone());
            }
        }
        tracing::debug!(
            pipeline = self.pipeline.name,
            commit = change.commit_id,
            starts = !starting.is_empty(),
            "a change was looked at"
        );
        Ok(starting)
    }

    /// The actions that take the repository of the change.
    fn sources(&self) -> impl Iterator<Item = &ActionDeclaration> {
        let change = &self.pending.change;
        self.definition.actions().map(|(_, action)| action).filter(move |action| {
            let value = |key: &str| action.configuration.as_ref().and_then(|given| given.get(key));
            action.action_type_id.provider == PROVIDER
                && value("ConnectionArn") == Some(&change.connection_arn)
                && value("FullRepositoryId") == Some(&change.repository)
        })
    }

    fn decide(&self, action: &ActionDeclaration, files: Option<&[String]>) -> Decision {
        let value = |key: &str| action.configuration.as_ref().and_then(|given| given.get(key));
        let branch = value("BranchName").map_or("", String::as_str);
        let triggers = self.definition.declaration.triggers.iter().flatten();
        let mut of_action = triggers
            .map(|trigger| &trigger.git_configuration)
            .filter(|git| git.source_action_name == action.name);
        match of_action.next() {
            Some(trigger) => decide(trigger, branch, &self.pending.change, files),
            None if value("DetectChanges").is_some_and(|given| given.eq_ignore_ascii_case("false")) => {
                Decision::Passes
            }
            None => by_default(branch, &self.pending.change),
        }
    }

    /// Asked as the pipeline's role, which has to be allowed to use the connection.
    async fn changed_files(
        &self,
        codepipeline: &CodePipeline,
        action: &ActionDeclaration,
    ) -> Result<Files, Again> {
        let change = &self.pending.change;
        let (before, destination) = match &change.what {
            What::Branch { before, .. } => (before.clone(), None),
            What::PullRequest { destination_branch, .. } => (None, Some(destination_branch.clone())),
            What::Tag { .. } => (None, None),
        };
        let asked = ListChangedFiles {
            connection_arn: change.connection_arn.clone(),
            full_repository_id: change.repository.clone(),
            commit_id: change.commit_id.clone(),
            before_commit_id: before,
            destination_branch_name: destination,
        };
        let role = Role::new(
            &codepipeline.client,
            &self.pipeline.scope,
            &self.definition.declaration.role_arn,
            action.role_arn.as_deref(),
            "Triggers",
        );
        let answer = match role.client().await {
            Ok(client) => client.call(asked).await,
            Err(error) => Err(error),
        };
        let why = match answer.map_err(Trouble::from) {
            Ok(changed) => return Ok(Files::Known(changed.paths)),
            Err(Trouble::Unavailable(why)) => {
                let waited = Timestamp::now().as_millis() - self.pending.since.as_millis();
                if u128::try_from(waited).unwrap_or(0) < PATIENCE.as_millis() {
                    return Err(Again::Unavailable(why));
                }
                why
            }
            Err(Trouble::Refused(error)) => error.message,
        };
        tracing::warn!(
            pipeline = self.pipeline.name,
            commit = change.commit_id,
            why,
            "which files a commit changed is not known; it starts the pipeline"
        );
        Ok(Files::Unknown)
    }
}

enum Files {
    Known(Vec<String>),
    Unknown,
}

/// Starts the pipeline if the change starts any of its actions, and takes the change away, in one transaction.
async fn commit(
    codepipeline: &CodePipeline,
    claimed: &Claimed,
    lane: Lane,
    task: Task,
    actions: Vec<String>,
) -> Result<(), Fault> {
    let (definitions, claimed, moment) = (codepipeline.definitions.clone(), claimed.clone(), now());
    let write = codepipeline.store.write(move |tx| {
        let Task { pipeline, pending, .. } = &task;
        let current = tx.get::<Pipeline>(&Pipeline::key_of(&lane.scope, &lane.name))?;
        let current = current.map(store::Versioned::into_inner).filter(|current| current.id == pipeline.id);
        let key = PendingChange::key_of(pipeline.id, pending.seq);
        tx.complete(&claimed)?;
        let Some(current) = current else { return Ok(()) };
        let was_decided = current.version == pipeline.version && tx.exists::<PendingChange>(&key)?;
        if was_decided {
            if !actions.is_empty() {
                let triggered = triggered(&pending.change, &actions);
                start_or_tell(tx, &definitions, &current, triggered, moment)?;
            }
            tx.delete::<PendingChange>(&key)?;
        }
        let rest = tx.scan::<PendingChange>(Range::prefix(PendingChange::of_pipeline(pipeline.id)), 1)?;
        if !rest.records.is_empty() {
            tx.enqueue(LANES, &pipeline.id.to_string(), &lane, None)?;
        }
        Ok(())
    });
    write.await
}

fn triggered(change: &Change, actions: &[String]) -> Triggered {
    Triggered {
        trigger: ExecutionTrigger { kind: "WebhookV2".to_owned(), detail: change.detail() },
        overrides: actions.iter().flat_map(|action| change.overrides(action)).collect(),
        change: Some(change.token()),
    }
}
