//! Caches from one build to the next.

use codebuild_model::{CacheMode, CacheType, InvalidateProjectCache, ProjectCache};

use super::world::{World, s3_source, zip};

/// Shows what was kept, and keeps `text`.
fn spec(text: &str, cache: &str) -> String {
    format!(
        "version: 0.2\nphases:\n  build:\n    commands: ['cat kept/file || echo none', 'mkdir -p kept && echo {text} >kept/file && ln -sf file kept/link && ln -sf /etc/passwd kept/away']\ncache: {{paths: ['kept/**/*', '/root/own'], {cache}}}\n"
    )
}

async fn world(cache: ProjectCache) -> World {
    let world = World::new().await;
    world.put("in", "src.zip", zip(&[("package-lock.json", "{}")]));
    world
        .create("demo", |project| {
            project.source = Some(s3_source("in/src.zip"));
            project.cache = Some(cache);
        })
        .await;
    world
}

fn s3() -> ProjectCache {
    ProjectCache { r#type: CacheType::S3, location: Some("caches/p".into()), ..ProjectCache::default() }
}

/// What the build saw, and its log.
async fn run(world: &World, text: &str, cache: &str) -> (String, String) {
    let id = world.start_spec("demo", &spec(text, cache)).await;
    let build = world.end(&id).await;
    let log = world.log(&id);
    assert_eq!(build.build_status, Some(codebuild_model::StatusType::Succeeded), "{log}");
    let seen = world.output(&id).into_iter().find(|line| !line.contains("No such file")).unwrap_or_default();
    (seen, log)
}

#[tokio::test]
async fn kept_in_s3_and_put_again_only_when_it_changes() {
    let world = world(s3()).await;
    let (seen, log) = run(&world, "one", "").await;
    assert!(seen == "none" && log.contains("No cache was found"), "{log}");
    assert_eq!(world.keys("caches"), ["p/demo/cache.zip"]);
    let (seen, log) = run(&world, "one", "").await;
    assert!(seen == "one" && log.contains("has not changed"), "{log}");
    let (seen, log) = run(&world, "two", "").await;
    assert!(seen == "one" && log.contains("Saved cache"), "{log}");
    assert_eq!(run(&world, "two", "").await.0, "two");

    world.put("caches", "p/demo/cache.zip", "no archive");
    let (seen, log) = run(&world, "three", "").await;
    assert!(seen == "none" && log.contains("Unable to download cache: not a ZIP archive"), "{log}");
    world.deny("s3:PutObject");
    let (seen, log) = run(&world, "four", "").await;
    assert!(seen == "three" && log.contains("Unable to upload cache: AccessDenied"), "{log}");
}

#[tokio::test]
async fn keys_are_expanded_by_the_shell_and_fall_back() {
    let world = world(s3()).await;
    let key = "key: 'v1-$(codebuild-hash-files package-lock.json)-$CODEBUILD_SHELL'";
    let (_, log) = run(&world, "one", key).await;
    let keys = world.keys("caches");
    assert!(keys.len() == 1 && keys[0].contains("/v1-") && !keys[0].contains('$'), "{keys:?} {log}");
    let (seen, log) = run(&world, "two", key).await;
    assert!(seen == "one" && log.contains("is there already"), "{log}");
    assert_eq!(run(&world, "x", "key: v2, action: restore, fallback-keys: [v0, v1-]").await.0, "one");
    assert_eq!(world.keys("caches").len(), 1, "it was not to be saved");
    assert_eq!(world.folders(), 0);
}

#[tokio::test]
async fn secrets_in_keys_and_paths_are_not_told() {
    let world = world(s3()).await;
    world.shared.lock().secrets.insert("app".into(), "hunter/2".into());
    let spec = "version: 0.2\nenv: {secrets-manager: {TOKEN: app}}\nphases: {build: {commands: ['mkdir -p kept/$TOKEN && echo x >kept/$TOKEN/file']}}\n\
                cache: {key: npm-$TOKEN, paths: ['kept/$TOKEN/**/*']}\n";
    for told in ["Saved cache", "Restored cache"] {
        let id = world.start_spec("demo", spec).await;
        world.end(&id).await;
        let log = world.log(&id);
        assert!(log.contains(told) && log.contains("npm-***"), "{log}");
        assert!(log.contains("Expanded cache path") && !log.contains("hunter"), "{log}");
    }
}

#[tokio::test]
async fn kept_on_the_machine_until_it_is_invalidated() {
    let mut config = crate::Config::new("http://127.0.0.1:4000", 4);
    let folder = tempfile::tempdir().unwrap();
    config.caches = Some(folder.path().to_owned());
    let world = World::with(config).await;
    let modes = Some(vec![CacheMode::LocalCustomCache]);
    let cache = ProjectCache { r#type: CacheType::Local, modes, ..ProjectCache::default() };
    world.create("demo", |project| project.cache = Some(cache)).await;
    assert_eq!(run(&world, "one", "").await.0, "none");
    assert_eq!(run(&world, "two", "").await.0, "one");
    world.call(InvalidateProjectCache { project_name: "demo".into() }).await.unwrap();
    assert_eq!(run(&world, "three", "").await.0, "none");
}

#[tokio::test]
async fn local_caches_have_no_more_than_they_may_together() {
    let mut config = crate::Config::new("http://127.0.0.1:4000", 4);
    let folder = tempfile::tempdir().unwrap();
    config.caches = Some(folder.path().to_owned());
    config.most_cache_bytes = 100;
    let world = World::with(config).await;
    let modes = Some(vec![CacheMode::LocalCustomCache, CacheMode::LocalSourceCache]);
    let cache = ProjectCache { r#type: CacheType::Local, modes, ..ProjectCache::default() };
    world.create("demo", |project| project.cache = Some(cache)).await;
    let (_, log) = run(&world, "one", "").await;
    assert!(log.contains("Unable to upload cache: it has") && !log.contains("has no effect"), "{log}");
    assert_eq!(run(&world, "two", "").await.0, "none");
}
