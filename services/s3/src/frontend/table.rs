//! The one table of what is served: each operation with the policies it asks and its handler.
//! What is not in it answers `NotImplemented`.

use std::sync::Arc;

use http::{HeaderName, header};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::chunks::Trailers;
use super::exchange::Exchange;
use crate::conditions::WriteConditions;
use crate::content::Trailing;
use crate::error::Error;
#[allow(clippy::wildcard_imports, reason = "the table names most of the operations")]
use crate::operations::*;

/// The operations, for the request of an exchange.
pub struct Served(pub Arc<Exchange>);

/// In the first block stand the operations as most are; in the second those that are handed the headers that
/// come after their body, too; in the third those that ask for a setting which cannot be made. They say so in S3's
/// words, as tools that take stock of a bucket want to hear it, and are not counted as served.
macro_rules! served {
    (
        { $($method:ident: $input:ident -> $output:ident = $name:literal, $questions:path, $handler:path;)* }
        { $($late_method:ident: $late_input:ident -> $late_output:ident = $late_name:literal, $late_questions:path, $late_handler:path;)* }
        { $($no_method:ident: $no_input:ident -> $no_output:ident = $no_name:literal, $no_questions:path, $no_handler:path;)* }
    ) => {
        /// The names of the operations that the table serves. The form of a browser, `PostObject`, has no line:
        /// the decoder hands it to that of `PutObject`.
        pub const SERVED: &[&str] = &[$($name,)* $($late_name,)* "CopyObject", "PostObject"];

        #[async_trait::async_trait]
        impl s3s::S3 for Served {
            /// Its decoder leaves out the conditions on the object that the copy would replace.
            async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
                let exchange = &self.0;
                let ctx = exchange.begin("CopyObject", &request);
                let conditions = conditions(&request);
                let takes_tags = copy_object::takes_tags(&exchange.s3, &request.input).await;
                let questions = copy_object::questions(&request.input, conditions.as_ref().ok(), takes_tags);
                let handled = copy_object::copy_object(&exchange.s3, &ctx, request.input, conditions, takes_tags);
                exchange.answer(exchange.s3.serve(&ctx, questions, exchange.parameters(), handled).await)
            }
            $(
                async fn $method(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    let exchange = &self.0;
                    let ctx = exchange.begin($name, &request);
                    let questions = $questions(&request.input);
                    let handled = $handler(&exchange.s3, &ctx, request.input);
                    exchange.answer(exchange.s3.serve(&ctx, questions, exchange.parameters(), handled).await)
                }
            )*
            $(
                async fn $late_method(&self, request: S3Request<$late_input>) -> S3Result<S3Response<$late_output>> {
                    let exchange = &self.0;
                    let ctx = exchange.begin($late_name, &request);
                    let questions = $late_questions(&request.input);
                    let (trailing, names) = trailers(&request);
                    let handled = $late_handler(&exchange.s3, &ctx, request.input, trailing, names.as_deref());
                    exchange.answer(exchange.s3.serve(&ctx, questions, exchange.parameters(), handled).await)
                }
            )*
            $(
                async fn $no_method(&self, request: S3Request<$no_input>) -> S3Result<S3Response<$no_output>> {
                    let exchange = &self.0;
                    let ctx = exchange.begin($no_name, &request);
                    let questions = $no_questions(&request.input);
                    let handled = $no_handler(&exchange.s3, &ctx, request.input);
                    exchange.answer(exchange.s3.serve(&ctx, questions, exchange.parameters(), handled).await)
                }
            )*
        }
    };
}

served! { {
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput = "AbortMultipartUpload", abort_multipart_upload::questions, abort_multipart_upload::abort_multipart_upload;
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput = "CompleteMultipartUpload", complete_multipart_upload::questions, complete_multipart_upload::complete_multipart_upload;
    create_bucket: CreateBucketInput -> CreateBucketOutput = "CreateBucket", create_bucket::questions, create_bucket::create_bucket;
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput = "CreateMultipartUpload", create_multipart_upload::questions, create_multipart_upload::create_multipart_upload;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = "DeleteBucket", delete_bucket::questions, delete_bucket::delete_bucket;
    delete_object: DeleteObjectInput -> DeleteObjectOutput = "DeleteObject", delete_object::questions, delete_object::delete_object;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = "DeleteObjects", delete_objects::questions, delete_objects::delete_objects;
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = "GetBucketLocation", get_bucket_location::questions, get_bucket_location::get_bucket_location;
    get_object: GetObjectInput -> GetObjectOutput = "GetObject", get_object::questions, get_object::get_object;
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput = "GetObjectAttributes", get_object_attributes::questions, get_object_attributes::get_object_attributes;
    head_bucket: HeadBucketInput -> HeadBucketOutput = "HeadBucket", head_bucket::questions, head_bucket::head_bucket;
    head_object: HeadObjectInput -> HeadObjectOutput = "HeadObject", head_object::questions, head_object::head_object;
    list_buckets: ListBucketsInput -> ListBucketsOutput = "ListBuckets", list_buckets::questions, list_buckets::list_buckets;
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput = "ListMultipartUploads", list_multipart_uploads::questions, list_multipart_uploads::list_multipart_uploads;
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput = "ListObjectVersions", list_object_versions::questions, list_object_versions::list_object_versions;
    list_objects: ListObjectsInput -> ListObjectsOutput = "ListObjects", list_objects::questions, list_objects::list_objects;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = "ListObjectsV2", list_objects_v2::questions, list_objects_v2::list_objects_v2;
    list_parts: ListPartsInput -> ListPartsOutput = "ListParts", list_parts::questions, list_parts::list_parts;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = "UploadPartCopy", upload_part_copy::questions, upload_part_copy::upload_part_copy;
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = "GetBucketCors", bucket_cors::get_questions, bucket_cors::get;
    put_bucket_cors: PutBucketCorsInput -> PutBucketCorsOutput = "PutBucketCors", bucket_cors::put_questions, bucket_cors::put;
    delete_bucket_cors: DeleteBucketCorsInput -> DeleteBucketCorsOutput = "DeleteBucketCors", bucket_cors::delete_questions, bucket_cors::delete;
    get_bucket_encryption: GetBucketEncryptionInput -> GetBucketEncryptionOutput = "GetBucketEncryption", bucket_encryption::get_questions, bucket_encryption::get;
    put_bucket_encryption: PutBucketEncryptionInput -> PutBucketEncryptionOutput = "PutBucketEncryption", bucket_encryption::put_questions, bucket_encryption::put;
    delete_bucket_encryption: DeleteBucketEncryptionInput -> DeleteBucketEncryptionOutput = "DeleteBucketEncryption", bucket_encryption::delete_questions, bucket_encryption::delete;
    get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput = "GetBucketLifecycleConfiguration", bucket_lifecycle::get_questions, bucket_lifecycle::get;
    put_bucket_lifecycle_configuration: PutBucketLifecycleConfigurationInput -> PutBucketLifecycleConfigurationOutput = "PutBucketLifecycleConfiguration", bucket_lifecycle::put_questions, bucket_lifecycle::put;
    delete_bucket_lifecycle: DeleteBucketLifecycleInput -> DeleteBucketLifecycleOutput = "DeleteBucketLifecycle", bucket_lifecycle::delete_questions, bucket_lifecycle::delete;
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput = "GetBucketNotificationConfiguration", bucket_notification::get_questions, bucket_notification::get;
    put_bucket_notification_configuration: PutBucketNotificationConfigurationInput -> PutBucketNotificationConfigurationOutput = "PutBucketNotificationConfiguration", bucket_notification::put_questions, bucket_notification::put;
    get_bucket_ownership_controls: GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput = "GetBucketOwnershipControls", bucket_ownership_controls::get_questions, bucket_ownership_controls::get;
    put_bucket_ownership_controls: PutBucketOwnershipControlsInput -> PutBucketOwnershipControlsOutput = "PutBucketOwnershipControls", bucket_ownership_controls::put_questions, bucket_ownership_controls::put;
    delete_bucket_ownership_controls: DeleteBucketOwnershipControlsInput -> DeleteBucketOwnershipControlsOutput = "DeleteBucketOwnershipControls", bucket_ownership_controls::delete_questions, bucket_ownership_controls::delete;
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput = "GetBucketPolicy", bucket_policy::get_questions, bucket_policy::get;
    put_bucket_policy: PutBucketPolicyInput -> PutBucketPolicyOutput = "PutBucketPolicy", bucket_policy::put_questions, bucket_policy::put;
    delete_bucket_policy: DeleteBucketPolicyInput -> DeleteBucketPolicyOutput = "DeleteBucketPolicy", bucket_policy::delete_questions, bucket_policy::delete;
    get_bucket_policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput = "GetBucketPolicyStatus", bucket_policy::status_questions, bucket_policy::status;
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = "GetPublicAccessBlock", bucket_public_access_block::get_questions, bucket_public_access_block::get;
    put_public_access_block: PutPublicAccessBlockInput -> PutPublicAccessBlockOutput = "PutPublicAccessBlock", bucket_public_access_block::put_questions, bucket_public_access_block::put;
    delete_public_access_block: DeletePublicAccessBlockInput -> DeletePublicAccessBlockOutput = "DeletePublicAccessBlock", bucket_public_access_block::delete_questions, bucket_public_access_block::delete;
    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput = "GetBucketTagging", bucket_tagging::get_questions, bucket_tagging::get;
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput = "PutBucketTagging", bucket_tagging::put_questions, bucket_tagging::put;
    delete_bucket_tagging: DeleteBucketTaggingInput -> DeleteBucketTaggingOutput = "DeleteBucketTagging", bucket_tagging::delete_questions, bucket_tagging::delete;
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput = "GetBucketVersioning", bucket_versioning::get_questions, bucket_versioning::get;
    put_bucket_versioning: PutBucketVersioningInput -> PutBucketVersioningOutput = "PutBucketVersioning", bucket_versioning::put_questions, bucket_versioning::put;
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = "GetObjectTagging", object_tagging::get_questions, object_tagging::get;
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = "PutObjectTagging", object_tagging::put_questions, object_tagging::put;
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput = "DeleteObjectTagging", object_tagging::delete_questions, object_tagging::delete;
    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput = "GetBucketAcl", acl::get_bucket_questions, acl::get_bucket;
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput = "PutBucketAcl", acl::put_bucket_questions, acl::put_bucket;
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput = "GetObjectAcl", acl::get_object_questions, acl::get_object;
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput = "PutObjectAcl", acl::put_object_questions, acl::put_object;
    get_bucket_accelerate_configuration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput = "GetBucketAccelerateConfiguration", never_configured::accelerate_questions, never_configured::accelerate;
    get_bucket_logging: GetBucketLoggingInput -> GetBucketLoggingOutput = "GetBucketLogging", never_configured::logging_questions, never_configured::logging;
    get_bucket_request_payment: GetBucketRequestPaymentInput -> GetBucketRequestPaymentOutput = "GetBucketRequestPayment", never_configured::request_payment_questions, never_configured::request_payment;
} {
    put_object: PutObjectInput -> PutObjectOutput = "PutObject", put_object::questions, put_object::put_object;
    upload_part: UploadPartInput -> UploadPartOutput = "UploadPart", upload_part::questions, upload_part::upload_part;
} {
    get_object_lock_configuration: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput = "GetObjectLockConfiguration", never_configured::object_lock_questions, never_configured::object_lock;
    get_bucket_replication: GetBucketReplicationInput -> GetBucketReplicationOutput = "GetBucketReplication", never_configured::replication_questions, never_configured::replication;
    get_bucket_website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = "GetBucketWebsite", never_configured::website_questions, never_configured::website;
} }

/// The conditions of a write, of its headers. Errors: `InvalidArgument`, `NotImplemented`.
fn conditions<T>(request: &S3Request<T>) -> Result<WriteConditions, Error> {
    let condition = |name: HeaderName| {
        let value = request.headers.get(&name);
        let parsed = value.map(|value| ETagCondition::parse_http_header(value.as_bytes())).transpose();
        parsed.map_err(|_| Error::invalid_argument("If-Match", name, "The header is no entity tag."))
    };
    WriteConditions::new(condition(header::IF_MATCH)?, condition(header::IF_NONE_MATCH)?)
}

/// The headers that come after the body, and which `x-amz-trailer` announces.
fn trailers<T>(request: &S3Request<T>) -> (Option<Trailing>, Option<String>) {
    let names = request.headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let verified = request.trailing_headers.clone().map(Trailing::Verified);
    let unpacked = || request.extensions.get::<Trailers>().cloned().map(Trailing::Unpacked);
    (verified.or_else(unpacked), names)
}

#[cfg(test)]
mod tests {
    use super::SERVED;
    use crate::operations::OPERATIONS;

    #[test]
    fn what_is_served_is_of_the_api() {
        for operation in SERVED {
            assert!(OPERATIONS.contains(operation), "{operation}");
        }
    }
}
