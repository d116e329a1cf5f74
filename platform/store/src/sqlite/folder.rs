//! The folder that holds the database: one process at a time.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::Error;

/// A locked data folder. The lock ends with the value, or with the process, however it ends.
pub(crate) struct Folder {
    dir: PathBuf,
    _lock: File,
}

impl Folder {
    /// Errors: `Locked`; `File` if the folder cannot be made.
    pub(crate) fn lock(dir: &Path) -> Result<Folder, Error> {
        std::fs::create_dir_all(dir).map_err(|error| Error::file(dir, error))?;
        let path = dir.join("store.lock");
        let lock = File::options().create(true).write(true).truncate(false).open(&path);
        let lock = lock.map_err(|error| Error::file(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(Error::file(&path, error)),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        Folder::database_in(&self.dir)
    }

    /// Where the database of a folder is, whoever has it open.
    pub(crate) fn database_in(dir: &Path) -> PathBuf {
        dir.join("store.sqlite")
    }

    /// Makes the names of new files durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        sync_dir(&self.dir)
    }
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| Error::file(dir, error))
}
