//! Waiting for a kernel object that is no file, socket or pipe: a process handle, an inotify queue.

use std::{io, os::fd::OwnedFd};

use tokio::io::unix::AsyncFd;

/// Must be called within a Tokio runtime.
#[expect(
    deprecated,
    reason = "unsound only for types whose descriptor may change or close while registered, which OwnedFd does not; \
              the replacement is an unsafe function"
)]
pub(crate) fn readiness(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(handle)
}
