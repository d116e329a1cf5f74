//! What time it is for whatever waits for days. A test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws::Timestamp;

#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// Milliseconds; of the machine's clock.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(Timestamp::now().as_millis() + self.ahead.load(Ordering::Relaxed))
    }

    #[cfg(test)]
    pub(crate) fn forward(&self, days: i64) {
        self.ahead.fetch_add(days * 24 * 60 * 60 * 1000, Ordering::Relaxed);
    }
}
