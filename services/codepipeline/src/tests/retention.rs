//! Artifacts that go because time has passed.

use codepipeline_model::{
    ApprovalResult, CreatePipeline, DisableStageTransition, PutApprovalResult, RetryStageExecution,
    StageRetryMode, StartPipelineExecution, StopPipelineExecution, Tag,
};

use serde_json::json;

use super::world::{World, declaration, eventually, read};
use crate::driver::sweep_again;

/// Source and some of the stages after it, with a rule of which artifacts are kept.
async fn create(world: &World, name: &str, stages: &[&str], rule: &str) {
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    let mut pipeline = declaration(name);
    let declared = pipeline["stages"].as_array_mut().unwrap();
    declared
        .retain(|stage| stage["name"] == "Source" || stages.iter().any(|wanted| stage["name"] == *wanted));
    for stage in declared.iter_mut().filter(|stage| stage["name"] == "Deploy") {
        stage["actions"][0]["inputArtifacts"] = json!([{"name": "SourceArtifact"}]);
    }
    let tag = Tag { key: "stagewright:artifact-retention".into(), value: rule.into() };
    let create = CreatePipeline { pipeline: read(&pipeline), tags: Some(vec![tag]) };
    world.call(create).await.unwrap();
}

async fn answer(world: &World, pipeline: &str, status: &str) -> Option<()> {
    let token = world.action(pipeline, "Approve", "Ask").await.latest_execution?.token?;
    let put = PutApprovalResult {
        pipeline_name: pipeline.into(),
        stage_name: "Approve".into(),
        action_name: "Ask".into(),
        result: ApprovalResult { summary: String::new(), status: status.into() },
        token,
    };
    world.call(put).await.unwrap();
    Some(())
}

fn artifacts(world: &World, pipeline: &str) -> usize {
    let state = world.shared.lock();
    state.objects.keys().filter(|(_, key)| key.starts_with(&format!("{pipeline}/"))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hourly_look_takes_what_has_become_too_old_and_leaves_the_rest() {
    let mut world = World::new().await;
    for (pipeline, rule) in [("Old", "days=30"), ("Young", "days=60")] {
        create(&world, pipeline, &["Approve"], rule).await;
        eventually("the first is approved", || answer(&world, pipeline, "Approved")).await;
        for _ in 0..2 {
            start(&world, pipeline).await;
            eventually("the next is rejected", || answer(&world, pipeline, "Rejected")).await;
        }
    }
    world.nothing_is_left_to_do().await;
    assert_eq!((artifacts(&world, "Old"), artifacts(&world, "Young")), (3, 3));

    world.kill();
    assert_eq!(sweep_again(&world.codepipeline).await.unwrap(), 0, "nothing is old yet");
    world.codepipeline.clock.forward(31);
    assert_eq!(sweep_again(&world.codepipeline).await.unwrap(), 1, "the second of one pipeline");
    world.revive();
    // The first has succeeded last in its approval, the third in its source: a rollback could go back to them.
    eventually("its artifact is gone", || async { (artifacts(&world, "Old") == 2).then_some(()) }).await;
    assert_eq!(artifacts(&world, "Young"), 3);
}

async fn start(world: &World, pipeline: &str) -> String {
    let start = StartPipelineExecution { name: pipeline.into(), ..Default::default() };
    world.call(start).await.unwrap().pipeline_execution_id.unwrap()
}

/// The approval needs no artifact, but what comes after it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_that_would_later_lack_what_has_gone_is_refused() {
    let world = World::new().await;
    create(&world, "P", &["Approve", "Deploy"], "executions=1").await;
    eventually("the first is approved", || answer(&world, "P", "Approved")).await;
    world.action_is("P", "Deploy", "Ship", "Succeeded").await;
    let failed = start(&world, "P").await;
    eventually("the second is rejected", || answer(&world, "P", "Rejected")).await;
    world.execution_is("P", &failed, "Failed").await;
    let retry = RetryStageExecution {
        pipeline_name: "P".into(),
        stage_name: "Approve".into(),
        pipeline_execution_id: failed.clone(),
        retry_mode: StageRetryMode::FailedActions,
    };
    // The third stays in front of the stage.
    let disable = DisableStageTransition {
        pipeline_name: "P".into(),
        stage_name: "Approve".into(),
        transition_type: "Inbound".into(),
        reason: "so that nobody gets in".into(),
    };
    world.call(disable).await.unwrap();
    let third = start(&world, "P").await;
    eventually("it waits", || async { world.stage("P", "Approve").await.inbound_execution }).await;
    let stop = StopPipelineExecution {
        pipeline_name: "P".into(),
        pipeline_execution_id: third.clone(),
        abandon: Some(true),
        reason: None,
    };
    world.call(stop).await.unwrap();
    world.execution_is("P", &third, "Stopped").await;
    eventually("that of the second is gone", || async { (artifacts(&world, "P") == 2).then_some(()) }).await;
    let refused = world.call(retry).await.unwrap_err();
    assert_eq!(refused.code, "StageNotRetryableException");
    let start = "Stage 'Approve' cannot be retried: The input artifact 'SourceArtifact' is not kept any more: it was \
                 cleaned up at ";
    assert!(refused.message.starts_with(start), "{}", refused.message);
    assert_eq!(world.status("P", &failed).await, "Failed");
}
