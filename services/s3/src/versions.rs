//! Finding, adding and removing versions inside a transaction.

use aws::Timestamp;
use blob::collection::{self, Ticket};
use store::{ReadTx, WriteTx};
use uuid::Uuid;

use crate::conditions::WriteConditions;
use crate::error::Error;
use crate::records::{Body, Bucket, Content, Part, Version, Versioning};
use crate::version_id::VersionId;

/// How many parts are deleted with one step of a scan.
const PARTS_AT_ONCE: usize = 1000;

/// A version to be made the current one of its key.
#[derive(Clone)]
pub struct NewVersion {
    pub key: String,
    pub content: Content,
    /// For an object of one blob: with what the record may name it.
    pub ticket: Option<Ticket>,
    pub at: Timestamp,
    /// Drawn before the transaction, which may run more than once.
    pub random: Uuid,
    pub conditions: WriteConditions,
}

/// The bucket. Errors: `NoSuchBucket`.
pub fn bucket(tx: &mut ReadTx<'_>, name: &str) -> Result<Bucket, Error> {
    let found = tx.get::<Bucket>(&Bucket::key_of(name))?;
    found.map(store::Versioned::into_inner).ok_or_else(|| Error::NoSuchBucket { bucket: name.to_owned() })
}

/// The newest version of a key, delete markers included.
pub fn newest(tx: &mut ReadTx<'_>, bucket: &str, key: &str) -> Result<Option<Version>, Error> {
    let page = tx.scan::<Version>(Version::of_key(bucket, key), 1)?;
    Ok(page.into_records().into_iter().next())
}

/// The version of an id. Errors: `InvalidArgument` for what is no id, `NoSuchVersion`.
pub fn by_id(tx: &mut ReadTx<'_>, bucket: &str, key: &str, id: &str) -> Result<Version, Error> {
    let version_id: VersionId =
        id.parse().map_err(|_| Error::InvalidVersionId { version_id: id.to_owned() })?;
    let found = match version_id.order() {
        Some(order) => {
            tx.get::<Version>(&Version::key_of(bucket, key, order))?.map(store::Versioned::into_inner)
        }
        None => null_version(tx, bucket, key)?,
    };
    found
        .filter(|version| version.id == version_id)
        .ok_or_else(|| Error::NoSuchVersion { key: key.to_owned(), version_id: id.to_owned() })
}

/// The order of a version id, whether or not the version is still there; `None` for a null version that is not.
pub fn order_of(tx: &mut ReadTx<'_>, bucket: &str, key: &str, id: &str) -> Result<Option<u64>, Error> {
    let version_id: VersionId =
        id.parse().map_err(|_| Error::InvalidVersionId { version_id: id.to_owned() })?;
    match version_id.order() {
        Some(order) => Ok(Some(order)),
        None => Ok(null_version(tx, bucket, key)?.map(|version| version.order)),
    }
}

/// The version that a read names: the one of `id`, else the newest.
/// Errors: `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed` for a delete marker named by its id.
pub fn readable(
    tx: &mut ReadTx<'_>,
    bucket: &str,
    key: &str,
    id: Option<&str>,
    method: &'static str,
) -> Result<Version, Error> {
    let absent = || Error::NoSuchKey { key: key.to_owned() };
    let version = match id {
        Some(id) => by_id(tx, bucket, key, id)?,
        None => newest(tx, bucket, key)?.ok_or_else(absent)?,
    };
    if version.is_delete_marker() {
        let version_id = version.id.to_string();
        return Err(match id {
            Some(_) => Error::IsDeleteMarker { method, version_id },
            None => Error::KeyIsDeleted { key: key.to_owned(), version_id },
        });
    }
    Ok(version)
}

/// Adds a version under the bucket's versioning: beside the older ones, or in place of the null version.
/// Errors: `PreconditionFailed`, `NoSuchKey` when its conditions do not hold; `SlowDown` when its blob was collected
/// meanwhile.
pub fn insert(tx: &mut WriteTx<'_>, bucket: &Bucket, new: &NewVersion) -> Result<Version, Error> {
    if let Content::Object(object) = &new.content
        && let Body::Blob(blob) = object.body
    {
        let ticket = new.ticket.ok_or_else(|| Error::internal("a blob was to be named without a ticket"))?;
        collection::name(tx, &ticket, blob)?;
    }
    let current = newest(tx, &bucket.name, &new.key)?;
    let current_etag = current.as_ref().and_then(Version::object).map(|object| object.etag.as_str());
    new.conditions.check(&new.key, current_etag)?;
    let order = next_order(new.at, current.as_ref());
    let id = match bucket.versioning {
        Versioning::Enabled => VersionId::fresh(order, new.random),
        Versioning::Off | Versioning::Suspended => {
            let replaced = match current {
                Some(current) if current.id.is_null() => Some(current),
                Some(_) | None => null_version(tx, &bucket.name, &new.key)?,
            };
            if let Some(replaced) = replaced {
                remove(tx, &replaced)?;
            }
            VersionId::NULL
        }
    };
    let version = Version {
        bucket: bucket.name.clone(),
        key: new.key.clone(),
        order,
        id,
        modified_at: new.at,
        content: new.content.clone(),
    };
    tx.put(&version)?;
    Ok(version)
}

/// Deletes a version for good, with the parts it is made of. Its blobs become garbage once nothing names them.
pub fn remove(tx: &mut WriteTx<'_>, version: &Version) -> Result<(), Error> {
    if let Some(object) = version.object()
        && let Body::Parts { upload_id, .. } = &object.body
    {
        remove_parts(tx, upload_id)?;
    }
    tx.delete::<Version>(&Version::key_of(&version.bucket, &version.key, version.order))?;
    Ok(())
}

pub fn remove_parts(tx: &mut WriteTx<'_>, upload_id: &str) -> Result<(), Error> {
    loop {
        let page = tx.scan::<Part>(Part::of_upload(upload_id), PARTS_AT_ONCE)?;
        let more = page.next.is_some();
        for part in page.into_records() {
            tx.delete::<Part>(&Part::key_of(upload_id, part.number))?;
        }
        if !more {
            return Ok(());
        }
    }
}

/// All parts of an upload, in order of their numbers. There are at most 10,000.
pub fn parts(tx: &mut ReadTx<'_>, upload_id: &str) -> Result<Vec<Part>, Error> {
    Ok(tx.scan::<Part>(Part::of_upload(upload_id), crate::multipart::MOST_PARTS)?.into_records())
}

/// The version id as responses show it: not at all where versioning was never enabled.
pub fn shown_id(version: &Version, versioning: Versioning) -> Option<String> {
    match versioning {
        Versioning::Off => None,
        Versioning::Enabled | Versioning::Suspended => Some(version.id.to_string()),
    }
}

fn null_version(tx: &mut ReadTx<'_>, bucket: &str, key: &str) -> Result<Option<Version>, Error> {
    let page = tx.scan_index::<Version>(Version::NULL, Version::of_key(bucket, key), 1)?;
    Ok(page.into_records().into_iter().next())
}

/// In microseconds since 1970, yet always above the order of the version before: clocks of nodes differ.
fn next_order(at: Timestamp, current: Option<&Version>) -> u64 {
    let clock = u64::try_from(at.as_millis()).unwrap_or_default().saturating_mul(1000);
    current.map_or(clock, |current| clock.max(current.order + 1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, SystemTime};

    use aws::Scope;
    use blob::collection::Collector;

    use super::*;
    use crate::records::{Attributes, Object};

    #[tokio::test]
    async fn a_blob_that_was_collected_since_it_was_put_is_not_named() {
        let dir = tempfile::tempdir().unwrap();
        let store =
            store::Store::open(store::Config::Sqlite { dir: dir.path().join("store") }).await.unwrap();
        let blobs = blob::Blobs::open(blob::Config::Folder { dir: dir.path().join("blobs") }).await.unwrap();
        let bucket = Bucket {
            name: "bkt".into(),
            scope: Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            created_at: Timestamp::default(),
            versioning: Versioning::Off,
            policy: None,
            settings: BTreeMap::new(),
        };
        let ticket = collection::ticket(&store).await.unwrap();
        let blob = blobs.put_bytes("hello").await.unwrap();
        let collector = Collector::new(store.clone(), blobs, Vec::new());
        for day in 1..4 {
            collector.pass(SystemTime::now() + Duration::from_secs(25 * 3600) * day).await.unwrap();
        }
        let object = Object {
            size: 5,
            etag: "e".into(),
            body: Body::Blob(blob.digest),
            attributes: Attributes::default(),
            tags: BTreeMap::new(),
            checksum: None,
            upload_id: None,
        };
        let new = NewVersion {
            key: "k".into(),
            content: Content::Object(Box::new(object)),
            ticket: Some(ticket),
            at: Timestamp::now(),
            random: Uuid::new_v4(),
            conditions: WriteConditions::default(),
        };
        let refused = store.write(move |tx| insert(tx, &bucket, &new)).await.unwrap_err();
        assert_eq!((refused.code(), refused.status()), ("SlowDown", 503));
        let page = store.read(|tx| tx.scan::<Version>(store::Range::all(), 10)).await;
        assert!(page.map_err(|error: store::Error| error).unwrap().records.is_empty());
    }
}
