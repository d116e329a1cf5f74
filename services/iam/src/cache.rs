//! What decisions rest on, kept in memory: keys and the compiled policies of their owners.
//!
//! Every change made by this process empties the cache before the change is answered. Another process on the same
//! database may go on with what it knows for [`FRESH_FOR`]; AWS promises less.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::policy::{Document, Kind, MalformedPolicyDocument, Policy};
use crate::records::{SessionKey, Tag};

/// How long an entry is good without a look at the store.
pub const FRESH_FOR: Duration = Duration::from_secs(5);
/// Entries of each kind; a full map starts anew, which costs a few lookups.
const CAPACITY: usize = 10_000;

/// The policies of a user or role, ready for decisions.
#[derive(Debug, Default)]
pub struct PrincipalPolicies {
    pub identity: Vec<Arc<Policy>>,
    /// `Some` and empty: a boundary is set whose policy is gone.
    pub boundary: Option<Vec<Arc<Policy>>>,
    pub tags: Vec<Tag>,
}

/// A temporary key with what its session adds.
#[derive(Debug)]
pub struct KnownSession {
    pub record: SessionKey,
    /// `None`: no session policy was passed.
    pub policies: Option<Vec<Arc<Policy>>>,
}

#[derive(Default)]
pub struct Cache {
    generation: AtomicU64,
    pub keys: Entries<String, aws::AccessKey>,
    /// By unique id of the user or role.
    pub principals: Entries<String, PrincipalPolicies>,
    /// By access key id.
    pub sessions: Entries<String, KnownSession>,
    documents: Documents,
}

impl Cache {
    /// Forgets everything that rests on records.
    pub fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The compiled document of a text. Texts never change their meaning, so these entries do not age.
    pub fn document(&self, kind: Kind, text: &Arc<str>) -> Result<Arc<Document>, MalformedPolicyDocument> {
        self.documents.get(kind, text)
    }
}

/// Entries that were read from the store at some moment.
pub struct Entries<K, V>(RwLock<HashMap<K, Entry<V>>>);

struct Entry<V> {
    value: Arc<V>,
    generation: u64,
    read_at: Instant,
}

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Entries(RwLock::default())
    }
}

impl<K: Eq + Hash + Clone, V> Entries<K, V> {
    /// The value of `key`, read anew when it is unknown, too old, or from before the latest change.
    /// `load` answers `None` for what does not exist; that is not kept.
    pub async fn get<F>(&self, cache: &Cache, key: &K, load: F) -> Result<Option<Arc<V>>, Error>
    where
        F: Future<Output = Result<Option<V>, Error>>,
    {
        // Taken before reading: a change that happens meanwhile makes the entry stale at once.
        let generation = cache.generation();
        if let Some(value) = self.fresh(key, generation) {
            return Ok(Some(value));
        }
        let read_at = Instant::now();
        let Some(value) = load.await?.map(Arc::new) else { return Ok(None) };
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY {
            entries.clear();
        }
        entries.insert(key.clone(), Entry { value: value.clone(), generation, read_at });
        Ok(Some(value))
    }

    fn fresh(&self, key: &K, generation: u64) -> Option<Arc<V>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(key)?;
        (entry.generation == generation && entry.read_at.elapsed() < FRESH_FOR).then(|| entry.value.clone())
    }
}

/// Compiled documents of resource and trust policies by their text.
#[derive(Default)]
struct Documents(RwLock<HashMap<DocumentKey, Arc<Document>>>);

/// One text means different things as a trust policy and as another resource's.
type DocumentKey = (Kind, Arc<str>);

impl Documents {
    fn get(&self, kind: Kind, text: &Arc<str>) -> Result<Arc<Document>, MalformedPolicyDocument> {
        let key = (kind, text.clone());
        if let Some(document) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(document.clone());
        }
        let document = Arc::new(Document::parse(text, kind)?);
        let mut documents = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if documents.len() >= CAPACITY / 10 {
            documents.clear();
        }
        documents.insert(key, document.clone());
        Ok(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_makes_entries_stale() {
        let cache = Cache::default();
        let entries: Entries<String, u32> = Entries::default();
        let key = "k".to_owned();
        let first = entries.get(&cache, &key, async { Ok(Some(1)) }).await.expect("loads");
        let kept = entries.get(&cache, &key, async { Ok(Some(2)) }).await.expect("kept");
        assert_eq!((first.as_deref(), kept.as_deref()), (Some(&1), Some(&1)));
        cache.invalidate();
        let anew = entries.get(&cache, &key, async { Ok(Some(3)) }).await.expect("loads");
        assert_eq!(anew.as_deref(), Some(&3));
    }

    #[tokio::test]
    async fn a_change_during_a_load_makes_its_entry_stale() {
        let cache = Cache::default();
        let entries: Entries<String, u32> = Entries::default();
        let key = "k".to_owned();
        let load = async {
            cache.invalidate();
            Ok(Some(1))
        };
        entries.get(&cache, &key, load).await.expect("loads");
        let anew = entries.get(&cache, &key, async { Ok(Some(2)) }).await.expect("loads");
        assert_eq!(anew.as_deref(), Some(&2));
    }

    #[tokio::test]
    async fn what_is_not_there_is_asked_again() {
        let cache = Cache::default();
        let entries: Entries<String, u32> = Entries::default();
        let key = "k".to_owned();
        assert!(entries.get(&cache, &key, async { Ok(None) }).await.expect("loads").is_none());
        assert!(entries.get(&cache, &key, async { Ok(Some(1)) }).await.expect("loads").is_some());
    }
}
