use aws::Ctx;
use s3s::dto::{DeleteObjectInput, DeleteObjectOutput, ETagCondition};
use store::WriteTx;
use uuid::Uuid;

use crate::S3;
use crate::access::Question;
use crate::conditions::WriteConditions;
use crate::error::Error;
use crate::events::{self, Deleted, Teller};
use crate::records::{Bucket, Content, Versioning};
use crate::versions::{self, NewVersion};

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// The version that was deleted, or the delete marker that was made.
    pub version_id: Option<String>,
    /// Whether that version is (or was) a delete marker.
    pub delete_marker: bool,
}

/// What is to be deleted.
#[derive(Clone)]
pub struct Doomed {
    pub key: String,
    pub version_id: Option<String>,
    pub if_match: Option<ETagCondition>,
    /// For the id of a delete marker; drawn before the transaction, which may run more than once.
    pub random: Uuid,
}

pub fn questions(input: &DeleteObjectInput) -> Vec<Question> {
    let mut questions = of_key(&input.bucket, &input.key, input.version_id.as_deref());
    if input.if_match.is_some() {
        questions.push(Question::object("s3:GetObject", &input.bucket, &input.key));
    }
    questions.into_iter().map(|question| question.owned_by(input.expected_bucket_owner.as_ref())).collect()
}

pub fn of_key(bucket: &str, key: &str, version_id: Option<&str>) -> Vec<Question> {
    vec![Question::version("s3:DeleteObject", "s3:DeleteObjectVersion", bucket, key, version_id)]
}

/// Deletes a version by its id, or the object: for good, or under a delete marker where there is versioning.
/// Deleting what is not there succeeds.
pub async fn delete_object(
    s3: &S3,
    ctx: &Ctx,
    input: DeleteObjectInput,
) -> Result<DeleteObjectOutput, Error> {
    if input.if_match_last_modified_time.is_some() || input.if_match_size.is_some() {
        let message = "Conditions on time and size are for directory buckets, which are not implemented.";
        return Err(Error::NotImplemented(message.to_owned()));
    }
    let doomed = Doomed {
        key: input.key,
        version_id: input.version_id,
        if_match: input.if_match,
        random: Uuid::new_v4(),
    };
    let (ctx, bucket) = (ctx.clone(), input.bucket);
    let deletion = s3
        .store
        .write(move |tx| {
            let bucket = versions::bucket(tx, &bucket)?;
            delete(tx, &ctx, &bucket, &doomed)
        })
        .await?;
    Ok(DeleteObjectOutput {
        delete_marker: deletion.delete_marker.then_some(true),
        version_id: deletion.version_id,
        request_charged: None,
    })
}

/// Deletes inside a transaction.
pub fn delete(tx: &mut WriteTx<'_>, ctx: &Ctx, bucket: &Bucket, doomed: &Doomed) -> Result<Deletion, Error> {
    match &doomed.version_id {
        Some(id) => delete_version(tx, ctx, bucket, doomed, id),
        None => delete_current(tx, ctx, bucket, doomed),
    }
}

fn delete_version(
    tx: &mut WriteTx<'_>,
    ctx: &Ctx,
    bucket: &Bucket,
    doomed: &Doomed,
    id: &str,
) -> Result<Deletion, Error> {
    let version = match versions::by_id(tx, &bucket.name, &doomed.key, id) {
        Ok(version) => version,
        Err(Error::NoSuchVersion { .. }) => {
            return Ok(Deletion { version_id: Some(id.to_owned()), delete_marker: false });
        }
        Err(error) => return Err(error),
    };
    check_match(doomed, version.object().map(|object| object.etag.as_str()))?;
    versions::remove(tx, &version)?;
    events::object_deleted(tx, &Teller::of(ctx), bucket, &version, Deleted::Permanently)?;
    Ok(Deletion { version_id: Some(id.to_owned()), delete_marker: version.is_delete_marker() })
}

fn delete_current(
    tx: &mut WriteTx<'_>,
    ctx: &Ctx,
    bucket: &Bucket,
    doomed: &Doomed,
) -> Result<Deletion, Error> {
    let current = versions::newest(tx, &bucket.name, &doomed.key)?;
    let object = current.as_ref().and_then(|version| version.object());
    check_match(doomed, object.map(|object| object.etag.as_str()))?;
    match bucket.versioning {
        Versioning::Off => {
            if let Some(version) = current {
                versions::remove(tx, &version)?;
                events::object_deleted(tx, &Teller::of(ctx), bucket, &version, Deleted::Permanently)?;
            }
            Ok(Deletion::default())
        }
        Versioning::Enabled | Versioning::Suspended => {
            let marker = NewVersion {
                key: doomed.key.clone(),
                content: Content::DeleteMarker,
                ticket: None,
                at: ctx.now(),
                random: doomed.random,
                conditions: WriteConditions::default(),
            };
            let marker = versions::insert(tx, bucket, &marker)?;
            events::object_deleted(tx, &Teller::of(ctx), bucket, &marker, Deleted::ByMarker)?;
            Ok(Deletion { version_id: Some(marker.id.to_string()), delete_marker: true })
        }
    }
}

fn check_match(doomed: &Doomed, etag: Option<&str>) -> Result<(), Error> {
    match &doomed.if_match {
        None => Ok(()),
        // For a delete, unlike for a write, `*` means any object.
        Some(ETagCondition::Any) if etag.is_some() => Ok(()),
        Some(ETagCondition::Any) => Err(Error::PreconditionFailed { condition: "If-Match" }),
        Some(condition @ ETagCondition::ETag(_)) => {
            WriteConditions::new(Some(condition.clone()), None)?.check(&doomed.key, etag)
        }
    }
}
