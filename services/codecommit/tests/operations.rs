//! The API in process: validated, authorised and audited as over the wire.

#[expect(dead_code, reason = "each test program uses a part of it")]
mod world;

use std::io::Cursor;

use codecommit_model::*;
use world::World;

fn put(path: &str, content: &str, parent: Option<&str>) -> PutFile {
    PutFile {
        repository_name: "demo".into(),
        branch_name: "main".into(),
        file_path: path.into(),
        file_content: content.into(),
        parent_commit_id: parent.map(str::to_owned),
        ..PutFile::default()
    }
}

async fn world() -> World {
    let world = World::start().await;
    world.create("demo").await;
    world
}

#[tokio::test]
async fn repositories_are_made_listed_renamed_and_deleted() {
    let world = World::start().await;
    for name in ["b", "a", "c"] {
        world.create(name).await;
    }
    let create = |name: &str| CreateRepository { repository_name: name.into(), ..Default::default() };
    assert_eq!(world.refusal(create("a")).await, "RepositoryNameExistsException");
    assert_eq!(world.refusal(create("a.git")).await, "InvalidRepositoryNameException");
    let encrypted = CreateRepository { kms_key_id: Some("k".into()), ..create("k") };
    assert_eq!(world.refusal(encrypted).await, "NotImplemented");
    let names = |output: ListRepositoriesOutput| -> Vec<String> {
        output.repositories.unwrap().into_iter().filter_map(|pair| pair.repository_name).collect()
    };
    assert_eq!(names(world.call(ListRepositories::default()).await.unwrap()), ["a", "b", "c"]);
    let describe = UpdateRepositoryDescription {
        repository_name: "a".into(),
        repository_description: Some("the first".into()),
    };
    // The clock counts in milliseconds: later must be later.
    let made = aws::Timestamp::now();
    while aws::Timestamp::now() <= made {
        tokio::task::yield_now().await;
    }
    world.call(describe).await.unwrap();
    let newest = ListRepositories {
        sort_by: Some(SortByEnum::LastModifiedDate),
        order: Some(OrderEnum::Descending),
        next_token: None,
    };
    assert_eq!(names(world.call(newest).await.unwrap())[0], "a");
    let bad = ListRepositories { next_token: Some("x".into()), ..Default::default() };
    assert_eq!(world.refusal(bad).await, "InvalidContinuationTokenException");

    let rename = |old: &str, new: &str| UpdateRepositoryName { old_name: old.into(), new_name: new.into() };
    assert_eq!(world.refusal(rename("a", "b")).await, "RepositoryNameExistsException");
    assert_eq!(world.refusal(rename("x", "y")).await, "RepositoryDoesNotExistException");
    world.call(rename("a", "d")).await.unwrap();
    let got = world.call(GetRepository { repository_name: "d".into() }).await.unwrap();
    let metadata = got.repository_metadata.unwrap();
    assert_eq!(metadata.repository_description.as_deref(), Some("the first"));
    assert_eq!(metadata.clone_url_http, Some(format!("http://{}/v1/repos/d", world.address)));
    assert_eq!(metadata.default_branch, None);

    let batch = BatchGetRepositories { repository_names: vec!["a".into(), "d".into()] };
    let batch = world.call(batch).await.unwrap();
    assert_eq!(batch.repositories_not_found.unwrap(), ["a"]);
    assert_eq!(batch.repositories.unwrap()[0].repository_id, metadata.repository_id);
    let delete = DeleteRepository { repository_name: "d".into() };
    assert_eq!(world.call(delete.clone()).await.unwrap().repository_id, metadata.repository_id);
    assert_eq!(world.call(delete).await.unwrap().repository_id, None);
    let gone = GetRepository { repository_name: "d".into() };
    assert_eq!(world.refusal(gone).await, "RepositoryDoesNotExistException");
}

#[tokio::test]
async fn a_file_goes_through_its_life() {
    let world = world().await;
    let first = world.call(put("src/a.txt", "one", None)).await.unwrap();
    assert_eq!(
        world.refusal(put("src/a.txt", "one", Some(&first.commit_id))).await,
        "SameFileContentException"
    );
    assert_eq!(world.refusal(put("src/b.txt", "two", None)).await, "ParentCommitIdRequiredException");
    assert_eq!(world.refusal(put("x", "y", Some("nonsense"))).await, "InvalidParentCommitIdException");
    let unknown = "1".repeat(40);
    assert_eq!(world.refusal(put("x", "y", Some(&unknown))).await, "ParentCommitDoesNotExistException");
    let second = world.call(put("src/a.txt", "changed", Some(&first.commit_id))).await.unwrap();
    assert_eq!(world.refusal(put("x", "y", Some(&first.commit_id))).await, "ParentCommitIdOutdatedException");
    for (path, code) in [
        ("../x", "InvalidPathException"),
        ("", "PathRequiredException"),
        ("src", "FileNameConflictsWithDirectoryNameException"),
        ("src/a.txt/b", "DirectoryNameConflictsWithFileNameException"),
    ] {
        assert_eq!(world.refusal(put(path, "y", Some(&second.commit_id))).await, code, "{path}");
    }
    let elsewhere = PutFile { branch_name: "dev".into(), ..put("x", "y", Some(&second.commit_id)) };
    assert_eq!(world.refusal(elsewhere).await, "BranchDoesNotExistException");

    let get = |specifier: Option<&str>, path: &str| GetFile {
        repository_name: "demo".into(),
        commit_specifier: specifier.map(str::to_owned),
        file_path: path.into(),
    };
    let file = world.call(get(None, "/src/a.txt")).await.unwrap();
    assert_eq!((&file.file_content.0[..], file.file_size), (&b"changed"[..], 7));
    assert_eq!(file.file_mode, FileModeTypeEnum::Normal);
    for specifier in [first.commit_id.as_str(), "main", "HEAD", "refs/heads/main"] {
        world.call(get(Some(specifier), "src/a.txt")).await.unwrap();
    }
    assert_eq!(world.refusal(get(Some("dev"), "src/a.txt")).await, "CommitDoesNotExistException");
    assert_eq!(world.refusal(get(None, "src")).await, "FileDoesNotExistException");
    assert_eq!(world.refusal(get(Some(&unknown), "src/a.txt")).await, "CommitDoesNotExistException");
    let blob = GetBlob { repository_name: "demo".into(), blob_id: first.blob_id.clone() };
    assert_eq!(&world.call(blob).await.unwrap().content.0[..], b"one");
    let blob = GetBlob { repository_name: "demo".into(), blob_id: first.tree_id.clone() };
    assert_eq!(world.refusal(blob).await, "BlobIdDoesNotExistException");

    let delete = DeleteFile {
        repository_name: "demo".into(),
        branch_name: "main".into(),
        file_path: "src/a.txt".into(),
        parent_commit_id: second.commit_id.clone(),
        ..DeleteFile::default()
    };
    let deleted = world.call(delete).await.unwrap();
    assert_eq!(deleted.blob_id, file.blob_id);
    assert_eq!(world.refusal(get(None, "src/a.txt")).await, "FileDoesNotExistException");
    let commit = GetCommit { repository_name: "demo".into(), commit_id: deleted.commit_id };
    let commit = world.call(commit).await.unwrap().commit;
    assert_eq!(commit.parents.unwrap(), [second.commit_id]);
    assert_eq!(commit.message.as_deref(), Some("Deleted src/a.txt"));
    assert_eq!(commit.author.unwrap().name.as_deref(), Some("ann"));
    assert_eq!(world.events().await.len(), 3);
}

#[tokio::test]
async fn a_commit_of_many_changes_tells_what_it_changed() {
    let world = world().await;
    let entry = |path: &str, content: &str| PutFileEntry {
        file_path: path.into(),
        file_content: Some(content.into()),
        ..PutFileEntry::default()
    };
    let base =
        CreateCommit { repository_name: "demo".into(), branch_name: "main".into(), ..Default::default() };
    assert_eq!(world.refusal(base.clone()).await, "FileEntryRequiredException");
    let first = CreateCommit {
        put_files: Some(vec![entry("a", "1"), entry("b", "1"), entry("d/e", "1")]),
        author_name: Some("Bob".into()),
        email: Some("bob@example.org".into()),
        commit_message: Some("first".into()),
        ..base.clone()
    };
    let first = world.call(first).await.unwrap();
    let with = |change: fn(&mut CreateCommit)| {
        let mut commit = CreateCommit { parent_commit_id: first.commit_id.clone(), ..base.clone() };
        change(&mut commit);
        commit
    };
    let both = with(|commit| {
        commit.put_files = Some(vec![PutFileEntry {
            file_path: "x".into(),
            file_content: Some("1".into()),
            source_file: Some(SourceFileSpecifier { file_path: "a".into(), is_move: None }),
            file_mode: None,
        }]);
    });
    assert_eq!(world.refusal(both).await, "FileContentAndSourceFileSpecifiedException");
    let neither = with(|commit| {
        commit.put_files = Some(vec![PutFileEntry { file_path: "x".into(), ..Default::default() }]);
    });
    assert_eq!(world.refusal(neither).await, "SourceFileOrContentRequiredException");
    let twice = with(|commit| {
        let delete = DeleteFileEntry { file_path: "a".into() };
        commit.delete_files = Some(vec![delete.clone(), delete]);
    });
    assert_eq!(world.refusal(twice).await, "SamePathRequestException");
    let second = with(|commit| {
        commit.put_files = Some(vec![PutFileEntry {
            file_path: "moved".into(),
            source_file: Some(SourceFileSpecifier { file_path: "a".into(), is_move: Some(true) }),
            ..Default::default()
        }]);
        commit.delete_files = Some(vec![DeleteFileEntry { file_path: "d/e".into() }]);
        commit.set_file_modes =
            Some(vec![SetFileModeEntry { file_path: "b".into(), file_mode: FileModeTypeEnum::Executable }]);
        commit.keep_empty_folders = Some(true);
    });
    let second = world.call(second).await.unwrap();
    let paths = |files: Option<Vec<FileMetadata>>| -> Vec<String> {
        files.unwrap().into_iter().filter_map(|file| file.absolute_path).collect()
    };
    assert_eq!(paths(second.files_added), ["moved"]);
    assert_eq!(paths(second.files_updated), ["b"]);
    assert_eq!(paths(second.files_deleted), ["a", "d/e"]);

    let differences = |limit, token| GetDifferences {
        repository_name: "demo".into(),
        before_commit_specifier: first.commit_id.clone(),
        after_commit_specifier: second.commit_id.clone().unwrap(),
        max_results: limit,
        next_token: token,
        ..GetDifferences::default()
    };
    let told = |output: &GetDifferencesOutput| -> Vec<String> {
        let side = |blob: &Option<BlobMetadata>| blob.as_ref().and_then(|blob| blob.path.clone());
        let tell = |difference: &Difference| {
            let path = side(&difference.after_blob).or(side(&difference.before_blob)).unwrap();
            format!("{} {path}", difference.change_type.as_ref().unwrap())
        };
        output.differences.iter().flatten().map(tell).collect()
    };
    let all = world.call(differences(None, None)).await.unwrap();
    assert_eq!(told(&all), ["D a", "M b", "A d/.gitkeep", "D d/e", "A moved"]);
    assert_eq!(all.next_token, None);
    let page = world.call(differences(Some(2), None)).await.unwrap();
    assert_eq!(told(&page), ["D a", "M b"]);
    let page = world.call(differences(Some(3), page.next_token)).await.unwrap();
    assert_eq!((told(&page).len(), page.next_token), (3, None));
    let mut below = differences(None, None);
    below.after_path = Some("d".into());
    assert_eq!(told(&world.call(below).await.unwrap()), ["A d/.gitkeep", "D d/e"]);

    let folder =
        GetFolder { repository_name: "demo".into(), folder_path: "/".into(), commit_specifier: None };
    let folder = world.call(folder).await.unwrap();
    assert_eq!(folder.sub_folders.unwrap()[0].absolute_path.as_deref(), Some("d"));
    assert_eq!(folder.files.unwrap().len(), 2);
    let ids = vec![second.commit_id.unwrap(), "1".repeat(40), "x".into()];
    let batch = BatchGetCommits { repository_name: "demo".into(), commit_ids: ids };
    let batch = world.call(batch).await.unwrap();
    assert_eq!((batch.commits.unwrap().len(), batch.errors.unwrap().len()), (1, 2));
}

#[tokio::test]
async fn branches_are_made_listed_and_deleted() {
    let world = world().await;
    let commit = world.call(put("a", "1", None)).await.unwrap().commit_id;
    let create = |name: &str| CreateBranch {
        repository_name: "demo".into(),
        branch_name: name.into(),
        commit_id: commit.clone(),
    };
    world.call(create("dev")).await.unwrap();
    assert_eq!(world.refusal(create("dev")).await, "BranchNameExistsException");
    assert_eq!(world.refusal(create("a..b")).await, "InvalidBranchNameException");
    assert_eq!(world.refusal(create("dev/x")).await, "InvalidBranchNameException");
    let bad = CreateBranch { commit_id: "x".into(), ..create("y") };
    assert_eq!(world.refusal(bad).await, "InvalidCommitIdException");
    let list = ListBranches { repository_name: "demo".into(), next_token: None };
    assert_eq!(world.call(list).await.unwrap().branches.unwrap(), ["dev", "main"]);
    let delete = |name: &str| DeleteBranch { repository_name: "demo".into(), branch_name: name.into() };
    assert_eq!(world.refusal(delete("main")).await, "DefaultBranchCannotBeDeletedException");
    let deleted = world.call(delete("dev")).await.unwrap().deleted_branch.unwrap();
    assert_eq!(deleted.commit_id, Some(commit));
    assert_eq!(world.call(delete("dev")).await.unwrap().deleted_branch, None);
    let get = GetBranch { repository_name: Some("demo".into()), branch_name: Some("dev".into()) };
    assert_eq!(world.refusal(get).await, "BranchDoesNotExistException");
    assert_eq!(world.refusal(GetBranch::default()).await, "RepositoryNameRequiredException");
}

#[tokio::test]
async fn tags_are_kept_by_arn() {
    let world = world().await;
    let arn = "arn:aws:codecommit:us-east-1:123456789012:demo".to_owned();
    let tag = |arn: &str, key: &str| TagResource {
        resource_arn: arn.into(),
        tags: [(key.to_owned(), "v".to_owned())].into(),
    };
    world.call(tag(&arn, "team")).await.unwrap();
    world.call(tag(&arn, "other")).await.unwrap();
    let untag = UntagResource { resource_arn: arn.clone(), tag_keys: vec!["other".into()] };
    world.call(untag).await.unwrap();
    let list = ListTagsForResource { resource_arn: arn.clone(), next_token: None };
    assert_eq!(world.call(list).await.unwrap().tags.unwrap(), [("team".to_owned(), "v".to_owned())].into());
    assert_eq!(world.refusal(tag(&arn, "aws:x")).await, "InvalidSystemTagUsageException");
    let foreign = arn.replace("us-east-1", "eu-west-1");
    assert_eq!(world.refusal(tag(&foreign, "x")).await, "InvalidResourceArnException");
    assert_eq!(world.refusal(tag("demo", "x")).await, "InvalidResourceArnException");
}

#[tokio::test]
async fn an_archive_of_a_commit_goes_to_s3() {
    let world = world().await;
    let commit = world.call(put("src/a.txt", "one", None)).await.unwrap().commit_id;
    let upload = UploadArchive {
        repository_name: "demo".into(),
        commit_id: commit,
        bucket: "artifacts".into(),
        key: "k.zip".into(),
        kms_key_id: None,
    };
    let output = world.call(upload.clone()).await.unwrap();
    let uploads = world.guards.uploads.lock().unwrap().clone();
    let (place, content) = &uploads[0];
    assert_eq!((place.as_str(), output.size), ("artifacts/k.zip", i64::try_from(content.len()).unwrap()));
    let mut zip = zip::ZipArchive::new(Cursor::new(content.clone())).unwrap();
    let text = std::io::read_to_string(zip.by_name("src/a.txt").unwrap()).unwrap();
    assert_eq!(text, "one");
    let unknown = UploadArchive { commit_id: "1".repeat(40), ..upload };
    assert_eq!(world.refusal(unknown).await, "CommitIdDoesNotExistException");
}

#[tokio::test]
async fn the_policies_are_asked_for_the_branch() {
    let world = world().await;
    let commit = world.call(put("a", "1", None)).await.unwrap().commit_id;
    world.deny("codecommit:PutFile refs/heads/main");
    world.deny("codecommit:CreateBranch refs/heads/release");
    assert_eq!(world.refusal(put("b", "1", Some(&commit))).await, "AccessDeniedException");
    let create = |name: &str| CreateBranch {
        repository_name: "demo".into(),
        branch_name: name.into(),
        commit_id: commit.clone(),
    };
    assert_eq!(world.refusal(create("release")).await, "AccessDeniedException");
    world.call(create("feature")).await.unwrap();
}

#[tokio::test]
async fn two_writers_of_one_branch_do_not_overwrite_each_other() {
    let world = world().await;
    let parent = world.call(put("a", "1", None)).await.unwrap().commit_id;
    let writes = (0..8).map(|number| world.call(put(&format!("f{number}"), "x", Some(&parent))));
    let outcomes = futures_util::future::join_all(writes).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = ["ParentCommitIdOutdatedException", "ConcurrentReferenceUpdateException"];
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(refused.contains(&&*error.code), "{error}");
    }
    assert_eq!(world.events().await.len(), 2);
}
