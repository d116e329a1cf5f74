use aws::Ctx;
use s3s::dto::{
    AccessControlPolicy, BucketCannedACL, GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput,
    GetObjectAclOutput, Grant, Grantee, ObjectCannedACL, Permission, PutBucketAclInput, PutBucketAclOutput,
    PutObjectAclInput, PutObjectAclOutput, Type,
};

use crate::access::Question;
use crate::error::Error;
use crate::records::Bucket;
use crate::{S3, attributes, versions, wire};

pub fn get_bucket_questions(input: &GetBucketAclInput) -> Vec<Question> {
    let question = Question::bucket("s3:GetBucketAcl", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_bucket_questions(input: &PutBucketAclInput) -> Vec<Question> {
    let question = Question::bucket("s3:PutBucketAcl", &input.bucket);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn get_object_questions(input: &GetObjectAclInput) -> Vec<Question> {
    let id = input.version_id.as_deref();
    let (plain, versioned) = ("s3:GetObjectAcl", "s3:GetObjectVersionAcl");
    let question = Question::version(plain, versioned, &input.bucket, &input.key, id);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_object_questions(input: &PutObjectAclInput) -> Vec<Question> {
    let id = input.version_id.as_deref();
    let (plain, versioned) = ("s3:PutObjectAcl", "s3:PutObjectVersionAcl");
    let question = Question::version(plain, versioned, &input.bucket, &input.key, id);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

/// The owner may do everything; nobody else is granted anything.
pub async fn get_bucket(s3: &S3, _ctx: &Ctx, input: GetBucketAclInput) -> Result<GetBucketAclOutput, Error> {
    let bucket = s3.bucket(&input.bucket).await?;
    Ok(GetBucketAclOutput {
        grants: Some(vec![full_control(&bucket)]),
        owner: Some(wire::owner(&bucket.scope.account)),
    })
}

pub async fn get_object(s3: &S3, _ctx: &Ctx, input: GetObjectAclInput) -> Result<GetObjectAclOutput, Error> {
    let bucket = existing(s3, input.bucket, input.key, input.version_id, "GET").await?;
    Ok(GetObjectAclOutput {
        grants: Some(vec![full_control(&bucket)]),
        owner: Some(wire::owner(&bucket.scope.account)),
        ..Default::default()
    })
}

/// Takes only an ACL that grants nothing to others.
/// Errors: `AccessControlListNotSupported` where ACLs are disabled, else `NotImplemented`.
pub async fn put_bucket(s3: &S3, _ctx: &Ctx, input: PutBucketAclInput) -> Result<PutBucketAclOutput, Error> {
    let bucket = s3.bucket(&input.bucket).await?;
    let has_grants = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write.is_some()
        || input.grant_write_acp.is_some()
        || grants_to_others(input.access_control_policy.as_ref(), &bucket);
    attributes::check_acl(input.acl.as_ref().map(BucketCannedACL::as_str), has_grants, &bucket)?;
    Ok(PutBucketAclOutput::default())
}

pub async fn put_object(s3: &S3, _ctx: &Ctx, input: PutObjectAclInput) -> Result<PutObjectAclOutput, Error> {
    let has_headers = input.grant_full_control.is_some()
        || input.grant_read.is_some()
        || input.grant_read_acp.is_some()
        || input.grant_write.is_some()
        || input.grant_write_acp.is_some();
    let bucket = existing(s3, input.bucket, input.key, input.version_id, "PUT").await?;
    let has_grants = has_headers || grants_to_others(input.access_control_policy.as_ref(), &bucket);
    attributes::check_acl(input.acl.as_ref().map(ObjectCannedACL::as_str), has_grants, &bucket)?;
    Ok(PutObjectAclOutput::default())
}

/// The bucket of an object that is there.
async fn existing(
    s3: &S3,
    bucket: String,
    key: String,
    version_id: Option<String>,
    method: &'static str,
) -> Result<Bucket, Error> {
    s3.store
        .read(move |tx| {
            let bucket = versions::bucket(tx, &bucket)?;
            versions::readable(tx, &bucket.name, &key, version_id.as_deref(), method)?;
            Ok(bucket)
        })
        .await
}

fn full_control(bucket: &Bucket) -> Grant {
    let grantee = Grantee {
        display_name: None,
        email_address: None,
        id: Some(wire::canonical_id(&bucket.scope.account)),
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    Grant { grantee: Some(grantee), permission: Some(Permission::from_static(Permission::FULL_CONTROL)) }
}

fn grants_to_others(policy: Option<&AccessControlPolicy>, bucket: &Bucket) -> bool {
    let owner = wire::canonical_id(&bucket.scope.account);
    policy.and_then(|policy| policy.grants.as_ref()).is_some_and(|grants| {
        grants
            .iter()
            .any(|grant| grant.grantee.as_ref().and_then(|grantee| grantee.id.as_ref()) != Some(&owner))
    })
}
