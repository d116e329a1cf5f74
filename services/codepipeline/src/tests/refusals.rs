//! What does not work, and what is said about it.

use codebuild_model::StatusType;
use codepipeline_model::{GetPipeline, GetPipelineState, StartPipelineExecution, UpdatePipeline};
use serde_json::json;

use super::world::{World, declaration, eventually, read};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_start_builds_fails_the_action() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.shared.lock().denied.insert("codebuild:StartBuild".into());
    world.create(&declaration("P")).await.unwrap();
    let compile = world.action_is("P", "Build", "Compile", "Failed").await;
    let error = compile.error_details.unwrap();
    assert_eq!(error.code.as_deref(), Some("PermissionError"));
    let who = "arn:aws:sts::123456789012:assumed-role/pipeline/s";
    let expected = format!("User: {who} is not authorized to perform: codebuild:StartBuild");
    assert_eq!(error.message, Some(expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_no_longer_admits_the_service_fails_the_action() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    world.shared.lock().denied.insert("sts:AssumeRole".into());
    world.end_build("compile:0", StatusType::Succeeded).await;
    let compile = world.action_is("P", "Build", "Compile", "Failed").await;
    let message = compile.error_details.unwrap().message.unwrap();
    assert_eq!(
        message,
        "CodePipeline is not authorized to perform AssumeRole on role arn:aws:iam::123456789012:role/pipeline"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_role_is_assumed_through_the_pipeline_role() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    let mut pipeline = declaration("P");
    let other = "arn:aws:iam::123456789012:role/builder";
    pipeline["stages"][1]["actions"][0]["roleArn"] = json!(other);
    let who = "arn:aws:sts::123456789012:assumed-role/pipeline/s sts:AssumeRole";
    world.shared.lock().denied.insert(who.into());
    let refused = world.create(&pipeline).await.unwrap_err();
    assert_eq!(refused.code, "InvalidStructureException");
    let message = format!("{} is not authorized to perform AssumeRole on role {other}", super::world::ROLE);
    assert_eq!(refused.message, message);
    world.shared.lock().denied.clear();
    world.create(&pipeline).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    assert_eq!(world.shared.lock().assumed.last().map(String::as_str), Some(other));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creation_is_refused_with_the_codes_of_aws() {
    let world = World::new().await;
    world.shared.lock().denied.insert("sts:AssumeRole".into());
    let refused = world.create(&declaration("P")).await.unwrap_err();
    assert_eq!(refused.code, "InvalidStructureException");
    assert!(refused.message.starts_with("CodePipeline is not authorized to perform AssumeRole on role"));
    world.shared.lock().denied.clear();

    let mut pipeline = declaration("P");
    pipeline["artifactStore"]["location"] = json!("nowhere");
    let refused = world.create(&pipeline).await.unwrap_err();
    assert!(refused.message.contains("No bucket with the name nowhere was found"), "{refused}");

    let mut pipeline = declaration("P");
    pipeline["stages"][1]["actions"][0]["runOrder"] = json!(0);
    let refused = world.create(&pipeline).await.unwrap_err();
    assert_eq!(refused.code, "ValidationException");

    world.create(&declaration("P")).await.unwrap();
    let refused = world.create(&declaration("P")).await.unwrap_err();
    assert_eq!(refused.code, "PipelineNameInUseException");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_branch_fails_the_source() {
    let world = World::new().await;
    world.create(&declaration("P")).await.unwrap();
    let source = world.action_is("P", "Source", "Code", "Failed").await;
    let error = source.error_details.unwrap();
    assert_eq!(error.code.as_deref(), Some("ConfigurationError"));
    assert!(error.message.unwrap().contains("no branch named main"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_without_value_fails_the_action() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    let mut pipeline = declaration("P");
    pipeline["stages"][1]["actions"][0]["configuration"]["ProjectName"] = json!("#{Src.Nothing}");
    world.create(&pipeline).await.unwrap();
    let compile = world.action_is("P", "Build", "Compile", "Failed").await;
    assert_eq!(
        compile.error_details.unwrap().message.unwrap(),
        "An action in this pipeline failed because one or more variables could not be resolved: Action name=Compile."
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_other_services_are_waited_out() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.shared.lock().faults = vec!["UploadArchive", "StartBuild", "StartBuild"];
    world.create(&declaration("P")).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    assert_eq!(world.shared.lock().builds.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_not_found() {
    let world = World::new().await;
    let name = || "Nowhere".to_owned();
    let errors = [
        world.call(GetPipeline { name: name(), version: None }).await.unwrap_err(),
        world.call(GetPipelineState { name: name() }).await.unwrap_err(),
        world.call(StartPipelineExecution { name: name(), ..Default::default() }).await.unwrap_err(),
        world.call(UpdatePipeline { pipeline: read(&declaration("Nowhere")) }).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code, "PipelineNotFoundException");
        assert_eq!(error.message, "Account '123456789012' does not have a pipeline with name 'Nowhere'");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_needs_no_role() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.shared.lock().instant_builds = true;
    world.create(&declaration("P")).await.unwrap();
    world.action_is("P", "Approve", "Ask", "InProgress").await;
    let assumed = world.shared.lock().assumed.len();
    let told = world.told().await;
    assert!(told.iter().any(|event| event["detail"]["action"] == "Ask"));
    assert_eq!(
        assumed, 4,
        "when it was created, by the source, by the start of the build and by the look at it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_that_would_notify_nobody_fails() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.shared.lock().instant_builds = true;
    let mut pipeline = declaration("P");
    let topic = "arn:aws:sns:us-east-1:123456789012:approvals";
    pipeline["stages"][2]["actions"][0]["configuration"]["NotificationArn"] = json!(topic);
    world.create(&pipeline).await.unwrap();
    let ask = world.action_is("P", "Approve", "Ask", "Failed").await;
    // There is no SNS in this world.
    assert!(ask.error_details.unwrap().message.unwrap().contains("Publish of SNS is not built yet"));
}
