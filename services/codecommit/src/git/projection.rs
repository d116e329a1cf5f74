//! The store's references as the files that git reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use git2::Oid;

use super::Error;
use super::repositories::{Folder, sync_folder, write_synced};

/// Which generation of the references the files show, as far as this server knows. Held locked while they are
/// changed, so that an older generation never overwrites a newer one.
#[derive(Default)]
pub struct Projected(tokio::sync::Mutex<Option<u64>>);

/// All references of a repository at one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub generation: u64,
    /// `refs/heads/main`; what `HEAD` points to.
    pub head: Option<String>,
    /// By full name.
    pub references: BTreeMap<String, Oid>,
}

/// What one update changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// The generation after it.
    pub generation: u64,
    /// Set where `HEAD` changed.
    pub head: Option<String>,
    /// Full names with their new targets; `None`: deleted.
    pub references: Vec<(String, Option<Oid>)>,
}

/// Between nodes that share a folder. Within one server the lock of [`Projected`] is enough.
const LOCK: &str = "projection.lock";
/// What `HEAD` names until a repository has a default branch.
const UNBORN_HEAD: &str = "refs/heads/main";

impl Folder {
    /// Sees to it that git reads the references of `generation` or newer. `load` reads all of them from the store;
    /// it is asked only where a look into memory does not settle it.
    pub async fn project<E, F>(&self, generation: u64, load: impl FnOnce() -> F) -> Result<(), E>
    where
        E: From<Error>,
        F: Future<Output = Result<Snapshot, E>>,
    {
        let mut projected = self.state.projected.0.lock().await;
        if projected.is_some_and(|projected| projected >= generation) {
            return Ok(());
        }
        *projected = None;
        let lock = self.lock().await?;
        // Loaded under the lock: another node cannot write a newer state before this one is written.
        let snapshot = load().await?;
        let (path, reached) = (self.path.clone(), snapshot.generation);
        let written: Result<(), Error> = spawn(move || write_snapshot(&path, &snapshot)).await;
        drop(lock);
        written?;
        *projected = Some(reached);
        Ok(())
    }

    /// The short way after an update: changes only what it changed, if the files show the generation before it.
    /// Answers whether they now show the update; if not, [`Folder::project`] does it.
    pub async fn project_delta(&self, delta: Delta) -> bool {
        let mut projected = self.state.projected.0.lock().await;
        match *projected {
            Some(projected) if projected >= delta.generation => return true,
            Some(projected) if projected + 1 == delta.generation => {}
            Some(_) | None => return false,
        }
        *projected = None;
        let Ok(lock) = self.lock().await else { return false };
        let (path, generation) = (self.path.clone(), delta.generation);
        let written = spawn(move || write_delta(&path, &delta)).await;
        drop(lock);
        if let Err(error) = written {
            tracing::warn!(%error, repository.id = %self.id, "References are written anew for git.");
            return false;
        }
        *projected = Some(generation);
        true
    }

    async fn lock(&self) -> Result<fs::File, Error> {
        let path = self.path.join(LOCK);
        spawn(move || {
            let context = path.display().to_string();
            let file =
                fs::File::options().create(true).append(true).open(&path).map_err(Error::io(&*context))?;
            file.lock().map_err(Error::io(context))?;
            Ok(file)
        })
        .await
    }
}

async fn spawn<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::Task(error.to_string())))
}

fn write_delta(path: &Path, delta: &Delta) -> Result<(), Error> {
    let repository = git2::Repository::open_bare(path)?;
    // Deleted first: a branch `a` may make room for a branch `a/b`.
    for (name, _) in delta.references.iter().filter(|(_, target)| target.is_none()) {
        match repository.find_reference(name) {
            Ok(mut reference) => reference.delete()?,
            Err(error) if error.code() == git2::ErrorCode::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    for (name, target) in &delta.references {
        if let Some(target) = target {
            repository.reference(name, *target, true, "")?;
        }
    }
    match &delta.head {
        Some(head) => write_head(path, head),
        None => Ok(()),
    }
}

/// Writes all references to `packed-refs` and takes the loose ones, which would hide them, away. In this order: a
/// reader in between sees, reference by reference, the old or the new state. Files that a crash left half written
/// are not read here, so they do no harm.
fn write_snapshot(path: &Path, snapshot: &Snapshot) -> Result<(), Error> {
    let mut packed = String::from("# pack-refs with: sorted \n");
    for (name, target) in &snapshot.references {
        packed.push_str(&format!("{target} {name}\n"));
    }
    replace(path, "packed-refs", packed.as_bytes())?;
    remove_files(&path.join("refs")).map_err(Error::io(path.join("refs").display().to_string()))?;
    write_head(path, snapshot.head.as_deref().unwrap_or(UNBORN_HEAD))
}

fn write_head(path: &Path, head: &str) -> Result<(), Error> {
    replace(path, "HEAD", format!("ref: {head}\n").as_bytes())
}

fn replace(path: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
    let (target, new) = (path.join(name), path.join(format!("{name}.new")));
    write_synced(&new, content)
        .and_then(|()| fs::rename(&new, &target))
        .and_then(|()| sync_folder(path))
        .map_err(Error::io(target.display().to_string()))
}

/// The folders stay: `refs/` must exist for git to see a repository, and the others may be in use.
fn remove_files(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_files(&entry.path())?;
            continue;
        }
        match fs::remove_file(entry.path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Git, Repositories, RepositoryId};
    use super::*;

    struct Fixture {
        folder: Folder,
        commits: Vec<Oid>,
        _dir: tempfile::TempDir,
    }

    fn fixture() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        let folder = repositories.folder(&id);
        let repository = git2::Repository::open_bare(&folder.path).unwrap();
        let signature = git2::Signature::now("T", "t@example.org").unwrap();
        let tree = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
        let commit = |message| repository.commit(None, &signature, &signature, message, &tree, &[]).unwrap();
        let commits = vec![commit("one"), commit("two")];
        Fixture { folder, commits, _dir: dir }
    }

    fn snapshot(generation: u64, references: &[(&str, Oid)]) -> Snapshot {
        let references = references.iter().map(|(name, target)| ((*name).to_owned(), *target)).collect();
        Snapshot { generation, head: Some("refs/heads/main".to_owned()), references }
    }

    fn shown(folder: &Folder) -> Vec<(String, Oid)> {
        let output = std::process::Command::new("git")
            .arg("-C")
            .arg(&folder.path)
            .args(["for-each-ref", "--format=%(objectname) %(refname)"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let pair = |line: &str| {
            let (target, name) = line.split_once(' ').unwrap();
            (name.to_owned(), target.parse().unwrap())
        };
        lines.lines().map(pair).collect()
    }

    async fn project(folder: &Folder, snapshot: Snapshot) {
        folder.project(snapshot.generation, || async { Ok::<_, Error>(snapshot) }).await.unwrap();
    }

    #[tokio::test]
    async fn a_snapshot_replaces_whatever_is_there() {
        let Fixture { folder, commits, _dir } = fixture();
        project(&folder, snapshot(3, &[("refs/heads/main", commits[0]), ("refs/heads/old", commits[0])]))
            .await;
        assert_eq!(shown(&folder).len(), 2);
        // A torn file, as a crash leaves it.
        fs::write(folder.path.join("refs/heads/main"), "").unwrap();
        *folder.state.projected.0.lock().await = None;
        project(&folder, snapshot(4, &[("refs/heads/main", commits[1])])).await;
        assert_eq!(shown(&folder), vec![("refs/heads/main".to_owned(), commits[1])]);
    }

    #[tokio::test]
    async fn a_delta_applies_only_to_the_generation_before() {
        let Fixture { folder, commits, _dir } = fixture();
        let delta = |generation, references: &[(&str, Option<Oid>)]| Delta {
            generation,
            head: None,
            references: references.iter().map(|(name, target)| ((*name).to_owned(), *target)).collect(),
        };
        assert!(
            !folder.project_delta(delta(4, &[("refs/heads/a", Some(commits[0]))])).await,
            "unknown state"
        );
        project(&folder, snapshot(3, &[("refs/heads/a", commits[0])])).await;
        assert!(!folder.project_delta(delta(5, &[])).await, "one was missed");
        project(&folder, snapshot(5, &[("refs/heads/a", commits[0])])).await;
        let room = delta(6, &[("refs/heads/a/b", Some(commits[1])), ("refs/heads/a", None)]);
        assert!(folder.project_delta(room).await);
        assert_eq!(shown(&folder), vec![("refs/heads/a/b".to_owned(), commits[1])]);
        assert!(
            folder.project_delta(delta(2, &[("refs/heads/a/b", None)])).await,
            "an older one changes nothing"
        );
        assert_eq!(shown(&folder).len(), 1);
    }

    #[tokio::test]
    async fn what_is_projected_is_not_loaded_again() {
        let Fixture { folder, commits, _dir } = fixture();
        project(&folder, snapshot(7, &[("refs/heads/main", commits[0])])).await;
        let never = || async { Err(Error::Task("it was loaded".to_owned())) };
        folder.project::<Error, _>(7, never).await.unwrap();
        folder.project::<Error, _>(6, never).await.unwrap();
        assert!(folder.project::<Error, _>(8, never).await.is_err());
    }
}
