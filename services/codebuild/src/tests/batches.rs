//! Batches from their start to their end, with builds that really run.

use std::time::Duration;

use codebuild_model::{
    ArtifactPackaging, BatchGetBuildBatches, BuildBatch, ProjectArtifacts, ProjectBuildBatchConfig,
    RetryBuildBatch, RetryBuildBatchType, StartBuildBatch, StatusType, StopBuildBatch,
};

use super::world::{World, phases, s3_artifacts, s3_source, unzip, zip};

const BATCH_ROLE: &str = "arn:aws:iam::123456789012:role/batch";

const GRAPH: &str = "\
version: 0.2
batch:
  build-graph:
    - {identifier: first, env: {variables: {WHO: one}}}
    - {identifier: second, depend-on: [first], buildspec: other.yml}
    - {identifier: third, depend-on: [first], env: {variables: {WHO: three}}}
phases:
  build:
    commands: ['echo \"$WHO $CODEBUILD_BATCH_BUILD_IDENTIFIER $CODEBUILD_INITIATOR\" | tee $CODEBUILD_BATCH_BUILD_IDENTIFIER']
artifacts: {files: ['*ir*']}
";
const OTHER: &str = "\
version: 0.2
phases: {build: {commands: [echo other >second]}}
artifacts: {files: [second]}
";

fn config(combine: bool) -> ProjectBuildBatchConfig {
    ProjectBuildBatchConfig {
        service_role: Some(BATCH_ROLE.into()),
        combine_artifacts: Some(combine),
        ..ProjectBuildBatchConfig::default()
    }
}

async fn world(spec: &str, combine: bool) -> World {
    let world = World::new().await;
    world.put("in", "src.zip", zip(&[("buildspec.yml", spec), ("other.yml", OTHER)]));
    world
        .create("demo", |project| {
            project.source = Some(s3_source("in/src.zip"));
            project.artifacts = Some(ProjectArtifacts {
                packaging: Some(if combine { ArtifactPackaging::Zip } else { ArtifactPackaging::None }),
                name: Some("made".into()),
                ..s3_artifacts("out")
            });
            project.build_batch_config = Some(config(combine));
        })
        .await;
    world
}

async fn start(world: &World) -> String {
    let start = StartBuildBatch { project_name: "demo".into(), ..StartBuildBatch::default() };
    world.call(start).await.unwrap().build_batch.unwrap().id.unwrap()
}

async fn look(world: &World, id: &str) -> BuildBatch {
    let found = world.call(BatchGetBuildBatches { ids: vec![id.into()] }).await.unwrap();
    found.build_batches.unwrap().pop().unwrap()
}

async fn when(world: &World, id: &str, is: impl Fn(&BuildBatch) -> bool) -> BuildBatch {
    let asking = async {
        loop {
            let batch = look(world, id).await;
            if is(&batch) {
                return batch;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(60), asking).await {
        Ok(batch) => batch,
        Err(_) => panic!("never: {:#?}", look(world, id).await),
    }
}

/// The batch once nothing of it runs any more.
async fn over(world: &World, id: &str) -> BuildBatch {
    when(world, id, |batch| {
        let runs = statuses(batch).iter().any(|status| status.ends_with("IN_PROGRESS"));
        batch.complete == Some(true) && !runs
    })
    .await
}

fn statuses(batch: &BuildBatch) -> Vec<String> {
    let groups = batch.build_groups.iter().flatten();
    groups
        .map(|group| {
            let status =
                group.current_build_summary.as_ref().and_then(|summary| summary.build_status.clone());
            let status = status.map_or("-".to_owned(), |status| status.to_string());
            format!("{} {status}", group.identifier.as_deref().unwrap_or_default())
        })
        .collect()
}

fn build_of(batch: &BuildBatch, identifier: &str) -> String {
    let group =
        batch.build_groups.iter().flatten().find(|group| group.identifier.as_deref() == Some(identifier));
    let arn = group.unwrap().current_build_summary.as_ref().unwrap().arn.clone().unwrap();
    arn.rsplit_once(":build/").unwrap().1.to_owned()
}

#[tokio::test]
async fn graph_runs_in_order_as_its_role() {
    let world = world(GRAPH, false).await;
    let id = start(&world).await;
    let batch = over(&world, &id).await;
    assert_eq!(batch.build_batch_status, Some(StatusType::Succeeded), "{batch:#?}");
    let expected = ["DOWNLOAD_SOURCE SUCCEEDED", "first SUCCEEDED", "second SUCCEEDED", "third SUCCEEDED"];
    assert_eq!(statuses(&batch), expected);

    let uuid = id.split_once(':').unwrap().1;
    let third = build_of(&batch, "third");
    assert_eq!(world.output(&third), [format!("three third batch/AWSCodeBuild-{uuid}")]);
    let build = world.build(&third).await;
    assert_eq!(build.build_batch_arn, batch.arn);
    let first = world.build(&build_of(&batch, "first")).await;
    assert!(build.start_time >= first.end_time, "it waited");
    assert_eq!(world.object("out", "made/second").unwrap(), "other\n");
    assert!(world.shared.lock().assumed.contains(&format!("batch/AWSCodeBuild-{uuid}")));

    let source = world.build(&build_of(&batch, "DOWNLOAD_SOURCE")).await;
    let expected = ["DOWNLOAD_SOURCE SUCCEEDED", "FINALIZING SUCCEEDED", "COMPLETED"];
    assert_eq!(phases(&source)[3..], expected, "it runs no commands");
}

#[tokio::test]
async fn archives_become_one() {
    let world = world(GRAPH, true).await;
    let batch = over(&world, &start(&world).await).await;
    assert_eq!(batch.build_batch_status, Some(StatusType::Succeeded), "{batch:#?}");
    let files = unzip(&world.object("out", "made").unwrap());
    assert_eq!(files.keys().collect::<Vec<_>>(), ["first", "second", "third"]);
    let artifacts = batch.artifacts.unwrap();
    assert_eq!(artifacts.location.as_deref(), Some("arn:aws:s3:::out/made"));
    assert!(artifacts.sha256sum.is_some());
}

/// Until nothing is left of the folders that it used.
async fn tidied(world: &World) {
    let tidied = async {
        while world.folders() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), tidied).await.expect("a folder stays");
}

#[tokio::test]
async fn archives_that_cannot_become_one_leave_nothing_behind() {
    let mut world = world(GRAPH, true).await;
    let id = start(&world).await;
    let session = format!("AWSCodeBuild-{}", id.split_once(':').unwrap().1);
    world.deny(&format!("arn:aws:sts::123456789012:assumed-role/build/{session} s3:PutObject"));
    let batch = over(&world, &id).await;
    assert_eq!(batch.build_batch_status, Some(StatusType::Failed), "{batch:#?}");
    tidied(&world).await;

    // A server that died while it combined, and a batch that was stopped before the next one was there.
    let id = start(&world).await;
    world.kill();
    std::fs::create_dir(world.folder(&id)).unwrap();
    world.call(StopBuildBatch { id: id.clone() }).await.unwrap();
    world.restart();
    over(&world, &id).await;
    tidied(&world).await;
}

#[tokio::test]
async fn killed_again_and_again_every_build_runs_once() {
    let mut world = world(GRAPH, true).await;
    for round in 0_u64..3 {
        let id = start(&world).await;
        for step in 0..6 {
            tokio::time::sleep(Duration::from_millis((round * 53 + step * 71) % 270)).await;
            world.restart();
        }
        let batch = over(&world, &id).await;
        assert_eq!(batch.build_batch_status, Some(StatusType::Succeeded), "round {round}: {batch:#?}");
        assert!(batch.build_groups.iter().flatten().all(|group| group.prior_build_summary_list.is_none()));
        let found = world.call(codebuild_model::ListBuilds::default()).await.unwrap().ids.unwrap();
        assert_eq!(found.len() as u64, (round + 1) * 4, "one build for each group");
    }
}

#[tokio::test]
async fn failed_builds_are_retried_alone() {
    let spec = "version: 0.2\nbatch: {build-graph: [{identifier: a}, {identifier: b, depend-on: a}, {identifier: c}]}\nphases: {build: {commands: ['test $CODEBUILD_BATCH_BUILD_IDENTIFIER != a || test -n \"$(printenv GOOD)\"']}}\nartifacts: {files: ['*']}\n";
    let world = world(spec, false).await;
    let id = start(&world).await;
    let batch = over(&world, &id).await;
    assert_eq!(statuses(&batch)[1..], ["a FAILED", "b STOPPED", "c SUCCEEDED"]);
    let retry = RetryBuildBatch {
        id: Some(id.clone()),
        retry_type: Some(RetryBuildBatchType::RetryFailedBuilds),
        ..RetryBuildBatch::default()
    };
    world.call(retry).await.unwrap();
    let batch = over(&world, &id).await;
    let prior: Vec<usize> = batch
        .build_groups
        .iter()
        .flatten()
        .map(|group| group.prior_build_summary_list.as_ref().map_or(0, Vec::len))
        .collect();
    assert_eq!((prior, batch.build_batch_status), (vec![0, 1, 0, 0], Some(StatusType::Failed)));
}

#[tokio::test]
async fn role_that_may_not_start_builds_fails_the_batch() {
    let world = world(GRAPH, false).await;
    world.deny("codebuild:StartBuild");
    let batch = over(&world, &start(&world).await).await;
    let context = batch.phases.unwrap()[1].contexts.clone().unwrap().remove(0);
    assert_eq!(context.status_code.as_deref(), Some("AccessDeniedException"));
    assert!(context.message.unwrap().contains("codebuild:StartBuild"));
}

#[tokio::test]
async fn stop_ends_the_batch_at_once_and_its_builds_after_it() {
    let spec = "version: 0.2\nbatch: {build-list: [{identifier: a}, {identifier: b}]}\nphases: {build: {commands: [sleep 50]}}\n";
    let world = world(spec, false).await;
    let id = start(&world).await;
    when(&world, &id, |batch| {
        statuses(batch).iter().filter(|status| status.ends_with("IN_PROGRESS")).count() == 2
    })
    .await;
    let stopped = world.call(StopBuildBatch { id: id.clone() }).await.unwrap().build_batch.unwrap();
    assert_eq!(stopped.build_batch_status, Some(StatusType::Stopped));
    assert_eq!(statuses(&over(&world, &id).await)[1..], ["a STOPPED", "b STOPPED"]);
}
