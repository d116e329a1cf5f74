//! One file per operation: which policies are asked (`questions`), and the handler. The settings of buckets,
//! which are put, shown and deleted alike, have one file per setting.

pub mod abort_multipart_upload;
pub mod acl;
pub mod bucket_cors;
pub mod bucket_encryption;
pub mod bucket_lifecycle;
pub mod bucket_notification;
pub mod bucket_ownership_controls;
pub mod bucket_policy;
pub mod bucket_public_access_block;
pub mod bucket_tagging;
pub mod bucket_versioning;
pub mod complete_multipart_upload;
pub mod copy_object;
pub mod create_bucket;
pub mod create_multipart_upload;
pub mod delete_bucket;
pub mod delete_object;
pub mod delete_objects;
pub mod get_bucket_location;
pub mod get_object;
pub mod get_object_attributes;
pub mod head_bucket;
pub mod head_object;
pub mod list_buckets;
pub mod list_multipart_uploads;
pub mod list_object_versions;
pub mod list_objects;
pub mod list_objects_v2;
pub mod list_parts;
pub mod never_configured;
pub mod object_tagging;
pub mod put_object;
pub mod upload_part;
pub mod upload_part_copy;

use aws::Ctx;

use crate::error::Error;
use crate::events::{self, Created, Teller};
use crate::records::{Bucket, Setting, Version};
use crate::versions::{self, NewVersion};
use crate::{S3, settings};

/// A version that was made the current one.
pub struct Published {
    pub version: Version,
    /// As responses show it.
    pub shown_id: Option<String>,
}

/// Makes an object the current version of its key, and tells of it.
/// Errors: `NoSuchBucket` where the bucket went away meanwhile; `PreconditionFailed`, `NoSuchKey`.
pub async fn publish(
    s3: &S3,
    ctx: &Ctx,
    bucket: String,
    new: NewVersion,
    reason: Created,
) -> Result<Published, Error> {
    let ctx = ctx.clone();
    s3.store
        .write(move |tx| {
            let bucket = versions::bucket(tx, &bucket)?;
            let version = versions::insert(tx, &bucket, &new)?;
            events::object_created(tx, &Teller::of(&ctx), &bucket, &version, reason)?;
            Ok(Published { shown_id: versions::shown_id(&version, bucket.versioning), version })
        })
        .await
}

/// Changes a bucket's record. Errors: `NoSuchBucket`, and those of `change`.
pub async fn change_bucket(
    s3: &S3,
    name: &str,
    change: impl Fn(&mut Bucket) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let name = name.to_owned();
    s3.store
        .write(move |tx| {
            let mut bucket = versions::bucket(tx, &name)?;
            change(&mut bucket)?;
            tx.put(&bucket)?;
            Ok(())
        })
        .await
}

/// Keeps the document of a setting.
pub async fn put_setting<T: s3s::xml::Serialize>(
    s3: &S3,
    bucket: &str,
    setting: Setting,
    document: &T,
) -> Result<(), Error> {
    let document = settings::write(document)?;
    change_bucket(s3, bucket, move |bucket| {
        bucket.settings.insert(setting, document.clone());
        Ok(())
    })
    .await
}

/// Forgets a setting; forgetting it again changes nothing.
pub async fn delete_setting(s3: &S3, bucket: &str, setting: Setting) -> Result<(), Error> {
    change_bucket(s3, bucket, move |bucket| {
        bucket.settings.remove(&setting);
        Ok(())
    })
    .await
}

/// The document of a setting. Errors: `NoSuchBucket`, and 404 with the setting's own code where it was never set.
pub async fn get_setting<T: for<'xml> s3s::xml::Deserialize<'xml>>(
    s3: &S3,
    bucket: &str,
    setting: Setting,
    code: &'static str,
    message: &'static str,
) -> Result<T, Error> {
    let bucket = s3.bucket(bucket).await?;
    settings::of(&bucket, setting)?.ok_or(Error::NoSuchSetting { code, message, bucket: bucket.name })
}

/// Objects are never encrypted with a customer's key, so a reader who brings one is mistaken.
pub fn refuse_customer_key(algorithm: Option<&String>) -> Result<(), Error> {
    match algorithm {
        Some(_) => Err(Error::InvalidRequest(
            "The encryption parameters are not applicable to this object.".to_owned(),
        )),
        None => Ok(()),
    }
}

/// The position in a continuation token. Errors: `InvalidArgument` for a token that was not made here.
pub fn open_token(ctx: &Ctx, token: &str) -> Result<String, Error> {
    let position = ctx.open_page_token(token).and_then(|bytes| String::from_utf8(bytes).ok());
    position.ok_or_else(|| {
        Error::invalid_argument("continuation-token", token, "The continuation token provided is incorrect")
    })
}

/// How many entries a page may have. Errors: `InvalidArgument` for a negative number.
pub fn page_limit(name: &'static str, asked: Option<i32>) -> Result<usize, Error> {
    let limit = usize::try_from(asked.unwrap_or(1000)).map_err(|_| {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        Error::invalid_argument(name, asked.unwrap_or_default(), message)
    })?;
    Ok(limit.min(crate::listing::LARGEST_PAGE))
}

/// Every operation of the API, served or not.
pub const OPERATIONS: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateBucketMetadataConfiguration",
    "CreateBucketMetadataTableConfiguration",
    "CreateMultipartUpload",
    "CreateSession",
    "DeleteBucket",
    "DeleteBucketAnalyticsConfiguration",
    "DeleteBucketCors",
    "DeleteBucketEncryption",
    "DeleteBucketIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration",
    "DeleteBucketLifecycle",
    "DeleteBucketMetadataConfiguration",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteBucketMetricsConfiguration",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketReplication",
    "DeleteBucketTagging",
    "DeleteBucketWebsite",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "DeletePublicAccessBlock",
    "GetBucketAbac",
    "GetBucketAccelerateConfiguration",
    "GetBucketAcl",
    "GetBucketAnalyticsConfiguration",
    "GetBucketCors",
    "GetBucketEncryption",
    "GetBucketIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration",
    "GetBucketLifecycleConfiguration",
    "GetBucketLocation",
    "GetBucketLogging",
    "GetBucketMetadataConfiguration",
    "GetBucketMetadataTableConfiguration",
    "GetBucketMetricsConfiguration",
    "GetBucketNotificationConfiguration",
    "GetBucketOwnershipControls",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketReplication",
    "GetBucketRequestPayment",
    "GetBucketTagging",
    "GetBucketVersioning",
    "GetBucketWebsite",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectLockConfiguration",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "GetPublicAccessBlock",
    "HeadBucket",
    "HeadObject",
    "ListBucketAnalyticsConfigurations",
    "ListBucketIntelligentTieringConfigurations",
    "ListBucketInventoryConfigurations",
    "ListBucketMetricsConfigurations",
    "ListBuckets",
    "ListDirectoryBuckets",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PostObject",
    "PutBucketAbac",
    "PutBucketAccelerateConfiguration",
    "PutBucketAcl",
    "PutBucketAnalyticsConfiguration",
    "PutBucketCors",
    "PutBucketEncryption",
    "PutBucketIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration",
    "PutBucketLifecycleConfiguration",
    "PutBucketLogging",
    "PutBucketMetricsConfiguration",
    "PutBucketNotificationConfiguration",
    "PutBucketOwnershipControls",
    "PutBucketPolicy",
    "PutBucketReplication",
    "PutBucketRequestPayment",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutBucketWebsite",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
    "PutObjectTagging",
    "PutPublicAccessBlock",
    "RenameObject",
    "RestoreObject",
    "SelectObjectContent",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    "UpdateObjectEncryption",
    "UploadPart",
    "UploadPartCopy",
    "WriteGetObjectResponse",
];
