use codebuild_model::{BatchRestrictions, Project, ProjectBuildBatchConfig};
use proptest::prelude::*;

use super::*;
use crate::records::Configuration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_709_287_080_000 + seconds * 1000)
}

pub(crate) fn batch(config: ProjectBuildBatchConfig) -> Batch {
    let settings = Project { build_batch_config: Some(config), ..Project::default() };
    let batch = Batch {
        scope: aws::Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
        id: BuildId { project: "demo".into(), uuid: Uuid::nil() },
        number: 1,
        initiator: "alice".into(),
        started: at(0),
        resumed: at(0),
        ended: None,
        configuration: Configuration(settings),
        source_version: None,
        resolved_source_version: None,
        debug_session: false,
        phases: vec![],
        fast_fail: false,
        failing_fast: false,
        webhook: None,
        reports: vec![],
        groups: vec![],
        artifacts: None,
    };
    batch.submit()
}

fn named(identifier: &str, depends_on: &[&str]) -> BatchBuild {
    BatchBuild {
        identifier: identifier.into(),
        depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
        ..BatchBuild::default()
    }
}

fn end(status: StatusType) -> Box<End> {
    let failed = status != StatusType::Succeeded;
    Box::new(End {
        status,
        context: failed.then(|| ("CODE".into(), "message".into())),
        resolved_source_version: None,
        primary: None,
        secondary: vec![],
        batch: None,
    })
}

/// The build that is to be started for a group.
fn wanted(batch: &Batch, name: &str) -> Option<Uuid> {
    batch.commands().into_iter().find_map(|command| match command {
        Command::Start { identifier, build } | Command::Repeat { identifier, build, .. }
            if identifier == name =>
        {
            Some(build.uuid)
        }
        _ => None,
    })
}

fn run(batch: &mut Batch, name: &str, status: StatusType) {
    let build = wanted(batch, name).unwrap_or_else(|| panic!("{name} is not to be started: {batch:#?}"));
    assert!(batch.apply(Event::Started { build }, at(1)));
    assert!(batch.apply(Event::Ended { build, end: end(status) }, at(2)));
}

fn fetched(config: ProjectBuildBatchConfig, spec: buildspec::Batch) -> Batch {
    let mut batch = batch(config);
    let build = wanted(&batch, DOWNLOAD_SOURCE).unwrap();
    batch.apply(Event::Started { build }, at(1));
    let end =
        End { batch: Some(spec), resolved_source_version: Some("abc".into()), ..*end(StatusType::Succeeded) };
    batch.apply(Event::Ended { build, end: Box::new(end) }, at(1));
    batch
}

fn planned(fast_fail: bool, builds: Vec<BatchBuild>) -> Batch {
    fetched(ProjectBuildBatchConfig::default(), buildspec::Batch { fast_fail, builds })
}

fn phases(batch: &Batch) -> Vec<String> {
    let shown = |phase: &BatchPhase| {
        let status = phase.status.as_ref().map_or("", StatusType::as_str);
        format!("{} {status}", phase.kind.shown()).trim_end().to_owned()
    };
    batch.phases.iter().map(shown).collect()
}

fn states(batch: &Batch) -> Vec<GroupState> {
    batch.groups.iter().skip(1).map(|group| group.state).collect()
}

#[test]
fn chain_that_goes_well() {
    let mut batch = planned(false, vec![named("a", &[]), named("b", &["a"])]);
    assert_eq!(batch.resolved_source_version.as_deref(), Some("abc"));
    assert_eq!(wanted(&batch, "b"), None, "it waits");
    run(&mut batch, "a", StatusType::Succeeded);
    run(&mut batch, "b", StatusType::Succeeded);
    assert_eq!(
        phases(&batch),
        ["SUBMITTED SUCCEEDED", "DOWNLOAD_BATCHSPEC SUCCEEDED", "IN_PROGRESS SUCCEEDED", "SUCCEEDED"]
    );
    assert_eq!((batch.status(), batch.commands()), (StatusType::Succeeded, vec![]));
}

#[test]
fn what_depends_on_a_failure_is_skipped_and_the_rest_runs() {
    let mut batch =
        planned(false, vec![named("a", &[]), named("b", &["a"]), named("c", &["b"]), named("d", &[])]);
    run(&mut batch, "a", StatusType::Failed);
    assert_eq!(states(&batch)[1..3], [GroupState::Skipped, GroupState::Skipped]);
    assert!(!batch.is_complete(), "d is still to run");
    run(&mut batch, "d", StatusType::Succeeded);
    assert_eq!(phases(&batch)[2..], ["IN_PROGRESS FAILED", "FAILED"]);
    assert_eq!(batch.status(), StatusType::Failed);
}

#[test]
fn failure_that_is_ignored_lets_the_batch_go_on() {
    let ignored = BatchBuild { ignore_failure: true, ..named("a", &[]) };
    let mut batch = planned(true, vec![ignored, named("b", &["a"])]);
    run(&mut batch, "a", StatusType::TimedOut);
    run(&mut batch, "b", StatusType::Succeeded);
    assert_eq!(batch.status(), StatusType::Succeeded);
}

#[test]
fn failing_fast_stops_what_runs_and_starts_nothing() {
    let mut batch = planned(true, vec![named("a", &[]), named("b", &[]), named("c", &["a"])]);
    let other = wanted(&batch, "b").unwrap();
    batch.apply(Event::Started { build: other }, at(1));
    run(&mut batch, "a", StatusType::Failed);
    let build = BuildId { project: "demo".into(), uuid: other };
    assert_eq!(batch.commands(), [Command::Stop { build }]);
    assert!(!batch.is_complete());
    batch.apply(Event::Ended { build: other, end: end(StatusType::Stopped) }, at(3));
    assert_eq!((batch.status(), states(&batch)[2]), (StatusType::Failed, GroupState::Skipped));
}

#[test]
fn stopped_at_once_while_its_builds_still_end() {
    let mut batch = planned(false, vec![named("a", &[]), named("b", &["a"])]);
    let build = wanted(&batch, "a").unwrap();
    batch.apply(Event::Started { build }, at(1));
    batch.apply(Event::Stop, at(2));
    assert_eq!(phases(&batch)[2..], ["IN_PROGRESS STOPPED", "STOPPED"]);
    assert_eq!(batch.commands().len(), 1, "the build is to be stopped");
    batch.apply(Event::Ended { build, end: end(StatusType::Stopped) }, at(3));
    assert_eq!((batch.status(), batch.commands()), (StatusType::Stopped, vec![]));
    assert!(!batch.apply(Event::Stop, at(4)) && !batch.may_be_retried());
}

#[test]
fn time_limit() {
    let config = ProjectBuildBatchConfig { timeout_in_mins: Some(5), ..ProjectBuildBatchConfig::default() };
    let mut batch = fetched(config, buildspec::Batch { fast_fail: false, builds: vec![named("a", &[])] });
    assert_eq!(batch.deadline(), at(300));
    batch.apply(Event::TimedOut, at(300));
    assert_eq!(batch.status(), StatusType::TimedOut);
    assert_eq!(phases(&batch)[2..], ["IN_PROGRESS TIMED_OUT", "FAILED"]);
}

#[test]
fn source_that_cannot_be_had_fails_the_batch() {
    let mut batch = batch(ProjectBuildBatchConfig::default());
    run(&mut batch, DOWNLOAD_SOURCE, StatusType::Failed);
    assert_eq!(phases(&batch)[1..], ["DOWNLOAD_BATCHSPEC FAILED", "FAILED"]);
    assert_eq!(batch.phases[1].context, Some(("CODE".into(), "message".into())));
}

#[test]
fn restrictions_fail_the_batch_before_anything_runs() {
    let restricted = |most: i32, types: &[&str]| ProjectBuildBatchConfig {
        restrictions: Some(BatchRestrictions {
            maximum_builds_allowed: Some(most),
            compute_types_allowed: Some(types.iter().map(|name| (*name).to_owned()).collect()),
            ..BatchRestrictions::default()
        }),
        ..ProjectBuildBatchConfig::default()
    };
    let large = BatchBuild { compute_type: Some("BUILD_GENERAL1_LARGE".into()), ..named("a", &[]) };
    let spec = buildspec::Batch { fast_fail: false, builds: vec![large, named("b", &[])] };
    for (config, told) in [
        (restricted(1, &[]), "The batch has 2 builds: at most 1 are allowed"),
        (
            restricted(5, &["BUILD_GENERAL1_SMALL"]),
            "Build 'a' of the batch has the compute type BUILD_GENERAL1_LARGE",
        ),
    ] {
        let batch = fetched(config, spec.clone());
        assert_eq!(batch.status(), StatusType::Failed);
        let (code, message) = batch.phases[1].context.clone().unwrap();
        assert!(code == "CLIENT_ERROR" && message.contains(told), "{message}");
    }
}

#[test]
fn artifacts_are_combined_after_the_builds() {
    let config =
        ProjectBuildBatchConfig { combine_artifacts: Some(true), ..ProjectBuildBatchConfig::default() };
    let mut batch = fetched(config, buildspec::Batch { fast_fail: false, builds: vec![named("a", &[])] });
    run(&mut batch, "a", StatusType::Succeeded);
    assert_eq!(batch.commands(), [Command::Combine]);
    batch.apply(Event::Combined(Ok(Artifact::default())), at(3));
    assert_eq!(phases(&batch)[2..], ["IN_PROGRESS SUCCEEDED", "COMBINE_ARTIFACTS SUCCEEDED", "SUCCEEDED"]);
}

#[test]
fn build_that_cannot_be_started_fails_and_says_why() {
    let mut batch = planned(false, vec![named("a", &[])]);
    let build = wanted(&batch, "a").unwrap();
    let refused = Event::Refused { build, code: "AccessDeniedException".into(), message: "no".into() };
    assert!(batch.apply(refused.clone(), at(1)) && !batch.apply(refused, at(1)));
    assert_eq!(batch.status(), StatusType::Failed);
    let expected = ("AccessDeniedException".into(), "Build 'a' could not be started: no".into());
    assert_eq!(batch.phases[2].context, Some(expected));
}

#[test]
fn retry_of_all_begins_with_the_source() {
    let mut batch = planned(false, vec![named("a", &[])]);
    run(&mut batch, "a", StatusType::Failed);
    batch.apply(Event::Retry { all: true }, at(5));
    assert_eq!(phases(&batch)[3..], ["FAILED FAILED", "SUBMITTED SUCCEEDED", "DOWNLOAD_BATCHSPEC"]);
    assert!(wanted(&batch, DOWNLOAD_SOURCE).is_some() && wanted(&batch, "a").is_none());
    assert_eq!(batch.groups[1].prior.len(), 1);
}

/// A graph without rings, what its failures mean, and how its builds end.
#[derive(Clone, Debug)]
struct Story {
    fast_fail: bool,
    builds: Vec<BatchBuild>,
    ends: Vec<bool>,
    /// Which command, or which running build, is next.
    order: Vec<prop::sample::Index>,
}

fn stories() -> impl Strategy<Value = Story> {
    let build = (any::<bool>(), any::<u16>(), any::<bool>());
    let builds = prop::collection::vec(build, 1..9);
    let order = prop::collection::vec(any::<prop::sample::Index>(), 60);
    (any::<bool>(), builds, order).prop_map(|(fast_fail, given, order)| {
        let ends = given.iter().map(|(ends, ..)| *ends).collect();
        let builds = given.iter().enumerate().map(|(index, (_, earlier, ignored))| BatchBuild {
            identifier: format!("b{index}"),
            // Sparse: a third of those before it.
            depends_on: (0..index)
                .filter(|other| earlier >> other & 1 == 1 && (index + other) % 3 == 0)
                .map(|other| format!("b{other}"))
                .collect(),
            ignore_failure: *ignored,
            ..BatchBuild::default()
        });
        Story { fast_fail, builds: builds.collect(), ends, order }
    })
}

/// Plays a batch until nothing is left to do. Everything is told twice.
fn play(batch: &mut Batch, story: &Story, succeeds: impl Fn(usize) -> bool) -> Result<usize, TestCaseError> {
    let mut started = 0;
    for next in &story.order {
        let commands = batch.commands();
        let running: Vec<(usize, Uuid)> = batch
            .groups
            .iter()
            .enumerate()
            .filter_map(|(index, group)| {
                let build = group.current.as_ref()?.build.as_ref()?;
                (group.state == GroupState::Running).then_some((index, build.uuid))
            })
            .collect();
        let choices = commands.len() + running.len();
        if choices == 0 {
            break;
        }
        let choice = next.index(choices);
        let event = match commands.get(choice) {
            Some(Command::Start { identifier, build } | Command::Repeat { identifier, build, .. }) => {
                let group = batch.groups.iter().find(|group| group.build.identifier == *identifier).unwrap();
                let ready = batch.depended_on(group).all(Group::is_passed);
                prop_assert!(ready, "{identifier} begins before what it depends on");
                started += 1;
                Event::Started { build: build.uuid }
            }
            Some(Command::Stop { build }) => {
                Event::Ended { build: build.uuid, end: end(StatusType::Stopped) }
            }
            Some(Command::Combine) => Event::Combined(Ok(Artifact::default())),
            None => {
                let (index, build) = running[choice - commands.len()];
                let status = if succeeds(index - 1) { StatusType::Succeeded } else { StatusType::Failed };
                Event::Ended { build, end: end(status) }
            }
        };
        prop_assert!(batch.apply(event.clone(), at(1)), "{event:?} changes something");
        let once = batch.clone();
        prop_assert!(!batch.apply(event, at(2)), "told twice");
        prop_assert_eq!(&once, &*batch);
    }
    Ok(started)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_batch_ends_as_its_builds_did(story in stories()) {
        let mut batch = planned(story.fast_fail, story.builds.clone());
        play(&mut batch, &story, |index| story.ends[index])?;
        prop_assert!(batch.is_complete() && batch.commands().is_empty(), "{:#?}", batch);
        let failed = batch.groups.iter().any(|group| group.state == GroupState::Failed && !group.build.ignore_failure);
        prop_assert_eq!(batch.status(), if failed { StatusType::Failed } else { StatusType::Succeeded });
        prop_assert!(batch.groups.iter().all(Group::is_over));
        // Without a failure that counts, nothing is left out.
        prop_assert!(failed || batch.groups.iter().all(|group| group.state != GroupState::Skipped));
    }

    #[test]
    fn retry_of_failed_builds_repeats_those_and_no_others(story in stories()) {
        let mut batch = planned(story.fast_fail, story.builds.clone());
        play(&mut batch, &story, |index| story.ends[index])?;
        prop_assume!(batch.may_be_retried());
        let succeeded = batch.groups.iter().filter(|group| group.state == GroupState::Succeeded).count();
        let retried = batch.apply(Event::Retry { all: false }, at(9));
        prop_assert!(retried);
        let started = play(&mut batch, &story, |_| true)?;
        prop_assert_eq!(batch.status(), StatusType::Succeeded);
        prop_assert_eq!(started, batch.groups.len() - succeeded);
        let ids: std::collections::BTreeSet<_> = batch.groups.iter()
            .flat_map(|group| group.current.iter().chain(&group.prior))
            .filter_map(|summary| Some(summary.build.as_ref()?.uuid)).collect();
        let all: usize = batch.groups.iter().map(|group| 1 + group.prior.len()).sum();
        prop_assert_eq!(ids.len(), all, "no two builds have one id");
    }

    #[test]
    fn stopped_at_any_point_it_ends_stopped(story in stories(), point in 0_usize..20) {
        let mut batch = planned(story.fast_fail, story.builds.clone());
        let short = Story { order: story.order[..point].to_vec(), ..story.clone() };
        play(&mut batch, &short, |index| story.ends[index])?;
        prop_assume!(!batch.is_complete());
        batch.apply(Event::Stop, at(9));
        let started = play(&mut batch, &story, |_| true)?;
        prop_assert_eq!((batch.status(), started), (StatusType::Stopped, 0));
        prop_assert!(batch.groups.iter().all(|group| group.state != GroupState::Running));
    }
}
