//! Blobs as files of a local folder: `sha256/<first two digits>/<all 64 digits>`.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::stream::{self, BoxStream, StreamExt};
use walkdir::WalkDir;

use crate::pieces::pieces;
use crate::staging::{Staged, blocking};
use crate::{BlobId, ByteStream, Digest, Error, Head};

/// Entries that a listing reads ahead.
const LISTED_AHEAD: usize = 256;

#[derive(Clone)]
pub(crate) struct Folder {
    dir: PathBuf,
    /// Held while a name appears or disappears: a blob must not be deleted for its age while equal bytes are put.
    names: Arc<Mutex<()>>,
}

impl Folder {
    pub(crate) fn open(parent: &Path) -> Result<Folder, Error> {
        let dir = parent.join("sha256");
        // All folders are made, and made durable, before any file is in them.
        for prefix in 0..=u8::MAX {
            let sub = dir.join(hex::encode([prefix]));
            std::fs::create_dir_all(&sub).map_err(Error::file(&sub))?;
        }
        sync_dir(&dir)?;
        sync_dir(parent)?;
        Ok(Folder { dir, names: Arc::default() })
    }

    pub(crate) fn path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let (prefix, _) = name.split_at(2);
        self.dir.join(prefix).join(&name)
    }

    pub(crate) async fn place(&self, staged: Staged, id: BlobId) -> Result<(), Error> {
        let (folder, path) = (self.clone(), self.path(id.digest));
        blocking(move || {
            // The slow part first, outside of the lock. Equal bytes that are there already need no second sync.
            if !holds(&path, id.size)? {
                staged.sync()?;
            }
            let lock = folder.names.lock().unwrap_or_else(PoisonError::into_inner);
            if holds(&path, id.size)? {
                let file = File::options().write(true).open(&path).map_err(Error::file(&path))?;
                file.set_modified(SystemTime::now()).map_err(Error::file(&path))?;
            } else {
                // Again, should the file that was there have been deleted since; a second sync costs nothing.
                staged.sync()?;
                std::fs::rename(&staged.path, &path).map_err(Error::file(&path))?;
            }
            drop(lock);
            // Also when the file was there: whoever put it may not have come to this point yet.
            sync_dir(path.parent().unwrap_or(&folder.dir))
        })
        .await
    }

    pub(crate) async fn get(&self, digest: Digest, range: Range<u64>) -> Result<ByteStream, Error> {
        pieces(self.path(digest), digest, range).await
    }

    pub(crate) async fn head(&self, digest: Digest) -> Result<Option<Head>, Error> {
        let path = self.path(digest);
        blocking(move || head(&path, digest)).await
    }

    pub(crate) async fn delete(&self, digest: Digest, older_than: Option<SystemTime>) -> Result<bool, Error> {
        let (folder, path) = (self.clone(), self.path(digest));
        blocking(move || {
            let _lock = folder.names.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(head) = head(&path, digest)? else { return Ok(false) };
            if older_than.is_some_and(|time| head.modified >= time) {
                return Ok(false);
            }
            // Not synced: a blob that comes back after a crash is only garbage to be collected again.
            std::fs::remove_file(&path).map_err(Error::file(&path))?;
            Ok(true)
        })
        .await
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<Head, Error>> {
        let dir = self.dir.clone();
        let (listed, receiver) = tokio::sync::mpsc::channel(LISTED_AHEAD);
        tokio::task::spawn_blocking(move || {
            for head in heads(&dir) {
                if listed.blocking_send(head).is_err() {
                    return;
                }
            }
        });
        stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|head| (head, receiver)) })
            .boxed()
    }
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.dir.display())
    }
}

fn heads(dir: &Path) -> impl Iterator<Item = Result<Head, Error>> {
    let dir = dir.to_owned();
    WalkDir::new(&dir).min_depth(2).max_depth(2).into_iter().filter_map(move |entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Err(Error::file(&dir)(error.into()))),
        };
        // Files of other names are not ours.
        let digest = entry.file_name().to_str()?.parse().ok()?;
        head(entry.path(), digest).transpose()
    })
}

fn head(path: &Path, digest: Digest) -> Result<Option<Head>, Error> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file(path)(error)),
    };
    let modified = metadata.modified().map_err(Error::file(path))?;
    Ok(Some(Head { id: BlobId { digest, size: metadata.len() }, modified }))
}

/// Whether the file is there, whole.
fn holds(path: &Path, size: u64) -> Result<bool, Error> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len() == size),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::file(path)(error)),
    }
}

fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::file(dir))
}
