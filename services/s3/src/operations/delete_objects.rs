use std::collections::BTreeMap;

use aws::Ctx;
use s3s::dto::{self, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition};
use uuid::Uuid;

use super::delete_object::{self, Deletion, Doomed};
use crate::S3;
use crate::access::Question;
use crate::error::Error;
use crate::versions;

/// S3's limit of keys of one call.
const MOST_KEYS: usize = 1000;
/// How many keys are deleted in one transaction, so that others are not held up.
const KEYS_AT_ONCE: usize = 100;

/// The policies are asked key by key, inside the answer.
pub fn questions(_input: &DeleteObjectsInput) -> Vec<Question> {
    Vec::new()
}

/// Deletes up to 1,000 keys; what fails for one key stands in the answer beside what succeeded for others.
pub async fn delete_objects(
    s3: &S3,
    ctx: &Ctx,
    input: DeleteObjectsInput,
) -> Result<DeleteObjectsOutput, Error> {
    if input.delete.objects.is_empty() || input.delete.objects.len() > MOST_KEYS {
        return Err(Error::MalformedXml);
    }
    let bucket = s3.bucket(&input.bucket).await?;
    if input.expected_bucket_owner.as_ref().is_some_and(|owner| owner != bucket.scope.account.as_str()) {
        return Err(Error::AccessDenied("Access Denied".to_owned()));
    }
    let quiet = input.delete.quiet == Some(true);
    let buckets = BTreeMap::from([(bucket.name.clone(), bucket)]);
    let mut output = DeleteObjectsOutput::default();
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    let mut allowed = Vec::new();
    for object in input.delete.objects {
        let questions = delete_object::of_key(&input.bucket, &object.key, object.version_id.as_deref());
        match s3.authorise_in(ctx, &questions, &buckets).await {
            Ok(()) => allowed.push(Doomed {
                key: object.key,
                version_id: object.version_id,
                if_match: object.e_tag.map(ETagCondition::ETag),
                random: Uuid::new_v4(),
            }),
            Err(error) => errors.push(failure(&object.key, object.version_id, &error)),
        }
    }
    for some in allowed.chunks(KEYS_AT_ONCE) {
        for (doomed, outcome) in some.iter().zip(delete_some(s3, ctx, &input.bucket, some.to_vec()).await?) {
            match outcome {
                Ok(_) if quiet => {}
                Ok(deletion) => deleted.push(success(doomed, deletion)),
                Err(error) => errors.push(failure(&doomed.key, doomed.version_id.clone(), &error)),
            }
        }
    }
    output.deleted = Some(deleted);
    output.errors = Some(errors);
    Ok(output)
}

/// A refusal of one key leaves the others; a failure of the store undoes all.
async fn delete_some(
    s3: &S3,
    ctx: &Ctx,
    bucket: &str,
    some: Vec<Doomed>,
) -> Result<Vec<Result<Deletion, Error>>, Error> {
    let (ctx, name) = (ctx.clone(), bucket.to_owned());
    s3.store
        .write(move |tx| {
            let bucket = versions::bucket(tx, &name)?;
            let mut outcomes = Vec::with_capacity(some.len());
            for doomed in &some {
                match delete_object::delete(tx, &ctx, &bucket, doomed) {
                    Err(error @ Error::Internal(_)) => return Err(error),
                    outcome => outcomes.push(outcome),
                }
            }
            Ok(outcomes)
        })
        .await
}

fn success(doomed: &Doomed, deletion: Deletion) -> DeletedObject {
    let marker = deletion.delete_marker.then_some(true);
    DeletedObject {
        key: Some(doomed.key.clone()),
        version_id: doomed.version_id.clone(),
        delete_marker: marker,
        delete_marker_version_id: marker.and(deletion.version_id),
    }
}

fn failure(key: &str, version_id: Option<String>, error: &Error) -> dto::Error {
    dto::Error {
        code: Some(error.code().to_owned()),
        key: Some(key.to_owned()),
        message: Some(error.to_string()),
        version_id,
    }
}
