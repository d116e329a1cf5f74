//! A push on its way through Source, Build, Approve and Deploy, as the API shows it.

use codebuild_model::{ExportedEnvironmentVariable, StatusType};
use codepipeline_model::{
    ActionExecutionFilter, ApprovalResult, ApprovalStatus, GetPipelineExecution, ListActionExecutions,
    ListPipelineExecutions, PutApprovalResult,
};

use super::world::{World, declaration, eventually, write_artifact};

async fn at_the_approval(world: &World) -> String {
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    let source = world.action_is("P", "Source", "Code", "Succeeded").await;
    assert_eq!(source.summary.as_deref(), Some("Message of c1"));
    assert_eq!(source.external_execution_id.as_deref(), Some("c1"));
    world.action_is("P", "Build", "Compile", "InProgress").await;
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    {
        let mut state = world.shared.lock();
        let exported = ExportedEnvironmentVariable { name: Some("TAG".into()), value: Some("v7".into()) };
        state.builds[0].1.exported_environment_variables = Some(vec![exported]);
    }
    write_artifact(world, 0, b"the built thing");
    world.end_build("compile:0", StatusType::Succeeded).await;
    let ask = world.action_is("P", "Approve", "Ask", "InProgress").await;
    ask.token.unwrap()
}

async fn answer(world: &World, token: &str, status: ApprovalStatus) -> Result<(), aws::Error> {
    let result = ApprovalResult { summary: "because".into(), status };
    let put = PutApprovalResult {
        pipeline_name: "P".into(),
        stage_name: "Approve".into(),
        action_name: "Ask".into(),
        result,
        token: token.into(),
    };
    world.call(put).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_ends_as_a_deployment() {
    let world = World::new().await;
    let token = at_the_approval(&world).await;
    answer(&world, &token, ApprovalStatus::Approved).await.unwrap();
    let ship = world.action_is("P", "Deploy", "Ship", "Succeeded").await;
    assert_eq!(ship.external_execution_id.as_deref(), Some("site/app-c1.zip"));
    assert_eq!(world.object("site", "app-c1.zip").unwrap(), "the built thing");

    let list =
        world.call(ListPipelineExecutions { pipeline_name: "P".into(), ..Default::default() }).await.unwrap();
    let [execution] = &list.pipeline_execution_summaries.unwrap()[..] else { panic!("one execution") };
    assert_eq!(execution.status.as_ref().unwrap().as_str(), "Succeeded");
    assert_eq!(execution.trigger.as_ref().unwrap().trigger_type.as_ref().unwrap().as_str(), "CreatePipeline");
    let id = execution.pipeline_execution_id.clone().unwrap();
    let get = GetPipelineExecution { pipeline_name: "P".into(), pipeline_execution_id: id.clone() };
    let shown = world.call(get).await.unwrap().pipeline_execution.unwrap();
    let revision = &shown.artifact_revisions.unwrap()[0];
    assert_eq!(
        (revision.name.as_deref(), revision.revision_id.as_deref()),
        (Some("SourceArtifact"), Some("c1"))
    );

    let ask = world.action("P", "Approve", "Ask").await.latest_execution.unwrap();
    assert_eq!((ask.summary.as_deref(), ask.token), (Some("because"), None));
    assert_eq!(ask.last_updated_by.as_deref(), Some("arn:aws:iam::123456789012:user/ann"));
    world.nothing_is_left_to_do().await;
    for stage in ["Source", "Build", "Approve", "Deploy"] {
        let state = world.stage("P", stage).await;
        let latest = state.latest_execution.unwrap();
        assert_eq!((latest.pipeline_execution_id, latest.status.as_str()), (id.clone(), "Succeeded"));
        assert_eq!(state.inbound_transition_state.unwrap().enabled, Some(true));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions_show_resolved_configuration_artifacts_and_variables() {
    let world = World::new().await;
    let token = at_the_approval(&world).await;
    let list =
        world.call(ListActionExecutions { pipeline_name: "P".into(), ..Default::default() }).await.unwrap();
    let details = list.action_execution_details.unwrap();
    let names: Vec<_> = details.iter().map(|detail| detail.action_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["Ask", "Compile", "Code"], "newest first");
    let result = |index: usize| details[index].output.clone().unwrap().execution_result.unwrap();
    assert_eq!(result(0).external_execution_id.as_deref(), Some(token.as_str()));
    let input = details[0].input.clone().unwrap();
    assert_eq!(input.configuration.unwrap()["CustomData"], "Ship #{Src.CommitId}?");
    assert_eq!(input.resolved_configuration.unwrap()["CustomData"], "Ship c1?");
    let build = details[1].clone();
    assert_eq!(build.output.clone().unwrap().output_variables.unwrap()["TAG"], "v7");
    let input = build.input.unwrap().input_artifacts.unwrap();
    let source = details[2].output.clone().unwrap().output_artifacts.unwrap();
    assert_eq!(input, source, "the build takes what the source made");
    let location = source[0].s3location.clone().unwrap();
    let key = location.key.unwrap();
    assert!(key.starts_with("P/SourceArti/") && key.len() == "P/SourceArti/".len() + 7, "{key}");
    assert_eq!(world.object("artifacts", &key).unwrap(), "zip of c1");

    let (start, _) = world.shared.lock().builds[0].clone();
    assert_eq!(start.source_version, Some(format!("arn:aws:s3:::artifacts/{key}")));
    assert_eq!(start.environment_variables_override.unwrap()[0].value, "c1");

    let filter = ActionExecutionFilter {
        pipeline_execution_id: details[0].pipeline_execution_id.clone(),
        latest_in_pipeline_execution: None,
    };
    let first = ListActionExecutions {
        pipeline_name: "P".into(),
        filter: Some(filter),
        max_results: Some(2),
        next_token: None,
    };
    let page = world.call(first.clone()).await.unwrap();
    let rest = world.call(ListActionExecutions { next_token: page.next_token, ..first }).await.unwrap();
    assert_eq!(rest.next_token, None);
    assert_eq!(rest.action_execution_details.unwrap(), details[2..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_approval_fails_the_execution_and_cannot_be_answered_again() {
    let world = World::new().await;
    let token = at_the_approval(&world).await;
    let wrong = "00000000-0000-4000-8000-000000000000";
    let refused = answer(&world, wrong, ApprovalStatus::Approved).await.unwrap_err();
    assert_eq!(refused.code, "InvalidApprovalTokenException");
    let misplaced = PutApprovalResult {
        pipeline_name: "P".into(),
        stage_name: "Build".into(),
        action_name: "Compile".into(),
        result: ApprovalResult { summary: String::new(), status: ApprovalStatus::Approved },
        token: token.clone(),
    };
    assert_eq!(world.call(misplaced).await.unwrap_err().code, "InvalidApprovalTokenException");
    answer(&world, &token, ApprovalStatus::Rejected).await.unwrap();
    let ask = world.action_is("P", "Approve", "Ask", "Failed").await;
    assert_eq!(ask.summary.as_deref(), Some("because"));
    let again = answer(&world, &token, ApprovalStatus::Approved).await.unwrap_err();
    assert_eq!(again.code, "ApprovalAlreadyCompletedException");
    assert_eq!(world.stage("P", "Approve").await.latest_execution.unwrap().status.as_str(), "Failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_build_says_so_and_runs_again_after_a_retry() {
    use codepipeline_model::{RetryStageExecution, StageRetryMode};
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    world.end_build("compile:0", StatusType::Failed).await;
    let compile = world.action_is("P", "Build", "Compile", "Failed").await;
    let error = compile.error_details.unwrap();
    assert_eq!(error.code.as_deref(), Some("JobFailed"));
    assert_eq!(error.message.as_deref(), Some("Build terminated with state: FAILED"));
    let id = world.stage("P", "Build").await.latest_execution.unwrap().pipeline_execution_id;
    assert_eq!(world.status("P", &id).await, "Failed");

    let retry = RetryStageExecution {
        pipeline_name: "P".into(),
        stage_name: "Build".into(),
        pipeline_execution_id: id.clone(),
        retry_mode: StageRetryMode::FailedActions,
    };
    assert_eq!(world.call(retry.clone()).await.unwrap().pipeline_execution_id.as_deref(), Some(id.as_str()));
    let refused = world.call(retry).await.unwrap_err();
    assert_eq!(refused.code, "StageNotRetryableException", "it is in progress and nothing has failed");
    eventually("a second build was started", || async {
        (world.shared.lock().builds.len() == 2).then_some(())
    })
    .await;
    world.end_build("compile:1", StatusType::Succeeded).await;
    world.action_is("P", "Approve", "Ask", "InProgress").await;
    let metadata = world.stage("P", "Build").await.retry_stage_metadata.unwrap();
    assert_eq!(metadata.manual_stage_retry_attempt, Some(1));

    let told = world.told().await;
    let resumed = told.iter().find(|event| event["detail"]["state"] == "RESUMED").unwrap();
    assert_eq!(resumed["detail"]["pipeline-execution-attempt"].to_string(), "2.0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_state_is_told_in_its_order() {
    let world = World::new().await;
    at_the_approval(&world).await;
    let told = world.told().await;
    let lines: Vec<String> = told
        .iter()
        .map(|event| {
            let detail = &event["detail"];
            let what = ["stage", "action"].map(|member| detail[member].as_str().unwrap_or("-"));
            format!("{} {}", what.join("/"), detail["state"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "-/- STARTED",
        "Source/- STARTED",
        "Source/Code STARTED",
        "Source/Code SUCCEEDED",
        "Source/- SUCCEEDED",
        "Build/- STARTED",
        "Build/Compile STARTED",
        "Build/Compile SUCCEEDED",
        "Build/- SUCCEEDED",
        "Approve/- STARTED",
        "Approve/Ask STARTED",
    ];
    assert_eq!(lines, expected);
    assert_eq!(told[0]["resources"][0], "arn:aws:codepipeline:us-east-1:123456789012:P");
    assert_eq!(told[0]["detail"]["version"].to_string(), "1.0");
    let succeeded = &told[7]["detail"];
    assert_eq!(succeeded["execution-result"]["external-execution-id"], "compile:0");
    assert_eq!(succeeded["type"]["provider"], "CodeBuild");
    assert_eq!(succeeded["input-artifacts"][0]["s3location"]["bucket"], "artifacts");
}
