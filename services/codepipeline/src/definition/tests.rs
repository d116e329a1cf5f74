//! What is refused, in AWS's words.

use aws::protocol::json;
use codepipeline_model::{PIPELINE_DECLARATION, PipelineDeclaration};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::{Definition, check};

fn base() -> Value {
    json!({
        "name": "P",
        "roleArn": "arn:aws:iam::123456789012:role/pipeline",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "pipelineType": "V2",
        "stages": [
            {"name": "Source", "actions": [{
                "name": "Code", "namespace": "Src",
                "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"},
                "configuration": {"RepositoryName": "r", "BranchName": "main"},
                "outputArtifacts": [{"name": "App"}],
            }]},
            {"name": "Build", "actions": [{
                "name": "Compile",
                "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
                "configuration": {"ProjectName": "p-#{Src.CommitId}"},
                "inputArtifacts": [{"name": "App"}],
                "outputArtifacts": [{"name": "Out"}],
            }]},
            {"name": "Deploy", "actions": [{
                "name": "Ship", "runOrder": 2,
                "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                "configuration": {"BucketName": "b", "Extract": "true"},
                "inputArtifacts": [{"name": "Out"}],
            }]},
        ],
    })
}

fn declaration(value: &Value) -> PipelineDeclaration {
    json::from_value(&PIPELINE_DECLARATION, value).unwrap()
}

/// Changes the valid pipeline and lists what is found: path, code, message.
fn refused(change: impl FnOnce(&mut Value), expected: Expect) {
    let mut value = base();
    change(&mut value);
    let region = "us-east-1".parse().unwrap();
    let lines = check(&declaration(&value), &region)
        .into_iter()
        .map(|violation| format!("{}\n  {}: {}\n", violation.path, violation.error.code(), violation.error));
    expected.assert_eq(&lines.collect::<String>());
}

fn set(pointer: &'static str, new: Value) -> impl FnOnce(&mut Value) {
    move |value| {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        match value.pointer_mut(parent).unwrap() {
            Value::Object(object) => drop(object.insert(member.to_owned(), new)),
            Value::Array(array) => array.push(new),
            other => panic!("{other} has no members"),
        }
    }
}

#[test]
fn approval_requests_go_to_a_topic_of_the_region() {
    let with = |topic: &str| {
        set(
            "/stages/2/actions/1",
            json!({
                "name": "Ask",
                "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
                "configuration": {"NotificationArn": topic},
            }),
        )
    };
    refused(with("arn:aws:sns:us-east-1:123456789012:t"), expect![""]);
    refused(with("#{Src.Topic}"), expect![""]);
    for (topic, reason) in [
        ("t", "is not a valid ARN"),
        ("arn:aws:sqs:us-east-1:123456789012:t", "cannot send approval requests"),
        ("arn:aws:sns:eu-west-1:123456789012:t", "in the region of the pipeline"),
    ] {
        let mut value = base();
        with(topic)(&mut value);
        let found = check(&declaration(&value), &"us-east-1".parse().unwrap());
        let [violation] = found.as_slice() else { panic!("{} findings for {topic}", found.len()) };
        assert_eq!(violation.path, "pipeline.stages[2].actions[1].configuration.NotificationArn");
        assert!(violation.error.to_string().contains(reason), "{}", violation.error);
    }
}

#[test]
fn the_valid_pipeline_is_accepted() {
    refused(|_| {}, expect![""]);
}

#[test]
fn stages() {
    refused(
        |value| value["stages"].as_array_mut().unwrap().truncate(1),
        expect![[r#"
            pipeline.stages
              InvalidStructureException: Pipeline has only 1 stage(s). There should be a minimum of 2 stages in a pipeline
            pipeline.stages
              InvalidStructureException: Pipeline should contain at least 1 action whose category is not Source
        "#]],
    );
    refused(
        |value| drop(value["stages"].as_array_mut().unwrap().remove(0)),
        expect![[r#"
            pipeline.stages[0]
              InvalidStructureException: Pipeline should start with a stage that only contains source actions
            pipeline.stages[0].actions[0].inputArtifacts[0].name
              InvalidActionDeclarationException: Input Artifact Bundle App in action Compile is not declared as Output Artifact Bundle in any of the preceding actions
            pipeline.stages[0].actions[0].configuration.ProjectName
              InvalidActionDeclarationException: Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline execution variables are referencing a namespace that does not exist. StageName=[Build], ActionName=[Compile], ActionConfigurationKey=[ProjectName], VariableReferenceText=[#{Src.CommitId}]
        "#]],
    );
    refused(
        set("/stages/2/name", json!("Build")),
        expect![[r#"
            pipeline.stages[2].name
              InvalidStageDeclarationException: Stage name 'Build' is used more than once
        "#]],
    );
    refused(
        |value| {
            let mut source = value["stages"][0]["actions"][0].clone();
            source["name"] = json!("Late");
            source["namespace"] = json!("Late");
            source["outputArtifacts"] = json!([{"name": "LateApp"}]);
            value["stages"][1]["actions"].as_array_mut().unwrap().push(source);
        },
        expect![[r#"
            pipeline.stages[1].actions[1].actionTypeId
              InvalidStructureException: Source actions can only be included in the first stage of the pipeline
        "#]],
    );
}

#[test]
fn action_types_and_configuration() {
    refused(
        set("/stages/1/actions/0/actionTypeId/provider", json!("Unknown")),
        expect![[r#"
            pipeline.stages[1].actions[0].actionTypeId
              InvalidActionDeclarationException: ActionType (Category: 'Build', Provider: 'Unknown', Owner: 'AWS', Version: '1') in action 'Compile' is not available in region 'US_EAST_1'
        "#]],
    );
    refused(
        set("/stages/1/actions/0/configuration", json!({"Project": "x"})),
        expect![[r#"
            pipeline.stages[1].actions[0].configuration
              InvalidActionDeclarationException: Action configuration for action 'Compile' is missing required configuration 'ProjectName'
            pipeline.stages[1].actions[0].configuration.Project
              InvalidActionDeclarationException: Action configuration for action 'Compile' contains unknown configuration 'Project'
        "#]],
    );
    refused(
        set("/stages/1/actions/0/inputArtifacts/-", json!({"name": "App"})),
        expect![[r#"
            pipeline.stages[1].actions[0].configuration
              InvalidActionDeclarationException: Action configuration for action 'Compile' is missing required configuration 'PrimarySource'
        "#]],
    );
    refused(
        set("/stages/1/actions/0/commands", json!(["make"])),
        expect![[r#"
            pipeline.stages[1].actions[0].commands
              InvalidActionDeclarationException: The following action cannot contain a commands field: Compile. To use the commands field, use a compute action.
        "#]],
    );
}

#[test]
fn artifacts() {
    refused(
        set("/stages/2/actions/0/inputArtifacts", json!([])),
        expect![[r#"
            pipeline.stages[2].actions[0].inputArtifacts
              InvalidActionDeclarationException: Action Ship declares 0 input artifacts which is less than the minimum count (1)
        "#]],
    );
    refused(
        set("/stages/1/actions/0/outputArtifacts", json!([{"name": "App"}, {"name": "Out"}])),
        expect![[r#"
            pipeline.stages[1].actions[0].outputArtifacts[0].name
              InvalidActionDeclarationException: Output Artifact Bundle name must be unique within the pipeline. App has been used more than once.
        "#]],
    );
}

#[test]
fn an_artifact_of_the_same_stage_needs_a_lower_run_order() {
    let with_run_order = |order: i32| {
        move |value: &mut Value| {
            let mut test = value["stages"][1]["actions"][0].clone();
            test["name"] = json!("Test");
            test["actionTypeId"]["category"] = json!("Test");
            test["inputArtifacts"] = json!([{"name": "Out"}]);
            test["outputArtifacts"] = json!([]);
            test["runOrder"] = json!(order);
            value["stages"][1]["actions"].as_array_mut().unwrap().push(test);
        }
    };
    refused(with_run_order(2), expect![""]);
    refused(
        with_run_order(1),
        expect![[r#"
            pipeline.stages[1].actions[1].inputArtifacts[0].name
              InvalidActionDeclarationException: Input Artifact Bundle Out in action Test is not declared as Output Artifact Bundle in any of the preceding actions
        "#]],
    );
}

#[test]
fn what_only_v2_may_have() {
    refused(
        |value| {
            value["pipelineType"] = json!("V1");
            value["executionMode"] = json!("QUEUED");
            value["variables"] = json!([{"name": "a"}]);
        },
        expect![[r#"
            pipeline.executionMode
              InvalidStructureException: QUEUED or PARALLEL mode can only be used with V2 pipelines
            pipeline.variables
              InvalidStructureException: Pipeline variable can only be used with V2 pipelines
        "#]],
    );
}

#[test]
fn variables_and_namespaces() {
    refused(
        |value| {
            value["variables"] = json!([{"name": "a"}, {"name": "a"}]);
            value["stages"][0]["actions"][0]["configuration"]["BranchName"] = json!("#{variables.a}");
            value["stages"][1]["actions"][0]["configuration"]["ProjectName"] = json!("#{variables.b}");
            value["stages"][1]["actions"][0]["namespace"] = json!("Src");
            value["stages"][2]["actions"][0]["namespace"] = json!("codepipeline");
        },
        expect![[r#"
            pipeline.variables[1].name
              InvalidStructureException: Variable names must be unique. The following variable name is already in use: a
            pipeline.stages[1].actions[0].namespace
              InvalidActionDeclarationException: Namespaces must be unique across the pipeline definition. The following occur more than once in the pipeline. StageName=[Build], ActionName=[Compile], Namespace=[Src]
            pipeline.stages[2].actions[0].namespace
              InvalidActionDeclarationException: Namespace 'codepipeline' in action 'Ship' is reserved
            pipeline.stages[0].actions[0].configuration.BranchName
              InvalidStructureException: Variables at the pipeline level cannot be used in source actions. StageName=[Source], ActionName=[Code], ActionConfigurationKey=[BranchName], VariableReferenceText=[#{variables.a}]
            pipeline.stages[1].actions[0].configuration.ProjectName
              InvalidStructureException: The referenced variables haven't been declared. StageName=[Build], ActionName=[Compile], ActionConfigurationKey=[ProjectName], VariableReferenceText=[#{variables.b}]
        "#]],
    );
}

#[test]
fn artifact_stores_and_regions() {
    refused(
        |value| {
            value["artifactStores"] = json!({"eu-west-1": {"type": "S3", "location": "artifacts"}});
            value.as_object_mut().unwrap().remove("artifactStore");
        },
        expect![[r#"
            pipeline.artifactStores
              InvalidStructureException: The following region is missing in 'pipeline.artifactStores': us-east-1.
        "#]],
    );
    refused(
        |value| drop(value.as_object_mut().unwrap().remove("artifactStore")),
        expect![[r#"
            pipeline
              InvalidStructureException: Exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores' must be specified
        "#]],
    );
}

#[test]
fn work_in_another_region_needs_a_store_there() {
    let abroad = |value: &mut Value| value["stages"][1]["actions"][0]["region"] = json!("eu-west-1");
    refused(
        abroad,
        expect![[r#"
            pipeline.artifactStore
              InvalidStructureException: Your pipeline contains actions in more than one region. Use 'pipeline.artifactStores' instead of 'pipeline.artifactStore'
        "#]],
    );
    refused(
        |value| {
            abroad(value);
            let store = value.as_object_mut().unwrap().remove("artifactStore").unwrap();
            value["artifactStores"] = json!({"us-east-1": store});
        },
        expect![[r#"
            pipeline.artifactStores
              InvalidStructureException: The following region is missing in 'pipeline.artifactStores': eu-west-1.
        "#]],
    );
    refused(
        |value| value["stages"][0]["actions"][0]["region"] = json!("eu-west-1"),
        expect![[r#"
            pipeline.artifactStore
              InvalidStructureException: Your pipeline contains actions in more than one region. Use 'pipeline.artifactStores' instead of 'pipeline.artifactStore'
            pipeline.stages[0].actions[0].region
              InvalidActionDeclarationException: Action 'Code' cannot run in region 'eu-west-1': source, custom and third-party actions run in the region of the pipeline
        "#]],
    );
}

#[test]
fn triggers_are_for_connections() {
    let push = json!([{"tags": {"includes": ["v[1"]}, "branches": {}}]);
    let git = json!({"sourceActionName": "Code", "push": push});
    refused(
        set("/triggers", json!([{"providerType": "CodeStarSourceConnection", "gitConfiguration": git}])),
        expect![[r#"
            pipeline.triggers[0].gitConfiguration.sourceActionName
              InvalidStructureException: Triggers for connections must reference a CodeStarSourceConnection action. Note that when you specify a trigger, you can't specify more than one trigger per source action.
            pipeline.triggers[0].gitConfiguration.push[0]
              InvalidStructureException: The trigger configuration for the source action is not valid. Make sure to choose valid filter combinations.
            pipeline.triggers[0].gitConfiguration.push[0].tags.includes[0]
              InvalidStructureException: The trigger configuration for the source action is not valid. The pattern 'v[1' cannot be read: a bracket is not closed.
            pipeline.triggers[0].gitConfiguration.push[0].branches
              InvalidStructureException: The trigger configuration for the source action is not valid. Make sure to choose valid filter combinations.
        "#]],
    );
}

/// Of actions and rules that run commands.
#[test]
fn references_in_commands_and_their_environment() {
    let build = json!({
        "name": "Make",
        "actionTypeId": {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"},
        "commands": ["make #{Src.CommitId}", "echo #{Later.Url} #{codepipeline.PipelineExecutionId}"],
        "environmentVariables": [{"name": "WHO", "value": "#{variables.who}"}],
        "inputArtifacts": [{"name": "App"}],
    });
    let mut check = condition("FAIL", "Commands", json!({}));
    check["conditions"][0]["rules"][0]["commands"] = json!(["test #{Nobody.Key}"]);
    check["conditions"][0]["rules"][0]["inputArtifacts"] = json!([{"name": "App"}]);
    refused(
        |value| {
            value["stages"][1]["actions"].as_array_mut().unwrap().push(build);
            value["stages"][1]["beforeEntry"] = check;
            value["stages"][2]["actions"][0]["namespace"] = json!("Later");
        },
        expect![[r##"
            pipeline.stages[1].actions[1].commands[1]
              InvalidActionDeclarationException: Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline execution variables are referencing a namespace that does not exist. StageName=[Build], ActionName=[Make], ActionConfigurationKey=[commands], VariableReferenceText=[#{Later.Url}]
            pipeline.stages[1].actions[1].environmentVariables[0].value
              InvalidStructureException: The referenced variables haven't been declared. StageName=[Build], ActionName=[Make], ActionConfigurationKey=[environmentVariables], VariableReferenceText=[#{variables.who}]
            pipeline.stages[1].beforeEntry.conditions[0].rules[0].commands[0]
              InvalidStageDeclarationException: Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline execution variables are referencing a namespace that does not exist. StageName=[Build], RuleName=[Check], RuleConfigurationKey=[commands], VariableReferenceText=[#{Nobody.Key}]
        "##]],
    );
}

#[test]
fn a_definition_spells_out_what_was_left_out_and_has_a_plan() {
    let definition = Definition::new(declaration(&base()), 3);
    let shown = json::to_value(&definition.declaration, &PIPELINE_DECLARATION);
    assert_eq!(shown["executionMode"], "SUPERSEDED");
    assert_eq!(shown["version"], 3);
    assert_eq!(shown["stages"][1]["actions"][0]["runOrder"], 1);
    assert_eq!(shown["stages"][2]["actions"][0]["outputArtifacts"], json!([]));
    let plan = &definition.plan;
    assert_eq!(
        plan.stages.iter().map(|stage| &*stage.name).collect::<Vec<_>>(),
        ["Source", "Build", "Deploy"]
    );
    assert_eq!(plan.stages[1].actions[0].timeout, 36 * 60 * 60_000);
    assert_eq!(definition.producer("Out").unwrap().1.name, "Compile");
    assert_eq!(definition.namespace("Src").unwrap().1.name, "Code");
}

fn condition(result: &str, provider: &str, configuration: Value) -> Value {
    let id = json!({"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"});
    json!({"conditions": [
        {"result": result, "rules": [{"name": "Check", "ruleTypeId": id, "configuration": configuration}]},
    ]})
}

#[test]
fn conditions_and_their_rules() {
    let check = |variable: &str| json!({"Variable": variable, "Operator": "EQ", "Value": "x"});
    let ok = condition("SKIP", "VariableCheck", check("#{Src.CommitId}"));
    refused(set("/stages/1/beforeEntry", ok), expect![""]);
    refused(
        set("/stages/1/beforeEntry", condition("SKIP", "DeploymentWindow", json!({"Zone": "UTC"}))),
        expect![[r#"
            pipeline.stages[1].beforeEntry.conditions[0].rules[0].configuration
              InvalidStageDeclarationException: Rule configuration for rule 'Check' is missing required configuration 'Cron'
            pipeline.stages[1].beforeEntry.conditions[0].rules[0].configuration.Zone
              InvalidStageDeclarationException: Rule configuration for rule 'Check' contains unknown configuration 'Zone'
            pipeline.stages[1].beforeEntry.conditions[0].rules[0]
              InvalidStageDeclarationException: The result SKIP in stage 'Build' can only be used with the rules LambdaInvoke and VariableCheck
        "#]],
    );
    refused(
        set("/stages/1/onSuccess", condition("RETRY", "Oracle", json!({}))),
        expect![[r#"
            pipeline.stages[1].onSuccess.conditions[0].result
              InvalidStageDeclarationException: A condition in the onSuccess of stage 'Build' must have one of the results FAIL and ROLLBACK
            pipeline.stages[1].onSuccess.conditions[0].rules[0].ruleTypeId
              InvalidStageDeclarationException: RuleType (Category: 'Rule', Provider: 'Oracle') in rule 'Check' of stage 'Build' is not available
        "#]],
    );
    refused(
        |value| {
            value["executionMode"] = json!("PARALLEL");
            value["stages"][2]["onFailure"] = condition("ROLLBACK", "VariableCheck", check("#{Nobody.Key}"));
            value["stages"][2]["onFailure"]["result"] = json!("ROLLBACK");
        },
        expect![[r#"
            pipeline.stages[2].onFailure
              InvalidStageDeclarationException: The following stage cannot have a failure exit gate configured with both top level result and conditions: 'Deploy'
            pipeline.stages[2]
              InvalidStageDeclarationException: Failure conditions with rollback result type cannot be added to a PARALLEL pipeline.
            pipeline.stages[2].onFailure.conditions[0].rules[0].configuration.Variable
              InvalidStageDeclarationException: Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline execution variables are referencing a namespace that does not exist. StageName=[Deploy], RuleName=[Check], RuleConfigurationKey=[Variable], VariableReferenceText=[#{Nobody.Key}]
        "#]],
    );
}

#[test]
fn conditions_become_part_of_the_plan() {
    use crate::engine::{ConditionResult, ConditionType, OnFailure, RetryMode};
    let mut value = base();
    let window = json!({"Cron": "* * 9-16 ? * MON-FRI"});
    value["stages"][1]["beforeEntry"] = condition("FAIL", "DeploymentWindow", window);
    value["stages"][1]["beforeEntry"]["conditions"][0]["rules"][0]["timeoutInMinutes"] = json!(5);
    let retry = json!({"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}});
    value["stages"][1]["onFailure"] = retry;
    let plan = &Definition::new(declaration(&value), 1).plan.stages[1];
    let entry = &plan.conditions[&ConditionType::BeforeEntry];
    assert_eq!((entry.result, entry.rules[0].timeout), (ConditionResult::Fail, 5 * 60_000));
    assert_eq!(plan.on_failure, OnFailure::Retry(RetryMode::AllActions));
}
