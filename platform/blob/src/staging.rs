//! Files in the making.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use uuid::Uuid;

use crate::beside::Intake;
use crate::id::Hashing;
use crate::{BlobId, Error};

/// Bytes after which the disk is set to work.
const WRITE_BACK: u64 = 8 * 1024 * 1024;

/// The folder in which files are staged; locked, so that nobody takes files in the making for leftovers.
pub(crate) struct Staging {
    dir: PathBuf,
    _lock: File,
}

/// A file in the making. It is removed when the value is dropped before it was put in place.
pub(crate) struct Staged {
    pub(crate) path: PathBuf,
    file: File,
    hashing: Hashing,
    /// Bytes that are on their way to the disk, and bytes written.
    underway: u64,
    written: u64,
}

impl Staging {
    /// Makes the folder, locks it, removes leftovers. Errors: `Locked`, `File`.
    pub(crate) fn open(parent: &Path) -> Result<Staging, Error> {
        let dir = parent.join("incoming");
        std::fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        let path = parent.join("blob.lock");
        let lock = File::options().create(true).write(true).truncate(false).open(&path);
        let lock = lock.map_err(Error::file(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: parent.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(Error::file(&path)(error)),
        }
        for leftover in std::fs::read_dir(&dir).map_err(Error::file(&dir))? {
            let leftover = leftover.map_err(Error::file(&dir))?.path();
            std::fs::remove_file(&leftover).map_err(Error::file(&leftover))?;
        }
        Ok(Staging { dir, _lock: lock })
    }

    /// A path for a new file.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.dir.join(Uuid::new_v4().simple().to_string())
    }
}

impl Staged {
    pub(crate) fn create(path: PathBuf) -> Result<Staged, Error> {
        let file = File::options().create_new(true).write(true).open(&path).map_err(Error::file(&path))?;
        Ok(Staged { path, file, hashing: Hashing::default(), underway: 0, written: 0 })
    }

    /// The name of what was written.
    pub(crate) fn name(&mut self) -> BlobId {
        std::mem::take(&mut self.hashing).finish()
    }

    /// Makes the bytes durable, though not yet their name.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(Error::file(&self.path))
    }
}

impl Intake for Staged {
    const SWIFT: usize = 0;

    fn take(&mut self, pieces: &[Bytes]) -> Result<(), Error> {
        for piece in pieces {
            self.file.write_all(piece).map_err(Error::file(&self.path))?;
            self.hashing.update(piece);
            self.written += piece.len() as u64;
        }
        // Linux begins to write what it is told that nobody will read, and waits for none of it: less is left for `sync`. What
        // is being written stays in memory.
        if self.written - self.underway >= WRITE_BACK {
            let fresh = NonZeroU64::new(self.written - self.underway);
            let _only_slower = fadvise(&self.file, self.underway, fresh, Advice::DontNeed);
            self.underway = self.written;
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already once it was put in place. What cannot be removed now is removed at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Runs work on files where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let result = tokio::task::spawn_blocking(work).await;
    result.unwrap_or_else(|error| Err(Error::Interrupted(error.to_string())))
}
