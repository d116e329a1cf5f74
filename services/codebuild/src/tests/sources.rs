//! Several sources of one build, from a Git host that is played.

use std::{os::unix::fs::symlink, path::Path, process::Command};

use codebuild_model::{ProjectSource, ProjectSourceVersion, SourceType, StartBuild, StatusType};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::world::{World, s3_source, zip};
use crate::{Config, GitHost};

/// Repositories in the place of github.com, as files over HTTP.
struct Host(tempfile::TempDir);

impl Host {
    /// A server that fetches from this host.
    async fn world() -> (Self, World) {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Some(format!("http://{}", listener.local_addr().unwrap()));
        let mut config = Config::new("http://127.0.0.1:4000", 4);
        config.git_hosts.insert("github.com".into(), GitHost { url, api: None });
        let served = folder.path().to_owned();
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                answer(connection, &served).await;
            }
        });
        (Self(folder), World::with(config).await)
    }

    /// Commits what `change` makes of the work tree of a repository. Gives the commit.
    fn commit(&self, name: &str, change: impl FnOnce(&Path)) -> String {
        let (bare, tree) = (self.0.path().join(name), self.0.path().join(name.replace('/', "-")));
        for folder in [&tree, bare.parent().unwrap()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        change(&tree);
        git(&tree, &["init", "--quiet", "--separate-git-dir", bare.to_str().unwrap()]);
        git(&tree, &["add", "--all"]);
        git(&tree, &["commit", "--quiet", "--message", "change"]);
        git(&tree, &["update-server-info"]);
        git(&tree, &["rev-parse", "HEAD"])
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]);
    command.args(arguments).current_dir(folder).env("HOME", "/nonexistent").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Answers one request of git with a file.
async fn answer(connection: TcpStream, folder: &Path) {
    let mut connection = BufReader::new(connection);
    let (mut request, mut line) = (String::new(), String::new());
    connection.read_line(&mut request).await.unwrap();
    while line != "\r\n" {
        line.clear();
        connection.read_line(&mut line).await.unwrap();
    }
    let path = request.split(' ').nth(1).unwrap().split('?').next().unwrap().trim_start_matches('/');
    let (status, body) = match std::fs::read(folder.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&body).await.unwrap();
}

fn github(name: &str, identifier: Option<&str>) -> ProjectSource {
    ProjectSource {
        r#type: SourceType::Github,
        location: Some(format!("https://github.com/{name}")),
        source_identifier: identifier.map(str::to_owned),
        ..ProjectSource::default()
    }
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[tokio::test]
async fn each_source_has_a_folder_of_its_own() {
    let (host, world) = Host::world().await;
    let spec = "version: 0.2\nphases: {build: {commands: ['cat file', 'cat $CODEBUILD_SRC_DIR_lib/file', 'cat $CODEBUILD_SRC_DIR_again/file']}}\n";
    let first = host.commit("a/b", |tree| write(tree, &[("buildspec.yml", spec), ("file", "first\n")]));
    host.commit("a/b", |tree| write(tree, &[("file", "second\n")]));
    world.put("in", "lib.zip", zip(&[("file", "lib\n")]));
    world
        .create("demo", |project| {
            project.source = Some(github("a/b", None));
            let lib = ProjectSource { source_identifier: Some("lib".into()), ..s3_source("in/lib.zip") };
            project.secondary_sources = Some(vec![lib, github("a/b", Some("again"))]);
        })
        .await;
    let main = ProjectSourceVersion { source_identifier: "again".into(), source_version: "main".into() };
    let start = StartBuild {
        project_name: "demo".into(),
        source_version: Some(first),
        secondary_sources_version_override: Some(vec![main]),
        ..StartBuild::default()
    };
    let id = world.start(start).await.id.unwrap();
    let build = world.end(&id).await;
    assert_eq!(build.build_status, Some(StatusType::Succeeded), "{}", world.log(&id));
    assert_eq!(world.output(&id), ["first", "lib", "second"]);
}

#[tokio::test]
async fn a_link_of_one_source_leads_no_other_out_of_the_build() {
    let (host, world) = Host::world().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir(outside.path().join("deep")).unwrap();
    write(outside.path(), &[("deep/kept", "")]);
    let spec = "version: 0.2\nphases: {build: {commands: ['cat $CODEBUILD_SRC_DIR_deep/file']}}\n";
    host.commit("a/b", |tree| {
        write(tree, &[("buildspec.yml", spec)]);
        symlink(outside.path(), tree.join("link")).unwrap();
    });
    host.commit("a/b/link/deep", |tree| write(tree, &[("file", "deep\n")]));
    world
        .create("demo", |project| {
            project.source = Some(github("a/b", None));
            project.secondary_sources = Some(vec![github("a/b/link/deep", Some("deep"))]);
        })
        .await;
    let id =
        world.start(StartBuild { project_name: "demo".into(), ..StartBuild::default() }).await.id.unwrap();
    world.end(&id).await;
    let found: Vec<_> = std::fs::read_dir(outside.path().join("deep")).unwrap().collect();
    assert!(found.len() == 1 && outside.path().join("deep/kept").exists(), "{found:?}");
    assert_eq!(world.output(&id), ["deep"], "{}", world.log(&id));
}
