//! Changes of sources start pipelines, each once.

use aws::objects::ObjectHead;
use bytes::Bytes;
use codepipeline_model::{ListPipelineExecutions, PipelineExecutionSummary};
use serde_json::json;

use super::world::{World, declaration, eventually};

async fn executions(world: &World) -> Vec<PipelineExecutionSummary> {
    let list = ListPipelineExecutions { pipeline_name: "P".into(), ..Default::default() };
    world.call(list).await.unwrap().pipeline_execution_summaries.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_starts_an_execution_with_its_commit() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    world.action_is("P", "Source", "Code", "Succeeded").await;
    world.push("app", "other", "x").await;
    world.push("app", "main", "c2").await;
    let newest = eventually("a second execution", || async {
        let executions = executions(&world).await;
        (executions.len() == 2).then(|| executions[0].clone())
    })
    .await;
    let trigger = newest.trigger.unwrap();
    assert_eq!(trigger.trigger_type.unwrap().as_str(), "PollForSourceChanges");
    assert_eq!(trigger.trigger_detail.as_deref(), Some("Code"));
    let source = eventually("the second source action", || async {
        let state = world.action("P", "Source", "Code").await;
        state.current_revision.filter(|revision| revision.revision_id == "c2")
    })
    .await;
    assert_eq!(source.revision_change_id, "c2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_is_not_polled_starts_nothing() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    let mut quiet = declaration("P");
    quiet["stages"][0]["actions"][0]["configuration"]["PollForSourceChanges"] = json!("false");
    world.create(&quiet).await.unwrap();
    let mut loud = declaration("Loud");
    loud["stages"][0]["actions"][0]["configuration"]["BranchName"] = json!("marker");
    world.create(&loud).await.unwrap();
    world.push("app", "main", "c2").await;
    // Events are taken in order: when the later one has started its pipeline, the earlier one has been looked at.
    world.push("app", "marker", "m").await;
    eventually("the marker's second execution", || async {
        let list = ListPipelineExecutions { pipeline_name: "Loud".into(), ..Default::default() };
        let executions = world.call(list).await.unwrap().pipeline_execution_summaries.unwrap();
        (executions.len() == 2).then_some(())
    })
    .await;
    assert_eq!(executions(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_starts_an_execution_with_its_version() {
    let world = World::new().await;
    let put = |version: &str| {
        let head = ObjectHead { version_id: Some(version.into()), etag: "e".into(), ..ObjectHead::default() };
        let key = ("source".to_owned(), "app.zip".to_owned());
        world.shared.lock().objects.insert(key, (head, Bytes::from("zip")));
    };
    put("v1");
    let mut pipeline = declaration("P");
    pipeline["stages"][0]["actions"][0]["actionTypeId"]["provider"] = json!("S3");
    pipeline["stages"][0]["actions"][0]["configuration"] =
        json!({"S3Bucket": "source", "S3ObjectKey": "app.zip"});
    pipeline["stages"][1]["actions"][0]["configuration"] = json!({"ProjectName": "compile"});
    pipeline["stages"][2]["actions"][0]["configuration"] = json!({"CustomData": "#{Src.VersionId}"});
    pipeline["stages"][3]["actions"][0]["configuration"]["ObjectKey"] = json!("#{Src.ETag}");
    world.create(&pipeline).await.unwrap();
    let first = world.action_is("P", "Source", "Code", "Succeeded").await;
    assert_eq!(first.summary.as_deref(), Some("Amazon S3 version id: v1"));
    put("v2");
    let detail = json!({"bucket": {"name": "source"}, "object": {"key": "app.zip", "version-id": "v2"}});
    world.publish("aws.s3", "Object Created", detail).await;
    eventually("the second version", || async {
        let state = world.action("P", "Source", "Code").await;
        state.current_revision.filter(|revision| revision.revision_id == "v2")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_pushes_ends_with_the_newest() {
    let mut world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c0".into());
    world.create(&declaration("P")).await.unwrap();
    for n in 1..=30 {
        world.push("app", "main", &format!("c{n}")).await;
        if n % 10 == 0 {
            world.revive();
        }
    }
    eventually("all executions", || async { (executions(&world).await.len() == 31).then_some(()) }).await;
    let newest = executions(&world).await[0].pipeline_execution_id.clone().unwrap();
    let at_build = eventually("the newest is in front of the build, or there", || async {
        let build = world.stage("P", "Build").await;
        let waiting = build.inbound_execution.map(|inbound| inbound.pipeline_execution_id);
        (waiting.as_ref() == Some(&newest)).then_some(newest.clone())
    })
    .await;
    assert_eq!(at_build, newest);
    let superseded = executions(&world).await;
    let superseded =
        superseded.iter().filter(|e| e.status.as_ref().unwrap().as_str() == "Superseded").count();
    assert_eq!(superseded, 29, "all but the first, which builds, and the newest");
}

/// The same event twice: delivered again after a crash, or to a second node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_follow_the_stream_start_one_execution() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c0".into());
    let mut pipeline = declaration("P");
    pipeline["executionMode"] = json!("PARALLEL");
    world.create(&pipeline).await.unwrap();
    let second = tokio::spawn(world.codepipeline.clone().run());
    for n in 1..=20 {
        world.push("app", "main", &format!("c{n}")).await;
    }
    eventually("the last commit's execution", || async {
        let state = executions(&world).await;
        let newest = state.first().and_then(|newest| newest.source_revisions.clone()).unwrap_or_default();
        newest.first().is_some_and(|source| source.revision_id.as_deref() == Some("c20")).then_some(())
    })
    .await;
    assert_eq!(executions(&world).await.len(), 21);
    second.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_finds_the_queue_full_is_told_of() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c0".into());
    let mut pipeline = declaration("P");
    pipeline["executionMode"] = json!("QUEUED");
    world.create(&pipeline).await.unwrap();
    // The first one builds for ever; with it there are as many as may be.
    for n in 1..=50 {
        world.push("app", "main", &format!("c{n}")).await;
    }
    let told = eventually("the last change was told of", || async {
        let told = world.told_by("stagewright.codepipeline").await;
        (!told.is_empty()).then_some(told)
    })
    .await;
    let [event] = &told[..] else { panic!("one event") };
    assert_eq!(event["detail-type"], "CodePipeline Pipeline Not Started By Change");
    assert_eq!(event["resources"], json!(["arn:aws:codepipeline:us-east-1:123456789012:P"]));
    assert_eq!(
        event["detail"],
        json!({
            "pipeline": "P",
            "execution-trigger": {"trigger-type": "PollForSourceChanges", "trigger-detail": "Code"},
            "reason": crate::engine::Refusal::ConcurrentExecutionsLimit.to_string(),
        })
    );
    assert_eq!(executions(&world).await.len(), 50);
}
