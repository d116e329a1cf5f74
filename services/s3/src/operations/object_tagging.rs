use std::collections::BTreeMap;

use aws::Ctx;
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput,
};

use crate::access::Question;
use crate::error::Error;
use crate::events::Teller;
use crate::records::{Content, Version};
use crate::{S3, attributes, events, versions};

pub fn get_questions(input: &GetObjectTaggingInput) -> Vec<Question> {
    let id = input.version_id.as_deref();
    let (plain, versioned) = ("s3:GetObjectTagging", "s3:GetObjectVersionTagging");
    let question = Question::version(plain, versioned, &input.bucket, &input.key, id);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn put_questions(input: &PutObjectTaggingInput) -> Vec<Question> {
    let id = input.version_id.as_deref();
    let (plain, versioned) = ("s3:PutObjectTagging", "s3:PutObjectVersionTagging");
    let question = Question::version(plain, versioned, &input.bucket, &input.key, id);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub fn delete_questions(input: &DeleteObjectTaggingInput) -> Vec<Question> {
    let id = input.version_id.as_deref();
    let (plain, versioned) = ("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging");
    let question = Question::version(plain, versioned, &input.bucket, &input.key, id);
    vec![question.owned_by(input.expected_bucket_owner.as_ref())]
}

pub async fn get(s3: &S3, _ctx: &Ctx, input: GetObjectTaggingInput) -> Result<GetObjectTaggingOutput, Error> {
    s3.store
        .read(move |tx| {
            let bucket = versions::bucket(tx, &input.bucket)?;
            let version =
                versions::readable(tx, &bucket.name, &input.key, input.version_id.as_deref(), "GET")?;
            let tags = version.object().map(|object| attributes::tag_set(&object.tags));
            Ok(GetObjectTaggingOutput {
                tag_set: tags.unwrap_or_default(),
                version_id: versions::shown_id(&version, bucket.versioning),
            })
        })
        .await
}

/// Replaces all tags.
pub async fn put(s3: &S3, ctx: &Ctx, input: PutObjectTaggingInput) -> Result<PutObjectTaggingOutput, Error> {
    let pairs = input.tagging.tag_set.into_iter();
    let pairs = pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let tags = attributes::tags(pairs, attributes::MOST_TAGS)?;
    let version_id =
        change(s3, ctx, input.bucket, input.key, input.version_id, tags, "Object Tags Added").await?;
    Ok(PutObjectTaggingOutput { version_id })
}

pub async fn delete(
    s3: &S3,
    ctx: &Ctx,
    input: DeleteObjectTaggingInput,
) -> Result<DeleteObjectTaggingOutput, Error> {
    let (bucket, key, id) = (input.bucket, input.key, input.version_id);
    let version_id = change(s3, ctx, bucket, key, id, BTreeMap::new(), "Object Tags Deleted").await?;
    Ok(DeleteObjectTaggingOutput { version_id })
}

/// Answers the version id as responses show it.
async fn change(
    s3: &S3,
    ctx: &Ctx,
    bucket: String,
    key: String,
    id: Option<String>,
    tags: BTreeMap<String, String>,
    told_as: &'static str,
) -> Result<Option<String>, Error> {
    let ctx = ctx.clone();
    s3.store
        .write(move |tx| {
            let bucket = versions::bucket(tx, &bucket)?;
            let mut version: Version = versions::readable(tx, &bucket.name, &key, id.as_deref(), "PUT")?;
            if let Content::Object(object) = &mut version.content {
                object.tags.clone_from(&tags);
            }
            tx.put(&version)?;
            events::tags_changed(tx, &Teller::of(&ctx), &bucket, &version, told_as)?;
            Ok(versions::shown_id(&version, bucket.versioning))
        })
        .await
}
