//! What a build's commands find, leave to each other, and how phases follow from them.

use std::collections::BTreeMap;

use crate::machine::{Machine, SOURCE, build, phase, plan};
use runner::{Event, OnFailure, Phase, Plan, Retry, Session, Shell, Status};

#[tokio::test]
async fn directory_and_variables_are_carried_over() {
    let machine = Machine::new();
    let story = machine
        .run(&plan(vec![
            phase(
                Phase::Install,
                &[
                    "pwd",
                    "mkdir -p 'a b' && cd 'a b'",
                    "pwd",
                    "PLAIN=1",
                    "export EXPORTED=\"$(printf 'x\\ny')\"",
                ],
            ),
            phase(
                Phase::Build,
                &["pwd", "echo $PLAIN", "echo \"$EXPORTED\"", "unset PLAIN", "echo ${PLAIN-unset}"],
            ),
        ]))
        .await;
    let below = format!("{SOURCE}/a b");
    assert_eq!(story.output(), [SOURCE, &below, &below, "1", "x", "y", "unset"]);
    assert_eq!(story.status(), Status::Succeeded);
}

#[tokio::test]
async fn bash_carries_over_too_and_keeps_neither_functions_nor_options() {
    let machine = Machine::new();
    let commands = [
        "[[ 1 == 1 ]] && A=\"quote ' and \\\" and \\$dollar\"",
        "echo \"$A\"; f() { :; }; set -e",
        "false; echo still here",
        "f",
    ];
    let story = machine.run(&Plan { shell: Shell::Bash, ..build(&commands) }).await;
    assert_eq!(
        story.output(),
        [
            "quote ' and \" and $dollar",
            "still here",
            "/codebuild/output/tmp/script.sh: line 4: f: command not found"
        ]
    );
    assert_eq!(story.exit_codes(), [0, 0, 0, 127]);
}

#[tokio::test]
async fn fresh_session_carries_nothing() {
    let machine = Machine::new();
    let story = machine
        .run(&Plan { session: Session::Fresh, ..build(&["cd /tmp; export A=1", "pwd; echo ${A-unset}"]) })
        .await;
    assert_eq!(story.output(), [SOURCE, "unset"]);
}

#[tokio::test]
async fn environment_is_what_the_plan_says_and_nothing_of_the_server() {
    let machine = Machine::new();
    let environment = BTreeMap::from([
        ("GREETING".to_owned(), "it's $HOME".to_owned()),
        ("not-a-name".to_owned(), "x".to_owned()),
    ]);
    let story =
        machine.run(&Plan { environment, ..build(&["echo $GREETING", "env | cut -d= -f1 | sort"]) }).await;
    let mut names = story.output().split_off(1);
    names.retain(|name| !["_", "SHLVL", "OLDPWD"].contains(name));
    assert_eq!(story.output()[0], "it's $HOME");
    assert_eq!(
        names,
        [
            "CODEBUILD_BUILD_SUCCEEDING",
            "CODEBUILD_LAST_EXIT",
            "CODEBUILD_SRC_DIR",
            "GREETING",
            "HOME",
            "LC_CTYPE",
            "NPM_CONFIG_PREFIX",
            "PATH",
            "PIP_BREAK_SYSTEM_PACKAGES",
            "PWD",
            "TMPDIR"
        ]
    );
    assert!(story.log.contains("Skipping environment variable not-a-name"), "{}", story.log);
}

#[tokio::test]
async fn block_is_one_command_and_exit_still_saves_the_session() {
    let machine = Machine::new();
    let story = machine.run(&build(&["false\n:", "A=kept; exit 0", "echo $A", "true | false | true"])).await;
    assert_eq!(story.exit_codes(), [0, 0, 0, 0]);
    assert_eq!(story.output(), [":", "kept"], "the block's second line is part of the agent's");
}

#[tokio::test]
async fn log_reads_as_codebuilds_does() {
    let machine = Machine::new();
    let story = machine
        .run(&plan(vec![phase(Phase::Install, &[]), phase(Phase::Build, &["echo hi", "exit 3"])]))
        .await;
    let lines: Vec<String> = story
        .log
        .lines()
        .map(|line| match line.strip_prefix("[Container] ") {
            Some(rest) => format!("[Container] T{}", &rest[26..]),
            None => line.to_owned(),
        })
        .collect();
    let expected = "\
[Container] T Entering phase INSTALL
[Container] T No commands found for phase name: install
[Container] T Phase complete: INSTALL State: SUCCEEDED
[Container] T Phase context status code:  Message: 
[Container] T Entering phase PRE_BUILD
[Container] T Phase complete: PRE_BUILD State: SUCCEEDED
[Container] T Phase context status code:  Message: 
[Container] T Entering phase BUILD
[Container] T Running command echo hi
hi

[Container] T Running command exit 3

[Container] T Command did not exit successfully exit 3 exit status 3
[Container] T Phase complete: BUILD State: FAILED
[Container] T Phase context status code: COMMAND_EXECUTION_ERROR Message: Error while executing command: exit 3. Reason: exit status 3
[Container] T Entering phase POST_BUILD
[Container] T Phase complete: POST_BUILD State: SUCCEEDED
[Container] T Phase context status code:  Message: ";
    assert_eq!(lines.join("\n"), expected);
}

#[tokio::test]
async fn failed_build_skips_the_rest_but_runs_finally_and_post_build() {
    let machine = Machine::new();
    let mut failing = phase(Phase::Build, &["echo one", "exit 7", "echo never"]);
    failing.finally = vec!["echo finally $CODEBUILD_LAST_EXIT $CODEBUILD_BUILD_SUCCEEDING".to_owned()];
    let story = machine
        .run(&plan(vec![failing, phase(Phase::PostBuild, &["echo post $CODEBUILD_BUILD_SUCCEEDING"])]))
        .await;
    assert_eq!(story.output(), ["one", "finally 7 1", "post 0"]);
    assert_eq!(
        story.phases(),
        ["INSTALL SUCCEEDED", "PRE_BUILD SUCCEEDED", "BUILD FAILED", "POST_BUILD SUCCEEDED"]
    );
    assert_eq!(
        story.failure(),
        ("COMMAND_EXECUTION_ERROR", "Error while executing command: exit 7. Reason: exit status 7")
    );
    assert_eq!(story.status(), Status::Failed);
    assert!(matches!(story.events.last(), Some(Event::Finished { upload_artifacts: true, .. })));
}

#[tokio::test]
async fn failure_before_build_ends_it_without_upload() {
    let machine = Machine::new();
    let story = machine
        .run(&plan(vec![phase(Phase::PreBuild, &["false"]), phase(Phase::Build, &["echo never"])]))
        .await;
    assert_eq!(story.phases(), ["INSTALL SUCCEEDED", "PRE_BUILD FAILED"]);
    assert!(matches!(
        story.events.last(),
        Some(Event::Finished { status: Status::Failed, upload_artifacts: false, .. })
    ));
}

#[tokio::test]
async fn failing_finally_fails_the_phase() {
    let machine = Machine::new();
    let mut failing = phase(Phase::Install, &["true"]);
    failing.finally = vec!["exit 4".to_owned()];
    let story = machine.run(&plan(vec![failing])).await;
    assert_eq!(story.phases(), ["INSTALL FAILED"]);
    assert!(story.failure().1.contains("exit 4"));
}

#[tokio::test]
async fn on_failure_continue_and_retry() {
    let machine = Machine::new();
    let mut going_on = phase(Phase::Install, &["false"]);
    going_on.on_failure = OnFailure::Continue;
    let mut again = phase(Phase::PreBuild, &["echo try >>tries", "[ $(wc -l <tries) = 3 ]"]);
    again.on_failure = OnFailure::Retry(Retry { attempts: 3, pattern: None });
    let story = machine.run(&plan(vec![going_on, again, phase(Phase::Build, &["cat tries"])])).await;
    assert_eq!(story.output(), ["try", "try", "try"]);
    assert_eq!(
        story.phases(),
        [
            "INSTALL FAILED",
            "PRE_BUILD FAILED",
            "PRE_BUILD FAILED",
            "PRE_BUILD SUCCEEDED",
            "BUILD SUCCEEDED",
            "POST_BUILD SUCCEEDED"
        ]
    );
    assert_eq!(
        story.status(),
        Status::Failed,
        "a phase that failed and was passed over still fails the build"
    );
}

#[tokio::test]
async fn other_user_is_refused_clearly() {
    let machine = Machine::new();
    let mut other = phase(Phase::Build, &["whoami"]);
    other.run_as = Some("jenkins".to_owned());
    let story = machine.run(&plan(vec![other])).await;
    assert_eq!(story.failure().0, "CLIENT_ERROR");
    assert!(story.failure().1.contains("jenkins"));
}

#[tokio::test]
async fn exported_variables_and_expansions_are_reported() {
    let machine = Machine::new();
    let plan = Plan {
        exported_variables: ["VERSION", "EMPTY", "UNSET", "LINES_"].map(str::to_owned).to_vec(),
        evaluate: BTreeMap::from([
            ("name".to_owned(), "app-$VERSION-$(echo \"a b\")".to_owned()),
            ("broken".to_owned(), "$(echo".to_owned()),
            ("quotes".to_owned(), "it's \"quoted\" \\$VERSION".to_owned()),
        ]),
        ..build(&["VERSION=1.2.$((1+2)); EMPTY=; LINES_='a\nb'"])
    };
    let story = machine.run(&plan).await;
    let exported = story.events.iter().find_map(|event| match event {
        Event::Exported { variables } => Some(variables.clone()),
        _ => None,
    });
    let expected = [("EMPTY", ""), ("LINES_", "a\nb"), ("VERSION", "1.2.3")];
    assert_eq!(exported.unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let evaluated = story.events.iter().find_map(|event| match event {
        Event::Evaluated { values } => Some(values.clone()),
        _ => None,
    });
    let expected = [("name", "app-1.2.3-a b"), ("quotes", "it's \"quoted\" $VERSION")];
    assert_eq!(evaluated.unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[tokio::test]
async fn secrets_are_masked_also_across_writes() {
    let machine = Machine::new();
    let plan = Plan {
        secrets: vec!["hunter2-hunter2".to_owned(), String::new()],
        environment: BTreeMap::from([("TOKEN".to_owned(), "hunter2-hunter2".to_owned())]),
        ..build(&[
            "echo $TOKEN",
            "printf hunter2; sleep 0.2; echo -hunter2; printf %s $TOKEN",
            "echo hunter2-",
        ])
    };
    let story = machine.run(&plan).await;
    assert_eq!(story.output(), ["***", "***", "***", "hunter2-"]);
    assert!(!story.log.contains("hunter2-hunter2"));
}

#[tokio::test]
async fn background_process_holds_nothing_up() {
    let machine = Machine::new();
    let begun = std::time::Instant::now();
    let story = machine.run(&build(&["sleep 40 & yes & echo started"])).await;
    assert_eq!(story.status(), Status::Succeeded);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn output_keeps_its_order_and_all_of_it() {
    let machine = Machine::new();
    let story = machine
        .run(&build(&["i=0; while [ $i -lt 20000 ]; do echo $i; echo e$i >&2; i=$((i+1)); done"]))
        .await;
    let expected: Vec<String> = (0..20000).flat_map(|i| [i.to_string(), format!("e{i}")]).collect();
    assert!(story.output() == expected, "{} lines", story.output().len());
}
