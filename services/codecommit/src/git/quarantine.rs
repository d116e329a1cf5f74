//! Where new objects stay until they are known to be good: an object folder of its own that sees the repository's
//! objects through git's alternates. What is not migrated disappears with it.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::Error;
use super::repositories::{Folder, sync_folder};

const FOLDER: &str = "quarantine";
const LOCK: &str = "lock";

/// New objects of one push or one commit. Blocks where it touches files.
pub struct Quarantine {
    folder: PathBuf,
    /// Locked as long as this process works on it: who can take the lock may sweep the folder.
    _lock: fs::File,
    repository: PathBuf,
}

impl Quarantine {
    pub fn open(repository: &Folder) -> Result<Self, Error> {
        let folder = repository.path.join(FOLDER).join(uuid::Uuid::new_v4().to_string());
        let context = || folder.display().to_string();
        fs::create_dir_all(folder.join("objects/info")).map_err(Error::io(context()))?;
        fs::create_dir_all(folder.join("objects/pack")).map_err(Error::io(context()))?;
        fs::create_dir_all(folder.join("refs")).map_err(Error::io(context()))?;
        let lock = fs::File::create(folder.join(LOCK)).map_err(Error::io(context()))?;
        lock.lock().map_err(Error::io(context()))?;
        let alternates = format!("{}\n", repository.path.join("objects").display());
        let config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
        for (name, content) in
            [("HEAD", "ref: refs/heads/none\n"), ("config", config), ("objects/info/alternates", &alternates)]
        {
            fs::write(folder.join(name), content).map_err(Error::io(context()))?;
        }
        Ok(Self { folder, _lock: lock, repository: repository.path.clone() })
    }

    /// Lets git write its objects here.
    pub fn guard(&self, command: &mut Command) {
        command
            .env("GIT_OBJECT_DIRECTORY", self.folder.join("objects"))
            .env("GIT_QUARANTINE_PATH", self.folder.join("objects"));
    }

    /// A repository without references: reads see all objects, writes go here.
    pub fn library(&self) -> Result<git2::Repository, Error> {
        Ok(git2::Repository::open_bare(&self.folder)?)
    }

    /// Moves all objects into the repository. They are on the disk when this returns.
    pub fn migrate(self) -> Result<(), Error> {
        let (from, to) = (self.folder.join("objects"), self.repository.join("objects"));
        migrate(&from, &to).map_err(Error::io(to.display().to_string()))
    }
}

impl Drop for Quarantine {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "A quarantine is left to be swept later.");
        }
    }
}

/// Removes what processes that are no more left behind. Blocks.
pub fn sweep(repository: &Folder) -> Result<(), Error> {
    let folder = repository.path.join(FOLDER);
    let context = || folder.display().to_string();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::Io { context: context(), cause: error }),
    };
    for entry in entries {
        let path = entry.map_err(Error::io(context()))?.path();
        // One without a lock file is just being made, or its making was interrupted: the next sweep after a
        // restart finds nobody at it either way, and it is a few empty folders.
        let Ok(lock) = fs::File::open(path.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            fs::remove_dir_all(&path).map_err(Error::io(path.display().to_string()))?;
        }
    }
    Ok(())
}

fn migrate(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "pack" {
            move_packs(&entry.path(), &to.join("pack"))?;
        } else if name.len() == 2 {
            move_loose(&entry.path(), &to.join(&name), to)?;
        }
    }
    Ok(())
}

/// The index goes last: git looks for `.idx` files, and expects the rest of a pack to be there.
fn move_packs(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(from)? {
        files.push(entry?.path());
    }
    let extension =
        |path: &Path| path.extension().and_then(|extension| extension.to_str()).map(str::to_owned);
    files.retain(|path| matches!(extension(path).as_deref(), Some("pack" | "rev" | "idx")));
    files.sort_by_key(|path| extension(path).as_deref() == Some("idx"));
    if files.is_empty() {
        return Ok(());
    }
    for file in files {
        move_synced(&file, to)?;
    }
    sync_folder(to)
}

fn move_loose(from: &Path, to: &Path, objects: &Path) -> std::io::Result<()> {
    match fs::create_dir(to) {
        Ok(()) => sync_folder(objects)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    for entry in fs::read_dir(from)? {
        move_synced(&entry?.path(), to)?;
    }
    sync_folder(to)
}

fn move_synced(file: &Path, to: &Path) -> std::io::Result<()> {
    // Neither libgit2's loose objects nor every version of git's packs are synced when they are written.
    fs::File::open(file)?.sync_all()?;
    match file.file_name() {
        // Equal names are equal content: objects and packs are named by their hash.
        Some(name) => fs::rename(file, to.join(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Git, Repositories, RepositoryId};
    use super::*;

    fn folder(dir: &tempfile::TempDir) -> Folder {
        let repositories = Repositories::open(dir.path(), Git::new("git", 2)).unwrap();
        let id = RepositoryId::new_random();
        repositories.create(&id).unwrap();
        repositories.folder(&id)
    }

    #[test]
    fn objects_are_seen_from_outside_only_after_the_migration() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(&dir);
        let first = Quarantine::open(&folder).unwrap();
        let one = first.library().unwrap().blob(b"one").unwrap();
        let outside = || git2::Repository::open_bare(&folder.path).unwrap();
        assert!(outside().find_blob(one).is_err());
        first.migrate().unwrap();
        assert_eq!(outside().find_blob(one).unwrap().content(), b"one");
        let second = Quarantine::open(&folder).unwrap();
        let library = second.library().unwrap();
        assert!(library.find_blob(one).is_ok(), "a quarantine sees the repository's objects");
        let two = library.blob(b"two").unwrap();
        drop(library);
        drop(second);
        assert!(outside().find_blob(two).is_err());
        assert_eq!(fs::read_dir(folder.path.join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn only_abandoned_quarantines_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(&dir);
        let used = Quarantine::open(&folder).unwrap();
        let left = folder.path.join(FOLDER).join("left");
        fs::create_dir_all(left.join("objects")).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        sweep(&folder).unwrap();
        assert!(!left.exists());
        assert!(used.folder.exists());
    }
}
