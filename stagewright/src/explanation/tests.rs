//! One test for each reason to wait, and for each kind of failure.

use aws::protocol::json;
use codepipeline_model::DESCRIBE_PIPELINE_EXECUTION_OUTPUT;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

const PIPELINE: &str = "arn:aws:codepipeline:us-east-1:123456789012:web";

/// An execution of pipeline `web` that was started a minute after 1970 began and is looked at an hour after that.
fn facts(more: Value) -> Facts {
    let mut execution = json!({
        "pipelineName": "web", "pipelineArn": PIPELINE, "roleArn": "arn:aws:iam::123456789012:role/pipeline",
        "pipelineVersion": 1, "currentVersion": 1, "pipelineExecutionId": "e1", "status": "InProgress",
        "executionMode": "SUPERSEDED", "startTime": 60.0, "lastUpdateTime": 1800.0, "trigger": {},
        "cancelling": false, "sourceRevisions": [], "stages": [],
    });
    for (key, value) in more.as_object().expect("an object") {
        execution[key] = value.clone();
    }
    let execution = json::from_value(&DESCRIBE_PIPELINE_EXECUTION_OUTPUT, &execution).expect("an execution");
    Facts { execution, builds: BTreeMap::new(), now: Timestamp::from_millis(3_600_000) }
}

fn in_front(waiting: Value) -> Facts {
    let mut all = json!({"stageName": "Deploy", "since": 3000.0, "position": 1, "ahead": [],
        "transition": {"enabled": true}});
    for (key, value) in waiting.as_object().expect("an object") {
        all[key] = value.clone();
    }
    facts(json!({"waiting": all}))
}

fn inside(action: Value) -> Value {
    let mut all = json!({"actionName": "Act", "runOrder": 1, "attempts": 1, "roleArn": "r", "status": "InProgress",
        "startTime": 3540.0, "lastStatusChange": 3540.0,
        "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}});
    for (key, value) in action.as_object().expect("an object") {
        all[key] = value.clone();
    }
    json!({"stageName": "Gate", "status": "InProgress", "automaticRetries": 0, "manualRetries": 0, "conditions": [],
        "actions": [all]})
}

fn check(facts: &Facts, expected: Expect) {
    let explanation = explain(facts);
    let mut lines = Vec::new();
    for wait in &explanation.waits_for {
        lines.push(format!("{:?}: {}", wait.kind, wait.sentence));
        lines.extend(wait.command.iter().map(|command| format!("  $ {command}")));
    }
    if let Some(failure) = &explanation.failure {
        lines.push(failure.sentence.clone());
        lines.extend(failure.details.iter().map(|detail| format!("  {detail}")));
        lines.extend(failure.log.iter().map(|line| format!("  | {line}")));
        lines.extend(failure.missing_permission.iter().map(|missing| format!("  ! {}", missing.advice)));
        lines.extend(failure.command.iter().map(|command| format!("  $ {command}")));
    }
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn the_lock_of_a_stage() {
    check(
        &in_front(json!({"heldBy": "e0"})),
        expect![[r#"
        StageLock: It waits in front of stage 'Deploy' since 1970-01-01T00:50:00.000Z (10m00s ago): execution e0 is inside.
          $ stagewright explain pipeline web e0"#]],
    );
}

#[test]
fn a_place_in_the_queue() {
    let ahead = ["e2", "e3", "e4", "e5"];
    check(
        &in_front(json!({"heldBy": "e0", "position": 5, "ahead": ahead})),
        expect![[r#"
        StageLock: It waits in front of stage 'Deploy' since 1970-01-01T00:50:00.000Z (10m00s ago): execution e0 is inside.
          $ stagewright explain pipeline web e0
        Queue: It is number 5 of those that wait for stage 'Deploy'; before it e2, e3, e4 and 1 more.
          $ stagewright explain pipeline web e2"#]],
    );
}

#[test]
fn a_disabled_transition() {
    let transition = json!({"enabled": false, "lastChangedBy": "arn:aws:iam::1:user/dana",
        "lastChangedAt": 1800.0, "disabledReason": "freeze"});
    check(
        &in_front(json!({"stageName": "Deploy it", "transition": transition})),
        expect![[r#"
        Transition: It waits in front of stage 'Deploy it' since 1970-01-01T00:50:00.000Z (10m00s ago): the transition into it was disabled by arn:aws:iam::1:user/dana at 1970-01-01T00:30:00.000Z (30m00s ago), because: 'freeze'.
          $ aws codepipeline enable-stage-transition --pipeline-name web --stage-name 'Deploy it' --transition-type Inbound"#]],
    );
}

#[test]
fn an_earlier_execution_on_another_definition() {
    check(
        &in_front(json!({"expected": "e0"})),
        expect![[r#"
        EarlierVersion: It waits in front of stage 'Deploy' since 1970-01-01T00:50:00.000Z (10m00s ago): the earlier execution e0 runs on another version of the pipeline and has yet to pass the stage.
          $ stagewright explain pipeline web e0"#]],
    );
}

#[test]
fn an_approval() {
    let action = json!({"token": "t", "timesOutAt": 7200.0,
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
        "resolvedConfiguration": {"CustomData": "Really?", "ExternalEntityLink": "https://example.com/1"}});
    check(
        &facts(json!({"stages": [inside(action)]})),
        expect![[r#"
        Approval: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): it waits for somebody's decision, who is allowed codepipeline:PutApprovalResult on arn:aws:codepipeline:us-east-1:123456789012:web/Gate/Act. It says: 'Really?'. To be looked at: https://example.com/1 It fails by itself at 1970-01-01T02:00:00.000Z (in 1h00m).
          $ stagewright pipeline approve web --execution e1 --action Act"#]],
    );
}

fn job(status: &str, more: Value) -> Facts {
    let mut job = json!({"jobId": "j1", "actionType": "Custom/Build/Make/1", "status": status, "since": 3540.0,
        "isContinuation": false});
    for (key, value) in more.as_object().expect("an object") {
        job[key] = value.clone();
    }
    let custom = json!({"category": "Build", "owner": "Custom", "provider": "Make", "version": "1"});
    facts(json!({"stages": [inside(json!({"job": job, "actionTypeId": custom}))]}))
}

#[test]
fn a_job_that_nobody_comes_for() {
    check(
        &job("Queued", json!({})),
        expect![[r#"
        JobWorker: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): its job waits for a worker of Build/Custom/Make/1; nobody has asked this server for jobs of this type since it was started.
          $ stagewright job-worker --action-type Build/Custom/Make/1 -- COMMAND"#]],
    );
    let polled = json!({"lastPoll": 3590.0, "queriedValue": "web", "isContinuation": true});
    check(
        &job("Queued", polled),
        expect![[r#"
        JobWorker: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): a worker put it off, and its next job waits for a worker of Build/Custom/Make/1 with the value 'web'; a worker last asked for jobs of this type at 1970-01-01T00:59:50.000Z (10s ago).
          $ stagewright job-worker --action-type Build/Custom/Make/1 --query KEY=web -- COMMAND"#]],
    );
}

#[test]
fn a_job_that_a_worker_has() {
    check(
        &job("Dispatched", json!({"dueAt": 3660.0})),
        expect![
            "JobWorker: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): job j1 was handed out to a worker of Build/Custom/Make/1, which has not acknowledged it; it is handed out again from 1970-01-01T01:01:00.000Z on."
        ],
    );
    check(
        &job("InProgress", json!({})),
        expect![
            "JobWorker: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): a worker of Build/Custom/Make/1 has acknowledged job j1 and works on it."
        ],
    );
}

#[test]
fn a_build() {
    let mut facts =
        facts(json!({"stages": [inside(json!({"externalExecutionId": "web:1", "attempts": 2}))]}));
    check(
        &facts,
        expect![
            "Build: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago), attempt 2: build web:1 runs."
        ],
    );
    let since = Some(Timestamp::from_millis(3_550_000));
    let build = |phase: &str| Build { phase: Some(phase.into()), phase_since: since, ..Build::default() };
    facts.builds.insert("web:1".into(), build("QUEUED"));
    check(
        &facts,
        expect![
            "Build: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago), attempt 2: build web:1 waits since 1970-01-01T00:59:10.000Z (50s ago) until the server, or its fleet, has room for it."
        ],
    );
    facts.builds.insert("web:1".into(), build("BUILD"));
    check(
        &facts,
        expect![
            "Build: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago), attempt 2: build web:1 is in phase BUILD since 1970-01-01T00:59:10.000Z (50s ago)."
        ],
    );
    let hidden = Build { unreadable: Some("denied".into()), ..Build::default() };
    facts.builds.insert("web:1".into(), hidden);
    check(
        &facts,
        expect![
            "Build: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago), attempt 2: build web:1 runs; it could not be looked at: denied."
        ],
    );
}

#[test]
fn another_action() {
    let s3 = json!({"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"});
    check(
        &facts(json!({"stages": [inside(json!({"actionTypeId": s3}))]})),
        expect![
            "Action: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): S3 works on it."
        ],
    );
}

fn checked(rule: Value, status: &str, result: &str) -> Facts {
    let condition = json!({"conditionType": "BEFORE_ENTRY", "status": status, "since": 3500.0, "result": result,
        "rules": [rule]});
    let stage_status = if status == "InProgress" { "InProgress" } else { "Failed" };
    let stage = json!({"stageName": "Gate", "status": stage_status, "automaticRetries": 0, "manualRetries": 0,
        "actions": [], "conditions": [condition]});
    let execution = if status == "InProgress" { "InProgress" } else { "Failed" };
    facts(json!({"stages": [stage], "status": execution}))
}

#[test]
fn the_timer_of_a_window() {
    let window = json!({"ruleName": "hours", "provider": "DeploymentWindow", "status": "InProgress",
        "startTime": 3500.0, "looksAt": 7200.0, "timesOutAt": 90000.0,
        "resolvedConfiguration": {"Cron": "* * 9-16 ? * MON-FRI"}});
    check(
        &checked(window.clone(), "InProgress", "FAIL"),
        expect![[r#"
        Condition: Stage 'Gate' is checked before it is entered by rule 'hours' since 1970-01-01T00:58:20.000Z (1m40s ago): the window '* * 9-16 ? * MON-FRI' is shut until 1970-01-01T02:00:00.000Z (in 1h00m). It counts as failed from 1970-01-02T01:00:00.000Z (in 24h00m) on.
          $ aws codepipeline override-stage-condition --pipeline-name web --stage-name Gate --pipeline-execution-id e1 --condition-type BEFORE_ENTRY"#]],
    );
    // Nobody can let an execution pass what would skip the stage.
    assert_eq!(explain(&checked(window, "InProgress", "SKIP")).waits_for[0].command, None);
}

#[test]
fn a_rule_that_is_evaluated_and_one_that_failed() {
    let rule = |status: &str| {
        json!({"ruleName": "tests", "provider": "CodeBuild", "status": status,
        "startTime": 3500.0, "externalExecutionId": "web:9",
        "errorDetails": {"code": "JobFailed", "message": "Build failed"}})
    };
    check(
        &checked(rule("InProgress"), "InProgress", "FAIL"),
        expect![[r#"
        Condition: Stage 'Gate' is checked before it is entered by rule 'tests' since 1970-01-01T00:58:20.000Z (1m40s ago): build web:9 runs.
          $ aws codepipeline override-stage-condition --pipeline-name web --stage-name Gate --pipeline-execution-id e1 --condition-type BEFORE_ENTRY"#]],
    );
    check(
        &checked(rule("Failed"), "Failed", "FAIL"),
        expect![[r#"
        At 1970-01-01T00:58:20.000Z (1m40s ago): The condition BEFORE_ENTRY of stage 'Gate' was not met: rule 'tests' (CodeBuild) failed: Build failed.
          $ aws codepipeline retry-stage-execution --pipeline-name web --stage-name Gate --pipeline-execution-id e1 --retry-mode FAILED_ACTIONS"#]],
    );
}

#[test]
fn an_execution_that_stops_or_is_cancelled() {
    check(
        &facts(json!({"status": "Stopping", "stages": [inside(json!({}))]})),
        expect![[r#"
        Stop: It stops as soon as the actions that run have ended.
          $ aws codepipeline stop-pipeline-execution --pipeline-name web --pipeline-execution-id e1 --abandon
        Action: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): CodeBuild works on it."#]],
    );
    check(
        &facts(json!({"cancelling": true, "stages": [inside(json!({}))]})),
        expect![[r#"
        Stop: The pipeline was updated: it is cancelled as soon as the actions that run have ended.
        Action: Action 'Act' of stage 'Gate' runs since 1970-01-01T00:59:00.000Z (1m00s ago): CodeBuild works on it."#]],
    );
}

#[test]
fn a_failed_build_with_its_log_and_the_missing_permission() {
    let failed = json!({"status": "Failed", "externalExecutionId": "web:1", "lastStatusChange": 3570.0,
        "errorDetails": {"code": "JobFailed", "message": "Build terminated with state: FAILED"}});
    let mut stage = inside(failed);
    stage["status"] = json!("Failed");
    let mut facts = facts(json!({"status": "Failed", "stages": [stage]}));
    let denied = "An error occurred (AccessDenied): User: arn:aws:sts::123456789012:assumed-role/build/x is not \
                  authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::site/index.html\" because no \
                  identity-based policy allows the s3:PutObject action";
    let messages = vec!["Error while executing command: make. Reason: exit status 2".into()];
    let build = Build { messages, log: vec!["make".into(), denied.into()], ..Build::default() };
    facts.builds.insert("web:1".into(), build);
    check(
        &facts,
        expect![[r#"
        At 1970-01-01T00:59:30.000Z (30s ago): Action 'Act' of stage 'Gate' failed with JobFailed: Build terminated with state: FAILED.
          Error while executing command: make. Reason: exit status 2
          | make
          | An error occurred (AccessDenied): User: arn:aws:sts::123456789012:assumed-role/build/x is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::site/index.html" because no identity-based policy allows the s3:PutObject action
          ! Add this statement to a policy of arn:aws:iam::123456789012:role/build.
          $ aws codepipeline retry-stage-execution --pipeline-name web --stage-name Gate --pipeline-execution-id e1 --retry-mode FAILED_ACTIONS"#]],
    );
}

#[test]
fn the_first_of_several_failures_is_the_cause() {
    let action = |name: &str, at: f64| {
        let failed = json!({"actionName": name, "status": "Failed", "lastStatusChange": at,
            "errorDetails": {"code": "PermissionError", "message":
                "User: arn:aws:sts::123456789012:assumed-role/pipeline/x is not authorized to perform: \
                 codebuild:StartBuild on resource: arn:aws:codebuild:us-east-1:123456789012:project/web because no \
                 identity-based policy allows the codebuild:StartBuild action"}});
        inside(failed)["actions"][0].clone()
    };
    let mut stage = inside(json!({}));
    stage["status"] = json!("Failed");
    stage["actions"] = json!([action("Late", 3590.0), action("Early", 3580.0)]);
    check(
        &facts(json!({"status": "Failed", "stages": [stage]})),
        expect![[r#"
        At 1970-01-01T00:59:40.000Z (20s ago): Action 'Early' of stage 'Gate' failed with PermissionError: User: arn:aws:sts::123456789012:assumed-role/pipeline/x is not authorized to perform: codebuild:StartBuild on resource: arn:aws:codebuild:us-east-1:123456789012:project/web because no identity-based policy allows the codebuild:StartBuild action.
          ! Add this statement to a policy of arn:aws:iam::123456789012:role/pipeline.
          $ aws codepipeline retry-stage-execution --pipeline-name web --stage-name Gate --pipeline-execution-id e1 --retry-mode FAILED_ACTIONS"#]],
    );
}

#[test]
fn a_rejected_approval() {
    let rejected = json!({"status": "Failed", "summary": "Not today", "lastUpdatedBy": "arn:aws:iam::1:user/dana",
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}});
    let mut stage = inside(rejected);
    stage["status"] = json!("Failed");
    check(
        &facts(json!({"status": "Failed", "stages": [stage]})),
        expect![[r#"
        At 1970-01-01T00:59:00.000Z (1m00s ago): Action 'Act' of stage 'Gate' was rejected by arn:aws:iam::1:user/dana: 'Not today'.
          $ aws codepipeline retry-stage-execution --pipeline-name web --stage-name Gate --pipeline-execution-id e1 --retry-mode FAILED_ACTIONS"#]],
    );
}

#[test]
fn a_headline_for_every_status() {
    let headlines = ["InProgress", "Stopping", "Stopped", "Superseded", "Cancelled", "Failed", "Succeeded"]
        .map(|status| explain(&facts(json!({"status": status, "stopReason": "wrong branch"}))).headline);
    expect![[r#"
        Execution e1 is in progress since 1970-01-01T00:01:00.000Z (59m00s ago).
        Execution e1 is being stopped: 'wrong branch'.
        Execution e1 was stopped at 1970-01-01T00:30:00.000Z (30m00s ago): 'wrong branch'.
        Execution e1 was superseded at 1970-01-01T00:30:00.000Z (30m00s ago): an execution with newer sources took its place.
        Execution e1 was cancelled at 1970-01-01T00:30:00.000Z (30m00s ago): the pipeline's definition was replaced while it ran. With the tag stagewright:pin-running-executions = true on the pipeline, executions go on instead.
        Execution e1 failed at 1970-01-01T00:30:00.000Z (30m00s ago).
        Execution e1 succeeded at 1970-01-01T00:30:00.000Z (30m00s ago)."#]].assert_eq(&headlines.join("\n"));
    let older = explain(&facts(json!({"currentVersion": 3}))).headline;
    assert!(older.ends_with("on version 1 of the pipeline, whose current version is 3."), "{older}");
}

#[test]
fn arguments_of_commands_are_quoted_where_they_need_it() {
    assert_eq!(["plain", "", "two words", "it's"].map(quoted), ["plain", "''", "'two words'", "'it'\\''s'"]);
}
