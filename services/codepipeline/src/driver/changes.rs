//! What other services publish: changes of sources start pipelines, builds that end wake their actions.
//!
//! Whatever an event causes is committed together with its number, and with the subscriber's place in the stream: an
//! event that is delivered twice, or to two nodes, starts nothing twice.

use std::sync::Arc;
use std::time::Duration;

use aws::{Event, Scope, Timestamp, compute};
use serde_json::Value;
use store::{Delivery, Subscription, WriteTx};

use super::commit::Fault;
use super::start::{self, Triggered};
use super::step::{Step, Task};
use super::{PAUSE, now, rules, triggers};
use crate::CodePipeline;
use crate::definition::CONNECTIONS;
use crate::definitions::Definitions;
use crate::engine::Moment;
use crate::records::{ActionExecution, ExecutionTrigger, Pipeline, SourceOverride, Start, TakenIn, Watch};
use crate::triggers::Change;

const SUBSCRIBER: &str = "codepipeline";
/// How many events that mean nothing here are passed over before the place in the stream is kept.
const PASSED_OVER: u32 = 200;
/// How long no event has to come before it is kept all the same: so what waits in the stream is what nobody has seen.
const QUIET: Duration = Duration::from_secs(1);
/// Pipelines that one change starts at most; more cannot watch one source. Source: quota of polling pipelines.
const WATCHERS: usize = 300;

pub(super) async fn run(codepipeline: Arc<CodePipeline>, topic: &'static str) {
    loop {
        let Err(error) = follow(&codepipeline, topic).await;
        tracing::warn!(%error, "the stream of events cannot be followed");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow(codepipeline: &CodePipeline, topic: &'static str) -> Result<std::convert::Infallible, Fault> {
    let mut subscription: Subscription = codepipeline.store.subscribe(topic, SUBSCRIBER).await?;
    let mut passed_over = 0;
    let mut last = 0;
    loop {
        let next = match passed_over {
            0 => Ok(subscription.next().await),
            _ => tokio::time::timeout(QUIET, subscription.next()).await,
        };
        let Ok(delivery) = next else {
            subscription.acknowledge(last).await?;
            passed_over = 0;
            continue;
        };
        let delivery = delivery?;
        let seq = delivery.seq;
        last = seq;
        match News::of(&delivery) {
            Some(news) => {
                let definitions = codepipeline.definitions.clone();
                let moment = now();
                let write = codepipeline.store.write(move |tx| {
                    let taken_in = tx.get::<TakenIn>(&TakenIn::key_of(topic))?;
                    if taken_in.is_none_or(|last| last.seq < seq) {
                        news.take_in(tx, &definitions, seq, moment)?;
                        tx.put(&TakenIn { topic: topic.to_owned(), seq })?;
                    }
                    Ok::<_, Fault>(tx.acknowledge(topic, SUBSCRIBER, seq)?)
                });
                write.await?;
                passed_over = 0;
            }
            None => {
                passed_over += 1;
                if passed_over >= PASSED_OVER {
                    subscription.acknowledge(seq).await?;
                    passed_over = 0;
                }
            }
        }
    }
}

/// What an event means here.
#[derive(Clone, Debug, PartialEq)]
enum News {
    /// A source has a new revision.
    Changed {
        scope: Scope,
        service: &'static str,
        container: String,
        item: String,
        revision: Option<Revision>,
        /// As [`Event::change`] names it.
        change: String,
    },
    /// A repository behind a connection was changed.
    Connected { scope: Scope, change: Box<Change> },
    /// A build has ended, or a run of commands.
    BuildEnded { build: String },
}

#[derive(Clone, Debug, PartialEq)]
struct Revision {
    kind: &'static str,
    value: String,
}

impl News {
    fn of(delivery: &Delivery) -> Option<Self> {
        let event: Event = delivery.payload.parse().ok()?;
        Self::of_event(&event)
    }

    fn of_event(event: &Event) -> Option<Self> {
        let scope = event.scope()?;
        let text = |pointer: &str| event.detail.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        match (event.source.as_str(), event.detail_type.as_str()) {
            ("aws.codecommit", "CodeCommit Repository State Change") => {
                let moved = matches!(text("/event")?.as_str(), "referenceCreated" | "referenceUpdated");
                if !moved || text("/referenceType")? != "branch" {
                    return None;
                }
                Some(Self::Changed {
                    scope,
                    service: "codecommit",
                    container: text("/repositoryName")?,
                    item: text("/referenceName")?,
                    revision: text("/commitId").map(|value| Revision { kind: "COMMIT_ID", value }),
                    change: event.change(),
                })
            }
            ("aws.s3", "Object Created") => Some(Self::Changed {
                scope,
                service: "s3",
                container: text("/bucket/name")?,
                item: text("/object/key")?,
                revision: text("/object/version-id")
                    .map(|value| Revision { kind: "S3_OBJECT_VERSION_ID", value }),
                change: event.change(),
            }),
            ("aws.codeconnections", "CodeConnections Repository State Change") => {
                Some(Self::Connected { scope, change: Box::new(Change::of(&event.detail)?) })
            }
            ("aws.codebuild", "CodeBuild Build State Change") => {
                if text("/build-status")? == "IN_PROGRESS" {
                    return None;
                }
                let arn = text("/build-id")?;
                let (_, build) = arn.split_once(":build/")?;
                Some(Self::BuildEnded { build: build.to_owned() })
            }
            (compute::SOURCE, compute::ENDED) => Some(Self::BuildEnded { build: text("/id")? }),
            _ => None,
        }
    }

    fn take_in(
        &self,
        tx: &mut WriteTx<'_>,
        definitions: &Definitions,
        seq: u64,
        moment: Moment,
    ) -> Result<(), Fault> {
        match self {
            Self::Changed { scope, service, container, item, revision, change } => {
                let index = Pipeline::watching(scope, service, container, item);
                let watching = tx.scan_index::<Pipeline>(Pipeline::WATCH, index, WATCHERS)?.into_records();
                for (number, pipeline) in watching.iter().enumerate() {
                    let watches = |watch: &&Watch| {
                        watch.service == *service && watch.container == *container && watch.item == *item
                    };
                    let Some(watch) = pipeline.watches.iter().find(watches) else { continue };
                    let moment = of_pipeline(moment, number);
                    changed(tx, definitions, pipeline, watch, (revision.as_ref(), change), moment)?;
                }
                Ok(())
            }
            Self::Connected { scope, change } => {
                let (connection, repository) = (&change.connection_arn, &change.repository);
                let index = Pipeline::watching(scope, CONNECTIONS, connection, repository);
                let watching = tx.scan_index::<Pipeline>(Pipeline::WATCH, index, WATCHERS)?.into_records();
                for pipeline in &watching {
                    triggers::take_in(tx, pipeline, seq, change, Timestamp::from_millis(moment.at))?;
                }
                Ok(())
            }
            Self::BuildEnded { build } => {
                let index = ActionExecution::with_external_id(build);
                let waiting =
                    tx.scan_index::<ActionExecution>(ActionExecution::EXTERNAL, index, 1)?.into_records();
                for action in waiting {
                    observe(tx, &action, seq)?;
                }
                rules::build_ended(tx, build, seq)?;
                Ok(())
            }
        }
    }
}

/// Each pipeline gets a seed of its own.
fn of_pipeline(moment: Moment, number: usize) -> Moment {
    Moment { seed: *blake3::keyed_hash(&moment.seed, &number.to_le_bytes()).as_bytes(), ..moment }
}

fn changed(
    tx: &mut WriteTx<'_>,
    definitions: &Definitions,
    pipeline: &Pipeline,
    watch: &Watch,
    (revision, change): (Option<&Revision>, &str),
    moment: Moment,
) -> Result<(), Fault> {
    let overrides = revision.map(|revision| SourceOverride {
        action: watch.action.clone(),
        kind: revision.kind.to_owned(),
        value: revision.value.clone(),
    });
    // A rule of EventBridge was faster.
    if Start::find(tx, pipeline.id, change, overrides.as_slice())?.is_some() {
        return Ok(());
    }
    let triggered = Triggered {
        trigger: ExecutionTrigger { kind: "PollForSourceChanges".to_owned(), detail: watch.action.clone() },
        overrides: overrides.into_iter().collect(),
        change: None,
    };
    if let Some(execution) = start::start_or_tell(tx, definitions, pipeline, triggered, moment)? {
        let (change, at) = (change.to_owned(), Timestamp::from_millis(moment.at));
        Start { pipeline: pipeline.id, change, execution, own: true, at }.note(tx)?;
    }
    Ok(())
}

fn observe(tx: &mut WriteTx<'_>, action: &ActionExecution, seq: u64) -> Result<(), Fault> {
    // The index of builds does not know names of pipelines; their own index does.
    let pipeline = tx.scan_index::<Pipeline>(Pipeline::ID, Pipeline::with_id(action.pipeline), 1)?;
    if let Some(pipeline) = pipeline.into_records().into_iter().next() {
        Step::of(&pipeline, action, Task::Observe(seq)).enqueue(tx, None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn news(source: &str, detail_type: &str, detail: Value) -> Option<News> {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let at = Timestamp::from_millis(0);
        News::of_event(&Event::new(&scope, source, detail_type, at, vec![], detail))
    }

    #[test]
    fn a_branch_that_moves_is_a_change_and_a_tag_is_not() {
        let push = |event: &str, kind: &str| {
            let detail = json!({
                "event": event, "repositoryName": "r", "referenceType": kind, "referenceName": "main", "commitId": "c",
            });
            news("aws.codecommit", "CodeCommit Repository State Change", detail)
        };
        assert!(matches!(
            push("referenceUpdated", "branch"),
            Some(News::Changed { service: "codecommit", .. })
        ));
        assert!(push("referenceCreated", "branch").is_some());
        assert_eq!(push("referenceDeleted", "branch"), None);
        assert_eq!(push("referenceUpdated", "tag"), None);
    }

    #[test]
    fn a_build_is_news_when_it_ends() {
        let build = |status: &str| {
            let arn = "arn:aws:codebuild:us-east-1:123456789012:build/p:1f";
            let detail = json!({"build-id": arn, "build-status": status});
            news("aws.codebuild", "CodeBuild Build State Change", detail)
        };
        assert_eq!(build("FAILED"), Some(News::BuildEnded { build: "p:1f".into() }));
        assert_eq!(build("IN_PROGRESS"), None);
    }
}
