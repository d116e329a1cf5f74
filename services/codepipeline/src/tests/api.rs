//! Operations one by one.

use codepipeline_model::{
    DeletePipeline, DisableStageTransition, EnableStageTransition, GetPipeline, ListActionTypes,
    ListPipelineExecutions, ListPipelines, ListTagsForResource, StageTransitionType, StartPipelineExecution,
    StopPipelineExecution, Tag, TagResource, UntagResource, UpdatePipeline,
};
use serde_json::json;

use super::world::{World, declaration, eventually, read};
use crate::records;

const ARN: &str = "arn:aws:codepipeline:us-east-1:123456789012:P";

async fn world() -> World {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    world
}

async fn start(world: &World, token: Option<&str>) -> String {
    let start = StartPipelineExecution {
        name: "P".into(),
        client_request_token: token.map(str::to_owned),
        ..Default::default()
    };
    world.call(start).await.unwrap().pipeline_execution_id.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_may_have_a_name_as_long_as_any_value_of_a_configuration() {
    let world = World::new().await;
    let mut pipeline = declaration("P");
    let branch = "€".repeat(900);
    pipeline["stages"][0]["actions"][0]["configuration"]["BranchName"] = json!(branch);
    world.create(&pipeline).await.unwrap();
    world.action_is("P", "Source", "Code", "Failed").await;
    world.push("app", &branch, "c1").await;
    world.action_is("P", "Source", "Code", "Succeeded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_keeps_its_versions() {
    let world = world().await;
    let running = world.stage("P", "Build").await.latest_execution.unwrap().pipeline_execution_id;
    let mut changed = declaration("P");
    changed["stages"].as_array_mut().unwrap().pop();
    let updated = world.call(UpdatePipeline { pipeline: read(&changed) }).await.unwrap().pipeline.unwrap();
    assert_eq!((updated.version, updated.stages.len()), (Some(2), 3));
    let get = |version| world.call(GetPipeline { name: "P".into(), version });
    assert_eq!(get(None).await.unwrap().pipeline.unwrap(), updated);
    let first = get(Some(1)).await.unwrap();
    assert_eq!(first.pipeline.unwrap().stages.len(), 4);
    assert_eq!(first.metadata.unwrap().pipeline_arn.as_deref(), Some(ARN));
    assert_eq!(get(Some(3)).await.unwrap_err().code, "PipelineVersionNotFoundException");
    assert_eq!(world.status("P", &running).await, "InProgress");
    world.end_build("compile:0", codebuild_model::StatusType::Succeeded).await;
    world.execution_is("P", &running, "Cancelled").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelines_and_executions_come_in_pages() {
    let world = world().await;
    world.create(&declaration("Q")).await.unwrap();
    let first = world.call(ListPipelines { max_results: Some(1), next_token: None }).await.unwrap();
    let rest =
        world.call(ListPipelines { max_results: Some(1), next_token: first.next_token }).await.unwrap();
    let names = [first.pipelines, rest.pipelines].map(|page| page.unwrap()[0].name.clone().unwrap());
    assert_eq!((names, rest.next_token), (["P".to_owned(), "Q".to_owned()], None));

    let newest = start(&world, None).await;
    let list =
        ListPipelineExecutions { pipeline_name: "P".into(), max_results: Some(1), ..Default::default() };
    let page = world.call(list.clone()).await.unwrap();
    let executions = page.pipeline_execution_summaries.unwrap();
    assert_eq!(executions[0].pipeline_execution_id.as_deref(), Some(newest.as_str()));
    let forged = ListPipelineExecutions { next_token: Some("x".into()), ..list.clone() };
    assert_eq!(world.call(forged).await.unwrap_err().code, "InvalidNextTokenException");
    let rest = world.call(ListPipelineExecutions { next_token: page.next_token, ..list }).await.unwrap();
    assert_eq!((rest.pipeline_execution_summaries.unwrap().len(), rest.next_token), (1, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_request_token_starts_one_execution() {
    let world = world().await;
    let first = start(&world, Some("token")).await;
    assert_eq!(start(&world, Some("token")).await, first);
    assert_ne!(start(&world, Some("other")).await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_waits_or_abandons() {
    let world = world().await;
    let id = world.stage("P", "Build").await.latest_execution.unwrap().pipeline_execution_id;
    let stop = |abandon: bool| {
        world.call(StopPipelineExecution {
            pipeline_name: "P".into(),
            pipeline_execution_id: id.clone(),
            abandon: Some(abandon),
            reason: Some("enough".into()),
        })
    };
    stop(false).await.unwrap();
    assert_eq!(world.status("P", &id).await, "Stopping");
    assert_eq!(world.stage("P", "Build").await.latest_execution.unwrap().status.as_str(), "Stopping");
    assert_eq!(stop(false).await.unwrap_err().code, "DuplicatedStopRequestException");
    stop(true).await.unwrap();
    assert_eq!(world.status("P", &id).await, "Stopped");
    world.action_is("P", "Build", "Compile", "Abandoned").await;
    assert_eq!(stop(true).await.unwrap_err().code, "PipelineExecutionNotStoppableException");
    let list = ListPipelineExecutions { pipeline_name: "P".into(), ..Default::default() };
    let executions = world.call(list).await.unwrap().pipeline_execution_summaries.unwrap();
    assert_eq!(executions[0].stop_trigger.as_ref().unwrap().reason.as_deref(), Some("enough"));
    assert!(world.shared.lock().stopped.is_empty(), "abandoned work is not ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shut_transition_holds_executions_back() {
    let world = world().await;
    let disable = DisableStageTransition {
        pipeline_name: "P".into(),
        stage_name: "Build".into(),
        transition_type: StageTransitionType::Inbound,
        reason: "not now".into(),
    };
    world.call(disable.clone()).await.unwrap();
    let first = world.stage("P", "Build").await.latest_execution.unwrap().pipeline_execution_id;
    world.end_build("compile:0", codebuild_model::StatusType::Succeeded).await;
    world.action_is("P", "Approve", "Ask", "InProgress").await;
    let id = start(&world, None).await;
    let waiting =
        eventually("it waits", || async { world.stage("P", "Build").await.inbound_execution }).await;
    assert_eq!(waiting.pipeline_execution_id, id);
    let state = world.stage("P", "Build").await;
    let transition = state.inbound_transition_state.unwrap();
    assert_eq!((transition.enabled, transition.disabled_reason.as_deref()), (Some(false), Some("not now")));
    assert_eq!(state.latest_execution.unwrap().pipeline_execution_id, first);
    let enable = EnableStageTransition {
        pipeline_name: "P".into(),
        stage_name: "Source".into(),
        transition_type: StageTransitionType::Outbound,
    };
    world.call(enable).await.unwrap();
    assert_eq!(world.stage("P", "Build").await.latest_execution.unwrap().pipeline_execution_id, id);
    let nowhere = DisableStageTransition { stage_name: "Nowhere".into(), ..disable };
    assert_eq!(world.call(nowhere).await.unwrap_err().code, "StageNotFoundException");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_take_given_values_or_defaults() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    let mut pipeline = declaration("P");
    pipeline["variables"] = json!([{"name": "target", "defaultValue": "test"}, {"name": "who"}]);
    pipeline["stages"][1]["actions"][0]["configuration"]["ProjectName"] =
        json!("#{variables.target}-#{variables.who}");
    world.create(&pipeline).await.unwrap();
    let list = ListPipelineExecutions { pipeline_name: "P".into(), ..Default::default() };
    assert_eq!(
        world.call(list).await.unwrap().pipeline_execution_summaries,
        Some(vec![]),
        "who has no value"
    );
    let start = |variables: serde_json::Value| {
        let input = json!({"name": "P", "variables": variables});
        let input =
            aws::protocol::json::from_value(&codepipeline_model::START_PIPELINE_EXECUTION, &input).unwrap();
        world.call::<StartPipelineExecution>(input)
    };
    let missing = start(json!([{"name": "target", "value": "x"}])).await.unwrap_err();
    assert_eq!(missing.code, "ValidationException");
    let unknown =
        start(json!([{"name": "who", "value": "x"}, {"name": "y", "value": "x"}])).await.unwrap_err();
    assert_eq!(unknown.message, "The pipeline has no variable with the name 'y'");
    start(json!([{"name": "who", "value": "ann"}])).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    assert_eq!(world.shared.lock().builds[0].0.project_name, "test-ann");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_come_and_go() {
    let world = world().await;
    let tags =
        vec![Tag { key: "team".into(), value: "a".into() }, Tag { key: "cost".into(), value: "1".into() }];
    world.call(TagResource { resource_arn: ARN.into(), tags }).await.unwrap();
    world.call(UntagResource { resource_arn: ARN.into(), tag_keys: vec!["cost".into()] }).await.unwrap();
    let list = |arn: &str| world.call(ListTagsForResource { resource_arn: arn.into(), ..Default::default() });
    let tags = list(ARN).await.unwrap().tags.unwrap();
    assert_eq!(tags, [Tag { key: "team".into(), value: "a".into() }]);
    let nowhere = "arn:aws:codepipeline:us-east-1:123456789012:Nowhere";
    assert_eq!(list(nowhere).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_pipeline_leaves_nothing() {
    let world = world().await;
    let delete = || world.call(DeletePipeline { name: "P".into() });
    delete().await.unwrap();
    delete().await.unwrap();
    let gone = world.call(GetPipeline { name: "P".into(), version: None }).await.unwrap_err();
    assert_eq!(gone.code, "PipelineNotFoundException");
    eventually("nothing is left", || async {
        let left = world.store.read(|tx| {
            let all = store::Range::all;
            Ok::<_, store::Error>(
                tx.count::<records::Execution>(all())?
                    + tx.count::<records::ActionExecution>(all())?
                    + tx.count::<records::Definition>(all())?
                    + tx.count::<records::Live>(all())?,
            )
        });
        (left.await.unwrap() == 0).then_some(())
    })
    .await;
    // The build that was running ends, and nobody minds.
    world.end_build("compile:0", codebuild_model::StatusType::Succeeded).await;
    world.create(&declaration("P")).await.unwrap();
    world.action_is("P", "Source", "Code", "Succeeded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn action_types_show_what_there_is_and_what_the_account_has() {
    let world = World::new().await;
    let types = world.call(ListActionTypes::default()).await.unwrap().action_types;
    let names: Vec<_> = types.iter().map(|t| format!("{} {}", t.id.category, t.id.provider)).collect();
    for expected in ["Source CodeCommit", "Build CodeBuild", "Approval Manual", "Deploy ECS", "Source GitHub"]
    {
        assert!(names.iter().any(|name| name == expected), "{expected}");
    }
    let custom = ListActionTypes { action_owner_filter: Some("Custom".into()), ..Default::default() };
    assert!(world.call(custom).await.unwrap().action_types.is_empty());
}
