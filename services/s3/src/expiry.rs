//! Carrying out the lifecycle rules: a pass over the buckets that have some, every hour, on one node at a time.

use std::sync::Arc;
use std::time::Duration;

use aws::Timestamp;
use s3s::dto::{BucketLifecycleConfiguration, LifecycleRule};
use store::{Claimed, Key, Range, ReadTx, WriteTx};
use uuid::Uuid;

use crate::conditions::WriteConditions;
use crate::error::Error;
use crate::events::{self, Deleted, Teller};
use crate::lifecycle::{self, Placed};
use crate::records::{Bucket, Content, Setting, Upload, Version, Versioning};
use crate::versions::{self, NewVersion};
use crate::{S3, settings};

const QUEUE: &str = "s3/lifecycle";
const ENTRY: &str = "pass";
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// A pass that stops giving signs of life is taken over after this time.
const LEASE: Duration = Duration::from_secs(5 * 60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// How many records are looked at between two signs of life.
const READ_AT_ONCE: usize = 500;

impl S3 {
    /// Carries out the lifecycle rules, for as long as it is polled. Each node may run it.
    pub async fn run_lifecycle(&self, worker: &str) {
        loop {
            if let Err(error) = self.next_pass(worker).await {
                error.log();
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn next_pass(&self, worker: &str) -> Result<(), Error> {
        self.store.write(|tx| Ok::<_, Error>(tx.enqueue(QUEUE, ENTRY, &(), None)?)).await?;
        let claimed = Arc::new(self.store.claim(QUEUE, worker, LEASE).await?);
        self.pass(Timestamp::now(), Some(claimed.clone())).await?;
        let next = Timestamp::now().plus(INTERVAL).as_millis();
        self.store
            .write(move |tx| {
                tx.complete(&claimed)?;
                tx.enqueue(QUEUE, ENTRY, &(), Some(next))?;
                Ok(())
            })
            .await
    }

    /// One pass over all buckets. It may be interrupted and repeated.
    async fn pass(&self, now: Timestamp, claimed: Option<Arc<Claimed>>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self
                .store
                .read(move |tx| tx.scan::<Bucket>(Range::all().after(after.clone()), READ_AT_ONCE))
                .await?;
            after = page.next.clone();
            for bucket in page.into_records() {
                let rules: Option<BucketLifecycleConfiguration> = settings::of(&bucket, Setting::Lifecycle)?;
                if let Some(rules) = rules {
                    let rules = Arc::new(rules.rules);
                    self.end_versions(&bucket.name, &rules, now, claimed.as_ref()).await?;
                    self.abort_uploads(&bucket.name, &rules, now, claimed.as_ref()).await?;
                }
            }
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn end_versions(
        &self,
        bucket: &str,
        rules: &Arc<Vec<LifecycleRule>>,
        now: Timestamp,
        claimed: Option<&Arc<Claimed>>,
    ) -> Result<(), Error> {
        let mut place = Place::default();
        loop {
            let (name, rules) = (bucket.to_owned(), rules.clone());
            let (doomed, next) =
                self.store.read(move |tx| doomed_versions(tx, &name, &rules, place.clone(), now)).await?;
            for version in doomed {
                let (random, name) = (Uuid::new_v4(), bucket.to_owned());
                self.store.write(move |tx| end_version(tx, &name, &version, now, random)).await?;
            }
            self.live_on(claimed).await?;
            match next {
                Some(next) => place = next,
                None => return Ok(()),
            }
        }
    }

    async fn abort_uploads(
        &self,
        bucket: &str,
        rules: &Arc<Vec<LifecycleRule>>,
        now: Timestamp,
        claimed: Option<&Arc<Claimed>>,
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let range = Range::prefix(Key::of(bucket)).after(after);
            let page = self.store.read(move |tx| tx.scan::<Upload>(range.clone(), READ_AT_ONCE)).await?;
            after = page.next.clone();
            for upload in page.into_records() {
                if lifecycle::aborts_upload(rules, &upload, now) {
                    self.store
                        .write(move |tx| {
                            tx.delete::<Upload>(&Upload::key_of(&upload.bucket, &upload.key, &upload.id))?;
                            versions::remove_parts(tx, &upload.id)
                        })
                        .await?;
                }
            }
            self.live_on(claimed).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn live_on(&self, claimed: Option<&Arc<Claimed>>) -> Result<(), Error> {
        match claimed {
            Some(claimed) => Ok(self.store.heartbeat(claimed, LEASE).await?),
            None => Ok(()),
        }
    }
}

/// How far a pass has come in a bucket: the version looked at last, and how many of its key are newer.
#[derive(Clone, Default)]
struct Place(Option<(Version, i32)>);

/// A version that the rules end.
#[derive(Clone)]
struct Doomed {
    version: Version,
    is_current: bool,
}

/// The versions that the rules end among the next ones, and where to go on.
fn doomed_versions(
    tx: &mut ReadTx<'_>,
    bucket: &str,
    rules: &[LifecycleRule],
    place: Place,
    now: Timestamp,
) -> Result<(Vec<Doomed>, Option<Place>), Error> {
    let after = place.0.as_ref().map(|(last, _)| Version::key_of(bucket, &last.key, last.order));
    let page = tx.scan::<Version>(Range::prefix(Key::of(bucket)).after(after), READ_AT_ONCE)?;
    let more = page.next.is_some();
    let (mut doomed, mut last) = (Vec::new(), place.0);
    for version in page.into_records() {
        let successor = last.take().filter(|(before, _)| before.key == version.key);
        let newer = successor.as_ref().map_or(0, |(_, newer)| newer + 1);
        let placed = Placed {
            version: &version,
            successor: successor.as_ref().map(|(before, _)| before),
            newer_noncurrent: (newer - 1).max(0),
            is_alone: newer == 0 && is_alone(tx, &version)?,
        };
        if lifecycle::ends_version(rules, placed, now) {
            doomed.push(Doomed { version: version.clone(), is_current: newer == 0 });
        }
        last = Some((version, newer));
    }
    Ok((doomed, more.then_some(Place(last))))
}

/// Ends a version, if it still is what it was when the rules were asked.
fn end_version(
    tx: &mut WriteTx<'_>,
    bucket: &str,
    doomed: &Doomed,
    now: Timestamp,
    random: Uuid,
) -> Result<(), Error> {
    let bucket = versions::bucket(tx, bucket)?;
    let version = &doomed.version;
    let unchanged = tx
        .get::<Version>(&Version::key_of(&bucket.name, &version.key, version.order))?
        .is_some_and(|found| *found == *version);
    let newest = versions::newest(tx, &bucket.name, &version.key)?;
    let is_current = newest.is_some_and(|newest| newest.order == version.order);
    if !unchanged || is_current != doomed.is_current {
        return Ok(());
    }
    if version.is_delete_marker() && is_current && !is_alone(tx, version)? {
        return Ok(());
    }
    let teller = Teller::lifecycle(now);
    let leaves_marker = is_current && !version.is_delete_marker() && bucket.versioning != Versioning::Off;
    if leaves_marker {
        let marker = NewVersion {
            key: version.key.clone(),
            content: Content::DeleteMarker,
            ticket: None,
            at: now,
            random,
            conditions: WriteConditions::default(),
        };
        let marker = versions::insert(tx, &bucket, &marker)?;
        events::object_deleted(tx, &teller, &bucket, &marker, Deleted::ByMarker)
    } else {
        versions::remove(tx, version)?;
        events::object_deleted(tx, &teller, &bucket, version, Deleted::Permanently)
    }
}

fn is_alone(tx: &mut ReadTx<'_>, version: &Version) -> Result<bool, Error> {
    Ok(tx.scan::<Version>(Version::of_key(&version.bucket, &version.key), 2)?.records.len() == 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws::Scope;
    use store::{Config, Store};

    use super::*;
    use crate::records::{Attributes, Body, Object};

    const NOW: i64 = 1_704_196_800_000;
    const DAY: i64 = 24 * 60 * 60 * 1000;

    struct Rig {
        s3: S3,
        _dir: tempfile::TempDir,
    }

    impl Rig {
        async fn new(versioning: Versioning, rule: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(Config::Sqlite { dir: dir.path().join("store") }).await.unwrap();
            let blobs =
                blob::Blobs::open(blob::Config::Folder { dir: dir.path().join("blobs") }).await.unwrap();
            let guard = Arc::new(crate::service::Nobody);
            let s3 = S3::new(store, blobs, guard.clone(), guard);
            let document = format!(
                "<LifecycleConfiguration><Rule><Filter></Filter>{rule}<Status>Enabled</Status></Rule></LifecycleConfiguration>"
            );
            let bucket = Bucket {
                name: "bkt".into(),
                scope: Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
                created_at: Timestamp::default(),
                versioning,
                policy: None,
                settings: BTreeMap::from([(Setting::Lifecycle, document)]),
            };
            s3.store.write(move |tx| Ok::<_, Error>(tx.put(&bucket)?)).await.unwrap();
            Self { s3, _dir: dir }
        }

        async fn put(&self, key: &str, days_old: i64) {
            let object = Object {
                size: 1,
                etag: "e".into(),
                body: Body::Blob("0".repeat(64).parse().unwrap()),
                attributes: Attributes::default(),
                tags: BTreeMap::new(),
                checksum: None,
                upload_id: None,
            };
            self.insert(key, days_old, Content::Object(Box::new(object))).await;
        }

        async fn insert(&self, key: &str, days_old: i64, content: Content) {
            let new = NewVersion {
                key: key.to_owned(),
                content,
                ticket: Some(blob::collection::ticket(&self.s3.store).await.unwrap()),
                at: Timestamp::from_millis(NOW - days_old * DAY),
                random: Uuid::new_v4(),
                conditions: WriteConditions::default(),
            };
            let insert = move |tx: &mut WriteTx<'_>| {
                let bucket = versions::bucket(tx, "bkt")?;
                versions::insert(tx, &bucket, &new)
            };
            self.s3.store.write(insert).await.unwrap();
        }

        /// The versions left after a pass, as `key age-in-days`, markers with a minus.
        async fn left(&self) -> Vec<String> {
            self.s3.pass(Timestamp::from_millis(NOW), None).await.unwrap();
            self.s3.pass(Timestamp::from_millis(NOW), None).await.unwrap();
            let page = self.s3.store.read(|tx| tx.scan::<Version>(Range::all(), 100)).await;
            let page = page.map_err(|error: store::Error| error).unwrap();
            let shown = |version: Version| {
                let age = (NOW - version.modified_at.as_millis()) / DAY;
                let sign = if version.is_delete_marker() { "-" } else { "" };
                format!("{}{sign}{age}", version.key)
            };
            page.into_records().into_iter().map(shown).collect()
        }
    }

    #[tokio::test]
    async fn old_objects_go() {
        let rig = Rig::new(Versioning::Off, "<Expiration><Days>5</Days></Expiration>").await;
        rig.put("a", 9).await;
        rig.put("b", 1).await;
        assert_eq!(rig.left().await, ["b1"]);
    }

    #[tokio::test]
    async fn with_versioning_old_objects_are_marked_as_deleted() {
        let rig = Rig::new(Versioning::Enabled, "<Expiration><Days>5</Days></Expiration>").await;
        rig.put("a", 9).await;
        rig.put("b", 1).await;
        assert_eq!(rig.left().await, ["a-0", "a9", "b1"]);
    }

    #[tokio::test]
    async fn some_noncurrent_versions_may_be_kept() {
        let rule = "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>\
                    <NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>";
        let rig = Rig::new(Versioning::Enabled, rule).await;
        for age in [9, 8, 7, 6] {
            rig.put("a", age).await;
        }
        assert_eq!(rig.left().await, ["a6", "a7"]);
    }

    #[tokio::test]
    async fn a_marker_goes_when_it_is_alone() {
        let rule = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>\
                    <NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";
        let rig = Rig::new(Versioning::Enabled, rule).await;
        rig.put("a", 9).await;
        rig.insert("a", 8, Content::DeleteMarker).await;
        rig.put("b", 9).await;
        rig.insert("b", 0, Content::DeleteMarker).await;
        assert_eq!(rig.left().await, ["b-0", "b9"]);
    }
}
