//! STS, S3, CodeCommit and CodeBuild as far as pipelines use them, and a server that can be killed.

mod played;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws::client::GatewaySlot;
use aws::objects::ObjectHead;
use aws::protocol::json;
use aws::{Caller, Client, Error, Event, Gateway, Operation, Principal, Scope, Timestamp, event};
use bytes::Bytes;
use codebuild_model::{Build, StartBuild, StatusType};
use codepipeline_model::{
    ActionExecution, ActionState, CreatePipeline, GetPipelineExecution, GetPipelineState,
    PIPELINE_DECLARATION, PipelineDeclaration, StageState,
};
use seal::Sealer;
use serde_json::{Value, json};
use store::{Config, Store};

use crate::CodePipeline;

pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/pipeline";
/// Nothing in these tests takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the played services know.
#[derive(Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<(String, String), (ObjectHead, Bytes)>,
    pub(super) buckets: HashSet<String>,
    /// Newest commit by repository and branch.
    pub(super) branches: BTreeMap<(String, String), String>,
    pub(super) builds: Vec<(StartBuild, Build)>,
    build_of_token: HashMap<String, usize>,
    /// `action` or `service principal action` that is refused.
    pub(super) denied: HashSet<String>,
    /// Operations that fail once for each time they are listed.
    pub(super) faults: Vec<&'static str>,
    /// Builds end before anybody has heard their names.
    pub(super) instant_builds: bool,
    /// Answers about builds are old when they arrive.
    pub(super) slow_answers: bool,
    /// Builds run for a while before their names are answered.
    pub(super) slow_start: bool,
    pub(super) assumed: Vec<String>,
    pub(super) stopped: Vec<String>,
    pub(super) calls: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(&self, operation: &'static str) -> Result<(), Error> {
        let mut state = self.lock();
        state.calls.push(operation.to_owned());
        match state.faults.iter().position(|fault| *fault == operation) {
            Some(index) => {
                state.faults.remove(index);
                Err(Error::new("InternalFailure", "played").with_status(500))
            }
            None => Ok(()),
        }
    }
}

/// A server in miniature. Dropping it kills it; its store stays.
pub(super) struct World {
    pub(super) shared: Shared,
    pub(super) store: Store,
    pub(super) client: Client,
    pub(super) codepipeline: Arc<CodePipeline>,
    driver: Option<tokio::task::JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

pub(super) fn scope() -> Scope {
    Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap())
}

fn user() -> Caller {
    Caller::of(Principal::User {
        account: scope().account,
        path: "/".into(),
        name: "ann".into(),
        id: "AIDAANN".into(),
    })
}

impl World {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Config::Sqlite { dir: dir.path().into() }).await.unwrap();
        let shared = Shared(Arc::default());
        shared.lock().buckets.extend(["artifacts".to_owned(), "site".to_owned(), "source".to_owned()]);
        let slot = GatewaySlot::default();
        let client = Client::new(slot.clone(), scope());
        let codepipeline = Arc::new(
            CodePipeline::new(store.clone(), client.clone(), Sealer::new([7; 32]))
                .with_lease(Duration::from_millis(300)),
        );
        let played = Arc::new(shared.clone());
        let gateway = Gateway::new(
            scope(),
            [1; 32],
            played.clone(),
            played.clone(),
            played.clone(),
            played.clone(),
            vec![
                crate::router(codepipeline.clone()),
                played::sts(&shared),
                played::codecommit(&shared),
                played::codebuild(&shared),
            ],
        );
        slot.fill(Arc::new(gateway));
        let client = client.as_caller(user(), scope());
        let mut world = Self { shared, store, client, codepipeline, driver: None, _dir: dir };
        world.revive();
        world
    }

    /// Ends the driver in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.abort();
        }
    }

    pub(super) fn revive(&mut self) {
        self.kill();
        self.driver = Some(tokio::spawn(self.codepipeline.clone().run()));
    }

    pub(super) async fn call<O: Operation>(&self, input: O) -> Result<O::Output, Error> {
        self.client.call(input).await
    }

    /// Creates the pipeline of a declaration.
    pub(super) async fn create(&self, declaration: &Value) -> Result<(), Error> {
        let pipeline = read(declaration);
        self.call(CreatePipeline { pipeline, tags: None }).await.map(|_| ())
    }

    pub(super) async fn stage(&self, pipeline: &str, stage: &str) -> StageState {
        let state = self.call(GetPipelineState { name: pipeline.into() }).await.unwrap();
        let mut stages = state.stage_states.unwrap().into_iter();
        stages.find(|found| found.stage_name.as_deref() == Some(stage)).unwrap()
    }

    pub(super) async fn action(&self, pipeline: &str, stage: &str, action: &str) -> ActionState {
        let mut actions = self.stage(pipeline, stage).await.action_states.unwrap().into_iter();
        actions.find(|found| found.action_name.as_deref() == Some(action)).unwrap()
    }

    /// Waits until the last attempt at an action has a status.
    pub(super) async fn action_is(
        &self,
        pipeline: &str,
        stage: &str,
        action: &str,
        status: &str,
    ) -> ActionExecution {
        let what = format!("{stage}/{action} of {pipeline} is {status}");
        eventually(&what, || async {
            let latest = self.action(pipeline, stage, action).await.latest_execution;
            latest.filter(|latest| latest.status.as_ref().is_some_and(|found| found.as_str() == status))
        })
        .await
    }

    pub(super) async fn execution_is(&self, pipeline: &str, id: &str, status: &str) {
        let what = format!("execution {id} of {pipeline} is {status}");
        eventually(&what, || async { (self.status(pipeline, id).await == status).then_some(()) }).await;
    }

    pub(super) async fn status(&self, pipeline: &str, id: &str) -> String {
        let get = GetPipelineExecution { pipeline_name: pipeline.into(), pipeline_execution_id: id.into() };
        let execution = self.call(get).await.unwrap().pipeline_execution.unwrap();
        execution.status.unwrap().as_str().to_owned()
    }

    /// Ends a build as CodeBuild does: the event follows the change.
    pub(super) async fn end_build(&self, id: &str, status: StatusType) {
        {
            let mut state = self.shared.lock();
            let (_, build) =
                state.builds.iter_mut().find(|(_, build)| build.id.as_deref() == Some(id)).unwrap();
            build.build_status = Some(status.clone());
        }
        let arn = format!("arn:aws:codebuild:us-east-1:123456789012:build/{id}");
        let detail = json!({"build-id": arn, "build-status": status.as_str()});
        self.publish("aws.codebuild", "CodeBuild Build State Change", detail).await;
    }

    pub(super) async fn publish(&self, source: &str, detail_type: &str, detail: Value) {
        let event = Event::new(&scope(), source, detail_type, Timestamp::now(), vec![], detail);
        self.store.write(move |tx| tx.append(event::TOPIC, &event)).await.unwrap();
    }

    /// A commit on a branch, and the event of it.
    pub(super) async fn push(&self, repository: &str, branch: &str, commit: &str) {
        self.shared.lock().branches.insert((repository.into(), branch.into()), commit.into());
        let detail = json!({
            "event": "referenceUpdated", "repositoryName": repository, "referenceType": "branch",
            "referenceName": branch, "commitId": commit,
        });
        self.publish("aws.codecommit", "CodeCommit Repository State Change", detail).await;
    }

    /// No entry of a queue was forgotten.
    pub(super) async fn nothing_is_left_to_do(&self) {
        eventually("all queues are empty", || async {
            let left = self.store.read(|tx| {
                Ok::<_, store::Error>(
                    tx.queue_length("codepipeline/work")? + tx.queue_length("codepipeline/timers")?,
                )
            });
            (left.await.unwrap() == 0).then_some(())
        })
        .await;
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let state = self.shared.lock();
        state.objects.get(&(bucket.into(), key.into())).map(|(_, bytes)| bytes.clone())
    }

    /// All events that were published so far: state changes of pipelines as `what state`.
    pub(super) async fn told(&self) -> Vec<Value> {
        self.told_by("aws.codepipeline").await
    }

    /// All events of a source that were published so far.
    pub(super) async fn told_by(&self, source: &str) -> Vec<Value> {
        let mut subscription = self.store.subscribe(event::TOPIC, "test").await.unwrap();
        let mut told = Vec::new();
        while let Some(delivery) = subscription.try_next().await.unwrap() {
            let event: Event = delivery.payload.parse().unwrap();
            if event.source == source {
                told.push(serde_json::to_value(event).unwrap());
            }
        }
        told
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again and again until there is an answer.
pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

pub(super) fn read(declaration: &Value) -> PipelineDeclaration {
    json::from_value(&PIPELINE_DECLARATION, declaration).unwrap()
}

/// Source → Build → Approve → Deploy.
pub(super) fn declaration(name: &str) -> Value {
    json!({
        "name": name, "roleArn": ROLE, "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [
            {"name": "Source", "actions": [{
                "name": "Code", "namespace": "Src",
                "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"},
                "configuration": {"RepositoryName": "app", "BranchName": "main"},
                "outputArtifacts": [{"name": "SourceArtifact"}],
            }]},
            {"name": "Build", "actions": [{
                "name": "Compile", "namespace": "Build",
                "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
                "configuration": {
                    "ProjectName": "compile",
                    "EnvironmentVariables": "[{\"name\":\"COMMIT\",\"value\":\"#{Src.CommitId}\"}]",
                },
                "inputArtifacts": [{"name": "SourceArtifact"}],
                "outputArtifacts": [{"name": "BuildArtifact"}],
            }]},
            {"name": "Approve", "actions": [{
                "name": "Ask",
                "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
                "configuration": {"CustomData": "Ship #{Src.CommitId}?"},
            }]},
            {"name": "Deploy", "actions": [{
                "name": "Ship",
                "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                "configuration": {"BucketName": "site", "Extract": "false", "ObjectKey": "app-#{Src.CommitId}.zip"},
                "inputArtifacts": [{"name": "BuildArtifact"}],
            }]},
        ],
    })
}

/// The build's project writes its artifact where it was told to.
pub(super) fn write_artifact(world: &World, build: usize, content: &[u8]) {
    let mut state = world.shared.lock();
    let artifacts = state.builds[build].0.artifacts_override.clone().unwrap();
    let key = format!("{}/{}", artifacts.path.unwrap(), artifacts.name.unwrap());
    let bytes = Bytes::copy_from_slice(content);
    state.objects.insert((artifacts.location.unwrap(), key), (ObjectHead::default(), bytes));
}
