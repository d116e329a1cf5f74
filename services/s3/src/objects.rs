//! S3 as the other services of the platform use it: the handlers of the wire, with the same authorisation and
//! audit, and no bytes in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use aws::objects::{ByteStream, ListObjects, ObjectHead, ObjectId, ObjectPage, PutObject};
use aws::{Ctx, Objects};
use futures_util::TryStreamExt;
use s3s::dto;
use serde_json::{Value, json};

use crate::access::Question;
use crate::error::Error;
use crate::listing::LARGEST_PAGE;
use crate::operations::{
    bucket_policy, bucket_versioning, delete_object, get_bucket_location, get_object, head_object,
    list_objects, put_object,
};
use crate::{S3, wire};

#[async_trait]
impl Objects for S3 {
    async fn get_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<(ObjectHead, ByteStream), aws::Error> {
        let input = dto::GetObjectInput {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            ..Default::default()
        };
        let questions = get_object::questions(&input);
        let handled = get_object::get_object(self, ctx, input);
        let output = self.serve(ctx, questions, named(object), handled).await?;
        let head = ObjectHead {
            size: output.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            etag: output.e_tag.map(dto::ETag::into_value).unwrap_or_default(),
            version_id: output.version_id,
            last_modified: output.last_modified.as_ref().map(wire::from_timestamp).unwrap_or_default(),
            content_type: output.content_type,
            metadata: output.metadata.unwrap_or_default().into_iter().collect(),
        };
        let body = output.body.ok_or_else(|| Error::internal("an object was answered without its bytes"))?;
        Ok((head, Box::pin(body.map_err(std::io::Error::other))))
    }

    async fn head_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<ObjectHead, aws::Error> {
        let input = dto::HeadObjectInput {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            ..Default::default()
        };
        let questions = head_object::questions(&input);
        let handled = head_object::head_object(self, ctx, input);
        let output = self.serve(ctx, questions, named(object), handled).await?;
        Ok(ObjectHead {
            size: output.content_length.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            etag: output.e_tag.map(dto::ETag::into_value).unwrap_or_default(),
            version_id: output.version_id,
            last_modified: output.last_modified.as_ref().map(wire::from_timestamp).unwrap_or_default(),
            content_type: output.content_type,
            metadata: output.metadata.unwrap_or_default().into_iter().collect(),
        })
    }

    async fn put_object(&self, ctx: &Ctx, put: PutObject) -> Result<ObjectHead, aws::Error> {
        let size = Arc::new(AtomicU64::new(0));
        let counted = size.clone();
        let body = put.body.inspect_ok(move |bytes| {
            counted.fetch_add(u64::try_from(bytes.len()).unwrap_or_default(), Ordering::Relaxed);
        });
        let body = http_body_util::StreamBody::new(body.map_ok(http_body::Frame::data));
        let input = dto::PutObjectInput {
            bucket: put.bucket.clone(),
            key: put.key.clone(),
            body: Some(dto::StreamingBlob::from(s3s::Body::http_body_unsync(body))),
            content_type: put.content_type.clone(),
            cache_control: put.cache_control,
            content_encoding: put.content_encoding,
            acl: put.acl.map(dto::ObjectCannedACL::from),
            metadata: Some(put.metadata.clone().into_iter().collect()),
            server_side_encryption: put
                .kms_key_id
                .as_ref()
                .map(|_| dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AWS_KMS)),
            ssekms_key_id: put.kms_key_id,
            ..Default::default()
        };
        let parameters = json!({ "bucketName": put.bucket, "key": put.key });
        let questions = put_object::questions(&input);
        let handled = put_object::put_object(self, ctx, input, None, None);
        let output = self.serve(ctx, questions, parameters, handled).await?;
        Ok(ObjectHead {
            size: size.load(Ordering::Relaxed),
            etag: output.e_tag.map(dto::ETag::into_value).unwrap_or_default(),
            version_id: output.version_id,
            last_modified: ctx.now(),
            content_type: put.content_type,
            metadata: put.metadata,
        })
    }

    async fn delete_object(&self, ctx: &Ctx, object: &ObjectId) -> Result<(), aws::Error> {
        let input = dto::DeleteObjectInput {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            ..Default::default()
        };
        let parameters = json!({ "bucketName": object.bucket, "key": object.key });
        let questions = delete_object::questions(&input);
        let handled = delete_object::delete_object(self, ctx, input);
        self.serve(ctx, questions, parameters, handled).await?;
        Ok(())
    }

    async fn list_objects(&self, ctx: &Ctx, list: &ListObjects) -> Result<ObjectPage, aws::Error> {
        let input = dto::ListObjectsInput {
            bucket: list.bucket.clone(),
            prefix: Some(list.prefix.clone()),
            marker: list.start_after.clone(),
            max_keys: Some(wire::count(LARGEST_PAGE)),
            ..Default::default()
        };
        let parameters = json!({ "bucketName": list.bucket, "prefix": list.prefix });
        let questions = list_objects::questions(&input);
        let handled = list_objects::list_objects(self, ctx, input);
        let output = self.serve(ctx, questions, parameters, handled).await?;
        let objects = output.contents.unwrap_or_default().into_iter().map(|object| {
            let head = ObjectHead {
                size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                etag: object.e_tag.map(dto::ETag::into_value).unwrap_or_default(),
                last_modified: object.last_modified.as_ref().map(wire::from_timestamp).unwrap_or_default(),
                ..ObjectHead::default()
            };
            (object.key.unwrap_or_default(), head)
        });
        Ok(ObjectPage { objects: objects.collect(), is_truncated: output.is_truncated == Some(true) })
    }

    async fn bucket_versioning(&self, ctx: &Ctx, bucket: &str) -> Result<bool, aws::Error> {
        let input = dto::GetBucketVersioningInput { bucket: bucket.to_owned(), ..Default::default() };
        let questions = bucket_versioning::get_questions(&input);
        let handled = bucket_versioning::get(self, ctx, input);
        let output = self.serve(ctx, questions, json!({ "bucketName": bucket }), handled).await?;
        Ok(output.status.is_some_and(|status| status.as_str() == dto::BucketVersioningStatus::ENABLED))
    }

    async fn bucket_location(&self, ctx: &Ctx, bucket: &str) -> Result<String, aws::Error> {
        let input = dto::GetBucketLocationInput { bucket: bucket.to_owned(), ..Default::default() };
        let questions = get_bucket_location::questions(&input);
        let handled = get_bucket_location::get_bucket_location(self, ctx, input);
        let output = self.serve(ctx, questions, json!({ "bucketName": bucket }), handled).await?;
        let location = output.location_constraint.map(|location| location.as_str().to_owned());
        Ok(location.unwrap_or_else(|| "us-east-1".to_owned()))
    }

    async fn bucket_policy(&self, ctx: &Ctx, bucket: &str) -> Result<Option<String>, aws::Error> {
        let input = dto::GetBucketPolicyInput { bucket: bucket.to_owned(), ..Default::default() };
        let questions = bucket_policy::get_questions(&input);
        let handled = bucket_policy::get(self, ctx, input);
        match self.serve(ctx, questions, json!({ "bucketName": bucket }), handled).await {
            Ok(output) => Ok(output.policy),
            Err(error) if error.code() == "NoSuchBucketPolicy" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn admits_delivery(&self, ctx: &Ctx, bucket: &str, key: &str, acl: &str) -> Result<(), aws::Error> {
        self.bucket(bucket).await?;
        let questions = [
            Question::bucket("s3:GetBucketAcl", bucket),
            Question::object("s3:PutObject", bucket, key).when("s3:x-amz-acl", Some(acl)),
        ];
        Ok(self.authorise(ctx, &questions).await?)
    }
}

fn named(object: &ObjectId) -> Value {
    let mut parameters = json!({ "bucketName": object.bucket, "key": object.key });
    if let Some(version_id) = &object.version_id {
        parameters["versionId"] = json!(version_id);
    }
    parameters
}
