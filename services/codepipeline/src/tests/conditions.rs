//! Rules that others work on, and rules that time decides.

use codebuild_model::StatusType;
use codepipeline_model::{
    ApprovalResult, DisableStageTransition, EnableStageTransition, ListRuleExecutions,
    OverrideStageCondition, PutApprovalResult, StartPipelineExecution,
};
use serde_json::{Value, json};

use super::world::{World, declaration, eventually};

/// Source → Build, where CodeBuild decides whether the stage is entered.
fn checked() -> Value {
    let mut pipeline = declaration("P");
    let id = json!({"category": "Rule", "owner": "AWS", "provider": "CodeBuild", "version": "1"});
    pipeline["stages"][1]["beforeEntry"] = json!({"conditions": [{"result": "FAIL", "rules": [{
        "name": "Verify", "ruleTypeId": id, "configuration": {"ProjectName": "verify"},
        "inputArtifacts": [{"name": "SourceArtifact"}],
    }]}]});
    pipeline
}

async fn at_the_check(world: &World) {
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&checked()).await.unwrap();
    eventually("the check was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
}

async fn status(world: &World) -> Option<String> {
    let list = ListRuleExecutions { pipeline_name: "P".into(), ..Default::default() };
    let details = world.call(list).await.unwrap().rule_execution_details.unwrap();
    details.first().map(|detail| detail.status.as_ref().unwrap().as_str().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_decides_whether_a_stage_is_entered() {
    for (ended, rule) in [(StatusType::Succeeded, "Succeeded"), (StatusType::Failed, "Failed")] {
        let world = World::new().await;
        at_the_check(&world).await;
        assert!(world.action("P", "Build", "Compile").await.latest_execution.is_none());
        world.end_build("verify:0", ended).await;
        eventually("the rule ended", || async {
            (status(&world).await.as_deref() == Some(rule)).then_some(())
        })
        .await;
        if rule == "Succeeded" {
            world.action_is("P", "Build", "Compile", "InProgress").await;
        } else {
            let stage = world.stage("P", "Build").await.latest_execution.unwrap();
            assert_eq!(stage.status.as_str(), "Failed");
            world.nothing_is_left_to_do().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overridden_check_is_ended() {
    let world = World::new().await;
    at_the_check(&world).await;
    let id = world.stage("P", "Build").await.latest_execution.unwrap().pipeline_execution_id;
    let condition_type = codepipeline_model::ConditionType::BeforeEntry;
    let pass = OverrideStageCondition {
        pipeline_name: "P".into(),
        stage_name: "Build".into(),
        pipeline_execution_id: id,
        condition_type,
    };
    world.call(pass).await.unwrap();
    world.action_is("P", "Build", "Compile", "InProgress").await;
    eventually("the check is ended", || async {
        (world.shared.lock().stopped == ["verify:0"]).then_some(())
    })
    .await;
    assert_eq!(status(&world).await.as_deref(), Some("Abandoned"));
}

/// The check ends while nobody is there to hear of it, and the server is killed while it is decided upon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_survives_a_driver_that_dies() {
    let mut world = World::new().await;
    at_the_check(&world).await;
    world.kill();
    world.end_build("verify:0", StatusType::Succeeded).await;
    for _ in 0..40 {
        world.revive();
        tokio::task::yield_now().await;
        world.kill();
    }
    world.revive();
    world.action_is("P", "Build", "Compile", "InProgress").await;
    assert_eq!(status(&world).await.as_deref(), Some("Succeeded"));
}

/// Source → Approve → Ship, where two rules of the entry ask for a variable that no action has set.
fn checked_for_nothing() -> Value {
    let mut pipeline = declaration("P");
    let rule = |name: &str| {
        json!({
            "name": name,
            "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
            "configuration": {"Variable": "#{Src.Missing}", "Value": "v", "Operator": "EQ"},
        })
    };
    let mut ship = pipeline["stages"][3].clone();
    ship["beforeEntry"] = json!({"conditions": [{"result": "FAIL", "rules": [rule("One"), rule("Two")]}]});
    ship["actions"][0]["inputArtifacts"][0]["name"] = json!("SourceArtifact");
    pipeline["executionMode"] = json!("QUEUED");
    pipeline["stages"] = json!([pipeline["stages"][0], pipeline["stages"][2], ship]);
    pipeline
}

async fn start(world: &World) -> String {
    let start = StartPipelineExecution { name: "P".into(), ..Default::default() };
    world.call(start).await.unwrap().pipeline_execution_id.unwrap()
}

/// Approves an execution, once it waits for that.
async fn approve(world: &World, execution: &str) {
    let token = eventually("the approval is asked for", || async {
        let stage = world.stage("P", "Approve").await;
        let inside = stage.latest_execution.is_some_and(|latest| latest.pipeline_execution_id == execution);
        let action = stage.action_states.unwrap().remove(0).latest_execution.filter(|_| inside)?;
        action.token.filter(|_| action.status.unwrap().as_str() == "InProgress")
    })
    .await;
    let answer = PutApprovalResult {
        pipeline_name: "P".into(),
        stage_name: "Approve".into(),
        action_name: "Ask".into(),
        result: ApprovalResult { summary: "ok".to_owned(), status: "Approved".into() },
        token,
    };
    world.call(answer).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_cannot_begin_fail_their_stage_and_nothing_else() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&checked_for_nothing()).await.unwrap();
    let first = eventually("an execution was started", || async {
        Some(world.stage("P", "Source").await.latest_execution?.pipeline_execution_id)
    })
    .await;
    approve(&world, &first).await;
    world.execution_is("P", &first, "Failed").await;

    let disable = DisableStageTransition {
        pipeline_name: "P".into(),
        stage_name: "Deploy".into(),
        transition_type: "Inbound".into(),
        reason: "holiday".to_owned(),
    };
    world.call(disable).await.unwrap();
    let waiting = [start(&world).await, start(&world).await];
    for execution in &waiting {
        approve(&world, execution).await;
    }
    let enable = EnableStageTransition {
        pipeline_name: "P".into(),
        stage_name: "Deploy".into(),
        transition_type: "Inbound".into(),
    };
    world.call(enable).await.unwrap();
    for execution in &waiting {
        world.execution_is("P", execution, "Failed").await;
    }
    world.nothing_is_left_to_do().await;
}
