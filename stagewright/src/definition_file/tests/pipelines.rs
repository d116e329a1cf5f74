//! Definitions in the API's own form: names, types and constraints.

use expect_test::{Expect, expect};

use super::reported;

pub const GOOD: &str = r#"pipeline:
  name: hello
  roleArn: arn:aws:iam::123456789012:role/hello
  pipelineType: V2
  artifactStore: {type: S3, location: hello-artifacts}
  stages:
    - name: Source
      actions:
        - name: Fetch
          namespace: SourceVariables
          actionTypeId: {category: Source, owner: AWS, provider: CodeCommit, version: "1"}
          configuration:
            RepositoryName: hello
            BranchName: main
          outputArtifacts: [{name: Source}]
    - name: Build
      actions:
        - name: Make
          runOrder: 1
          actionTypeId: {category: Build, owner: AWS, provider: CodeBuild, version: "1"}
          configuration:
            ProjectName: hello
          inputArtifacts: [{name: Source}]
          outputArtifacts: [{name: Out}]
    - name: Deploy
      actions:
        - name: Publish
          actionTypeId: {category: Deploy, owner: AWS, provider: S3, version: "1"}
          configuration:
            BucketName: hello-site
            Extract: "true"
          inputArtifacts: [{name: Out}]
metadata: {created: 2026-01-01, version: 3}
"#;

/// The report on the good pipeline with one thing changed.
pub fn changed(from: &str, to: &str, expected: Expect) {
    assert!(GOOD.contains(from), "{from}");
    reported("p.yaml", &GOOD.replacen(from, to, 1), expected);
}

#[test]
fn good_pipeline() {
    reported(
        "p.yaml",
        GOOD,
        expect![[r#"
        pipeline
    "#]],
    );
}

#[test]
fn same_pipeline_as_bare_json() {
    let stages = r#"{"name": "hello", "roleArn": "arn:aws:iam::123456789012:role/hello",
	"artifactStore": {"type": "S3", "location": "hello\u002dartifacts"}, "stages": [
	{"name": "Source", "actions": [{"name": "Fetch",
		"actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
		"configuration": {"S3Bucket": "b", "S3ObjectKey": "\ud83d\ude00\/k"}, "outputArtifacts": [{"name": "S"}]}]},
	{"name": "Ask", "actions": [{"name": "Yes",
		"actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}}]}]}"#;
    reported(
        "p.json",
        stages,
        expect![[r#"
        pipeline
    "#]],
    );
}

#[test]
fn slip_in_a_member() {
    changed(
        "runOrder",
        "runorder",
        expect![[r#"
        pipeline
        p.yaml:19:11: error: unknown member `runorder`
           |
        19 |           runorder: 1
           |           ^^^^^^^^
           = help: did you mean `runOrder`?

    "#]],
    );
}

#[test]
fn member_that_is_nothing_like_the_known_ones() {
    changed(
        "runOrder: 1",
        "parallel: yes",
        expect![[r#"
        pipeline
        p.yaml:19:11: error: unknown member `parallel`
           |
        19 |           parallel: yes
           |           ^^^^^^^^
           = help: known here are `name`, `actionTypeId`, `runOrder`, `configuration`, `commands`, `outputArtifacts`, `inputArtifacts`, `outputVariables`, `roleArn`, `region`, `namespace`, `timeoutInMinutes` and `environmentVariables`

    "#]],
    );
}

#[test]
fn missing_members() {
    changed(
        "  roleArn: arn:aws:iam::123456789012:role/hello\n",
        "",
        expect![[r#"
        pipeline
        p.yaml:1:1: error: `roleArn` is missing
          |
        1 | pipeline:
          | ^^^^^^^^

    "#]],
    );
    changed(
        "        - name: Make\n          runOrder: 1",
        "        - runOrder: 1",
        expect![[r#"
        pipeline
        p.yaml:18:11: error: `name` is missing
           |
        18 |         - runOrder: 1
           |           ^

    "#]],
    );
}

#[test]
fn number_where_a_text_is_due() {
    changed(
        r#"provider: CodeBuild, version: "1""#,
        "provider: CodeBuild, version: 1",
        expect![[r#"
        pipeline
        p.yaml:20:85: error: `version` must be a text, not a number
           |
        20 |           actionTypeId: {category: Build, owner: AWS, provider: CodeBuild, version: 1}
           |                                                                                     ^
           = help: write "1", with quotes

    "#]],
    );
    changed(
        r#"Extract: "true""#,
        "Extract: true",
        expect![[r#"
            pipeline
            p.yaml:31:22: error: `Extract` must be a text, not true or false
               |
            31 |             Extract: true
               |                      ^^^^
               = help: write "true", with quotes

        "#]],
    );
}

#[test]
fn text_where_a_number_is_due() {
    changed(
        "runOrder: 1",
        "runOrder: '2'",
        expect![[r#"
        pipeline
        p.yaml:19:21: error: `runOrder` must be an integer, not a text
           |
        19 |           runOrder: '2'
           |                     ^^^
           = help: write 2, without quotes

    "#]],
    );
    changed(
        "runOrder: 1",
        "runOrder: first",
        expect![[r#"
        pipeline
        p.yaml:19:21: error: `runOrder` must be an integer, not a text
           |
        19 |           runOrder: first
           |                     ^^^^^

    "#]],
    );
}

#[test]
fn structure_where_a_list_is_due() {
    changed(
        "outputArtifacts: [{name: Source}]",
        "outputArtifacts: {name: Source}",
        expect![[r#"
            pipeline
            p.yaml:15:28: error: `outputArtifacts` must be a list, not a structure
               |
            15 |           outputArtifacts: {name: Source}
               |                            ^
               = help: make it a list of one: [ … ]

        "#]],
    );
}

#[test]
fn value_outside_of_its_enumeration() {
    changed(
        "category: Build",
        "category: Bulid",
        expect![[r#"
        pipeline
        p.yaml:20:36: error: `Bulid` is no value of `category`
           |
        20 |           actionTypeId: {category: Bulid, owner: AWS, provider: CodeBuild, version: "1"}
           |                                    ^^^^^
           = help: did you mean `Build`?

    "#]],
    );
    changed(
        "pipelineType: V2",
        "pipelineType: V3",
        expect![[r#"
            pipeline
            p.yaml:4:17: error: `V3` is no value of `pipelineType`
              |
            4 |   pipelineType: V3
              |                 ^^
              = help: known here are `V1` and `V2`

        "#]],
    );
}

#[test]
fn constraints_of_the_model() {
    changed(
        "name: hello",
        "name: hello world",
        expect![[r#"
            pipeline
            p.yaml:2:9: error: `name` failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\-_]+
              |
            2 |   name: hello world
              |         ^^^^^^^^^^^
              = help: a space may not be in it

        "#]],
    );
    changed(
        "runOrder: 1",
        "runOrder: 1000",
        expect![[r#"
        pipeline
        p.yaml:19:21: error: `runOrder` failed to satisfy constraint: Member must have value less than or equal to 999
           |
        19 |           runOrder: 1000
           |                     ^^^^

    "#]],
    );
    changed(
        "runOrder: 1",
        "runOrder: 99999999999",
        expect![[r#"
        pipeline
        p.yaml:19:21: error: `runOrder` is larger than an integer of the API can be
           |
        19 |           runOrder: 99999999999
           |                     ^^^^^^^^^^^

    "#]],
    );
    changed(
        "location: hello-artifacts",
        "location: hi",
        expect![[r#"
            pipeline
            p.yaml:5:39: error: `location` failed to satisfy constraint: Member must have length greater than or equal to 3
              |
            5 |   artifactStore: {type: S3, location: hi}
              |                                       ^^
              = help: its length is 2

        "#]],
    );
    changed(
        "role/hello",
        "user/hello",
        expect![[r#"
            pipeline
            p.yaml:3:12: error: `roleArn` failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws(-[\w]+)*:iam::[0-9]{12}:role/.*
              |
            3 |   roleArn: arn:aws:iam::123456789012:user/hello
              |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              = help: a role is named like arn:aws:iam::123456789012:role/NAME

        "#]],
    );
}

#[test]
fn name_given_twice() {
    changed(
        "            BranchName: main",
        "            BranchName: main\n            BranchName: dev",
        expect![[r#"
            pipeline
            p.yaml:15:13: error: `BranchName` is given more than once
               |
            15 |             BranchName: dev
               |             ^^^^^^^^^^
               = help: the first is on line 14

        "#]],
    );
}

#[test]
fn function_of_cloud_formation_in_the_api_s_form() {
    changed(
        "location: hello-artifacts",
        "location: !Ref Bucket",
        expect![[r#"
        pipeline
        p.yaml:5:39: error: `!Ref` is a function of CloudFormation, and this is no template of it
          |
        5 |   artifactStore: {type: S3, location: !Ref Bucket}
          |                                       ^^^^^^^^^^^
          = help: write the value itself

    "#]],
    );
}
