//! A build from its start to its artifact, seen from outside.

use codebuild_model::{
    ArtifactPackaging, ArtifactsType, EnvironmentVariable, ProjectArtifacts, ProjectSource, SourceType,
    StartBuild, StatusType,
};

use super::world::{World, context, phases, s3_artifacts, s3_source, unzip, zip};

const SPEC: &str = "\
version: 0.2
env:
  variables: { GREETING: hello }
  exported-variables: [ANSWER]
phases:
  pre_build:
    commands: [ANSWER=42]
  build:
    commands:
      - echo \"$GREETING $NAME\"
      - mkdir -p out/sub && cp input.txt out/ && echo deep >out/sub/deep.txt
  post_build:
    commands: [echo $CODEBUILD_BUILD_SUCCEEDING]
artifacts:
  base-directory: out
  files: ['**/*']
";

#[tokio::test]
async fn s3_to_s3() {
    let world = World::new().await;
    world.put("in", "src.zip", zip(&[("buildspec.yml", SPEC), ("input.txt", "from source")]));
    let artifacts = ProjectArtifacts {
        packaging: Some(ArtifactPackaging::Zip),
        name: Some("app.zip".into()),
        path: Some("p".into()),
        ..s3_artifacts("out")
    };
    world
        .create("demo", |project| {
            project.source = Some(s3_source("in/src.zip"));
            project.artifacts = Some(artifacts);
        })
        .await;
    let name = EnvironmentVariable { name: "NAME".into(), value: "world".into(), r#type: None };
    let start = StartBuild {
        project_name: "demo".into(),
        environment_variables_override: Some(vec![name]),
        ..StartBuild::default()
    };
    let started = world.start(start).await;
    assert_eq!(phases(&started), ["SUBMITTED SUCCEEDED", "QUEUED"]);
    assert_eq!((started.current_phase.as_deref(), started.build_number), (Some("QUEUED"), Some(1)));
    assert_eq!(started.initiator.as_deref(), Some("alice"));

    let id = started.id.unwrap();
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Succeeded), "{}", world.log(&id));
    assert_eq!(
        phases(&build),
        [
            "SUBMITTED SUCCEEDED",
            "QUEUED SUCCEEDED",
            "PROVISIONING SUCCEEDED",
            "DOWNLOAD_SOURCE SUCCEEDED",
            "INSTALL SUCCEEDED",
            "PRE_BUILD SUCCEEDED",
            "BUILD SUCCEEDED",
            "POST_BUILD SUCCEEDED",
            "UPLOAD_ARTIFACTS SUCCEEDED",
            "FINALIZING SUCCEEDED",
            "COMPLETED"
        ]
    );
    assert_eq!(context(&build, "BUILD"), (String::new(), String::new()));
    assert_eq!(world.output(&id), ["hello world", "1"]);
    let exported = build.exported_environment_variables.unwrap();
    assert_eq!((exported[0].name.as_deref(), exported[0].value.as_deref()), (Some("ANSWER"), Some("42")));

    let artifact = build.artifacts.unwrap();
    assert_eq!(artifact.location.as_deref(), Some("arn:aws:s3:::out/p/app.zip"));
    let written = world.object("out", "p/app.zip").unwrap();
    let files = unzip(&written);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["input.txt", "sub/deep.txt"]);
    assert_eq!(files["input.txt"], "from source");
    assert_eq!(artifact.sha256sum.unwrap(), aws::sigv4::sha256_hex(&written));
    assert_eq!(world.folders(), 0, "nothing is left behind");
    let uuid = id.split_once(':').unwrap().1;
    assert!(world.shared.lock().assumed.contains(&format!("build/AWSCodeBuild-{uuid}")));
}

#[tokio::test]
async fn log_tells_what_happened_in_order() {
    let world = World::new().await;
    world.put("in", "src.zip", zip(&[("buildspec.yml", SPEC), ("input.txt", "x")]));
    world
        .create("demo", |project| {
            project.source = Some(s3_source("in/src.zip"));
            project.artifacts = Some(s3_artifacts("out"));
        })
        .await;
    let start = StartBuild { project_name: "demo".into(), ..StartBuild::default() };
    let id = world.start(start).await.id.unwrap();
    world.end(&id).await;
    let log = world.log(&id);
    let mut rest = log.as_str();
    for expected in [
        "Waiting for DOWNLOAD_SOURCE",
        "Phase is DOWNLOAD_SOURCE",
        "CODEBUILD_SRC_DIR=/codebuild/output/src",
        "YAML location is /codebuild/output/src",
        "Processing environment variables",
        "No runtime version selected in buildspec.",
        "Phases found in YAML: 3",
        " BUILD: 2 commands",
        "Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED",
        "Entering phase INSTALL",
        "Entering phase BUILD",
        "Running command echo",
        "hello ",
        "Phase complete: POST_BUILD State: SUCCEEDED",
        "Expanding base directory path: out",
        "Expanding **/*",
        "Found 2 file(s)",
        "Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED",
    ] {
        rest = rest
            .split_once(expected)
            .unwrap_or_else(|| panic!("{expected:?} is missing or late in\n{log}"))
            .1;
    }
}

#[tokio::test]
async fn pipeline_gets_one_zip_for_each_output_at_its_key() {
    let world = World::new().await;
    let spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - cat lib.txt && exit 1 || cat $CODEBUILD_SRC_DIR_lib/lib.txt\n      \
                - echo a >a; mkdir docs; echo d >docs/d\nartifacts:\n  secondary-artifacts:\n    App: {files: [a]}\n    \
                Docs: {files: ['**/*'], base-directory: $CODEBUILD_SRC_DIR/docs}\n";
    world.put("store", "pipe/Source/AAA", zip(&[("buildspec.yml", spec)]));
    world.put("store", "pipe/Lib/BBB", zip(&[("lib.txt", "library\n")]));
    world
        .create("demo", |project| {
            project.source =
                Some(ProjectSource { r#type: SourceType::Codepipeline, ..ProjectSource::default() });
            project.artifacts =
                Some(ProjectArtifacts { r#type: ArtifactsType::Codepipeline, ..ProjectArtifacts::default() });
        })
        .await;
    let output = |name: &str, key: &str| ProjectArtifacts {
        artifact_identifier: Some(name.into()),
        path: Some(format!("pipe/{name}")),
        name: Some(key.into()),
        packaging: Some(ArtifactPackaging::Zip),
        override_artifact_name: Some(false),
        ..s3_artifacts("store")
    };
    let start = StartBuild {
        project_name: "demo".into(),
        source_version: Some("arn:aws:s3:::store/pipe/Source/AAA".into()),
        secondary_sources_override: Some(vec![ProjectSource {
            source_identifier: Some("lib".into()),
            ..s3_source("store/pipe/Lib/BBB")
        }]),
        artifacts_override: Some(ProjectArtifacts {
            r#type: ArtifactsType::NoArtifacts,
            ..ProjectArtifacts::default()
        }),
        secondary_artifacts_override: Some(vec![output("App", "CCC"), output("Docs", "DDD")]),
        ..StartBuild::default()
    };
    let id = world.start(start).await.id.unwrap();
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Succeeded), "{}", world.log(&id));
    assert!(world.output(&id).contains(&"library".to_owned()));
    assert_eq!(unzip(&world.object("store", "pipe/App/CCC").unwrap()).keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(unzip(&world.object("store", "pipe/Docs/DDD").unwrap()).keys().collect::<Vec<_>>(), ["d"]);
    assert_eq!(world.keys("store").len(), 4, "and nothing else");
    assert_eq!(
        build.secondary_artifacts.unwrap()[1].location.as_deref(),
        Some("arn:aws:s3:::store/pipe/Docs/DDD")
    );
    assert_eq!(build.resolved_source_version.as_deref(), Some("arn:aws:s3:::store/pipe/Source/AAA"));
}

#[tokio::test]
async fn world_is_told_of_every_change_once() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let id = world.start_spec("demo", "version: 0.2\nphases: {build: {commands: ['exit 3']}}\n").await;
    world.end(&id).await;
    let told = world.told().await;
    let arn = format!("arn:aws:codebuild:us-east-1:123456789012:build/{id}");
    assert!(told.iter().all(|event| event.source == "aws.codebuild" && event.resources == [arn.clone()]));
    let of = |kind: &str, members: [&str; 2]| -> Vec<String> {
        let events = told.iter().filter(|event| event.detail_type == kind);
        let told =
            events.map(|event| members.map(|name| event.detail[name].as_str().unwrap().to_owned()).join(" "));
        told.collect()
    };
    assert_eq!(
        of("CodeBuild Build State Change", ["build-status", "current-phase"]),
        ["IN_PROGRESS SUBMITTED", "FAILED COMPLETED"]
    );
    assert_eq!(
        of("CodeBuild Build Phase Change", ["completed-phase", "completed-phase-status"]),
        [
            "SUBMITTED SUCCEEDED",
            "QUEUED SUCCEEDED",
            "PROVISIONING SUCCEEDED",
            "DOWNLOAD_SOURCE SUCCEEDED",
            "INSTALL SUCCEEDED",
            "PRE_BUILD SUCCEEDED",
            "BUILD FAILED",
            "POST_BUILD SUCCEEDED",
            "UPLOAD_ARTIFACTS SUCCEEDED",
            "FINALIZING SUCCEEDED"
        ]
    );
    let contexts = of("CodeBuild Build Phase Change", ["completed-phase", "completed-phase-context"]);
    assert!(
        contexts.contains(
            &"BUILD [COMMAND_EXECUTION_ERROR: Error while executing command: exit 3. Reason: exit status 3]"
                .to_owned()
        )
    );
}
