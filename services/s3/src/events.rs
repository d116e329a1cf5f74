//! What S3 tells the world, in EventBridge's form.
//! Source: Amazon S3 User Guide, "EventBridge event message structure".
//!
//! They are appended always, as other services of the platform follow them; EventBridge gets those of buckets whose
//! notifications ask for it.

use std::net::IpAddr;

use aws::{Ctx, Event, Principal, Timestamp, event};
use s3s::dto::NotificationConfiguration;
use serde_json::{Map, Value, json};
use store::WriteTx;
use uuid::Uuid;

use crate::error::Error;
use crate::notifications::Told;
use crate::records::{Bucket, Setting, Version};
use crate::{notifications, settings};

/// How the rules of a bucket delete.
const LIFECYCLE: &str = "Lifecycle Expiration";

/// Why an object was created, as `reason` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    PutObject,
    /// By the form of a browser.
    PostObject,
    CopyObject,
    CompleteMultipartUpload,
}

/// How an object went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    Permanently,
    ByMarker,
}

/// Who caused what an event tells of.
#[derive(Clone, Debug)]
pub struct Teller {
    at: Timestamp,
    request_id: Option<String>,
    /// An account, or a service.
    requester: String,
    principal_id: String,
    source_ip: Option<IpAddr>,
    deletes_as: &'static str,
}

impl Teller {
    pub fn of(ctx: &Ctx) -> Self {
        Self {
            at: ctx.now(),
            request_id: Some(request_id(ctx.request_id)),
            requester: requester(ctx),
            principal_id: principal_id(ctx),
            source_ip: ctx.source_ip,
            deletes_as: "DeleteObject",
        }
    }

    /// The rules of a bucket.
    pub fn lifecycle(at: Timestamp) -> Self {
        Self {
            at,
            request_id: None,
            requester: "s3.amazonaws.com".to_owned(),
            principal_id: "s3.amazonaws.com".to_owned(),
            source_ip: None,
            deletes_as: LIFECYCLE,
        }
    }
}

/// Sixteen characters, as S3's request ids have.
pub fn request_id(id: Uuid) -> String {
    id.simple().to_string().to_uppercase().chars().take(16).collect()
}

pub fn object_created(
    tx: &mut WriteTx<'_>,
    teller: &Teller,
    bucket: &Bucket,
    version: &Version,
    reason: Created,
) -> Result<(), Error> {
    let (reason, name) = match reason {
        Created::PutObject => ("PutObject", "ObjectCreated:Put"),
        Created::PostObject => ("POST Object", "ObjectCreated:Post"),
        Created::CopyObject => ("CopyObject", "ObjectCreated:Copy"),
        Created::CompleteMultipartUpload => {
            ("CompleteMultipartUpload", "ObjectCreated:CompleteMultipartUpload")
        }
    };
    let kind = Kind { detail_type: "Object Created", name };
    append(tx, teller, bucket, version, kind, [("reason", json!(reason))])
}

pub fn object_deleted(
    tx: &mut WriteTx<'_>,
    teller: &Teller,
    bucket: &Bucket,
    version: &Version,
    how: Deleted,
) -> Result<(), Error> {
    let deletion_type = match how {
        Deleted::Permanently => "Permanently Deleted",
        Deleted::ByMarker => "Delete Marker Created",
    };
    let name = match (how, teller.deletes_as) {
        (Deleted::Permanently, LIFECYCLE) => "LifecycleExpiration:Delete",
        (Deleted::ByMarker, LIFECYCLE) => "LifecycleExpiration:DeleteMarkerCreated",
        (Deleted::Permanently, _) => "ObjectRemoved:Delete",
        (Deleted::ByMarker, _) => "ObjectRemoved:DeleteMarkerCreated",
    };
    let extra = [("reason", json!(teller.deletes_as)), ("deletion-type", json!(deletion_type))];
    append(tx, teller, bucket, version, Kind { detail_type: "Object Deleted", name }, extra)
}

/// `Object Tags Added` or `Object Tags Deleted`.
pub fn tags_changed(
    tx: &mut WriteTx<'_>,
    teller: &Teller,
    bucket: &Bucket,
    version: &Version,
    detail_type: &'static str,
) -> Result<(), Error> {
    let name = match detail_type {
        "Object Tags Deleted" => "ObjectTagging:Delete",
        _ => "ObjectTagging:Put",
    };
    append(tx, teller, bucket, version, Kind { detail_type, name }, [])
}

/// What happened, as EventBridge and as notifications name it.
struct Kind {
    detail_type: &'static str,
    name: &'static str,
}

fn append<const N: usize>(
    tx: &mut WriteTx<'_>,
    teller: &Teller,
    bucket: &Bucket,
    version: &Version,
    Kind { detail_type, name }: Kind,
    extra: [(&str, Value); N],
) -> Result<(), Error> {
    let mut object = Map::new();
    object.insert("key".to_owned(), json!(version.key));
    if let Some(stored) = version.object()
        && detail_type != "Object Deleted"
    {
        object.insert("size".to_owned(), json!(stored.size));
        object.insert("etag".to_owned(), json!(stored.etag));
    }
    if !version.id.is_null() {
        object.insert("version-id".to_owned(), json!(version.id.as_str()));
    }
    object.insert("sequencer".to_owned(), json!(format!("{:016x}", version.order)));
    let mut detail = Map::new();
    detail.insert("version".to_owned(), json!("0"));
    detail.insert("bucket".to_owned(), json!({ "name": bucket.name }));
    detail.insert("object".to_owned(), Value::Object(object));
    if let Some(id) = &teller.request_id {
        detail.insert("request-id".to_owned(), json!(id));
    }
    detail.insert("requester".to_owned(), json!(teller.requester));
    if let Some(ip) = teller.source_ip {
        detail.insert("source-ip-address".to_owned(), json!(ip.to_string()));
    }
    detail.extend(extra.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let event = Event::new(
        &bucket.scope,
        "aws.s3",
        detail_type,
        teller.at,
        vec![bucket.arn()],
        Value::Object(detail),
    );
    let kept: Option<NotificationConfiguration> = settings::of(bucket, Setting::Notification)?;
    let asks_for_eventbridge = kept.as_ref().is_some_and(|kept| kept.event_bridge_configuration.is_some());
    tx.append(if asks_for_eventbridge { event::TOPIC } else { event::UNPUBLISHED_TOPIC }, &event)?;
    let Some(kept) = kept else { return Ok(()) };
    let told = Told {
        name,
        time: teller.at.to_iso8601_millis(),
        principal_id: &teller.principal_id,
        source_ip: teller.source_ip.map(|ip| ip.to_string()),
        request_id: teller.request_id.as_deref(),
        object: told_object(version, detail_type),
        key: &version.key,
    };
    notifications::enqueue(tx, bucket, &kept, &told)
}

/// The object as notifications show it; its key is quoted as in a form.
fn told_object(version: &Version, detail_type: &str) -> Value {
    let key: String = form_urlencoded::byte_serialize(version.key.as_bytes()).collect();
    let mut object = Map::new();
    object.insert("key".to_owned(), json!(key));
    if let Some(stored) = version.object().filter(|_| detail_type != "Object Deleted") {
        object.insert("size".to_owned(), json!(stored.size));
        object.insert("eTag".to_owned(), json!(stored.etag));
    }
    if !version.id.is_null() {
        object.insert("versionId".to_owned(), json!(version.id.as_str()));
    }
    object.insert("sequencer".to_owned(), json!(format!("{:016x}", version.order)));
    Value::Object(object)
}

fn principal_id(ctx: &Ctx) -> String {
    match (&ctx.caller.principal, ctx.caller.principal.account()) {
        (Principal::Service { name }, _) => name.clone(),
        (_, None) => "Anonymous".to_owned(),
        (principal, Some(_)) => format!("AWS:{}", principal.user_id()),
    }
}

/// The caller's account, or the service that called.
fn requester(ctx: &Ctx) -> String {
    match (&ctx.caller.principal, ctx.caller.principal.account()) {
        (_, Some(account)) => account.to_string(),
        (Principal::Service { name }, None) => name.clone(),
        (_, None) => "anonymous".to_owned(),
    }
}
