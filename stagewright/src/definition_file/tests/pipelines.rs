//! Definitions in the API's own form.

use expect_test::{Expect, expect};

use super::{report_of, reported, source};

const GOOD: &str = r#"pipeline:
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
fn changed(from: &str, to: &str, expected: Expect) {
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
fn provider_that_there_is_not() {
    changed(
        "provider: CodeBuild",
        "provider: CodeBulid",
        expect![[r#"
        pipeline
        p.yaml:20:11: error: ActionType (Category: 'Build', Provider: 'CodeBulid', Owner: 'AWS', Version: '1') in action 'Make' is not available in region 'US_EAST_1'
           |
        20 |           actionTypeId: {category: Build, owner: AWS, provider: CodeBulid, version: "1"}
           |           ^^^^^^^^^^^^
           = help: did you mean `Build AWS CodeBuild 1`?

    "#]],
    );
    changed(
        "provider: CodeBuild",
        "provider: Jenkins",
        expect![[r#"
        pipeline
        p.yaml:20:11: error: ActionType (Category: 'Build', Provider: 'Jenkins', Owner: 'AWS', Version: '1') in action 'Make' is not available in region 'US_EAST_1'
           |
        20 |           actionTypeId: {category: Build, owner: AWS, provider: Jenkins, version: "1"}
           |           ^^^^^^^^^^^^
           = help: known here are `Source AWS CodeCommit 1`, `Source AWS S3 1`, `Build AWS CodeBuild 1`, `Test AWS CodeBuild 1`, `Approval AWS Manual 1` and `Deploy AWS S3 1`

    "#]],
    );
}

#[test]
fn configuration_of_the_action_type() {
    changed(
        "ProjectName",
        "Projectname",
        expect![[r#"
        pipeline
        p.yaml:21:11: error: Action configuration for action 'Make' is missing required configuration 'ProjectName'
           |
        21 |           configuration:
           |           ^^^^^^^^^^^^^
           = help: add `ProjectName`: The CodeBuild project.

        p.yaml:22:13: error: Action configuration for action 'Make' contains unknown configuration 'Projectname'
           |
        22 |             Projectname: hello
           |             ^^^^^^^^^^^
           = help: did you mean `ProjectName`?

    "#]],
    );
    changed(
        "            BucketName: hello-site\n",
        "",
        expect![[r#"
        pipeline
        p.yaml:29:11: error: Action configuration for action 'Publish' is missing required configuration 'BucketName'
           |
        29 |           configuration:
           |           ^^^^^^^^^^^^^
           = help: add `BucketName`: The bucket to deploy to.

    "#]],
    );
}

#[test]
fn artifact_that_nobody_made() {
    changed(
        "inputArtifacts: [{name: Out}]",
        "inputArtifacts: [{name: Oud}]",
        expect![[r#"
        pipeline
        p.yaml:32:35: error: Input Artifact Bundle Oud in action Publish is not declared as Output Artifact Bundle in any of the preceding actions
           |
        32 |           inputArtifacts: [{name: Oud}]
           |                                   ^^^
           = help: did you mean `Out`?

    "#]],
    );
}

#[test]
fn too_many_artifacts() {
    changed(
        "inputArtifacts: [{name: Out}]",
        "inputArtifacts: [{name: Out}, {name: Source}]",
        expect![[r#"
            pipeline
            p.yaml:32:11: error: Action Publish declares 2 input artifacts which is more than the maximum count (1)
               |
            32 |           inputArtifacts: [{name: Out}, {name: Source}]
               |           ^^^^^^^^^^^^^^
               = help: `Deploy AWS S3 1` takes 1 in `inputArtifacts`

        "#]],
    );
}

#[test]
fn variable_of_nobody() {
    changed(
        "ProjectName: hello",
        "ProjectName: p-#{SourceVariable.CommitId}",
        expect![[r#"
        pipeline
        p.yaml:22:26: error: Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). The following pipeline execution variables are referencing a namespace that does not exist. StageName=[Build], ActionName=[Make], ActionConfigurationKey=[ProjectName], VariableReferenceText=[#{SourceVariable.CommitId}]
           |
        22 |             ProjectName: p-#{SourceVariable.CommitId}
           |                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: did you mean `SourceVariables`?

    "#]],
    );
}

#[test]
fn what_only_v2_has() {
    changed(
        "pipelineType: V2",
        "pipelineType: V1\n  executionMode: QUEUED",
        expect![[r#"
        pipeline
        p.yaml:5:18: error: QUEUED or PARALLEL mode can only be used with V2 pipelines
          |
        5 |   executionMode: QUEUED
          |                  ^^^^^^
          = help: set `pipelineType` to `V2`

    "#]],
    );
}

#[test]
fn what_is_not_built_yet() {
    let condition = "    - name: Build\n      beforeEntry: {conditions: [{result: FAIL}]}";
    changed(
        "    - name: Build",
        condition,
        expect![[r#"
        pipeline
        p.yaml:17:7: error: A stage condition of CodePipeline is not built yet.
           |
        17 |       beforeEntry: {conditions: [{result: FAIL}]}
           |       ^^^^^^^^^^^

    "#]],
    );
}

#[test]
fn no_consequences_of_an_error_are_told() {
    changed(
        "outputArtifacts: [{name: Out}]",
        "outputArtifacts: [{nam: Out}]",
        expect![[r#"
            pipeline
            p.yaml:24:30: error: unknown member `nam`
               |
            24 |           outputArtifacts: [{nam: Out}]
               |                              ^^^
               = help: did you mean `name`?

        "#]],
    );
    changed(
        "    - name: Source\n      actions:",
        "    - name: Source\n      action:",
        expect![[r#"
            pipeline
            p.yaml:8:7: error: unknown member `action`
              |
            8 |       action:
              |       ^^^^^^
              = help: did you mean `actions`?

        "#]],
    );
}

#[test]
fn many_errors_at_once_in_the_order_of_the_file() {
    let text = GOOD
        .replace("name: hello\n", "name: hello!\n")
        .replace("runOrder: 1", "runOrder: 0")
        .replace("Extract", "Extrac")
        .replace("metadata", "metdata");
    reported(
        "p.yaml",
        &text,
        expect![[r#"
            pipeline
            p.yaml:2:9: error: `name` failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9.@\-_]+
              |
            2 |   name: hello!
              |         ^^^^^^
              = help: `!` may not be in it

            p.yaml:19:21: error: `runOrder` failed to satisfy constraint: Member must have value greater than or equal to 1
               |
            19 |           runOrder: 0
               |                     ^

            p.yaml:29:11: error: Action configuration for action 'Publish' is missing required configuration 'Extract'
               |
            29 |           configuration:
               |           ^^^^^^^^^^^^^
               = help: add `Extract`: Whether to unpack the artifact: true or false.

            p.yaml:31:13: error: Action configuration for action 'Publish' contains unknown configuration 'Extrac'
               |
            31 |             Extrac: "true"
               |             ^^^^^^
               = help: did you mean `Extract`?

            p.yaml:33:1: error: unknown member `metdata`
               |
            33 | metdata: {created: 2026-01-01, version: 3}
               | ^^^^^^^
               = help: did you mean `metadata`?

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

#[test]
fn broken_syntax() {
    reported(
        "p.json",
        "{\n  \"name\": \"p\",\n  \"stages\": [\n  ],\n}\n",
        expect![[r#"
        pipeline
        p.json:1:1: error: `roleArn` is missing
          |
        1 | {
          | ^

        p.json:1:1: error: Exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores' must be specified
          |
        1 | {
          | ^

        p.json:3:3: error: Pipeline has only 0 stage(s). There should be a minimum of 2 stages in a pipeline
          |
        3 |   "stages": [
          |   ^^^^^^^^

        p.json:3:3: error: Pipeline should start with a stage that only contains source actions
          |
        3 |   "stages": [
          |   ^^^^^^^^

        p.json:5:1: error: not JSON: trailing comma
          |
        5 | }
          | ^

    "#]],
    );
    reported(
        "p.json",
        "{\n  \"name\": \"p\"\n  \"stages\": []\n}\n",
        expect![[r#"
        unknown
        p.json:3:3: error: expected `,` or `}`
          |
        3 |   "stages": []
          |   ^

    "#]],
    );
    reported(
        "p.yaml",
        "stages:\n  - name: a\n name: b\n",
        expect![[r#"
        unknown
        p.yaml:3:2: error: while parsing a block mapping, did not find expected key
          |
        3 |  name: b
          |  ^

    "#]],
    );
    reported(
        "p.yaml",
        "stages:\n\t- name: a\n",
        expect![[r#"
        unknown
        p.yaml:2:2: error: tabs disallowed within this context (block indentation)
          |
        2 |     - name: a
          |     ^

    "#]],
    );
    reported(
        "p.json",
        "{\"name\": \"p",
        expect![[r#"
        unknown
        p.json:1:11: error: EOF while parsing a string
          |
        1 | {"name": "p
          |           ^

    "#]],
    );
}

#[test]
fn neither_this_nor_that() {
    reported(
        "p.yaml",
        "",
        expect![[r#"
            unknown
            p.yaml:1:1: error: the file is empty
              |
            1 |
              | ^

        "#]],
    );
    reported(
        "p.yaml",
        "just a text",
        expect![[r#"
        unknown
        p.yaml:1:1: error: neither the definition of a pipeline (it would have `stages`) nor a buildspec (`phases`)
          |
        1 | just a text
          | ^^^^^^^^^^^
          = help: say what it is with --as pipeline or --as buildspec

    "#]],
    );
    reported(
        "p.yaml",
        "stage:\n  - name: Source\n",
        expect![[r#"
            unknown
            p.yaml:1:1: error: neither the definition of a pipeline (it would have `stages`) nor a buildspec (`phases`)
              |
            1 | stage:
              | ^
              = help: say what it is with --as pipeline or --as buildspec

        "#]],
    );
    reported(
        "p.yaml",
        "pipeline: hello\n",
        expect![[r#"
        pipeline
        p.yaml:1:11: error: `pipeline` must be a structure
          |
        1 | pipeline: hello
          |           ^^^^^

    "#]],
    );
    reported(
        "p.yaml",
        "stages: 5\n",
        expect![[r#"
            pipeline
            p.yaml:1:1: error: `name` is missing
              |
            1 | stages: 5
              | ^

            p.yaml:1:1: error: `roleArn` is missing
              |
            1 | stages: 5
              | ^

            p.yaml:1:1: error: Exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores' must be specified
              |
            1 | stages: 5
              | ^

            p.yaml:1:9: error: `stages` must be a list, not a number
              |
            1 | stages: 5
              |         ^

        "#]],
    );
}

#[test]
fn place_is_marked_in_a_file_of_one_long_line() {
    let json = format!(r#"{{"pipeline": {{"roleArn": "{}", "naem": "x", "stages": []}}}}"#, "a".repeat(300));
    let report = report_of(source("p.json", &json));
    let lines: Vec<&str> = report.lines().collect();
    let at = lines.iter().position(|line| line.contains("unknown member `naem`")).unwrap();
    let start = lines[at + 3].find('^').unwrap();
    let shown: String = lines[at + 2].chars().skip(start).take(6).collect();
    assert_eq!(shown, "\"naem\"", "{report}");
}
