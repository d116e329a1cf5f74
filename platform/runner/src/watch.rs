//! Tells when files of a folder have changed, by inotify: nobody polls.

use std::{
    collections::HashMap,
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::readiness::readiness;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use tokio::{
    io::unix::AsyncFd,
    sync::watch::{Receiver, Sender, channel},
    task::JoinHandle,
};

/// One inotify instance for all folders: the kernel grants a user only 128 of them by default.
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    inotify: AsyncFd<OwnedFd>,
    /// By watch descriptor. Two watches of one folder share it.
    folders: Mutex<HashMap<i32, Sender<()>>>,
}

/// Wakes whenever a file in the folder was written or made. Changes since the last wait are not missed.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    descriptor: i32,
    changes: Receiver<()>,
}

impl Watcher {
    /// Must be called within a Tokio runtime.
    pub fn new() -> io::Result<Self> {
        let inotify = readiness(inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?)?;
        let shared = Arc::new(Shared { inotify, folders: Mutex::default() });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.dispatch().await }
        });
        Ok(Self { shared, task })
    }

    pub fn watch(&self, folder: &Path) -> io::Result<Watch> {
        // Locked over the call, so that a watch that is just being dropped cannot take this descriptor with it.
        let mut folders = self.shared.folders();
        let flags = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        let descriptor = inotify::add_watch(self.shared.inotify.get_ref(), folder, flags)?;
        let changes = folders.entry(descriptor).or_insert_with(|| channel(()).0).subscribe();
        drop(folders);
        Ok(Watch { shared: Arc::clone(&self.shared), descriptor, changes })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn folders(&self) -> MutexGuard<'_, HashMap<i32, Sender<()>>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn dispatch(&self) {
        loop {
            let Ok(mut ready) = self.inotify.readable().await else { return };
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(self.inotify.get_ref(), &mut buffer);
            loop {
                match reader.next() {
                    Ok(event) => self.wake(event.wd(), event.events()),
                    Err(rustix::io::Errno::INTR) => {}
                    Err(_) => break,
                }
            }
            ready.clear_ready();
        }
    }

    fn wake(&self, descriptor: i32, flags: ReadFlags) {
        let folders = self.folders();
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            folders.values().for_each(|folder| folder.send_replace(()));
        } else if let Some(folder) = folders.get(&descriptor) {
            folder.send_replace(());
        }
    }
}

impl Watch {
    /// May be dropped and called again without losing a change.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The sender lives as long as this watch stands in the table.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut folders = self.shared.folders();
        if folders.get(&self.descriptor).is_some_and(|folder| folder.receiver_count() <= 1) {
            folders.remove(&self.descriptor);
            // Fails if the folder was deleted: the kernel has dropped the watch then.
            let _gone = inotify::remove_watch(self.shared.inotify.get_ref(), self.descriptor);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn every_watcher_of_a_folder_wakes_and_only_of_that() {
        let (changed, quiet) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let watcher = Watcher::new().unwrap();
        let mut first = watcher.watch(changed.path()).unwrap();
        let mut second = watcher.watch(changed.path()).unwrap();
        let mut other = watcher.watch(quiet.path()).unwrap();
        fs::write(changed.path().join("file"), "x").unwrap();
        timeout(SOON, first.changed()).await.unwrap();
        timeout(SOON, second.changed()).await.unwrap();
        assert!(!other.changes.has_changed().unwrap());

        drop(first);
        second.changes.mark_unchanged();
        fs::write(changed.path().join("file"), "y").unwrap();
        timeout(SOON, second.changed()).await.unwrap();
        fs::write(quiet.path().join("file"), "z").unwrap();
        timeout(SOON, other.changed()).await.unwrap();
    }
}
