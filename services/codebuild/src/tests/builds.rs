//! What becomes of builds that do not go well, that wait, that are stopped or tried again.

use std::collections::BTreeMap;

use aws::http::HttpService;
use codebuild_model::{
    BatchDeleteBuilds, BatchGetBuilds, EnvironmentVariable, EnvironmentVariableType, ListBuilds,
    ListBuildsForProject, ProjectBuildBatchConfig, RetryBuild, SortOrderType, StartBuild, StartBuildBatch,
    StartSandbox, StatusType, StopBuild,
};
use http_body::Body;

use super::world::{World, context, phases, s3_artifacts, s3_source, scope, zip};
use crate::{
    Config,
    records::{Build, BuildId, WebhookStart},
};

const SLOW: &str = "version: 0.2\nphases: {build: {commands: ['echo running; sleep 50']}, post_build: {commands: ['echo never']}}\n";
const QUICK: &str = "version: 0.2\nphases: {build: {commands: ['true']}}\n";

fn start(project: &str) -> StartBuild {
    StartBuild { project_name: project.into(), ..StartBuild::default() }
}

#[tokio::test]
async fn failed_build_still_uploads_and_is_failed() {
    let world = World::new().await;
    world.create("demo", |project| project.artifacts = Some(s3_artifacts("out"))).await;
    let spec = "version: 0.2\nphases: {build: {commands: ['echo x >report; exit 1']}, post_build: {commands: ['echo $CODEBUILD_BUILD_SUCCEEDING']}}\nartifacts: {files: [report]}\n";
    let id = world.start_spec("demo", spec).await;
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Failed));
    assert_eq!(world.output(&id), ["0"]);
    assert_eq!(world.keys("out"), ["demo/report"]);
}

#[tokio::test]
async fn a_build_that_nests_folders_without_end_is_told_so_and_leaves_nothing() {
    let world = World::new().await;
    world.create("demo", |project| project.artifacts = Some(s3_artifacts("out"))).await;
    let spec = "version: 0.2\nphases: {build: {commands: ['mkdir -p $(printf \"d/%.0s\" $(seq 1800))']}}\n\
                artifacts: {files: ['**/*']}\n";
    let id = world.start_spec("demo", spec).await;
    let build = world.end(&id).await;
    let (code, message) = context(&build, "UPLOAD_ARTIFACTS");
    assert_eq!(code, "CLIENT_ERROR");
    assert!(message.ends_with("folders are nested more than 256 levels deep"), "{message}");
    assert_eq!(world.folders(), 0);
}

#[tokio::test]
async fn early_failure_skips_what_follows() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let id = world.start_spec("demo", "version: 0.2\nphases: {install: {commands: ['false']}}\n").await;
    let build = world.end(&id).await;
    assert_eq!(phases(&build)[4..], ["INSTALL FAILED", "FINALIZING SUCCEEDED", "COMPLETED"]);
}

#[tokio::test]
async fn source_that_cannot_be_had() {
    let world = World::new().await;
    world.create("demo", |project| project.source = Some(s3_source("in/none.zip"))).await;
    let id = world.start(start("demo")).await.id.unwrap();
    let build = world.end(&id).await;
    assert_eq!(phases(&build)[3..], ["DOWNLOAD_SOURCE FAILED", "FINALIZING SUCCEEDED", "COMPLETED"]);
    let (code, message) = context(&build, "DOWNLOAD_SOURCE");
    assert_eq!(code, "CLIENT_ERROR");
    assert_eq!(message, "NoSuchKey: The specified key does not exist. status code: 404 for primary source");
    assert!(world.log(&id).contains(&message), "{}", world.log(&id));

    world.deny("s3:GetObject");
    let id = world.start(start("demo")).await.id.unwrap();
    let (_, message) = context(&world.end(&id).await, "DOWNLOAD_SOURCE");
    assert!(message.contains("assumed-role/build/AWSCodeBuild-"), "{message}");
    assert!(message.contains(" is not authorized to perform: s3:GetObject"), "{message}");
}

#[tokio::test]
async fn prefix_is_a_source() {
    let world = World::new().await;
    world.put("in", "dir/buildspec.yml", "version: 0.2\nphases: {build: {commands: ['cat sub/file']}}\n");
    world.put("in", "dir/sub/file", "deep\n");
    world.put("in", "other", "x");
    world.create("demo", |project| project.source = Some(s3_source("in/dir/"))).await;
    let id = world.start(start("demo")).await.id.unwrap();
    world.end(&id).await;
    assert_eq!(world.output(&id), ["deep"], "{}", world.log(&id));
}

#[tokio::test]
async fn prefix_that_is_no_tree_of_files() {
    let world = World::new().await;
    world.put("in", "both/a", "a file");
    world.put("in", "both/a/b", "and a folder");
    world.put("in", &format!("long/{}", "x".repeat(300)), "no name of a file");
    for prefix in ["both", "long"] {
        world.create(prefix, |project| project.source = Some(s3_source(&format!("in/{prefix}/")))).await;
        let id = world.start(start(prefix)).await.id.unwrap();
        let (code, message) = context(&world.end(&id).await, "DOWNLOAD_SOURCE");
        assert_eq!(code, "CLIENT_ERROR");
        assert!(message.starts_with(&format!("error while downloading key {prefix}/, error: ")), "{message}");
        assert_eq!(world.log(&id).matches("Waiting for DOWNLOAD_SOURCE").count(), 1, "it is tried once");
    }
}

#[tokio::test]
async fn buildspec_that_is_missing_or_wrong() {
    let world = World::new().await;
    world.put("in", "empty.zip", zip(&[("other", "x")]));
    world.create("demo", |project| project.source = Some(s3_source("in/empty.zip"))).await;
    let id = world.start(start("demo")).await.id.unwrap();
    let (code, message) = context(&world.end(&id).await, "DOWNLOAD_SOURCE");
    assert_eq!(code, "YAML_FILE_ERROR");
    assert!(message.starts_with("YAML file does not exist: stat /codebuild/output/src"), "{message}");

    let id = world.start_spec("demo", "version: 0.2\nphases:\n  build:\n    commands:\n      - a: b\n").await;
    let (_, message) = context(&world.end(&id).await, "DOWNLOAD_SOURCE");
    assert!(message.starts_with("Expected Commands[0] to be of string type"), "{message}");
}

#[tokio::test]
async fn buildspec_link_does_not_lead_out() {
    let world = World::new().await;
    let mut writer = runner::archive::Writer::new(std::io::Cursor::new(Vec::new()));
    writer.add_symlink("buildspec.yml".as_ref(), "/etc/passwd".as_ref()).unwrap();
    world.put("in", "evil.zip", writer.finish().unwrap().into_inner());
    world.create("demo", |project| project.source = Some(s3_source("in/evil.zip"))).await;
    let id = world.start(start("demo")).await.id.unwrap();
    let (_, message) = context(&world.end(&id).await, "DOWNLOAD_SOURCE");
    assert!(message.contains("symbolic link \"buildspec.yml\" leads out"), "{message}");
}

#[tokio::test]
async fn artifacts_that_nothing_matches_or_nobody_may_write() {
    let world = World::new().await;
    world.create("demo", |project| project.artifacts = Some(s3_artifacts("out"))).await;
    let spec = |files: &str| {
        format!(
            "version: 0.2\nphases: {{build: {{commands: ['echo x >made; ln -s /etc/shadow link']}}}}\nartifacts: {{files: [{files}]}}\n"
        )
    };
    let id = world.start_spec("demo", &spec("nothing/*")).await;
    let build = world.end(&id).await;
    assert_eq!(
        context(&build, "UPLOAD_ARTIFACTS"),
        ("CLIENT_ERROR".into(), "no matching artifact paths found".into())
    );
    assert_eq!(build.build_status, Some(StatusType::Failed));

    let id = world.start_spec("demo", &spec("'**/*'")).await;
    world.end(&id).await;
    assert_eq!(world.keys("out"), ["demo/made"], "a link out of the build is nothing to keep");

    world.deny("s3:PutObject");
    let id = world.start_spec("demo", &spec("made")).await;
    let (_, message) = context(&world.end(&id).await, "UPLOAD_ARTIFACTS");
    assert!(message.starts_with("Error in UPLOAD_ARTIFACTS phase: AccessDenied"), "{message}");
}

#[tokio::test]
async fn artifact_name_is_made_by_the_shell() {
    let world = World::new().await;
    world
        .create("demo", |project| {
            let artifacts = s3_artifacts("out");
            project.artifacts = Some(codebuild_model::ProjectArtifacts {
                override_artifact_name: Some(true),
                packaging: Some(codebuild_model::ArtifactPackaging::Zip),
                ..artifacts
            });
        })
        .await;
    let spec = "version: 0.2\nphases: {build: {commands: ['V=7; echo x >a']}}\nartifacts: {files: [a], name: 'app-$V-$(echo ok).zip'}\n";
    let id = world.start_spec("demo", spec).await;
    let build = world.end(&id).await;
    assert_eq!(world.keys("out"), ["app-7-ok.zip"], "{}", world.log(&id));
    assert_eq!(build.artifacts.unwrap().location.as_deref(), Some("arn:aws:s3:::out/app-7-ok.zip"));
}

#[tokio::test]
async fn role_that_may_not_log_fails_provisioning() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    world.deny("logs:CreateLogStream");
    let id = world.start_spec("demo", QUICK).await;
    let build = world.end(&id).await;
    assert_eq!(phases(&build)[2..], ["PROVISIONING FAILED", "FINALIZING SUCCEEDED", "COMPLETED"]);
    let (code, message) = context(&build, "PROVISIONING");
    assert_eq!(code, "ACCESS_DENIED");
    assert!(
        message.contains("does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams"),
        "{message}"
    );
}

#[tokio::test]
async fn faults_of_others_are_passed_over() {
    let world = World::new().await;
    world.create("demo", |project| project.artifacts = Some(s3_artifacts("out"))).await;
    world.shared.lock().faults = vec!["AssumeRole", "PutObject", "PutLogEvents"];
    let id = world
        .start_spec(
            "demo",
            "version: 0.2\nphases: {build: {commands: ['echo x >a']}}\nartifacts: {files: [a]}\n",
        )
        .await;
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Succeeded), "{}", world.log(&id));
    assert_eq!(world.keys("out"), ["demo/a"]);
    assert!(world.shared.lock().faults.is_empty());
}

#[tokio::test]
async fn a_secret_reaches_the_build_and_nobody_else() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    world.shared.lock().secrets.insert("app".into(), r#"{"token": "hunter2-hunter2"}"#.into());
    // It is tried again.
    world.shared.lock().faults.push("GetSecretValue");
    let spec = "version: 0.2\nenv:\n  secrets-manager: {TOKEN: 'app:token'}\n  exported-variables: [TOKEN, COPY]\n\
                phases: {build: {commands: ['COPY=my-$TOKEN', 'echo \"$TOKEN ${#TOKEN}\"']}}\n";
    let id = world.start_spec("demo", spec).await;
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Succeeded), "{}", world.log(&id));
    assert!(world.output(&id).contains(&"*** 15".to_owned()), "{}", world.log(&id));
    let exported = build.exported_environment_variables.unwrap();
    let exported: Vec<_> = exported.into_iter().map(|one| (one.name.unwrap(), one.value.unwrap())).collect();
    assert_eq!(exported, [("COPY".to_owned(), "my-***".to_owned())]);
}

#[tokio::test]
async fn a_secret_that_the_role_may_not_read_fails_the_download() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    world.deny("secretsmanager:GetSecretValue");
    let secret = EnvironmentVariable {
        name: "TOKEN".into(),
        value: "app:token".into(),
        r#type: Some(EnvironmentVariableType::SecretsManager),
    };
    let start = StartBuild { environment_variables_override: Some(vec![secret]), ..start("demo") };
    let id = world.start(start).await.id.unwrap();
    let (code, message) = context(&world.end(&id).await, "DOWNLOAD_SOURCE");
    assert_eq!(code, "Secrets Manager Error");
    assert!(message.starts_with("AccessDeniedException: "), "{message}");
}

#[tokio::test]
async fn build_finds_its_surroundings() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let spec =
        "version: 0.2\nphases: {build: {commands: ['env', 'echo $AWS_CONTAINER_AUTHORIZATION_TOKEN']}}\n";
    let id = world.start_spec("demo", spec).await;
    world.end(&id).await;
    let output = world.output(&id);
    let found: BTreeMap<&str, &str> = output.iter().filter_map(|line| line.split_once('=')).collect();
    let uuid = id.split_once(':').unwrap().1;
    assert_eq!(found["CODEBUILD_BUILD_ID"], id);
    assert_eq!(found["CODEBUILD_BUILD_NUMBER"], "1");
    assert_eq!(found["CODEBUILD_INITIATOR"], "alice");
    assert_eq!(found["CODEBUILD_LOG_PATH"], uuid);
    assert_eq!(found["AWS_REGION"], "us-east-1");
    assert_eq!(
        found["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
        format!("http://127.0.0.1:4000/codebuild/credentials/{uuid}")
    );
    assert_eq!(found["AWS_CONTAINER_AUTHORIZATION_TOKEN"], "***");
    assert_eq!(output.last().unwrap(), "***");
}

#[tokio::test]
async fn build_fetches_its_roles_credentials_while_it_runs() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    // Written backwards, or the log would hide it.
    let spec = "version: 0.2\nphases: {build: {commands: ['echo $AWS_CONTAINER_AUTHORIZATION_TOKEN | rev; sleep 50']}}\n";
    let id = world.start_spec("demo", spec).await;
    let backwards = loop {
        match world.output(&id).first() {
            Some(line) => break line.clone(),
            None => world.log_has(&id, "Running command").await,
        }
        tokio::task::yield_now().await;
    };
    let token: String = backwards.chars().rev().collect();
    let uuid = id.split_once(':').unwrap().1.to_owned();
    let fetch = async |token: &str| {
        let address = format!("{}{uuid}", crate::CredentialsEndpoint::PREFIX);
        let request =
            http::Request::get(address).header("authorization", token).body(aws::http::empty()).unwrap();
        let peer = aws::http::Peer { ip: "127.0.0.1".parse().unwrap(), secure_transport: false };
        let response = crate::CredentialsEndpoint::new(world.codebuild.clone()).handle(request, peer).await;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let frame = std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await;
        let bytes = frame.unwrap().unwrap().into_data().unwrap();
        (status, serde_json::from_slice::<serde_json::Value>(&bytes).unwrap())
    };
    let (status, credentials) = fetch(&token).await;
    assert_eq!(status, 200, "{credentials}");
    assert!(credentials["AccessKeyId"].as_str().is_some_and(|id| id.starts_with("ASIA-build/")));
    assert_eq!(credentials["RoleArn"], super::world::ROLE);
    assert_eq!(fetch("wrong").await.0, 403);
    world.shared.lock().faults.push("AssumeRole");
    assert_eq!(fetch(&token).await.0, 500, "a fault is no refusal");
    world.call(StopBuild { id: id.clone() }).await.unwrap();
    world.end(&id).await;
    assert_eq!(fetch(&token).await.0, 403, "a token ends with its build");
}

#[tokio::test]
async fn stopped_while_it_runs() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let id = world.start_spec("demo", SLOW).await;
    world.log_has(&id, "\nrunning\n").await;
    world.call(StopBuild { id: id.clone() }).await.unwrap();
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Stopped));
    assert_eq!(phases(&build)[6..], ["BUILD STOPPED", "COMPLETED"]);
    assert!(build.phases.unwrap()[6].contexts.is_none());
    assert_eq!(world.folders(), 0);
    let again = world.call(StopBuild { id }).await.unwrap().build.unwrap();
    assert_eq!(again.build_status, Some(StatusType::Stopped), "stopping what has ended changes nothing");
}

#[tokio::test]
async fn waits_for_room_and_can_be_stopped_while_it_waits() {
    let world = World::with(Config::new("http://127.0.0.1:4000", 1)).await;
    world.create("demo", |_| {}).await;
    let running = world.start_spec("demo", SLOW).await;
    world.log_has(&running, "\nrunning\n").await;
    let waiting = world.start_spec("demo", QUICK).await;
    let next = world.start_spec("demo", QUICK).await;
    assert_eq!(world.build(&waiting).await.current_phase.as_deref(), Some("QUEUED"));

    let stopped = world.call(StopBuild { id: waiting.clone() }).await.unwrap().build.unwrap();
    assert_eq!(phases(&stopped), ["SUBMITTED SUCCEEDED", "QUEUED STOPPED", "COMPLETED"]);
    assert_eq!(stopped.build_status, Some(StatusType::Stopped));
    world.call(StopBuild { id: running }).await.unwrap();
    assert_eq!(world.end(&next).await.build_status, Some(StatusType::Succeeded));
    assert_eq!(phases(&world.build(&waiting).await).len(), 3, "it never ran");
}

#[tokio::test]
async fn queue_and_project_have_limits() {
    let world = World::with(Config { queue: 1, ..Config::new("http://127.0.0.1:4000", 1) }).await;
    world.create("demo", |_| {}).await;
    world.create("single", |project| project.concurrent_build_limit = Some(1)).await;
    let running = world.start_spec("single", SLOW).await;
    let refused = world.call(start("single")).await.unwrap_err();
    assert_eq!(refused.code, "AccountLimitExceededException");
    assert_eq!(refused.message, "Project single has reached its limit of 1 concurrent builds");
    world.start_spec("demo", QUICK).await;
    let refused = world.call(start("demo")).await.unwrap_err();
    assert_eq!(refused.message, "Cannot have more than 1 builds in queue for the account");
    world.call(StopBuild { id: running }).await.unwrap();
}

#[tokio::test]
async fn token_gives_the_same_build() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let start = StartBuild { idempotency_token: Some("t".into()), ..start("demo") };
    let first = world.start(start.clone()).await;
    let second = world.start(start.clone()).await;
    assert_eq!(first.id, second.id);
    let other = StartBuild { timeout_in_minutes_override: Some(5), ..start };
    let refused = world.call(other).await.unwrap_err();
    assert_eq!(refused.code, "InvalidInputException");
    assert!(refused.message.contains("mismatch"), "{}", refused.message);
    world.end(&first.id.unwrap()).await;
}

#[tokio::test]
async fn operations_do_not_share_their_tokens() {
    let mut world = World::new().await;
    world.create("demo", |_| {}).await;
    let id = world.start_spec("demo", QUICK).await;
    world.end(&id).await;
    world.kill();
    let token = |token: &str| Some(token.to_owned());
    for used in ["t", "sandbox/t", "StartSandbox/t"] {
        world.start(StartBuild { idempotency_token: token(used), ..start("demo") }).await;
    }
    let sandbox = StartSandbox { project_name: Some("demo".into()), idempotency_token: token("t") };
    let first = world.call(sandbox.clone()).await.unwrap().sandbox.unwrap();
    let second = world.call(sandbox).await.unwrap().sandbox.unwrap();
    assert_eq!(first.id, second.id);
    let retry = RetryBuild { id: Some(id), idempotency_token: token("t") };
    let first = world.call(retry.clone()).await.unwrap().build.unwrap();
    assert_eq!(world.call(retry).await.unwrap().build.unwrap().id, first.id);
    let batch = StartBuildBatch {
        project_name: "demo".into(),
        idempotency_token: token("t"),
        build_batch_config_override: Some(ProjectBuildBatchConfig {
            service_role: Some(super::world::ROLE.into()),
            ..ProjectBuildBatchConfig::default()
        }),
        ..StartBuildBatch::default()
    };
    let first = world.call(batch.clone()).await.unwrap().build_batch.unwrap();
    assert_eq!(world.call(batch).await.unwrap().build_batch.unwrap().id, first.id);
}

#[tokio::test]
async fn retry_of_a_webhooks_build_is_the_webhooks_too() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let spec = "version: 0.2\nphases: {build: {commands: ['echo $CODEBUILD_WEBHOOK_TRIGGER']}}\n";
    for (version, told) in [("c0ffee", Some("c0ffee")), ("pr/7", None)] {
        let first = world.start_spec("demo", spec).await;
        world.end(&first).await;
        let key = Build::key_of(&scope(), &BuildId::parse(&first).unwrap());
        let started_so = world.codebuild.store.write(move |tx| {
            let mut build = tx.get::<Build>(&key)?.unwrap();
            build.record.source_version = Some(version.into());
            build.record.webhook = Some(WebhookStart {
                trigger: "pr/7".into(),
                commit: Some("c0ffee".into()),
                ..WebhookStart::default()
            });
            tx.update(&build)?;
            Ok::<_, store::Error>(())
        });
        started_so.await.unwrap();
        let retried = world.call(RetryBuild { id: Some(first), idempotency_token: None }).await.unwrap();
        let id = retried.build.unwrap().id.unwrap();
        world.end(&id).await;
        assert_eq!(world.output(&id), ["pr/7"]);
        let key = Build::key_of(&scope(), &BuildId::parse(&id).unwrap());
        let build = world.codebuild.find_build(&key).await.unwrap().unwrap();
        let commit = build.webhook.unwrap().commit;
        assert_eq!(commit.as_deref(), told, "a pull request may have another commit by now");
    }
}

#[tokio::test]
async fn numbers_go_on_and_lists_are_in_order() {
    let world = World::new().await;
    world.create("demo", |_| {}).await;
    let mut ids = vec![];
    for _ in 0..3 {
        ids.push(world.start_spec("demo", QUICK).await);
    }
    for id in &ids {
        world.end(id).await;
    }
    let deleted = world.call(BatchDeleteBuilds { ids: vec![ids[2].clone(), "demo:x".into()] }).await.unwrap();
    assert_eq!(deleted.builds_deleted.unwrap().len(), 1);
    assert_eq!(deleted.builds_not_deleted.unwrap()[0].id.as_deref(), Some("demo:x"));
    let retried = world.call(RetryBuild { id: Some(ids[0].clone()), idempotency_token: None }).await.unwrap();
    let retried = retried.build.unwrap();
    assert_eq!(retried.build_number, Some(4), "a number that was deleted does not come again");
    let newest = retried.id.unwrap();
    assert_eq!(world.end(&newest).await.build_status, Some(StatusType::Succeeded));

    let list =
        |sort_order| ListBuildsForProject { project_name: "demo".into(), sort_order, next_token: None };
    let descending = world.call(list(None)).await.unwrap().ids.unwrap();
    assert_eq!(descending, [newest.clone(), ids[1].clone(), ids[0].clone()]);
    let ascending = world.call(list(Some(SortOrderType::Ascending))).await.unwrap().ids.unwrap();
    assert_eq!(ascending, [ids[0].clone(), ids[1].clone(), newest]);
    assert_eq!(world.call(ListBuilds::default()).await.unwrap().ids.unwrap().len(), 3);
    let found = world.call(BatchGetBuilds { ids: vec![ids[2].clone()] }).await.unwrap();
    assert_eq!(found.builds_not_found.unwrap(), [ids[2].clone()]);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let world = World::new().await;
    let code = |error: aws::Error| error.code.into_owned();
    assert_eq!(code(world.call(start("none")).await.unwrap_err()), "ResourceNotFoundException");
    assert_eq!(
        code(world.call(StopBuild { id: "none:1".into() }).await.unwrap_err()),
        "ResourceNotFoundException"
    );
    let list = ListBuildsForProject { project_name: "none".into(), ..ListBuildsForProject::default() };
    assert_eq!(code(world.call(list).await.unwrap_err()), "ResourceNotFoundException");
    let list = ListBuilds { next_token: Some("made up".into()), ..ListBuilds::default() };
    assert_eq!(code(world.call(list).await.unwrap_err()), "InvalidInputException");
}
