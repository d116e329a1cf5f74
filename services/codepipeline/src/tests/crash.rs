//! The driver is killed in the middle, again and again: nothing is lost, and nothing happens twice.

use std::time::Duration;

use codebuild_model::StatusType;
use codepipeline_model::{ApprovalResult, ApprovalStatus, PutApprovalResult};

use crate::driver::Task;

use super::world::{World, declaration, eventually, write_artifact};

/// Kills the driver after each of many short times, until an execution has come all the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_survives_a_driver_that_dies_all_the_time() {
    let mut world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    let mut approved = false;
    let mut ended = false;
    for round in 0_u64..4_000 {
        world.revive();
        tokio::time::sleep(Duration::from_millis(round * 7 % 23)).await;
        world.kill();
        let built = {
            let state = world.shared.lock();
            state.builds.first().is_some_and(|(_, build)| build.build_status == Some(StatusType::InProgress))
        };
        if built {
            write_artifact(&world, 0, b"the built thing");
            world.end_build("compile:0", StatusType::Succeeded).await;
        }
        let ask = world.action("P", "Approve", "Ask").await.latest_execution;
        if let Some(token) = ask.and_then(|ask| ask.token).filter(|_| !approved) {
            let result = ApprovalResult { summary: String::new(), status: ApprovalStatus::Approved };
            let put = PutApprovalResult {
                pipeline_name: "P".into(),
                stage_name: "Approve".into(),
                action_name: "Ask".into(),
                result,
                token,
            };
            world.call(put).await.unwrap();
            approved = true;
        }
        let deploy = world.stage("P", "Deploy").await.latest_execution;
        if deploy.is_some_and(|deploy| deploy.status.as_str() == "Succeeded") {
            ended = true;
            break;
        }
    }
    assert!(ended, "it never came to its end");
    assert_eq!(world.object("site", "app-c1.zip").unwrap(), "the built thing");
    assert_eq!(world.shared.lock().builds.len(), 1, "one build, however often it was asked for");
    let told = world.told().await;
    let states = |what: &str| {
        let states = told.iter().filter(|event| event["detail"]["action"] == what);
        states.map(|event| event["detail"]["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    world.revive();
    world.nothing_is_left_to_do().await;
    for action in ["Code", "Compile", "Ask", "Ship"] {
        assert_eq!(states(action), ["STARTED", "SUCCEEDED"], "{action}");
    }
}

/// The build ends while nobody is there to hear of it, and before anybody knows its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_ends_while_the_server_is_down_is_found() {
    let mut world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    world.kill();
    world.end_build("compile:0", StatusType::Succeeded).await;
    world.revive();
    world.action_is("P", "Build", "Compile", "Succeeded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_ends_before_its_name_is_known_is_found() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.shared.lock().instant_builds = true;
    world.create(&declaration("P")).await.unwrap();
    world.action_is("P", "Build", "Compile", "Succeeded").await;
}

/// The event arrives while somebody is looking who has seen the build in progress.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_ends_while_it_is_looked_at_is_looked_at_again() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.shared.lock().slow_answers = true;
    world.create(&declaration("P")).await.unwrap();
    eventually("somebody looks", || async {
        world.shared.lock().calls.iter().any(|call| call == "BatchGetBuilds").then_some(())
    })
    .await;
    world.end_build("compile:0", StatusType::Succeeded).await;
    world.action_is("P", "Build", "Compile", "Succeeded").await;
}

/// Every command twice: each entry of the work queue is put back once after it was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_is_done_twice_changes_nothing() {
    let world = World::new().await;
    world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
    world.create(&declaration("P")).await.unwrap();
    eventually("the build was started", || async { (!world.shared.lock().builds.is_empty()).then_some(()) })
        .await;
    let compile = world.action_is("P", "Build", "Compile", "InProgress").await;
    let id = compile.action_execution_id.unwrap();
    crate::driver::enqueue(&world.codepipeline, "P", &id, Task::Start).await.unwrap();
    eventually("the work was done twice", || async {
        let calls = world.shared.lock().calls.iter().filter(|call| *call == "StartBuild").count();
        (calls == 2).then_some(())
    })
    .await;
    assert_eq!(world.shared.lock().builds.len(), 1);
    world.end_build("compile:0", StatusType::Succeeded).await;
    world.action_is("P", "Approve", "Ask", "InProgress").await;
}

/// Out of time: the action fails, and the build is ended. Also when the build's name comes in only afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_out_of_time_fails_and_its_build_is_ended() {
    for late in [false, true] {
        let world = World::new().await;
        world.shared.lock().branches.insert(("app".into(), "main".into()), "c1".into());
        world.shared.lock().slow_start = late;
        world.create(&declaration("P")).await.unwrap();
        eventually("the build was started", || async {
            (!world.shared.lock().builds.is_empty()).then_some(())
        })
        .await;
        let compile = world.action_is("P", "Build", "Compile", "InProgress").await;
        let id = compile.action_execution_id.unwrap();
        if !late {
            eventually("its name is known", || async {
                world.action("P", "Build", "Compile").await.latest_execution.unwrap().external_execution_id
            })
            .await;
        }
        crate::driver::enqueue(&world.codepipeline, "P", &id, Task::TimeOut).await.unwrap();
        let failed = world.action_is("P", "Build", "Compile", "Failed").await;
        let message = failed.error_details.unwrap().message.unwrap();
        assert_eq!(message, "The action did not complete within its time limit.");
        eventually("the build is ended", || async {
            (world.shared.lock().stopped == ["compile:0"]).then_some(())
        })
        .await;
    }
}
