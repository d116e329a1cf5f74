//! The folder of bare repositories: `<folder>/<repository id>.git`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;

use super::projection::Projected;
use super::{Error, Git};

/// The id of a repository, which also names its folder. Only a UUID is one, so no other path can be made of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryId(uuid::Uuid);

/// All repositories of a server.
#[derive(Clone)]
pub struct Repositories {
    folder: Arc<PathBuf>,
    git: Git,
    /// How many threads read or write objects at once; each may hold a file in memory.
    readers: Arc<Semaphore>,
    states: Arc<Mutex<HashMap<RepositoryId, Arc<State>>>>,
}

/// What a server keeps in memory of one repository.
#[derive(Default)]
pub struct State {
    pub projected: Projected,
    pub updates: std::sync::atomic::AtomicU64,
}

/// One bare repository.
#[derive(Clone)]
pub struct Folder {
    pub id: RepositoryId,
    pub path: PathBuf,
    pub git: Git,
    pub state: Arc<State>,
    readers: Arc<Semaphore>,
}

const READERS: usize = 16;
/// A folder without a record is being made, or was left by a crash; after this time it is the latter.
const ORPHANED_AFTER: Duration = Duration::from_secs(3600);
const DELETED: &str = "deleted";
/// Written into a repository whose deletion has begun.
const DOOMED: &str = "deletion-begun";

/// What every repository is configured with. Read by git and by libgit2.
///
/// * `uploadpack.*`: partial clones, and fetching any commit by its id, as builds do;
/// * `transfer.advertiseSID`, `core.hooksPath`: nothing of the machine's shows, and no hook runs;
/// * `core.fsync`: what git writes here is on the disk when it says so;
/// * `core.bigFileThreshold`, `pack.*`: memory stays bounded whatever is stored;
/// * `gc.*`: packing happens when the server asks for it, and never touches references, which are a projection.
const CONFIG: &str = "\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = /dev/null
\tfsync = committed
\tbigFileThreshold = 32m
\tlogAllRefUpdates = false
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[transfer]
\tadvertiseSID = false
[pack]
\tthreads = 2
\twindowMemory = 64m
\tdeltaCacheSize = 64m
[gc]
\tautoDetach = false
\tpackRefs = false
\tpruneExpire = 2.weeks.ago
[advice]
\tgraftFileDeprecated = false
";

impl RepositoryId {
    pub fn new_random() -> Self {
        Self(uuid::Uuid::new_v4())
    }

    /// `None` for what is no UUID.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl std::fmt::Display for RepositoryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Repositories {
    /// Opens the folder, and makes it if it is not there.
    pub fn open(folder: impl Into<PathBuf>, git: Git) -> Result<Self, Error> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(Error::io(folder.display().to_string()))?;
        // git runs in the repositories themselves, so that a relative path would lead elsewhere.
        let folder = folder.canonicalize().map_err(Error::io(folder.display().to_string()))?;
        Ok(Self {
            folder: Arc::new(folder),
            git,
            readers: Arc::new(Semaphore::new(READERS)),
            states: Arc::default(),
        })
    }

    pub fn folder(&self, id: &RepositoryId) -> Folder {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry(id.clone()).or_default().clone();
        let path = self.path(id);
        Folder { id: id.clone(), path, git: self.git.clone(), state, readers: self.readers.clone() }
    }

    /// Makes an empty repository, durable when this returns. Blocks.
    pub fn create(&self, id: &RepositoryId) -> Result<(), Error> {
        let path = self.path(id);
        let context = || path.display().to_string();
        for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"] {
            fs::create_dir_all(path.join(folder)).map_err(Error::io(context()))?;
        }
        for (name, content) in [("HEAD", "ref: refs/heads/main\n"), ("config", CONFIG)] {
            write_synced(&path.join(name), content.as_bytes()).map_err(Error::io(context()))?;
        }
        for folder in ["objects", "refs", "."] {
            sync_folder(&path.join(folder)).map_err(Error::io(context()))?;
        }
        sync_folder(&self.folder).map_err(Error::io(context()))
    }

    /// Deletes a repository's files; to delete what is not there is no error. Blocks.
    pub fn delete(&self, id: &RepositoryId) -> Result<(), Error> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let path = self.path(id);
        let doomed = path.with_extension(DELETED);
        // Renamed first: whoever opens the repository finds all of it or nothing.
        match fs::rename(&path, &doomed) {
            Ok(()) => fs::remove_dir_all(&doomed).map_err(Error::io(doomed.display().to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::Io { context: path.display().to_string(), cause: error }),
        }
    }

    /// Notes that a repository is about to be deleted, durable when this returns. Blocks.
    pub fn doom(&self, id: &RepositoryId) -> Result<(), Error> {
        let path = self.path(id);
        match write_synced(&path.join(DOOMED), b"") {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { context: path.display().to_string(), cause: error })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Deletes a repository that no record names, if its deletion had begun or it never held anything. One with
    /// content is kept: a server started upon the wrong database must not cost anybody his history. Blocks.
    pub fn delete_leftover(&self, id: &RepositoryId) -> Result<(), Error> {
        let path = self.path(id);
        if path.join(DOOMED).exists() || !holds_objects(&path) {
            return self.delete(id);
        }
        tracing::warn!(folder = %path.display(), "A repository's files are kept although no record names them.");
        Ok(())
    }

    /// The repositories whose making or deletion a crash may have interrupted long enough ago. Blocks.
    pub fn old_folders(&self) -> Result<Vec<RepositoryId>, Error> {
        let context = || self.folder.display().to_string();
        let mut old = Vec::new();
        for entry in fs::read_dir(&*self.folder).map_err(Error::io(context()))? {
            let entry = entry.map_err(Error::io(context()))?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == DELETED) {
                fs::remove_dir_all(&path).map_err(Error::io(path.display().to_string()))?;
                continue;
            }
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(RepositoryId::parse);
            let made =
                entry.metadata().and_then(|metadata| metadata.modified()).map_err(Error::io(context()))?;
            let age = SystemTime::now().duration_since(made).unwrap_or_default();
            if let Some(id) = id.filter(|_| age > ORPHANED_AFTER) {
                old.push(id);
            }
        }
        Ok(old)
    }

    fn path(&self, id: &RepositoryId) -> PathBuf {
        self.folder.join(format!("{id}.git"))
    }
}

impl Folder {
    /// Works on the repository with libgit2, on a thread that may block.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&git2::Repository) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let path = self.path.clone();
        self.blocking(move || {
            let repository = git2::Repository::open_bare(&path).map_err(Error::Library)?;
            work(&repository)
        })
        .await
    }

    /// Runs `work` on a thread that may block, when one is free.
    pub async fn blocking<T, E>(&self, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let permit =
            self.readers.clone().acquire_owned().await.map_err(|error| Error::Task(error.to_string()))?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.unwrap_or_else(|error| Err(Error::Task(error.to_string()).into()))
    }
}

/// Whether there is anything in a repository. What cannot be read counts as something.
fn holds_objects(path: &Path) -> bool {
    let is_empty = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    let Ok(mut entries) = fs::read_dir(path.join("objects")) else { return path.join("objects").exists() };
    let empty = entries.all(|entry| entry.is_ok_and(|entry| is_empty(&entry.path())));
    !empty
}

/// Makes what a folder lists durable.
pub fn sync_folder(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()
}

pub fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_repository_is_one_to_git_and_to_libgit2() {
        let dir = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(dir.path().join("r"), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        let folder = repositories.folder(&id);
        let library = git2::Repository::open_bare(&folder.path).unwrap();
        assert!(library.is_bare() && library.references().unwrap().next().is_none());
        let fsck =
            std::process::Command::new("git").args(["-C"]).arg(&folder.path).arg("fsck").output().unwrap();
        assert!(fsck.status.success(), "{fsck:?}");
        repositories.delete(&id).unwrap();
        assert!(!folder.path.exists());
        repositories.delete(&id).unwrap();
    }

    #[test]
    fn only_uuids_name_repositories() {
        assert_eq!(RepositoryId::parse("../../etc"), None);
        let id = RepositoryId::new_random();
        assert_eq!(RepositoryId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn only_leftovers_that_nobody_can_miss_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let make = |filled: bool| {
            let id = RepositoryId::new_random();
            repositories.create(&id).unwrap();
            let path = repositories.folder(&id).path;
            if filled {
                git2::Repository::open_bare(&path).unwrap().blob(b"content").unwrap();
            }
            (id, path)
        };
        let ((empty, empty_path), (filled, filled_path), (doomed, doomed_path)) =
            (make(false), make(true), make(true));
        repositories.doom(&doomed).unwrap();
        for id in [&empty, &filled, &doomed] {
            repositories.delete_leftover(id).unwrap();
        }
        assert!(!empty_path.exists() && !doomed_path.exists());
        assert!(filled_path.exists());
    }

    #[test]
    fn folders_of_interrupted_deletions_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        let left = dir.path().join(format!("{}.{DELETED}", RepositoryId::new_random()));
        fs::create_dir_all(left.join("objects")).unwrap();
        assert_eq!(repositories.old_folders().unwrap(), vec![]);
        assert!(!left.exists());
        let folder = fs::File::open(&repositories.folder(&id).path).unwrap();
        folder.set_modified(SystemTime::now() - 2 * ORPHANED_AFTER).unwrap();
        assert_eq!(repositories.old_folders().unwrap(), vec![id]);
    }
}
