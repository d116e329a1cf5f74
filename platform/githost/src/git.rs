//! Fetching from a Git host with the git program: with a clean environment, over HTTP alone, without following redirects
//! (a token would follow), bounded in time and size.

mod archive;
pub(crate) mod run;

use std::path::PathBuf;
use std::sync::Arc;

use aws::Timestamp;
use aws::objects::ByteStream;
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Failure;
use crate::git::run::Place;

/// Fetches at one time; others wait.
const AT_ONCE: usize = 4;
/// Full ids of commits, in SHA-1 and SHA-256.
const FULL_IDS: [usize; 2] = [40, 64];
/// Bytes of a commit's message that are kept. Source: CodePipeline User Guide, "Variables reference".
const MESSAGE: usize = 100 * 1024;
/// What a fetch may bring, and an archive may have. Source: CodePipeline quotas, artifacts of GitHub and CodeCommit.
const LARGEST_BYTES: u64 = 1024 * 1024 * 1024;
/// Everything that has a name.
const ALL: [&str; 2] = ["+refs/heads/*:refs/heads/all/*", "+refs/tags/*:refs/tags/*"];

/// The installed git, and the folder in which it works.
pub struct Git {
    folder: PathBuf,
    slots: Arc<Semaphore>,
}

/// A repository elsewhere, and what it is shown.
#[derive(Clone)]
pub struct Remote {
    pub url: String,
    pub credential: Option<Credential>,
    /// The address that the credential may be sent to, with all that is below it.
    pub shown_to: String,
    /// Addresses that begin with the first are fetched from the second.
    pub instead: Option<(String, String)>,
    /// Certificates are not looked at.
    pub insecure_tls: bool,
}

/// A user name and a token, as HTTP's Basic authentication shows them.
#[derive(Clone)]
pub struct Credential {
    pub user_name: String,
    pub token: aws::Secret,
}

impl Remote {
    /// One whose credential goes to this very address alone.
    pub fn new(url: String, credential: Option<Credential>) -> Self {
        Self { shown_to: url.clone(), url, credential, instead: None, insecure_tls: false }
    }
}

/// A commit that was fetched, in a folder that goes away with it.
pub struct Fetched {
    remote: Remote,
    folder: TempDir,
    _slot: OwnedSemaphorePermit,
}

/// What a commit says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub id: String,
    pub author_name: String,
    pub author_email: String,
    pub author_date: Timestamp,
    pub committer_date: Timestamp,
    pub message: String,
}

impl Git {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    pub fn clean_up(&self) {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let folder = self.folder.display();
                tracing::warn!(%error, %folder, "what was fetched before a crash could not be taken away");
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// An empty repository that knows where to fetch from.
    pub async fn open(&self, remote: Remote) -> Result<Fetched, Failure> {
        let slot = self.slots.clone().acquire_owned().await.map_err(std::io::Error::other)?;
        tokio::fs::create_dir_all(&self.folder).await?;
        let folder = tempfile::Builder::new().prefix("fetch-").tempdir_in(&self.folder)?;
        let fetched = Fetched { remote, folder, _slot: slot };
        fetched.git(&["init", "--quiet", "--bare", "."]).await?;
        Ok(fetched)
    }
}

impl Fetched {
    fn place(&self) -> Place<'_> {
        let folder = self.folder.path();
        Place { remote: &self.remote, git_dir: folder, folder, largest: LARGEST_BYTES }
    }

    /// Where it was fetched.
    pub fn url(&self) -> &str {
        &self.remote.url
    }

    async fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.place().git(arguments).await
    }

    /// Hosts that hand out nothing but what has a name are asked for all of it; what is wanted may be among it.
    async fn fetch(&self, options: &[&str], wanted: &[&str]) -> Result<(), Failure> {
        match self.git(&self.fetching(options, wanted)).await {
            Err(Failure::NotAdvertised) => {
                let named: Vec<&str> =
                    wanted.iter().filter(|wanted| wanted.contains('/')).copied().chain(ALL).collect();
                self.git(&self.fetching(&[], &named)).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    fn fetching<'a>(&'a self, options: &[&'a str], wanted: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-write-commit-graph"];
        arguments.extend(options);
        arguments.extend(["--end-of-options", self.remote.url.as_str()]);
        arguments.extend(wanted);
        arguments
    }

    /// The newest commit of a branch, without fetching it. `None`: there is no such branch.
    pub async fn head(&self, branch: &str) -> Result<Option<String>, Failure> {
        let reference = format!("refs/heads/{branch}");
        let told =
            self.git(&["ls-remote", "--quiet", "--end-of-options", &self.remote.url, &reference]).await?;
        // Its last part may be a pattern to git: only the very name counts.
        let lines = told.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines.filter(|(_, name)| *name == reference).map(|(id, _)| id.to_owned()).next())
    }

    /// Fetches a commit with its files, or else the newest of a branch. Answers the commit's full id.
    pub async fn take(&self, branch: &str, commit: Option<&str>) -> Result<String, Failure> {
        match commit {
            None => {
                self.fetch(&["--depth=1"], &[&format!("refs/heads/{branch}")]).await?;
                self.resolve("FETCH_HEAD").await
            }
            Some(commit) => {
                match is_full(commit) {
                    true => self.fetch(&["--depth=1"], &[commit]).await?,
                    false => self.fetch(&[], &["+refs/heads/*:refs/heads/all/*"]).await?,
                }
                self.resolve(commit).await
            }
        }
    }

    /// The paths that differ between two commits.
    pub async fn changed_between(&self, before: &str, after: &str) -> Result<Vec<String>, Failure> {
        self.fetch(&["--depth=1", "--filter=blob:none"], &[before, after]).await?;
        self.differences(before, after).await
    }

    /// The paths in which a commit differs from the one before; all of the first commit.
    pub async fn changed_in(&self, commit: &str) -> Result<Vec<String>, Failure> {
        self.fetch(&["--depth=2", "--filter=blob:none"], &[commit]).await?;
        let arguments =
            ["diff-tree", "--root", "--no-commit-id", "--name-only", "--no-renames", "-r", "-z", commit];
        let found = self.git(&arguments).await?;
        Ok(found.split_terminator('\0').map(str::to_owned).collect())
    }

    /// What a commit says.
    pub async fn message(&self, commit: &str) -> Result<String, Failure> {
        match is_full(commit) {
            true => self.fetch(&["--depth=1", "--filter=blob:none"], &[commit]).await?,
            false => self.fetch(&["--filter=blob:none"], &[ALL[0]]).await?,
        }
        Ok(self.describe(commit).await?.message)
    }

    /// The paths that a commit has changed since it left a branch.
    pub async fn changed_since(&self, branch: &str, commit: &str) -> Result<Vec<String>, Failure> {
        let branch = format!("+refs/heads/{branch}:refs/heads/base");
        match is_full(commit) {
            true => self.fetch(&["--filter=blob:none"], &[&branch, commit]).await?,
            false => {
                self.fetch(&["--filter=blob:none"], &[&branch, "+refs/heads/*:refs/heads/all/*"]).await?;
            }
        }
        let base =
            self.git(&["merge-base", "refs/heads/base", commit]).await.map_err(|error| match error {
                error @ Failure::Io(_) => error,
                _ => Failure::Unrelated,
            })?;
        self.differences(base.trim(), commit).await
    }

    async fn differences(&self, before: &str, after: &str) -> Result<Vec<String>, Failure> {
        let found = self
            .git(&["diff", "--name-only", "--no-renames", "-z", "--end-of-options", before, after])
            .await?;
        Ok(found.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Errors: `ReferenceNotFound` where there is no such commit.
    async fn resolve(&self, name: &str) -> Result<String, Failure> {
        let commit = format!("{name}^{{commit}}");
        let found = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).await;
        let found = found.map_err(|_| Failure::ReferenceNotFound)?;
        Ok(found.trim().to_owned())
    }

    pub async fn describe(&self, commit: &str) -> Result<Commit, Failure> {
        let format = "--format=%H%x00%an%x00%ae%x00%at%x00%ct%x00%B";
        let told = self.git(&["log", "-1", format, "--end-of-options", commit]).await?;
        let mut parts = told.splitn(6, '\0').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        let seconds = |text: String| text.parse::<i64>().unwrap_or_default();
        let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        Ok(Commit {
            id: part(),
            author_name: part(),
            author_email: part(),
            author_date: at(seconds(part())),
            committer_date: at(seconds(part())),
            message: cut(part().trim_end_matches('\n'), MESSAGE).to_owned(),
        })
    }

    /// The commit's files as a ZIP, made while it is read; an error ends the stream. As with the archives that Git hosts
    /// make, what `.gitattributes` marks `export-ignore` is left out.
    pub fn archive(self, commit: &str) -> Result<ByteStream, Failure> {
        archive::archive(self, commit)
    }
}

/// Whether it has the length of a full id.
pub(crate) fn is_full(commit: &str) -> bool {
    FULL_IDS.contains(&commit.len())
}

/// The first `limit` bytes, without half a character.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
