//! What origins have of files that no index tells of, for as long as that is good.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::records::RemoteFile;

const FRESH: Duration = Duration::from_secs(300);
/// How long it is remembered that there is no such file.
const ABSENT: Duration = Duration::from_secs(30);
const MOST: usize = 10_000;

/// By the address of the file.
#[derive(Default)]
pub struct Offers(Mutex<BTreeMap<String, (Instant, Option<RemoteFile>)>>);

impl Offers {
    /// `None` if nothing is known; otherwise the file, or that there is none.
    pub fn get(&self, url: &str) -> Option<Option<RemoteFile>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, offer) = known.get(url)?;
        is_good(*at, offer.is_some()).then(|| offer.clone())
    }

    pub fn put(&self, url: String, offer: Option<RemoteFile>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (at, offer)| is_good(*at, offer.is_some()));
        }
        // Whoever asks for so many at once makes others ask again.
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(url, (Instant::now(), offer));
    }
}

fn is_good(at: Instant, exists: bool) -> bool {
    at.elapsed() < if exists { FRESH } else { ABSENT }
}
