//! Clones for builds, with a cache: what was fetched of a repository is kept, and the next clone fetches only what is new.
//!
//! An entry of the cache is a bare repository. It belongs to one address and one credential, so that nobody reads with
//! another's rights, and every clone asks the host first, so that rights which were taken away are gone here, too. Clones get
//! copies of the files, never links to them: whoever runs a build may do what he likes with his clone.

mod cache;
mod copy;
mod plan;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::git::run::Place;
use crate::version::Version;
use crate::{Failure, Remote};
use cache::{Cache, Entry};
use plan::{Plan, Target};

/// Clones at one time; others wait.
const AT_ONCE: usize = 8;
/// Of a clone, and of an entry of the cache. Source: CodeBuild User Guide, disk space of the smaller compute types.
const LARGEST_BYTES: u64 = 32 * 1024 * 1024 * 1024;

/// What makes clones, in a folder of its own.
pub struct Clones {
    cache: Arc<Cache>,
    slots: Semaphore,
}

/// One clone.
pub struct Wanted<'a> {
    pub remote: &'a Remote,
    pub version: &'a Version,
    /// Commits of the history; all of it if none.
    pub depth: Option<u32>,
    pub submodules: bool,
    /// An existing, empty folder.
    pub into: &'a Path,
}

impl Clones {
    pub fn new(folder: PathBuf) -> Self {
        Self { cache: Arc::new(Cache::new(folder)), slots: Semaphore::new(AT_ONCE) }
    }

    /// Clones and checks out, detached. Answers the full id of the commit. The folder has a `.git` with the remote
    /// `origin` and without the credential.
    pub async fn clone(&self, wanted: &Wanted<'_>) -> Result<String, Failure> {
        let _slot = self.slots.acquire().await.map_err(std::io::Error::other)?;
        let mut plans = plan::plans(wanted.version, wanted.depth).into_iter().peekable();
        loop {
            let Some(plan) = plans.next() else { return Err(Failure::ReferenceNotFound) };
            match self.carry_out(wanted, &plan).await {
                Err(Failure::ReferenceNotFound | Failure::NotAdvertised) if plans.peek().is_some() => {}
                Err(Failure::NotAdvertised) => return Err(Failure::ReferenceNotFound),
                other => return other,
            }
        }
    }

    async fn carry_out(&self, wanted: &Wanted<'_>, plan: &Plan) -> Result<String, Failure> {
        let commit = match self.fetch_and_copy(wanted, plan).await {
            Err(Failure::Damaged(why)) => {
                tracing::warn!(why, "what was kept of a repository is damaged, and is fetched anew");
                self.cache.forget(wanted.remote, plan.depth).await?;
                self.fetch_and_copy(wanted, plan).await?
            }
            other => other?,
        };
        self.cache.tidy();
        let git_dir = wanted.into.join(".git");
        let place =
            Place { remote: wanted.remote, git_dir: &git_dir, folder: wanted.into, largest: LARGEST_BYTES };
        place.git(&["checkout", "--quiet", "--detach", &commit]).await?;
        if wanted.submodules {
            let depth = wanted.depth.map(|depth| format!("--depth={depth}"));
            let mut update = vec!["submodule", "--quiet", "update", "--init", "--recursive"];
            update.extend(depth.as_deref());
            place.git(&update).await?;
        }
        Ok(commit)
    }

    /// Brings the entry up to date and makes a repository out of it.
    async fn fetch_and_copy(&self, wanted: &Wanted<'_>, plan: &Plan) -> Result<String, Failure> {
        let entry = self.cache.hold(wanted.remote, plan.depth).await?;
        let place = Place {
            remote: wanted.remote,
            git_dir: entry.folder(),
            folder: entry.folder(),
            largest: LARGEST_BYTES,
        };
        place.git(&["init", "--quiet", "--bare", "--template=", "."]).await?;
        place.git(&fetch(wanted.remote, plan)).await?;
        let commit = find(&place, &plan.target).await?;
        let references = references(&place, plan).await?;
        // Many small fetches leave many packs; nobody else is in here now.
        place.git(&["-c", "gc.auto=6700", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"]).await?;
        copy_out(wanted, entry, references).await?;
        Ok(commit)
    }
}

fn fetch<'a>(remote: &'a Remote, plan: &'a Plan) -> Vec<&'a str> {
    let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--force", "--no-write-fetch-head"];
    arguments.extend(plan.depth_option.as_deref());
    if plan.is_everything {
        arguments.push("--prune");
    }
    arguments.extend(["--end-of-options", remote.url.as_str()]);
    arguments.extend(plan.refspecs.iter().map(String::as_str));
    arguments
}

/// The commit that is meant, of what was fetched.
async fn find(place: &Place<'_>, target: &Target) -> Result<String, Failure> {
    for name in target.candidates() {
        let commit = format!("{name}^{{commit}}");
        let found = place.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).await;
        match found {
            Ok(commit) => return Ok(commit.trim().to_owned()),
            Err(error @ (Failure::Io(_) | Failure::TooSlow | Failure::TooLarge(_))) => return Err(error),
            Err(_) => {}
        }
    }
    Err(Failure::ReferenceNotFound)
}

/// Names and ids of what the clone is to know, sorted as git sorts them.
async fn references(place: &Place<'_>, plan: &Plan) -> Result<Vec<(String, String)>, Failure> {
    let mut list = vec!["for-each-ref", "--format=%(objectname) %(refname)", "--end-of-options"];
    list.extend(plan.known.iter().map(String::as_str));
    let told = place.git(&list).await?;
    let named = told.lines().filter_map(|line| line.split_once(' '));
    let mut references: Vec<(String, String)> =
        named.map(|(id, name)| (plan::in_clone(name), id.to_owned())).collect();
    references.sort();
    Ok(references)
}

async fn copy_out(
    wanted: &Wanted<'_>,
    entry: Entry,
    references: Vec<(String, String)>,
) -> Result<(), Failure> {
    let git_dir = wanted.into.join(".git");
    let place =
        Place { remote: wanted.remote, git_dir: &git_dir, folder: wanted.into, largest: LARGEST_BYTES };
    place.git(&["init", "--quiet", "--template=", "."]).await?;
    place.git(&["remote", "add", "origin", &wanted.remote.url]).await?;
    // The entry is held until everything has been copied, even if nobody waits for it any more.
    let copied = tokio::task::spawn_blocking({
        let git_dir = git_dir.clone();
        move || copy::copy(entry.folder(), &git_dir, &references)
    });
    Ok(copied.await.map_err(std::io::Error::other)??)
}
