//! What CreatePipeline would refuse: stages, action types, artifacts, variables.

use expect_test::expect;

use super::pipelines::{GOOD, changed};
use super::{examine, report_of, reported, source};

/// As GetPipeline answers in another region than the one that is thought of first.
#[test]
fn the_region_is_where_the_sources_or_the_stores_are() {
    let with_source = GOOD.replace("namespace: SourceVariables", "region: eu-west-1");
    let store =
        "artifactStores: {eu-west-3: {type: S3, location: one}, eu-west-1: {type: S3, location: two}}";
    let with_stores = GOOD.replace("artifactStore: {type: S3, location: hello-artifacts}", store);
    for text in [&with_source, &with_stores] {
        let examined = examine(source("p.yaml", text), None, None);
        assert!(!examined.findings.has_errors(), "{}", examined.findings);
        assert!(report_of(source("p.yaml", text)).contains("error"), "somebody says that it is elsewhere");
    }
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
           = help: known here are `Build AWS CodeBuild 1` and `Build AWS ECRBuildAndPublish 1`

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
fn condition_without_rules() {
    let condition = "    - name: Build\n      beforeEntry: {conditions: [{result: FAIL}]}";
    changed(
        "    - name: Build",
        condition,
        expect![[r#"
        pipeline
        p.yaml:17:34: error: A condition in stage 'Build' must have at least 1 rule
           |
        17 |       beforeEntry: {conditions: [{result: FAIL}]}
           |                                  ^

    "#]],
    );
}

#[test]
fn triggers_are_for_connections() {
    let trigger = "pipelineType: V2\n  triggers: [{providerType: CodeStarSourceConnection, gitConfiguration: \
                   {sourceActionName: Fetch, push: [{branches: {includes: [main]}}]}}]";
    changed(
        "pipelineType: V2",
        trigger,
        expect![[r#"
            pipeline
            p.yaml:5:92: error: Triggers for connections must reference a CodeStarSourceConnection action. Note that when you specify a trigger, you can't specify more than one trigger per source action.
              |
            5 | …eStarSourceConnection, gitConfiguration: {sourceActionName: Fetch, push: [{branches: {includes: [main]}}]}}]
              |                                                              ^^^^^

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
