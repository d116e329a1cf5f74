use aws::protocol::json;
use codepipeline_model::PIPELINE_DECLARATION;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::*;

fn action(name: &str, category: &str, owner: &str, provider: &str, configuration: Value) -> Value {
    json!({"name": name, "configuration": configuration,
        "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"}})
}

fn with(mut action: Value, member: &str, value: Value) -> Value {
    action[member] = value;
    action
}

fn github() -> Value {
    let settings = json!({"ConnectionArn": "arn:aws:codestar-connections:eu-west-1:111122223333:connection/1",
        "FullRepositoryId": "dana/web", "BranchName": "main"});
    let action = action("Fetch", "Source", "AWS", "CodeStarSourceConnection", settings);
    with(with(action, "namespace", json!("Src")), "outputArtifacts", json!([{"name": "Code"}]))
}

fn build(configuration: Value) -> Value {
    with(
        action("Make", "Build", "AWS", "CodeBuild", configuration),
        "inputArtifacts",
        json!([{"name": "Code"}]),
    )
}

/// A pipeline of stages called One, Two, …
fn pipeline(stages: &[&[Value]]) -> Value {
    let names = ["One", "Two", "Three", "Four"];
    let stages: Vec<_> =
        names.iter().zip(stages).map(|(name, actions)| json!({"name": name, "actions": actions})).collect();
    json!({"name": "web", "roleArn": "arn:aws:iam::111122223333:role/service-role/web", "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "artifacts"}, "stages": stages})
}

fn commit() -> Commit {
    Commit {
        id: "c0ffee".into(),
        branch: Some("mend".into()),
        message: "Mend it".into(),
        ..Commit::default()
    }
}

fn plan(pipeline: &Value, wishes: &Wishes) -> Result<Plan, Findings> {
    let declaration = json::from_value(&PIPELINE_DECLARATION, pipeline).unwrap();
    Plan::of(declaration, &BTreeMap::from([("Fetch".to_owned(), Some(commit()))]), wishes)
}

fn check_findings(pipeline: &Value, wishes: &Wishes, expected: Expect) {
    expected.assert_eq(&plan(pipeline, wishes).unwrap_err().to_string());
}

fn pair(name: &str, value: &str) -> Pair {
    Pair { name: name.into(), value: value.into() }
}

#[test]
fn a_source_of_any_kind_becomes_a_folder_and_its_variables_what_git_tells() {
    let make = build(json!({"ProjectName": "make", "EnvironmentVariables":
        r##"[{"name":"C","value":"#{Src.CommitId} #{Src.FullRepositoryName} #{codepipeline.PipelineExecutionId}"}]"##}));
    let plan = plan(&pipeline(&[&[github()], &[make]]), &Wishes::default()).unwrap();
    let [source, make] = [0, 1].map(|stage| plan.declaration.stages[stage].actions[0].clone());
    assert_eq!(source.action_type_id.provider, "S3");
    assert_eq!(source.namespace.as_deref(), Some("Src"));
    assert_eq!(source.configuration.unwrap()["S3ObjectKey"], "Fetch.zip");
    expect![[r##"[{"name":"C","value":"c0ffee dana/web #{codepipeline.PipelineExecutionId}"}]"##]]
        .assert_eq(&make.configuration.unwrap()["EnvironmentVariables"]);
    assert_eq!(plan.account.as_str(), "111122223333");
    assert_eq!(plan.needs.projects.into_iter().collect::<Vec<_>>(), ["make"]);
    assert!(
        plan.needs.buckets["stagewright-run-sources"].versioned && !plan.needs.buckets["artifacts"].versioned
    );
    assert!(
        plan.needs.roles["arn:aws:iam::111122223333:role/service-role/web"]
            .services
            .contains("codepipeline.amazonaws.com")
    );
}

#[test]
fn an_s3_source_keeps_its_bucket_key_and_variables() {
    let settings = json!({"S3Bucket": "drop", "S3ObjectKey": "in/app.zip"});
    let source = action("Fetch", "Source", "AWS", "S3", settings);
    let source = with(with(source, "namespace", json!("Src")), "outputArtifacts", json!([{"name": "Code"}]));
    let make = build(json!({"ProjectName": "make", "BuildspecOverride": "#{Src.VersionId}"}));
    let plan = plan(&pipeline(&[&[source], &[make]]), &Wishes::default()).unwrap();
    assert_eq!((plan.sources[0].bucket.as_str(), plan.sources[0].key.as_str()), ("drop", "in/app.zip"));
    let make = &plan.declaration.stages[1].actions[0];
    assert_eq!(make.configuration.as_ref().unwrap()["BuildspecOverride"], "#{Src.VersionId}");
}

#[test]
fn variables_that_nobody_can_tell_are_asked_for() {
    let make = build(json!({"ProjectName": "make", "BuildspecOverride": "#{Src.AuthorId}"}));
    let pipeline = pipeline(&[&[github()], &[make]]);
    check_findings(
        &pipeline,
        &Wishes::default(),
        expect![
            "Two/Make configuration.BuildspecOverride: #{Src.AuthorId} is nothing that git or the definition tells of the folder; give it with --source-var Fetch.AuthorId=VALUE"
        ],
    );
    let wishes = Wishes { source_variables: vec![pair("Fetch.AuthorId", "dana")], ..Wishes::default() };
    let told = plan(&pipeline, &wishes).unwrap();
    let make = &told.declaration.stages[1].actions[0];
    assert_eq!(make.configuration.as_ref().unwrap()["BuildspecOverride"], "dana");
    let wishes = Wishes { source_variables: vec![pair("Fetch", "dana")], ..Wishes::default() };
    check_findings(
        &pipeline,
        &wishes,
        expect![[r#"
        --source-var Fetch: it must be ACTION.NAME=VALUE, with a source action that is not S3
        Two/Make configuration.BuildspecOverride: #{Src.AuthorId} is nothing that git or the definition tells of the folder; give it with --source-var Fetch.AuthorId=VALUE"#]],
    );
}

#[test]
fn what_is_not_served_is_refused_unless_it_is_left_out() {
    let lambda = action("Notify", "Invoke", "AWS", "Lambda", json!({"FunctionName": "f"}));
    let pipeline = pipeline(&[&[github()], &[build(json!({"ProjectName": "make"}))], &[lambda]]);
    check_findings(
        &pipeline,
        &Wishes::default(),
        expect![
            "Three/Notify: its action type (Invoke by AWS/Lambda) is not served; leave the action out with --skip Three/Notify, or all of that kind with --skip-unserved"
        ],
    );
    let wishes = [
        Wishes { skip_unserved: true, ..Wishes::default() },
        Wishes { skip: vec!["Three/Notify".into()], ..Wishes::default() },
        Wishes { skip: vec!["Notify".into()], ..Wishes::default() },
    ];
    for wishes in wishes {
        let plan = plan(&pipeline, &wishes).unwrap();
        assert_eq!(plan.declaration.stages.len(), 2);
        assert_eq!(plan.left_out[0].action_type, "Invoke by AWS/Lambda");
    }
    let wishes = Wishes { skip: vec!["Notfy".into()], skip_unserved: true, ..Wishes::default() };
    check_findings(&pipeline, &wishes, expect!["--skip Notfy: the pipeline has no such action"]);
}

#[test]
fn leaving_out_what_others_stand_on_is_found() {
    let pipeline = pipeline(&[&[github()], &[build(json!({"ProjectName": "make"}))]]);
    let wishes = Wishes { skip: vec!["Fetch".into()], ..Wishes::default() };
    let found = plan(&pipeline, &wishes).unwrap_err().to_string();
    assert!(
        found.contains("Pipeline should start with a stage that only contains source actions"),
        "{found}"
    );
}

#[test]
fn variables_of_the_pipeline() {
    let mut pipeline = pipeline(&[&[github()], &[build(json!({"ProjectName": "make-#{variables.Kind}"}))]]);
    pipeline["variables"] = json!([{"name": "Kind"}, {"name": "Speed", "defaultValue": "fast"}]);
    check_findings(
        &pipeline,
        &Wishes::default(),
        expect!["variables: the variable 'Kind' has no default value: give it one with --var Kind=VALUE"],
    );
    let wishes = Wishes { variables: vec![pair("Kind", "docs")], ..Wishes::default() };
    assert!(plan(&pipeline, &wishes).unwrap().needs.projects.contains("make-docs"));
    let wishes = Wishes { variables: vec![pair("Kind", "docs"), pair("Kid", "x")], ..Wishes::default() };
    check_findings(&pipeline, &wishes, expect!["--var Kid: the pipeline declares no variable of that name"]);
}

#[test]
fn what_has_to_be_made_must_be_known_before() {
    let deploy = with(
        action(
            "Publish",
            "Deploy",
            "AWS",
            "S3",
            json!({"BucketName": "site-#{Make.TAG}", "Extract": "true"}),
        ),
        "inputArtifacts",
        json!([{"name": "Code"}]),
    );
    let make = with(build(json!({"ProjectName": "make"})), "namespace", json!("Make"));
    check_findings(
        &pipeline(&[&[github()], &[make], &[deploy]]),
        &Wishes::default(),
        expect![
            "Three/Publish configuration.BucketName: #{Make.TAG} has a value only while the pipeline runs, but a local run has to make what 'BucketName' names before"
        ],
    );
}

#[test]
fn roles_are_in_one_account() {
    let make =
        with(build(json!({"ProjectName": "make"})), "roleArn", json!("arn:aws:iam::444455556666:role/other"));
    check_findings(
        &pipeline(&[&[github()], &[make]]),
        &Wishes::default(),
        expect![
            "arn:aws:iam::444455556666:role/other: the role belongs to account 444455556666, the pipeline's role to 111122223333; a local run has one account"
        ],
    );
}

fn condition(rules: Value) -> Value {
    json!({"conditions": [{"result": "FAIL", "rules": rules}]})
}

fn rule(name: &str, provider: &str) -> Value {
    json!({"name": name, "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}})
}

#[test]
fn rules_have_what_they_name_and_know_the_commit() {
    let check = with(rule("Check", "CodeBuild"), "configuration", json!({"ProjectName": "check"}));
    let check = with(check, "inputArtifacts", json!([{"name": "Code"}]));
    let look = with(rule("Look", "Commands"), "commands", json!(["test #{Src.CommitId}", "#{Src.AuthorId}"]));
    let look = with(look, "roleArn", json!("arn:aws:iam::111122223333:role/look"));
    let mut pipeline = pipeline(&[&[github()], &[build(json!({"ProjectName": "make"}))]]);
    pipeline["stages"][1]["beforeEntry"] = condition(json!([check]));
    pipeline["stages"][1]["onFailure"] = condition(json!([look]));
    check_findings(
        &pipeline,
        &Wishes::default(),
        expect![
            "Two onFailure.conditions[0].rules[0].commands[1]: #{Src.AuthorId} is nothing that git or the definition tells of the folder; give it with --source-var Fetch.AuthorId=VALUE"
        ],
    );
    let wishes = Wishes { source_variables: vec![pair("Fetch.AuthorId", "dana")], ..Wishes::default() };
    let plan = plan(&pipeline, &wishes).unwrap();
    assert_eq!(plan.needs.projects.iter().collect::<Vec<_>>(), ["check", "make"]);
    let trust = &plan.needs.roles["arn:aws:iam::111122223333:role/look"];
    assert!(trust.roles.contains("arn:aws:iam::111122223333:role/service-role/web"));
    let failure = plan.declaration.stages[1].on_failure.clone().unwrap();
    let rules = failure.conditions.unwrap().remove(0).rules.unwrap();
    assert_eq!(rules[0].commands.clone().unwrap(), ["test c0ffee", "dana"]);
}

#[test]
fn rules_that_are_not_served_are_refused_unless_they_are_left_out() {
    let mut pipeline = pipeline(&[&[github()], &[build(json!({"ProjectName": "make"}))]]);
    pipeline["stages"][1]["onSuccess"] = condition(json!([rule("Alarm", "CloudWatchAlarm")]));
    check_findings(
        &pipeline,
        &Wishes::default(),
        expect![
            "Two onSuccess: the type of rule 'Alarm' (CloudWatchAlarm) is not served; leave out all that is not with --skip-unserved"
        ],
    );
    let plan = plan(&pipeline, &Wishes { skip_unserved: true, ..Wishes::default() }).unwrap();
    assert!(plan.declaration.stages[1].on_success.is_none());
    assert_eq!(plan.notes, ["Two onSuccess: without the rule 'Alarm' (CloudWatchAlarm)"]);
}

#[test]
fn an_approval_asks_at_the_prompt() {
    let settings = json!({"NotificationArn": "arn:aws:sns:us-east-1:111122223333:t", "CustomData": "Sure?"});
    let approve = action("Approve", "Approval", "AWS", "Manual", settings);
    let plan = plan(&pipeline(&[&[github()], &[approve]]), &Wishes::default()).unwrap();
    let settings = plan.declaration.stages[1].actions[0].configuration.clone().unwrap();
    assert_eq!(settings.keys().collect::<Vec<_>>(), ["CustomData"]);
    assert_eq!(
        plan.notes,
        ["Two/Approve: asks at the prompt, and does not tell arn:aws:sns:us-east-1:111122223333:t"]
    );
}

#[test]
fn the_region_is_that_of_the_only_store() {
    let mut pipeline = pipeline(&[&[github()], &[build(json!({"ProjectName": "make"}))]]);
    assert_eq!(plan(&pipeline, &Wishes::default()).unwrap().region.as_str(), "us-east-1");
    let store = pipeline.as_object_mut().unwrap().remove("artifactStore").unwrap();
    pipeline["artifactStores"] = json!({"eu-west-1": store});
    assert_eq!(plan(&pipeline, &Wishes::default()).unwrap().region.as_str(), "eu-west-1");

    pipeline["artifactStores"]["us-east-1"] = json!({"type": "S3", "location": "here"});
    pipeline["stages"][1]["actions"][0]["region"] = json!("eu-west-1");
    let plan = plan(&pipeline, &Wishes::default()).unwrap();
    assert_eq!(plan.notes, ["Two/Make: runs in us-east-1 instead of eu-west-1"]);
    assert!(plan.needs.buckets.contains_key("here") && !plan.needs.buckets.contains_key("artifacts"));
}
