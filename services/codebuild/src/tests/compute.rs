//! Commands of other services, in real sandboxes.

use std::time::Duration;

use aws::compute::{self, Run, RunStatus, Size};
use aws::{Compute, Event, event};
use codebuild_model::ListBuilds;
use uuid::Uuid;

use super::world::{ROLE, World, scope};

const NAME: &str = "codepipeline/demo";

fn run(command: &str) -> Run {
    Run {
        scope: scope(),
        id: Uuid::new_v4(),
        name: NAME.into(),
        principal: "codepipeline.amazonaws.com".into(),
        roles: vec![ROLE.into()],
        commands: vec![command.into()],
        environment: vec![],
        inputs: vec![],
        output: None,
        exported: vec![],
        size: Size::Small,
        log_group: "/aws/codepipeline/demo".into(),
        kms_key_id: None,
        timeout: Duration::from_secs(600),
    }
}

impl World {
    fn log_of(&self, id: Uuid) -> String {
        let key = ("/aws/codepipeline/demo".to_owned(), id.to_string());
        self.shared.lock().streams.get(&key).map(|lines| lines.concat()).unwrap_or_default()
    }

    async fn status_of(&self, id: Uuid) -> RunStatus {
        self.codebuild.state(&scope(), id, NAME).await.unwrap().unwrap().status
    }

    async fn ended(&self, id: Uuid) -> RunStatus {
        while self.status_of(id).await == RunStatus::InProgress {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.status_of(id).await
    }
}

#[tokio::test]
async fn a_run_is_started_once_shown_to_nobody_and_told_of_when_it_ends() {
    let world = World::new().await;
    let run = run("echo hello");
    for _ in 0..2 {
        let state = world.codebuild.start(run.clone()).await.unwrap();
        assert!(state.log_stream_arn.ends_with(&format!("/aws/codepipeline/demo:log-stream:{}", run.id)));
    }
    assert_eq!(world.ended(run.id).await, RunStatus::Succeeded);
    assert_eq!(world.log_of(run.id).matches("\nhello\n").count(), 1);
    assert_eq!(world.call(ListBuilds::default()).await.unwrap().ids, Some(vec![]));
    assert!(world.told().await.is_empty());
    let mut subscription = world.store.subscribe(event::UNPUBLISHED_TOPIC, "test").await.unwrap();
    let mut told: Vec<Event> = Vec::new();
    while let Some(delivery) = subscription.try_next().await.unwrap() {
        told.push(delivery.payload.parse().unwrap());
    }
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].source.as_str(), &told[0].detail["id"]),
        (compute::SOURCE, &run.id.to_string().into())
    );
    assert_eq!(world.codebuild.state(&scope(), Uuid::new_v4(), NAME).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_that_is_stopped_ends() {
    let world = World::new().await;
    let run = run("echo running; sleep 50");
    world.codebuild.start(run.clone()).await.unwrap();
    while !world.log_of(run.id).contains("\nrunning\n") {
        assert_eq!(world.status_of(run.id).await, RunStatus::InProgress);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.codebuild.stop(&scope(), run.id, NAME).await.unwrap();
    assert_eq!(world.ended(run.id).await, RunStatus::Failed("The commands were stopped".into()));
    assert_eq!(world.folders(), 0);
    world.codebuild.stop(&scope(), run.id, NAME).await.unwrap();
    world.codebuild.stop(&scope(), Uuid::new_v4(), NAME).await.unwrap();
}
