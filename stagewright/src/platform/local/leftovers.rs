//! What a local platform leaves behind that was killed: its folder, and builds that run on under their supervisors. The
//! next one takes both away.
//!
//! A platform that lives holds a lock in its folder. A folder whose lock can be had belonged to one that is dead.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runner::{Executor, Sandbox, SandboxExecutor, State};
use tokio::time::Instant;

/// How folders of local platforms begin.
pub const PREFIX: &str = "stagewright-";
const LOCK: &str = "owner.lock";
/// Folders that one start takes away at most.
const AT_ONCE: usize = 20;
/// How long their builds may take to end: as long as the grace of a build's processes, and some more.
const BUILDS_END_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Marks a folder as that of a platform that lives, for as long as the file is open.
pub fn own(folder: &Path) -> io::Result<File> {
    // Nobody sees the lock before it is held.
    let unseen = folder.join("owner.lock.new");
    let lock = File::create_new(&unseen)?;
    lock.lock()?;
    fs::rename(unseen, folder.join(LOCK))?;
    Ok(lock)
}

/// Takes away what dead platforms have left beside `own`. What cannot be taken away stays, for the next one to try.
pub async fn remove(own: &Path) {
    for (folder, _lock) in dead(own).into_iter().take(AT_ONCE) {
        match remove_one(&folder).await {
            Ok(()) => tracing::info!(folder = %folder.display(), "removed what a killed run had left"),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "what a killed run has left stays");
            }
        }
    }
}

/// Folders of the same user whose platform is dead, with their locks.
fn dead(own: &Path) -> Vec<(PathBuf, File)> {
    let (Some(parent), Ok(metadata)) = (own.parent(), own.metadata()) else { return Vec::new() };
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let candidates = entries.filter(|entry| {
        let is_one = entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.path() != own;
        is_one && entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == metadata.uid())
    });
    let dead = candidates.filter_map(|entry| {
        let lock = File::options().write(true).open(entry.path().join(LOCK)).ok()?;
        lock.try_lock().ok()?;
        Some((entry.path(), lock))
    });
    dead.collect()
}

async fn remove_one(folder: &Path) -> io::Result<()> {
    let builds = folder.join("data").join("builds");
    if builds.is_dir() {
        end_builds(&builds).await?;
    }
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || runner::remove_folder(&folder)).await.map_err(io::Error::other)?
}

/// Ends the builds of a folder, and takes their folders away.
async fn end_builds(builds: &Path) -> io::Result<()> {
    // It starts nothing, so it needs no supervisor.
    let executor = SandboxExecutor::new(builds.to_owned(), Vec::new(), Sandbox::default())?;
    let ids: Vec<_> = fs::read_dir(builds)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
        .collect();
    for id in &ids {
        executor.stop(*id).await.map_err(io::Error::other)?;
    }
    let deadline = Instant::now() + BUILDS_END_WITHIN;
    for id in ids {
        while executor.state(id).await.map_err(io::Error::other)? == State::Running {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("build {id} does not end")));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        executor.remove(id).await.map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn folders_of_the_dead_go_and_those_of_the_living_stay() {
        let parent = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (mine, living, dead, strange) = (
            folder("stagewright-mine"),
            folder("stagewright-living"),
            folder("stagewright-dead"),
            folder("stagewright-strange"),
        );
        let _mine = own(&mine).unwrap();
        let _living = own(&living).unwrap();
        drop(own(&dead).unwrap());
        fs::write(dead.join("file"), "x").unwrap();
        remove(&mine).await;
        assert!(mine.exists() && living.exists() && strange.exists() && !dead.exists());
    }
}
