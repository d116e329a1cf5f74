//! Starting, stopping, losing and finding builds again.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::machine::{Machine, SOURCE, Story, build, executor, phase, plan};
use runner::{Event, Executor, Phase, Plan, Position, Sandbox, State, Status};

/// Lets a build say so when it has come to a point.
fn reached(marker: &'static str) -> impl Fn(&Story) -> bool {
    move |story| story.output().contains(&marker)
}

#[tokio::test]
async fn build_goes_on_while_the_server_is_away() {
    let mut machine = Machine::new();
    let plan = build(&["echo before", "while [ ! -e go ]; do sleep 0.05; done", "echo after"]);
    machine.start(&plan).await;
    let mut story = Story::default();
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    story.follow(&mut attachment, reached("before")).await;
    drop(attachment);

    machine.restart();
    assert_eq!(machine.executor.state(plan.id).await.unwrap(), State::Running);
    machine.executor.start(&plan).await.unwrap();
    let folder = machine.executor.prepare(plan.id).await.unwrap();
    fs::write(folder.path().join("root").join(&SOURCE[1..]).join("go"), "").unwrap();
    let mut attachment = machine.executor.attach(plan.id, story.position).await.unwrap();
    story.follow(&mut attachment, |_| false).await;
    assert_eq!(story.output(), ["before", "after"]);
    assert_eq!(story.status(), Status::Succeeded);

    machine.restart();
    machine.executor.start(&plan).await.unwrap();
    assert_eq!(machine.executor.state(plan.id).await.unwrap(), State::Finished(Status::Succeeded));
    assert_eq!(machine.finish(plan.id).await.output(), ["before", "after"], "it ran once");
}

#[tokio::test]
async fn server_that_dies_while_it_starts_a_build_does_not_take_it_along() {
    let mut machine = Machine::new();
    for delay_us in (0..20_000).step_by(1000) {
        let plan = build(&["echo once"]);
        let folder = machine.executor.prepare(plan.id).await.unwrap();
        folder.workspace().create_directory(SOURCE.as_ref()).unwrap();
        // Dropped in the middle of it, as a killed process drops everything.
        let _killed =
            tokio::time::timeout(Duration::from_micros(delay_us), machine.executor.start(&plan)).await;
        machine.restart();
        machine.executor.start(&plan).await.unwrap();
        let story = machine.finish(plan.id).await;
        assert!(!story.lost, "lost after {delay_us} us");
        assert_eq!(story.output(), ["once"], "after {delay_us} us");
    }
}

#[tokio::test]
async fn concurrent_starts_run_once() {
    let machine = Machine::new();
    let plan = build(&["echo once"]);
    machine.executor.prepare(plan.id).await.unwrap().workspace().create_directory(SOURCE.as_ref()).unwrap();
    let (first, second) = tokio::join!(machine.executor.start(&plan), machine.executor.start(&plan));
    first.unwrap();
    second.unwrap();
    assert_eq!(machine.finish(plan.id).await.output(), ["once"]);
}

#[tokio::test]
async fn killed_supervisor_is_told_as_lost_and_leaves_nothing_running() {
    let machine = Machine::new();
    let plan = build(&["echo running; sleep 4711"]);
    machine.start(&plan).await;
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    let mut story = Story::default();
    story.follow(&mut attachment, reached("running")).await;

    let folder = machine.executor.prepare(plan.id).await.unwrap();
    let recorded: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("supervisor.json")).unwrap()).unwrap();
    let pid =
        rustix::process::Pid::from_raw(i32::try_from(recorded["pid"].as_i64().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();

    story.follow(&mut attachment, |_| false).await;
    assert!(story.lost);
    assert_eq!(machine.executor.state(plan.id).await.unwrap(), State::Lost);
    assert!(machine.finish(plan.id).await.lost, "a later reader learns it too");
    let gone = Instant::now() + Duration::from_secs(10);
    while runs("sleep\x004711\0") {
        assert!(Instant::now() < gone, "the command still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    machine.executor.remove(plan.id).await.unwrap();
    assert!(!folder.path().exists());
}

fn runs(command_line: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok())
        .any(|found| found == command_line)
}

#[tokio::test]
async fn a_build_that_is_held_ends_when_nobody_holds_it_any_more() {
    let machine = Machine::new();
    let plan = build(&["echo running; sleep 50"]);
    let folder = machine.executor.prepare(plan.id).await.unwrap();
    let begun = runner::uptime_seconds();
    folder.hold_until(begun + 600).unwrap();
    machine.start(&plan).await;
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    let mut story = Story::default();
    story.follow(&mut attachment, reached("running")).await;
    folder.hold_until(runner::uptime_seconds() + 1).unwrap();
    story.follow(&mut attachment, |_| false).await;
    assert_eq!(story.status(), Status::Stopped);
    assert!(runner::uptime_seconds() < begun + 40, "not by its own time");
}

#[tokio::test]
async fn stop_asks_first() {
    let machine = Machine::new();
    let plan = plan(vec![
        phase(Phase::Build, &["trap 'echo cleaning up; exit 1' TERM; echo running; sleep 50 & wait"]),
        phase(Phase::PostBuild, &["echo never"]),
    ]);
    let begun = Instant::now();
    machine.start(&plan).await;
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    let mut story = Story::default();
    story.follow(&mut attachment, reached("running")).await;
    assert!(matches!(machine.executor.remove(plan.id).await, Err(runner::Error::Running(_))));

    machine.executor.stop(plan.id).await.unwrap();
    machine.executor.stop(plan.id).await.unwrap();
    story.follow(&mut attachment, |_| false).await;
    assert_eq!(story.output(), ["running", "cleaning up"]);
    assert_eq!(story.phases(), ["INSTALL SUCCEEDED", "PRE_BUILD SUCCEEDED", "BUILD STOPPED"]);
    assert!(matches!(
        story.events.last(),
        Some(Event::Finished { status: Status::Stopped, upload_artifacts: false, .. })
    ));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn stop_kills_what_does_not_listen() {
    let machine = Machine::new();
    let plan = Plan { grace_seconds: 1, ..build(&["trap '' TERM; echo running; while :; do sleep 1; done"]) };
    machine.start(&plan).await;
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    let mut story = Story::default();
    story.follow(&mut attachment, reached("running")).await;
    machine.executor.stop(plan.id).await.unwrap();
    story.follow(&mut attachment, |_| false).await;
    assert_eq!(story.status(), Status::Stopped);
}

#[tokio::test]
async fn build_that_was_stopped_before_it_started_runs_nothing() {
    let machine = Machine::new();
    let plan = build(&["echo never"]);
    machine.executor.prepare(plan.id).await.unwrap();
    machine.executor.stop(plan.id).await.unwrap();
    let story = machine.run(&plan).await;
    assert_eq!(story.status(), Status::Stopped);
    assert!(story.output().is_empty(), "{}", story.log);
}

#[tokio::test]
async fn time_is_up() {
    let machine = Machine::new();
    let story = machine.run(&Plan { timeout_seconds: 1, grace_seconds: 1, ..build(&["sleep 50"]) }).await;
    assert_eq!(story.status(), Status::TimedOut);
    assert_eq!(story.failure(), ("BUILD_TIMED_OUT", "Build has timed out. "));
}

#[tokio::test]
async fn environment_that_dies_is_a_fault() {
    let machine = Machine::new();
    let story = machine.run(&build(&["kill -9 $PPID; sleep 5"])).await;
    assert_eq!(story.status(), Status::Fault);
    assert_eq!(story.failure().0, "SINGLE_BUILD_CONTAINER_DEAD");
}

#[tokio::test]
async fn environment_that_cannot_start_says_why() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox { bwrap: "/nonexistent/bwrap".into(), ..Sandbox::default() };
    let machine = Machine { executor: executor(data.path(), sandbox), data };
    let story = machine.run(&build(&["true"])).await;
    assert_eq!(story.status(), Status::Fault);
    assert!(story.log.contains("/nonexistent/bwrap"), "{}", story.log);
}

#[tokio::test]
async fn supervisor_that_cannot_start_says_why() {
    let data = tempfile::tempdir().unwrap();
    let builds = data.path().join("builds");
    let nothing = vec!["/bin/false".into()];
    let broken = runner::SandboxExecutor::new(builds, nothing, Sandbox::default()).unwrap();
    let error = broken.start(&build(&["true"])).await.unwrap_err();
    assert!(error.to_string().contains("ended without a word"), "{error}");
}

#[tokio::test]
async fn reader_sees_a_line_at_once() {
    let machine = Machine::new();
    let plan = build(&["i=0; while [ $i -lt 5 ]; do date +%s%N; i=$((i+1)); sleep 0.3; done"]);
    machine.start(&plan).await;
    let mut attachment = machine.executor.attach(plan.id, Position::default()).await.unwrap();
    let mut delays = vec![];
    for lines in 1..=5 {
        let mut story = Story::default();
        story.follow(&mut attachment, |story| !story.output().is_empty()).await;
        let written: u128 = story.output()[0].parse().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        delays.push(now.saturating_sub(written) / 1_000_000);
        assert_eq!(delays.len(), lines);
    }
    delays.sort_unstable();
    assert!(delays[2] < 100, "milliseconds from a line written to a line read: {delays:?}");
}

#[tokio::test]
async fn environment_costs_little() {
    let machine = Machine::new();
    let mut took = vec![];
    for _ in 0..5 {
        let plan = build(&["true"]);
        let begun = Instant::now();
        machine.run(&plan).await;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    println!("a build of `true`: {took:?}");
    // Generous, for a debug build beside other tests; bench/ measures the real figure.
    assert!(took[0] < Duration::from_millis(500), "{took:?}");
}
