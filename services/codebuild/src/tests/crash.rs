//! A server that dies at any point, and builds that go on.

use std::time::Duration;

use codebuild_model::{StartBuild, StatusType, StopBuild};

use super::world::{Held, World, context, phases, s3_artifacts, s3_source, supervisor, zip};
use crate::Config;

const SPEC: &str = "\
version: 0.2
phases:
  build:
    commands: [echo one >>made, sleep 0.2, echo two >>made, cat made]
artifacts: {files: [made]}
";

async fn world() -> World {
    let world = World::new().await;
    world.put("in", "src.zip", zip(&[("buildspec.yml", SPEC)]));
    world
        .create("demo", |project| {
            project.source = Some(s3_source("in/src.zip"));
            project.artifacts = Some(s3_artifacts("out"));
        })
        .await;
    world
}

async fn start(world: &World) -> String {
    world.start(StartBuild { project_name: "demo".into(), ..StartBuild::default() }).await.id.unwrap()
}

#[tokio::test]
async fn killed_again_and_again_the_build_ends_as_if_nothing_had_been() {
    let mut world = world().await;
    for round in 0_u64..12 {
        let id = start(&world).await;
        // Points all over the build's way, which takes about half a second.
        for step in 0..3 {
            tokio::time::sleep(Duration::from_millis((round * 37 + step * 61) % 250)).await;
            world.restart();
        }
        let build = world.end(&id).await;
        assert_eq!(build.build_status, Some(StatusType::Succeeded), "round {round}\n{}", world.log(&id));
        let passed = phases(&build);
        assert_eq!(passed.len(), 11, "round {round}: {passed:?}");
        assert!(passed[..10].iter().all(|phase| phase.ends_with(" SUCCEEDED")), "round {round}: {passed:?}");
        assert_eq!(
            world.object("out", "demo/made").unwrap(),
            "one\ntwo\n",
            "commands ran once, in round {round}"
        );
        assert_eq!(world.folders(), 0, "round {round}");
    }
    let told = world.told().await;
    let ended = told.iter().filter(|event| event.detail["build-status"] == "SUCCEEDED").count();
    assert_eq!(ended, 12, "the end of each build is told once");
}

#[tokio::test]
async fn stop_that_came_before_a_crash_holds_after_it() {
    let mut world = world().await;
    let slow = "version: 0.2\nphases: {build: {commands: ['echo running; sleep 50']}}\n";
    let id = world.start_spec("demo", slow).await;
    world.log_has(&id, "\nrunning\n").await;
    world.kill();
    world.call(StopBuild { id: id.clone() }).await.unwrap();
    world.restart();
    assert_eq!(world.end(&id).await.build_status, Some(StatusType::Stopped));
}

#[tokio::test]
async fn supervisor_that_is_killed_is_a_fault_of_the_phase() {
    let world = world().await;
    let slow = "version: 0.2\nphases: {build: {commands: ['echo running; sleep 50']}}\n";
    let id = world.start_spec("demo", slow).await;
    world.log_has(&id, "\nrunning\n").await;
    let recorded = std::fs::read(world.folder(&id).join("supervisor.json")).unwrap();
    let recorded: serde_json::Value = serde_json::from_slice(&recorded).unwrap();
    let kill =
        std::process::Command::new("kill").args(["-9", &recorded["pid"].to_string()]).status().unwrap();
    assert!(kill.success());
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Fault));
    assert_eq!(phases(&build)[6..], ["BUILD FAULT", "FINALIZING SUCCEEDED", "COMPLETED"]);
    assert_eq!(context(&build, "BUILD").0, "INTERNAL_SERVICE_ERROR");
}

#[tokio::test]
async fn build_whose_commands_never_begin_is_a_fault() {
    let held = Held { supervisor: "/nonexistent".into(), attempts: 1 };
    let world = World::of(Config::new("http://127.0.0.1:4000", 4), held).await;
    world.create("demo", |_| {}).await;
    let id = world.start_spec("demo", SPEC).await;
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Fault));
    let expected = ["DOWNLOAD_SOURCE SUCCEEDED", "INSTALL FAULT", "FINALIZING SUCCEEDED", "COMPLETED"];
    assert_eq!(phases(&build)[3..], expected);
    assert!(context(&build, "INSTALL").1.contains("no supervisor could be started"));
    assert!(world.log(&id).contains("Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED"));
    assert_eq!((world.folders(), world.followed(&id).await), (0, false));
}

#[tokio::test]
async fn build_that_cannot_even_be_tidied_ends() {
    let held = Held { supervisor: supervisor(), attempts: 1 };
    let mut world = World::of(Config::new("http://127.0.0.1:4000", 4), held).await;
    world.create("demo", |_| {}).await;
    world.kill();
    let id = world.start_spec("demo", SPEC).await;
    std::fs::write(world.folder(&id), "in the way").unwrap();
    world.restart();
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Fault));
    assert_eq!(phases(&build)[2..], ["PROVISIONING FAULT", "FINALIZING FAULT", "COMPLETED"]);
    assert!(!world.followed(&id).await);
}
