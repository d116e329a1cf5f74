//! Buckets as a command of this program makes them, with no wire in between: the handlers of the wire, with the same
//! authorisation and audit.

use aws::Ctx;
use s3s::dto;
use serde_json::json;

use crate::S3;
use crate::operations::{bucket_policy, bucket_public_access_block, bucket_versioning, create_bucket};

/// What a new bucket is to be, beside empty and private.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewBucket {
    pub name: String,
    /// Keeps all versions of an object, as S3 sources of pipelines demand.
    pub versioned: bool,
    /// Takes objects with a canned ACL, which new buckets refuse otherwise.
    pub takes_acls: bool,
}

impl S3 {
    /// Makes a bucket in the region of the call. Errors: those of CreateBucket and PutBucketVersioning.
    pub async fn make_bucket(&self, ctx: &Ctx, new: &NewBucket) -> Result<(), aws::Error> {
        let region = ctx.scope.region.as_str();
        // The oldest region is the one that has no constraint.
        let constraint =
            (region != "us-east-1").then(|| dto::BucketLocationConstraint::from(region.to_owned()));
        let ownership = dto::ObjectOwnership::from_static(dto::ObjectOwnership::BUCKET_OWNER_PREFERRED);
        let input = dto::CreateBucketInput {
            bucket: new.name.clone(),
            create_bucket_configuration: constraint.map(|constraint| dto::CreateBucketConfiguration {
                location_constraint: Some(constraint),
                ..Default::default()
            }),
            object_ownership: new.takes_acls.then_some(ownership),
            ..Default::default()
        };
        let ctx = as_operation(ctx, "CreateBucket");
        let questions = create_bucket::questions(&input);
        let handled = create_bucket::create_bucket(self, &ctx, input);
        self.serve(&ctx, questions, json!({ "bucketName": new.name }), handled).await?;
        if new.versioned {
            self.enable_versioning(&ctx, &new.name).await?;
        }
        Ok(())
    }

    async fn enable_versioning(&self, ctx: &Ctx, bucket: &str) -> Result<(), aws::Error> {
        let status = dto::BucketVersioningStatus::from_static(dto::BucketVersioningStatus::ENABLED);
        let input = dto::PutBucketVersioningInput {
            bucket: bucket.to_owned(),
            checksum_algorithm: None,
            content_md5: None,
            expected_bucket_owner: None,
            mfa: None,
            versioning_configuration: dto::VersioningConfiguration {
                status: Some(status),
                ..Default::default()
            },
        };
        let ctx = as_operation(ctx, "PutBucketVersioning");
        let questions = bucket_versioning::put_questions(&input);
        let handled = bucket_versioning::put(self, &ctx, input);
        self.serve(&ctx, questions, json!({ "bucketName": bucket }), handled).await?;
        Ok(())
    }

    /// Lets a policy say who may read a bucket, everybody included: takes away the block of public access, then puts
    /// the policy. Errors: those of DeletePublicAccessBlock and PutBucketPolicy.
    pub async fn publish_bucket(&self, ctx: &Ctx, bucket: &str, policy: &str) -> Result<(), aws::Error> {
        let input = dto::DeletePublicAccessBlockInput { bucket: bucket.to_owned(), ..Default::default() };
        let unblocking = as_operation(ctx, "DeletePublicAccessBlock");
        let questions = bucket_public_access_block::delete_questions(&input);
        let handled = bucket_public_access_block::delete(self, &unblocking, input);
        self.serve(&unblocking, questions, json!({ "bucketName": bucket }), handled).await?;

        let input = dto::PutBucketPolicyInput {
            bucket: bucket.to_owned(),
            policy: policy.to_owned(),
            ..Default::default()
        };
        let putting = as_operation(ctx, "PutBucketPolicy");
        let questions = bucket_policy::put_questions(&input);
        let handled = bucket_policy::put(self, &putting, input);
        self.serve(&putting, questions, json!({ "bucketName": bucket }), handled).await?;
        Ok(())
    }
}

/// The same circumstances, as the audit record of one of several calls names them.
fn as_operation(ctx: &Ctx, operation: &'static str) -> Ctx {
    let mut ctx = ctx.clone();
    ctx.operation = operation;
    ctx
}
