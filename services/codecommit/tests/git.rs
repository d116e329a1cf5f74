//! The stock `git` against the server: what it pushes, fetches and is refused.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod world;

use codecommit::git::receive::Push;
use codecommit::git::request_body::RequestBody;
use codecommit::references::Actor;
use codecommit_model::{
    CreateBranch, DeleteRepository, GetBranch, GetRepository, PutFile, UpdateDefaultBranch,
};
use serde_json::Value;
use world::World;

fn details(events: &[aws::Event]) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let detail = |event: &aws::Event| {
        let detail = &event.detail;
        (text(&detail["event"]), text(&detail["referenceFullName"]), text(&detail["commitId"]))
    };
    events.iter().map(detail).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_there_with_its_event_and_can_be_cloned() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    let first = copy.git(&["rev-parse", "HEAD"]).await;
    copy.git(&["push", "-q", &world.url("demo"), "main"]).await;
    let second = copy.commit("src/b.txt", "two").await;
    copy.git(&["push", "-q", &world.signed_url("demo"), "main"]).await;

    let get = GetBranch { repository_name: Some("demo".into()), branch_name: Some("main".into()) };
    assert_eq!(world.call(get).await.unwrap().branch.unwrap().commit_id, Some(second.clone()));
    let events = world.events().await;
    let main = "refs/heads/main".to_owned();
    let created = ("referenceCreated".to_owned(), main.clone(), first.clone());
    assert_eq!(details(&events), [created, ("referenceUpdated".to_owned(), main, second.clone())]);
    assert_eq!(events[1].detail["oldCommitId"], first);
    assert_eq!(events[1].detail["callerUserArn"], "arn:aws:iam::123456789012:user/ann");
    assert_eq!(events[1].resources, ["arn:aws:codecommit:us-east-1:123456789012:demo"]);

    let clone = world.dir.path().join("clone");
    copy.git(&["clone", "-q", &world.url("demo.git"), clone.to_str().unwrap()]).await;
    assert_eq!(std::fs::read_to_string(clone.join("src/b.txt")).unwrap(), "two");
    let audited: Vec<_> = world.guards.records.lock().unwrap().iter().map(|r| r.event_name.clone()).collect();
    assert_eq!(audited.iter().filter(|name| *name == "GitPush").count(), 2);
    assert!(audited.iter().any(|name| name == "GitPull"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_protocol_version_shallow_and_partial_clones_work() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    for number in 0..5 {
        copy.commit("n.txt", &format!("{number}\n").repeat(1_000)).await;
    }
    copy.git(&["push", "-q", &world.url("demo"), "main"]).await;
    for (index, options) in
        [&["-c", "protocol.version=0"][..], &["-c", "protocol.version=1"], &["-c", "protocol.version=2"]]
            .into_iter()
            .enumerate()
    {
        let to = world.dir.path().join(format!("v{index}"));
        copy.git(&[options, &["clone", "-q", &world.url("demo"), to.to_str().unwrap()]].concat()).await;
        assert!(to.join("n.txt").exists());
    }
    let shallow = world::Copy { path: world.dir.path().join("shallow") };
    copy.git(&["clone", "-q", "--depth", "1", &world.url("demo"), shallow.path.to_str().unwrap()]).await;
    assert_eq!(shallow.git(&["rev-list", "--count", "HEAD"]).await, "1");
    let pushed = shallow.commit("from-shallow.txt", "x").await;
    shallow.git(&["push", "-q", &world.url("demo"), "HEAD:main"]).await;
    shallow.git(&["fetch", "-q", "--unshallow", &world.url("demo")]).await;
    assert_eq!(shallow.git(&["rev-list", "--count", "HEAD"]).await, "7");

    let partial = world::Copy { path: world.dir.path().join("partial") };
    let to = partial.path.to_str().unwrap();
    copy.git(&["clone", "-q", "--filter=blob:none", "--no-checkout", &world.url("demo"), to]).await;
    let missing = partial.git(&["rev-list", "--objects", "--all", "--missing=print"]).await;
    assert!(missing.contains("\n?"), "no blob is there yet");
    partial.git(&["checkout", "-q", "main"]).await;
    assert!(partial.path.join("from-shallow.txt").exists());

    // A build fetches one commit by its id.
    let single = world.working_copy("single").await;
    single.git(&["fetch", "-q", "--depth", "1", &world.url("demo"), &pushed]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_streams_and_many_references_go_at_once() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    let mut noise = vec![0_u8; 24 << 20];
    let mut state = 0x1234_5678_u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    std::fs::write(copy.path.join("noise"), &noise).unwrap();
    copy.commit("b.txt", "b").await;
    for number in 0..300 {
        copy.git(&["branch", &format!("b/{number}")]).await;
    }
    copy.git(&["tag", "-a", "v1", "-m", "one"]).await;
    copy.git(&["push", "-q", "--all", &world.url("demo")]).await;
    copy.git(&["push", "-q", "--tags", &world.url("demo")]).await;
    let listed = copy.git(&["ls-remote", &world.url("demo")]).await;
    // HEAD, main, 300 branches, the tag and what it leads to.
    assert_eq!(listed.lines().count(), 304);
    let events = world.events().await;
    assert_eq!(events.len(), 302);
    assert_eq!(events[301].detail["commitId"], copy.git(&["rev-parse", "HEAD"]).await, "of the tag's commit");
    let clone = world.dir.path().join("clone");
    copy.git(&["clone", "-q", &world.url("demo"), clone.to_str().unwrap()]).await;
    assert!(std::fs::read(clone.join("noise")).unwrap() == noise);
}

#[tokio::test(flavor = "multi_thread")]
async fn git_and_the_api_see_each_others_commits() {
    let world = World::start().await;
    world.create("demo").await;
    let put = PutFile {
        repository_name: "demo".into(),
        branch_name: "main".into(),
        file_path: "README.md".into(),
        file_content: "hello".into(),
        ..PutFile::default()
    };
    let first = world.call(put).await.unwrap().commit_id;
    let clone = world::Copy { path: world.dir.path().join("clone") };
    world::git(world.dir.path(), &["clone", "-q", &world.url("demo"), "clone"]).await;
    assert_eq!(clone.git(&["rev-parse", "HEAD"]).await, first);
    clone.git(&["fsck", "--strict"]).await;
    let second = clone.commit("b.txt", "b").await;
    clone.git(&["push", "-q", "origin", "main"]).await;
    let put = PutFile {
        repository_name: "demo".into(),
        branch_name: "main".into(),
        file_path: "c.txt".into(),
        file_content: "c".into(),
        parent_commit_id: Some(second),
        ..PutFile::default()
    };
    let third = world.call(put).await.unwrap().commit_id;
    clone.git(&["pull", "-q", "--ff-only"]).await;
    assert_eq!(clone.git(&["rev-parse", "HEAD"]).await, third);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_and_forced_pushes_deletions_and_the_default_branch() {
    let world = World::start().await;
    world.create("demo").await;
    let (one, two) = (world.working_copy("one").await, world.working_copy("two").await);
    let url = world.url("demo");
    one.git(&["push", "-q", &url, "main", "main:other"]).await;
    two.commit("x", "unrelated").await;
    let refused = two.failing_git(&["push", &url, "main"]).await;
    assert!(refused.contains("fetch first"), "{refused}");
    two.git(&["push", "-q", "--force", &url, "main"]).await;
    let refused = two.failing_git(&["push", &url, ":main"]).await;
    assert!(refused.contains("deletion of the default branch is prohibited"), "{refused}");
    two.git(&["push", "-q", &url, ":other"]).await;
    two.git(&["push", "-q", &url, "main:other/below"]).await;
    let refused = two.failing_git(&["push", &url, "main:other"]).await;
    assert!(refused.contains("refs/heads/other/below exists"), "{refused}");

    let change =
        UpdateDefaultBranch { repository_name: "demo".into(), default_branch_name: "other/below".into() };
    world.call(change).await.unwrap();
    let head = two.git(&["ls-remote", "--symref", &url, "HEAD"]).await;
    assert!(head.starts_with("ref: refs/heads/other/below"), "{head}");
    two.git(&["push", "-q", &url, ":main"]).await;
    let kinds: Vec<_> =
        details(&world.events().await).into_iter().map(|(kind, name, _)| (kind, name)).collect();
    assert_eq!(kinds.last().unwrap(), &("referenceDeleted".to_owned(), "refs/heads/main".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_push_is_all_or_nothing() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    world.deny("codecommit:GitPush refs/heads/locked");
    let refused = copy.failing_git(&["push", "--atomic", &world.url("demo"), "main", "main:locked"]).await;
    assert!(refused.contains("atomic"), "{refused}");
    assert_eq!(world.events().await, []);
    assert_eq!(copy.git(&["ls-remote", &world.url("demo")]).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_branch_is_refused_alone_and_by_name() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    world.deny("codecommit:GitPush refs/heads/locked");
    let said = copy.failing_git(&["push", &world.url("demo"), "main", "main:locked"]).await;
    assert!(said.contains("[new branch]      main -> main"), "{said}");
    assert!(said.contains("! [remote rejected] main -> locked (You don't have permission"), "{said}");
    assert!(said.contains("remote: User: arn:aws:iam::123456789012:user/ann is not authorized"), "{said}");
    assert_eq!(details(&world.events().await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_the_unauthorised_are_told_why() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    let plain = format!("http://{}/v1/repos/demo", world.address);
    let anonymous = copy.failing_git(&["ls-remote", &plain]).await;
    assert!(anonymous.contains("could not read Username"), "git was asked for credentials: {anonymous}");
    let wrong = format!("http://{}:wrong@{}/v1/repos/demo", world::GIT_USER, world.address);
    let refused = copy.failing_git(&["ls-remote", &wrong]).await;
    assert!(refused.contains("remote: The user name or password is not valid."), "{refused}");
    let forged = world.signed_url("demo").replace("/v1/repos/demo", "/v1/repos/other");
    assert!(
        copy.failing_git(&["ls-remote", &forged]).await.contains("signature we calculated does not match")
    );
    let unknown = world.signed_url("demo").replace(world::KEY, "AKIAUNKNOWN");
    assert!(copy.failing_git(&["ls-remote", &unknown]).await.contains("security token"), "unknown key");

    let missing = copy.failing_git(&["ls-remote", &world.url("missing")]).await;
    assert!(missing.contains("not found"), "{missing}");
    world.deny("codecommit:GitPull");
    let denied = copy.failing_git(&["ls-remote", &world.url("demo")]).await;
    assert!(denied.contains("is not authorized to perform: codecommit:GitPull"), "{denied}");
    world.deny("codecommit:GitPush");
    let denied = copy.failing_git(&["push", &world.url("demo"), "main"]).await;
    assert!(denied.contains("is not authorized to perform: codecommit:GitPush"), "{denied}");
    let records = world.guards.records.lock().unwrap();
    let refused = records.iter().filter(|record| record.error.is_some()).count();
    assert_eq!(refused, 3, "the missing repository and both denials are on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_git_shows_what_the_store_holds() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    copy.git(&["push", "-q", &world.url("demo"), "main", "main:other"]).await;
    let get = GetRepository { repository_name: "demo".into() };
    let id = world.call(get).await.unwrap().repository_metadata.unwrap().repository_id.unwrap();
    let folder = world.dir.path().join(format!("data/repositories/{id}.git"));
    let world = world.restart().await;
    // As if the server had been killed between the store's commit and git's files, in the middle of a write.
    std::fs::write(folder.join("refs/heads/main"), "").unwrap();
    std::fs::remove_file(folder.join("refs/heads/other")).unwrap();
    std::fs::write(folder.join("refs/heads/ghost"), format!("{}\n", "1".repeat(40))).unwrap();
    let tip = copy.git(&["rev-parse", "HEAD"]).await;
    let listed = copy.git(&["ls-remote", &world.url("demo")]).await;
    let expected = format!("{tip}\tHEAD\n{tip}\trefs/heads/main\n{tip}\trefs/heads/other");
    assert_eq!(listed, expected);
    copy.commit("more", "x").await;
    copy.git(&["push", "-q", &world.url("demo"), "main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_pushes_each_take_place_once() {
    let world = World::start().await;
    world.create("demo").await;
    let mut copies = Vec::new();
    for number in 0..6 {
        let copy = world.working_copy("demo").await;
        copy.commit(&format!("f{number}"), "x").await;
        copies.push(copy);
    }
    let url = world.url("demo");
    let pushes = copies.iter().enumerate().map(|(number, copy)| {
        let url = url.clone();
        async move {
            let branch = format!("main:b{number}");
            let own = copy.try_git(&["push", &url, &branch]).await.status.success();
            let shared = copy.try_git(&["push", &url, "main:shared"]).await.status.success();
            (own, shared)
        }
    });
    let outcomes = futures_util::future::join_all(pushes).await;
    assert!(outcomes.iter().all(|(own, _)| *own), "each has a branch of its own");
    assert_eq!(outcomes.iter().filter(|(_, shared)| *shared).count(), 1, "one of them was first");
    assert_eq!(world.events().await.len(), 7);
    assert_eq!(copies[0].git(&["ls-remote", "--heads", &url]).await.lines().count(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_repository_of_an_old_name_begins_empty() {
    let world = World::start().await;
    world.create("demo").await;
    let copy = world.working_copy("demo").await;
    copy.git(&["push", "-q", &world.url("demo"), "main"]).await;
    let commit = copy.git(&["rev-parse", "HEAD"]).await;
    world.call(DeleteRepository { repository_name: "demo".into() }).await.unwrap();
    assert!(copy.failing_git(&["ls-remote", &world.url("demo")]).await.contains("not found"));
    world.create("demo").await;
    assert_eq!(copy.git(&["ls-remote", &world.url("demo")]).await, "");
    let branch = CreateBranch { repository_name: "demo".into(), branch_name: "b".into(), commit_id: commit };
    assert_eq!(world.refusal(branch).await, "CommitDoesNotExistException");
}

/// A push as no git client makes it: whatever pack, onto `refs/heads/main`.
async fn push_raw(world: &World, target: git2::Oid, pack: &[u8]) -> String {
    let repository = world.codecommit.repository(&world::scope(), "demo").await.unwrap();
    let command = format!("{} {target} refs/heads/main\0report-status", "0".repeat(40));
    let mut request = format!("{:04x}{command}0000", command.len() + 4).into_bytes();
    request.extend_from_slice(pack);
    let mut body = RequestBody::new(aws::http::full(request), false);
    let push = Push::read(&mut body).await.unwrap();
    let actor = Actor { arn: "arn:aws:iam::123456789012:user/ann".into(), at: aws::Timestamp::now() };
    let outcome = world.codecommit.receive(&repository, &push, &mut body, vec![Ok(())], actor).await.unwrap();
    String::from_utf8(outcome.report.encode(&push)).unwrap()
}

fn pack_of(library: &git2::Repository, objects: &[git2::Oid]) -> Vec<u8> {
    let mut builder = library.packbuilder().unwrap();
    for object in objects {
        builder.insert_object(*object, None).unwrap();
    }
    let mut pack = git2::Buf::new();
    builder.write_buf(&mut pack).unwrap();
    pack.to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_with_holes_and_hostile_trees_are_refused_and_leave_nothing() {
    let world = World::start().await;
    world.create("demo").await;
    let dir = tempfile::tempdir().unwrap();
    let library = git2::Repository::init_bare(dir.path()).unwrap();
    let odb = library.odb().unwrap();
    let blob = odb.write(git2::ObjectType::Blob, b"[core]").unwrap();
    let tree_of = |name: &str| {
        let content = [format!("100644 {name}\0").as_bytes(), blob.as_bytes()].concat();
        odb.write(git2::ObjectType::Tree, &content).unwrap()
    };
    let commit_of = |tree: git2::Oid, parent: &str| {
        let text = format!("tree {tree}\n{parent}author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n");
        odb.write(git2::ObjectType::Commit, text.as_bytes()).unwrap()
    };
    let hostile_tree = tree_of(".git");
    let hostile = commit_of(hostile_tree, "");
    let report = push_raw(&world, hostile, &pack_of(&library, &[hostile, hostile_tree, blob])).await;
    assert!(report.contains("hasDotgit") && report.contains("ng refs/heads/main unpacker error"), "{report}");

    let good_tree = tree_of("config");
    let orphan = commit_of(good_tree, &format!("parent {}\n", "1".repeat(40)));
    let report = push_raw(&world, orphan, &pack_of(&library, &[orphan, good_tree, blob])).await;
    assert!(report.contains("ng refs/heads/main "), "{report}");
    let absent = push_raw(&world, commit_of(good_tree, ""), &pack_of(&library, &[good_tree, blob])).await;
    assert!(absent.contains("ng refs/heads/main missing necessary objects"), "{absent}");
    let no_commit = push_raw(&world, good_tree, &pack_of(&library, &[good_tree, blob])).await;
    assert!(no_commit.contains("ng refs/heads/main a branch must point to a commit"), "{no_commit}");

    assert_eq!(world.events().await, []);
    let good = commit_of(good_tree, "");
    let taken = push_raw(&world, good, &pack_of(&library, &[good, good_tree, blob])).await;
    assert!(taken.contains("ok refs/heads/main"), "{taken}");
    let quarantines = walk(world.dir.path()).into_iter().filter(|path| path.contains("/quarantine/")).count();
    assert_eq!(quarantines, 0);
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        paths.push(path.display().to_string());
        if path.is_dir() {
            paths.extend(walk(&path));
        }
    }
    paths
}
