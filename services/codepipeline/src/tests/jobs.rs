//! Jobs of workers: what a client cannot wait for or cannot provoke.

use codepipeline_model::{
    AcknowledgeJob, ActionConfigurationProperty, ActionTypeId, ArtifactDetails, CreateCustomActionType,
    DeletePipeline, ExecutionDetails, GetActionType, GetThirdPartyJobDetails, Job, PollForJobs,
    PollForThirdPartyJobs, PutJobSuccessResult, UpdateActionType,
};
use serde_json::{Value, json};

use super::world::{World, eventually};
use crate::driver::{self, Task};
use crate::records;

fn id() -> ActionTypeId {
    ActionTypeId {
        category: "Build".into(),
        owner: "Custom".into(),
        provider: "Jenkins".to_owned(),
        version: "1".to_owned(),
    }
}

fn declaration(name: &str, kind: &ActionTypeId, configuration: Value) -> Value {
    let mut declaration = super::world::declaration(name);
    declaration["stages"][1]["actions"][0] = json!({
        "name": "Compile",
        "actionTypeId": {
            "category": kind.category.as_str(), "owner": kind.owner.as_str(), "provider": kind.provider, "version": "1",
        },
        "configuration": configuration,
        "inputArtifacts": [{"name": "SourceArtifact"}],
        "outputArtifacts": [{"name": "BuildArtifact"}],
    });
    declaration
}

/// A pipeline whose build a worker does, once that is due.
async fn world() -> World {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    let property = ActionConfigurationProperty {
        name: "ProjectName".to_owned(),
        required: true,
        key: true,
        queryable: Some(true),
        ..Default::default()
    };
    let any = ArtifactDetails { minimum_count: 0, maximum_count: 5 };
    let jenkins = CreateCustomActionType {
        category: "Build".into(),
        provider: "Jenkins".to_owned(),
        version: "1".to_owned(),
        configuration_properties: Some(vec![property]),
        input_artifact_details: any.clone(),
        output_artifact_details: any,
        ..Default::default()
    };
    world.call(jenkins).await.unwrap();
    world.create(&declaration("P", &id(), json!({"ProjectName": "web"}))).await.unwrap();
    world.action_is("P", "Build", "Compile", "InProgress").await;
    world
}

async fn poll(world: &World) -> Vec<Job> {
    let query_param = Some([("ProjectName".to_owned(), "web".to_owned())].into());
    let poll = PollForJobs { action_type_id: id(), max_batch_size: Some(5), query_param };
    world.call(poll).await.unwrap().jobs.unwrap()
}

async fn one(world: &World) -> Job {
    let mut jobs = poll(world).await;
    assert_eq!(jobs.len(), 1);
    jobs.remove(0)
}

async fn acknowledge(world: &World, job: &Job) -> Result<String, String> {
    let acknowledge = AcknowledgeJob { job_id: job.id.clone().unwrap(), nonce: job.nonce.clone().unwrap() };
    let answer = world.call(acknowledge).await;
    answer.map(|answer| answer.status.unwrap().to_string()).map_err(|error| error.code.to_string())
}

async fn succeed(world: &World, job: &Job) -> Result<(), String> {
    let success = PutJobSuccessResult { job_id: job.id.clone().unwrap(), ..Default::default() };
    world.call(success).await.map(|_| ()).map_err(|error| error.code.to_string())
}

async fn action_id(world: &World) -> String {
    world.action("P", "Build", "Compile").await.latest_execution.unwrap().action_execution_id.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_never_answers_fails_the_action_when_its_time_is_over() {
    let world = world().await;
    let job = one(&world).await;
    assert_eq!(acknowledge(&world, &job).await, Ok("InProgress".to_owned()));
    driver::enqueue(&world.codepipeline, "P", &action_id(&world).await, Task::TimeOut).await.unwrap();
    let failed = world.action_is("P", "Build", "Compile", "Failed").await;
    let error = failed.error_details.unwrap();
    assert_eq!(error.message.as_deref(), Some("The action did not complete within its time limit."));
    assert_eq!(succeed(&world, &job).await, Err("InvalidJobStateException".to_owned()));
    world.nothing_is_left_to_do().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_nobody_acknowledged_in_time_tells_its_worker_so() {
    let world = world().await;
    let job = one(&world).await;
    driver::enqueue(&world.codepipeline, "P", &action_id(&world).await, Task::TimeOut).await.unwrap();
    world.action_is("P", "Build", "Compile", "Failed").await;
    assert_eq!(acknowledge(&world, &job).await, Ok("TimedOut".to_owned()));
    assert!(poll(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_survive_a_crash() {
    let mut world = world().await;
    let job = one(&world).await;
    world.kill();
    assert_eq!(acknowledge(&world, &job).await, Ok("InProgress".to_owned()));
    assert!(poll(&world).await.is_empty(), "it is one worker's");
    assert_eq!(succeed(&world, &job).await, Ok(()));
    world.revive();
    world.action_is("P", "Approve", "Ask", "InProgress").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_be_handed_out_now_stays_and_a_refused_one_fails() {
    let world = world().await;
    world.shared.lock().faults.push("AssumeRole");
    assert!(poll(&world).await.is_empty());
    let job = one(&world).await;
    assert_eq!(acknowledge(&world, &job).await, Ok("InProgress".to_owned()));
    succeed(&world, &job).await.unwrap();

    world.create(&declaration("Q", &id(), json!({"ProjectName": "web"}))).await.unwrap();
    world.action_is("Q", "Build", "Compile", "InProgress").await;
    world.shared.lock().denied.insert("sts:AssumeRole".into());
    assert!(poll(&world).await.is_empty());
    let failed = world.action_is("Q", "Build", "Compile", "Failed").await;
    assert_eq!(failed.error_details.unwrap().code.as_deref(), Some("PermissionError"));
}

/// Whatever a worker calls its work: the end of a build is news for the action that has started it, and for no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_names_a_build_does_not_hear_of_its_end_and_keeps_nobody_from_it() {
    let world = world().await;
    for external_execution_id in ["compile:0".to_owned(), "€".repeat(1_500)] {
        let job = one(&world).await;
        acknowledge(&world, &job).await.unwrap();
        let details = ExecutionDetails {
            external_execution_id: Some(external_execution_id),
            ..ExecutionDetails::default()
        };
        let going_on = PutJobSuccessResult {
            job_id: job.id.unwrap(),
            continuation_token: Some("more".to_owned()),
            execution_details: Some(details),
            ..PutJobSuccessResult::default()
        };
        world.call(going_on).await.unwrap();
        if world.shared.lock().builds.is_empty() {
            // Somebody else's build of that name, where no pipeline has started one yet.
            let build = "arn:aws:codebuild:us-east-1:123456789012:build/compile:0";
            let ended = json!({"build-id": build, "build-status": "SUCCEEDED"});
            world.publish("aws.codebuild", "CodeBuild Build State Change", ended).await;
            world.create(&super::world::declaration("Q")).await.unwrap();
            world.action_is("Q", "Build", "Compile", "InProgress").await;
            eventually("a build runs", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
                .await;
            super::world::write_artifact(&world, 0, b"built");
            world.end_build("compile:0", codebuild_model::StatusType::Succeeded).await;
            world.action_is("Q", "Build", "Compile", "Succeeded").await;
        }
    }
    let job = one(&world).await;
    acknowledge(&world, &job).await.unwrap();
    assert_eq!(succeed(&world, &job).await, Ok(()));
    world.action_is("P", "Approve", "Ask", "InProgress").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_pipeline_leaves_no_job_behind() {
    let world = world().await;
    let job = one(&world).await;
    world.call(DeletePipeline { name: "P".into() }).await.unwrap();
    assert_eq!(succeed(&world, &job).await, Err("JobNotFoundException".to_owned()));
    eventually("the job is gone", || async {
        let all = world.store.read(|tx| tx.scan::<records::Job>(store::Range::all(), 1)).await.unwrap();
        all.records.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_of_a_partners_type_has_its_own_time() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    let (category, owner, provider, version) = ("Invoke", "ThirdParty", "Snyk", "1");
    let get = GetActionType {
        category: category.into(),
        owner: owner.to_owned(),
        provider: provider.to_owned(),
        version: version.to_owned(),
    };
    let mut declared = world.call(get).await.unwrap().action_type.unwrap();
    declared.executor.job_timeout = Some(60);
    world.call(UpdateActionType { action_type: declared }).await.unwrap();
    let kind = ActionTypeId {
        category: category.into(),
        owner: owner.into(),
        provider: provider.to_owned(),
        version: version.to_owned(),
    };
    let client = "0123abcd-0000-4000-8000-000000000000";
    let configuration = json!({"ClientId": client, "ClientToken": "token"});
    world.create(&declaration("P", &kind, configuration)).await.unwrap();
    world.action_is("P", "Build", "Compile", "InProgress").await;
    let poll = PollForThirdPartyJobs { action_type_id: kind, max_batch_size: None };
    let job = world.call(poll).await.unwrap().jobs.unwrap().remove(0);
    assert_eq!(job.client_id.as_deref(), Some(client));
    let job_id = job.job_id.unwrap();
    let details = GetThirdPartyJobDetails { job_id: job_id.clone(), client_token: "token".to_owned() };
    let details = world.call(details).await.unwrap().job_details.unwrap();
    assert_eq!(details.data.unwrap().pipeline_context.unwrap().pipeline_execution_id, None);

    // One timer is the action's, the other one the job's.
    let timers = world.store.read(|tx| tx.queue_length("codepipeline/timers")).await.unwrap();
    assert_eq!(timers, 2);
    let task = Task::JobTimeOut(job_id.parse().unwrap());
    driver::enqueue(&world.codepipeline, "P", &action_id(&world).await, task).await.unwrap();
    let failed = world.action_is("P", "Build", "Compile", "Failed").await;
    let error = failed.error_details.unwrap();
    assert_eq!(error.message.as_deref(), Some("The job did not complete within its time limit."));
    world.nothing_is_left_to_do().await;
}
