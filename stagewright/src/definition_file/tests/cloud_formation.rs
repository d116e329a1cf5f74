//! Definitions in CloudFormation's form.

use codepipeline_model::PipelineDeclaration;
use expect_test::{Expect, expect};

use super::{examine, region, report_of, reported, source};

const TEMPLATE: &str = r"AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  Branch: {Type: String, Default: main}
  Secret: {Type: String}
Resources:
  Bucket: {Type: 'AWS::S3::Bucket'}
  Delivery:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      RoleArn: !Sub 'arn:${AWS::Partition}:iam::123456789012:role/hello'
      PipelineType: V2
      RestartExecutionOnUpdate: true
      DisableInboundStageTransitions: [{StageName: Ask, Reason: not yet}]
      Tags: [{Key: team, Value: web}]
      ArtifactStores:
        - Region: !Ref AWS::Region
          ArtifactStore: {Type: S3, Location: hello-artifacts}
      Variables: [{Name: Colour, DefaultValue: blue}]
      Stages:
        - Name: Source
          Actions:
            - Name: Fetch
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeCommit, Version: 1}
              Configuration:
                RepositoryName: !Join ['-', [hello, !Ref Branch]]
                BranchName: !Ref Branch
                PollForSourceChanges: false
              OutputArtifacts: [{Name: Source}]
        - Name: Ask
          Actions:
            - Name: Yes
              RunOrder: '2'
              Region: !Ref AWS::NoValue
              ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}
              Configuration: {CustomData: 'Deploy #{variables.Colour}?'}
";

fn declaration(text: &str) -> PipelineDeclaration {
    let examined = examine(source("t.yaml", text), None, Some(&region()));
    examined.definition.unwrap_or_else(|| panic!("{}", examined.findings)).declaration
}

fn changed(from: &str, to: &str, expected: Expect) {
    assert!(TEMPLATE.contains(from), "{from}");
    reported("t.yaml", &TEMPLATE.replacen(from, to, 1), expected);
}

#[test]
fn template_becomes_a_declaration() {
    let pipeline = declaration(TEMPLATE);
    assert_eq!(pipeline.name, "Delivery", "the logical id, as CloudFormation makes a name of it");
    assert_eq!(pipeline.role_arn, "arn:aws:iam::123456789012:role/hello");
    assert_eq!(pipeline.artifact_stores.unwrap()["us-east-1"].location, "hello-artifacts");
    let fetch = &pipeline.stages[0].actions[0];
    assert_eq!(fetch.action_type_id.version, "1");
    let configuration = fetch.configuration.as_ref().unwrap();
    assert_eq!(configuration["RepositoryName"], "hello-main");
    assert_eq!(configuration["PollForSourceChanges"], "false");
    let ask = &pipeline.stages[1].actions[0];
    assert_eq!((ask.run_order, &ask.region), (Some(2), &None));
    assert_eq!(pipeline.variables.unwrap()[0].name, "Colour");
}

#[test]
fn json_with_long_names_of_functions() {
    let text = r#"{"Parameters": {"Name": {"Type": "String", "Default": "hello"}}, "Resources": {"P": {
        "Type": "AWS::CodePipeline::Pipeline", "Properties": {
        "Name": {"Ref": "Name"}, "RoleArn": {"Fn::Sub": ["arn:aws:iam::${Account}:role/${!x}", {"Account": "123456789012"}]},
        "ArtifactStore": {"Type": "S3", "Location": {"Fn::Join": ["", ["a", {"Ref": "AWS::Region"}]]}},
        "Stages": []}}}}"#;
    reported(
        "t.json",
        text,
        expect![[r#"
        pipeline
        t.json:5:9: error: Pipeline has only 0 stage(s). There should be a minimum of 2 stages in a pipeline
          |
        5 |         "Stages": []}}}}
          |         ^^^^^^^^

        t.json:5:9: error: Pipeline should start with a stage that only contains source actions
          |
        5 |         "Stages": []}}}}
          |         ^^^^^^^^

    "#]],
    );
}

#[test]
fn properties_alone_and_resource_alone() {
    let start = TEMPLATE.find("      RoleArn").unwrap();
    let properties = TEMPLATE[start..].replace("!Ref Branch", "main");
    assert_eq!(declaration(&properties).name, "Pipeline");
    assert_eq!(
        declaration(&format!("Type: AWS::CodePipeline::Pipeline\nProperties:\n{properties}")).stages.len(),
        2
    );
}

#[test]
fn values_that_only_cloud_formation_knows() {
    changed(
        "Location: hello-artifacts",
        "Location: !Ref Bucket",
        expect![[r#"
        pipeline
        t.yaml:17:47: warning: what the resource `Bucket` is called is known only when CloudFormation makes it
           |
        17 |           ArtifactStore: {Type: S3, Location: !Ref Bucket}
           |                                               ^^^^^^^^^^^
           = help: write the value itself to have it checked

    "#]],
    );
    changed(
        "RoleArn: !Sub 'arn:${AWS::Partition}:iam::123456789012:role/hello'",
        "RoleArn: !GetAtt Role.Arn",
        expect![[r#"
            pipeline
            t.yaml:10:16: warning: what `!GetAtt` gives is known only when CloudFormation deploys the template
               |
            10 |       RoleArn: !GetAtt Role.Arn
               |                ^^^^^^^^^^^^^^^^
               = help: write the value itself to have it checked

        "#]],
    );
    changed(
        "BranchName: !Ref Branch",
        "BranchName: !Ref Secret",
        expect![[r#"
            pipeline
            t.yaml:26:29: warning: the parameter `Secret` has no `Default`
               |
            26 |                 BranchName: !Ref Secret
               |                             ^^^^^^^^^^^
               = help: give `Secret` a `Default` to have it checked

        "#]],
    );
    changed(
        "BranchName: !Ref Branch",
        "BranchName: !Ref Brunch",
        expect![[r#"
            pipeline
            t.yaml:26:29: error: the template has no parameter or resource `Brunch`
               |
            26 |                 BranchName: !Ref Brunch
               |                             ^^^^^^^^^^^
               = help: did you mean `Branch`?

        "#]],
    );
    changed(
        "RepositoryName: !Join ['-', [hello, !Ref Branch]]",
        "RepositoryName: !ImportValue x",
        expect![[r#"
            pipeline
            t.yaml:25:33: warning: what `!ImportValue` gives is known only when CloudFormation deploys the template
               |
            25 |                 RepositoryName: !ImportValue x
               |                                 ^^^^^^^^^^^^^^
               = help: write the value itself to have it checked

        "#]],
    );
    changed(
        "BranchName: !Ref Branch",
        "BranchName: !Sub 'x-${AWS::AccountId}'",
        expect![[r#"
            pipeline
            t.yaml:26:29: warning: `AWS::AccountId` is known only when CloudFormation deploys the template
               |
            26 |                 BranchName: !Sub 'x-${AWS::AccountId}'
               |                             ^^^^^^^^^^^^^^^^^^^^^^^^^^
               = help: write the value itself to have it checked

        "#]],
    );
}

#[test]
fn names_of_the_api_in_a_template() {
    changed(
        "ActionTypeId: {Category: Source",
        "actionTypeId: {Category: Source",
        expect![[r#"
            pipeline
            t.yaml:23:15: error: unknown member `actionTypeId`
               |
            23 |               actionTypeId: {Category: Source, Owner: AWS, Provider: CodeCommit, Version: 1}
               |               ^^^^^^^^^^^^
               = help: did you mean `ActionTypeId`?

        "#]],
    );
    changed(
        "RestartExecutionOnUpdate",
        "RestartExecutionOnUpdates",
        expect![[r#"
        pipeline
        t.yaml:12:7: error: unknown member `RestartExecutionOnUpdates`
           |
        12 |       RestartExecutionOnUpdates: true
           |       ^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: did you mean `RestartExecutionOnUpdate`?

    "#]],
    );
    changed(
        "PipelineType: V2",
        "PipelineType: V2\n      Version: 3",
        expect![[r#"
        pipeline
        t.yaml:12:7: error: unknown member `Version`
           |
        12 |       Version: 3
           |       ^^^^^^^
           = help: known here are `Name`, `RoleArn`, `ArtifactStore`, `ArtifactStores`, `Stages`, `ExecutionMode`, `PipelineType`, `Variables`, `Triggers`, `DisableInboundStageTransitions`, `RestartExecutionOnUpdate` and `Tags`

    "#]],
    );
}

#[test]
fn artifact_stores_are_a_list() {
    changed(
        "        - Region: !Ref AWS::Region\n          ArtifactStore: {Type",
        "        - ArtifactStore: {Type",
        expect![[r#"
            pipeline
            t.yaml:16:11: error: `Region` is missing
               |
            16 |         - ArtifactStore: {Type: S3, Location: hello-artifacts}
               |           ^

        "#]],
    );
    changed(
        "Location: hello-artifacts",
        "location: hello-artifacts",
        expect![[r#"
            pipeline
            t.yaml:17:37: error: unknown member `location`
               |
            17 |           ArtifactStore: {Type: S3, location: hello-artifacts}
               |                                     ^^^^^^^^
               = help: did you mean `Location`?

        "#]],
    );
}

#[test]
fn regions_of_artifact_stores() {
    changed(
        "Region: !Ref AWS::Region",
        "Regoin: us-east-1",
        expect![[r#"
        pipeline
        t.yaml:16:11: error: unknown member `Regoin`
           |
        16 |         - Regoin: us-east-1
           |           ^^^^^^
           = help: did you mean `Region`?

        t.yaml:16:11: error: `Region` is missing
           |
        16 |         - Regoin: us-east-1
           |           ^

    "#]],
    );
    changed(
        "Region: !Ref AWS::Region",
        "Region: !Ref Secret",
        expect![[r#"
        pipeline
        t.yaml:16:19: warning: the parameter `Secret` has no `Default`
           |
        16 |         - Region: !Ref Secret
           |                   ^^^^^^^^^^^
           = help: give `Secret` a `Default` to have it checked

    "#]],
    );
    changed(
        "Region: !Ref AWS::Region",
        "Region: eu-west-1",
        expect![[r#"
        pipeline
        t.yaml:15:7: error: The following region is missing in 'pipeline.artifactStores': us-east-1.
           |
        15 |       ArtifactStores:
           |       ^^^^^^^^^^^^^^

    "#]],
    );
}

#[test]
fn configuration_of_a_template() {
    changed(
        "PollForSourceChanges: false",
        "PollForSourceChange: false",
        expect![[r#"
        pipeline
        t.yaml:27:17: error: Action configuration for action 'Fetch' contains unknown configuration 'PollForSourceChange'
           |
        27 |                 PollForSourceChange: false
           |                 ^^^^^^^^^^^^^^^^^^^
           = help: did you mean `PollForSourceChanges`?

    "#]],
    );
    changed(
        "PollForSourceChanges: false",
        "PollForSourceChanges: [false]",
        expect![[r#"
        pipeline
        t.yaml:27:39: error: `PollForSourceChanges` must be a text, not a list
           |
        27 |                 PollForSourceChanges: [false]
           |                                       ^

    "#]],
    );
}

#[test]
fn which_of_several_pipelines() {
    let delivery = &TEMPLATE[TEMPLATE.find("  Delivery").unwrap()..];
    let two =
        format!("{TEMPLATE}{}", delivery.replace("Delivery", "Nightly").replace("hello-artifacts", "a"));
    reported(
        "t.yaml",
        &two,
        expect![[r#"
        pipeline
        t.yaml:36:3: error: the template has 2 pipelines
           |
        36 |   Nightly:
           |   ^^^^^^^
           = help: say which: t.yaml#Delivery or t.yaml#Nightly

    "#]],
    );
    let named =
        |id: &str| report_of(super::Source { logical_id: Some(id.to_owned()), ..source("t.yaml", &two) });
    expect![[r#"
        pipeline
    "#]]
    .assert_eq(&named("Delivery"));
    expect![[r#"
        pipeline
        t.yaml:46:47: error: `location` failed to satisfy constraint: Member must have length greater than or equal to 3
           |
        46 |           ArtifactStore: {Type: S3, Location: a}
           |                                               ^
           = help: its length is 1

    "#]].assert_eq(&named("Nightly"));
    expect![[r#"
        pipeline
        t.yaml:6:3: error: the template has no pipeline `Weekly`
          |
        6 |   Bucket: {Type: 'AWS::S3::Bucket'}
          |   ^
          = help: say which: t.yaml#Delivery or t.yaml#Nightly

    "#]]
    .assert_eq(&named("Weekly"));
}

#[test]
fn template_without_a_pipeline() {
    reported(
        "t.yaml",
        "Resources:\n  Bucket: {Type: 'AWS::S3::Bucket'}\n",
        expect![[r#"
        pipeline
        t.yaml:2:3: error: the template has no resource of type AWS::CodePipeline::Pipeline
          |
        2 |   Bucket: {Type: 'AWS::S3::Bucket'}
          |   ^

    "#]],
    );
    reported(
        "t.yaml",
        "Resources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n",
        expect![[r#"
        pipeline
        t.yaml:2:3: error: `Properties` is missing
          |
        2 |   P:
          |   ^

    "#]],
    );
}
