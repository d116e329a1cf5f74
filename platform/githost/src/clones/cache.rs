//! The entries of the cache: whose they are, who holds them, and when they go.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::OwnedMutexGuard;

use crate::Remote;
use crate::git::run::size;

/// Entries that nobody has used for so long go.
const UNUSED: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// What all entries may have together; those that were used last stay.
const MOST_BYTES: u64 = 20 * 1024 * 1024 * 1024;
/// How often it is looked.
const TIDY_EVERY: Duration = Duration::from_secs(10 * 60);
/// Names the key by which entries are named: who reads their names learns no credential.
const KEY: &str = "key";
/// Written with each use.
const USED: &str = "stagewright-used";

pub(super) struct Cache {
    folder: PathBuf,
    held: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    tidied: Mutex<Option<SystemTime>>,
}

/// An entry that nobody else touches.
pub(super) struct Entry {
    folder: PathBuf,
    _held: OwnedMutexGuard<()>,
}

impl Entry {
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Cache {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, held: Mutex::default(), tidied: Mutex::default() }
    }

    /// The entry of an address, a credential and a depth, made if it is not there.
    pub async fn hold(&self, remote: &Remote, depth: Option<u32>) -> io::Result<Entry> {
        let name = name(&self.key()?, remote, depth);
        let lock = lock(&self.held).entry(name.clone()).or_default().clone();
        let held = lock.lock_owned().await;
        let folder = self.folder.join(&name);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        fs::write(folder.join(USED), "")?;
        Ok(Entry { folder, _held: held })
    }

    /// Takes an entry away.
    pub async fn forget(&self, remote: &Remote, depth: Option<u32>) -> io::Result<()> {
        let entry = self.hold(remote, depth).await?;
        fs::remove_dir_all(entry.folder())
    }

    /// In the background, and now and then.
    pub fn tidy(self: &Arc<Self>) {
        let now = SystemTime::now();
        let mut tidied = lock(&self.tidied);
        let recently =
            |before: SystemTime| now.duration_since(before).is_ok_and(|passed| passed < TIDY_EVERY);
        if tidied.is_some_and(recently) {
            return;
        }
        *tidied = Some(now);
        let cache = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = cache.remove_old(now, MOST_BYTES) {
                tracing::warn!(%error, "the cache of clones could not be tidied");
            }
        });
    }

    fn remove_old(&self, now: SystemTime, most: u64) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if let Ok(used) = fs::metadata(entry.path().join(USED)).and_then(|file| file.modified()) {
                entries.push((used, entry.file_name().to_string_lossy().into_owned()));
            }
        }
        entries.sort();
        let mut together = 0;
        for (used, name) in entries.into_iter().rev() {
            let folder = self.folder.join(&name);
            together += size(&folder);
            let is_old = now.duration_since(used).is_ok_and(|passed| passed > UNUSED);
            if together <= most && !is_old {
                continue;
            }
            let held = lock(&self.held).entry(name).or_default().clone();
            if let Ok(_held) = held.try_lock() {
                fs::remove_dir_all(folder)?;
            }
        }
        // Locks that nobody holds or waits for are made again when they are needed.
        lock(&self.held).retain(|_, held| Arc::strong_count(held) > 1);
        Ok(())
    }

    fn key(&self) -> io::Result<Vec<u8>> {
        let path = self.folder.join(KEY);
        if let Ok(key) = fs::read(&path)
            && key.len() == 32
        {
            return Ok(key);
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let key: [u8; 32] = rand::random();
        let draft = self.folder.join(format!("{KEY}.{}", hex::encode(&key[..4])));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(&rand::random::<[u8; 32]>())?;
        // The first of several that make one at a time wins.
        match fs::hard_link(&draft, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => fs::remove_file(&draft)?,
        }
        fs::read(path)
    }
}

fn name(key: &[u8], remote: &Remote, depth: Option<u32>) -> String {
    let real = remote.instead.as_ref().map(|(_, real)| real.as_str()).unwrap_or_default();
    let (user_name, token) = match &remote.credential {
        Some(credential) => (credential.user_name.as_str(), credential.token.reveal()),
        None => ("", ""),
    };
    let depth = depth.map(|depth| depth.to_string()).unwrap_or_default();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for part in [&remote.url, real, user_name, token, &depth] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    hex::encode(mac.finalize().into_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Credential;

    fn remote(token: &str) -> Remote {
        let token = aws::Secret::new(token);
        Remote::new("https://h/a/b.git".into(), Some(Credential { user_name: "u".into(), token }))
    }

    #[tokio::test]
    async fn entries_are_of_one_credential_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("clones"));
        let mine = cache.hold(&remote("a"), None).await.unwrap().folder().to_owned();
        let theirs = cache.hold(&remote("b"), None).await.unwrap().folder().to_owned();
        assert_ne!(mine, theirs);
        assert_ne!(mine, cache.hold(&remote("a"), Some(1)).await.unwrap().folder());
        assert_eq!(mine, cache.hold(&remote("a"), None).await.unwrap().folder());

        fs::write(mine.join("pack"), vec![0; 1000]).unwrap();
        cache.remove_old(SystemTime::now(), 1000).unwrap();
        assert!(mine.exists() && theirs.exists());
        cache.remove_old(SystemTime::now(), 999).unwrap();
        assert!(!mine.exists());
        let held = cache.hold(&remote("b"), None).await.unwrap();
        let later = SystemTime::now() + UNUSED * 2;
        cache.remove_old(later, u64::MAX).unwrap();
        assert!(held.folder().exists(), "what is in use stays");
        drop(held);
        cache.remove_old(later, u64::MAX).unwrap();
        assert!(!theirs.exists());
    }
}
