//! How much memory publishing may take: bodies that have to be held whole wait until there is room.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Of all bodies that are held at the same time.
const ALL: u32 = 256;
/// Of one, in MiB.
pub const LARGEST: usize = 128;
const MIB: usize = 1024 * 1024;

/// Permits are MiB.
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL as usize)))
    }
}

impl Budget {
    /// Waits for room for a body of `length` bytes, or of the largest size if that is not known. Dropping the permit
    /// makes room again. `None` if the body is too large.
    pub async fn room(&self, length: Option<usize>) -> Option<OwnedSemaphorePermit> {
        let mib = length.map_or(LARGEST, |length| length.div_ceil(MIB).max(1));
        if mib > LARGEST {
            return None;
        }
        self.0.clone().acquire_many_owned(u32::try_from(mib).unwrap_or(ALL)).await.ok()
    }
}

/// In bytes.
pub const LARGEST_BODY: usize = LARGEST * MIB;
