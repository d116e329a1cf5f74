use aws::Ctx;
use aws::objects::PutObject;
use codecommit_model::{UploadArchive, UploadArchiveOutput};

use crate::error::Error;
use crate::git::{archive, lookup};
use crate::service::CodeCommit;
use crate::specifier::object_id;

/// Writes a commit's files as a ZIP to S3, with the caller's permission to put the object. CodePipeline's source
/// action calls it; AWS has it as a permission only.
/// Errors: RepositoryDoesNotExist, InvalidCommitId, CommitIdDoesNotExist, and S3's.
pub async fn upload_archive(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: UploadArchive,
) -> Result<UploadArchiveOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let id = object_id(&input.commit_id).ok_or_else(|| Error::InvalidCommitId(input.commit_id.clone()))?;
    let folder = codecommit.folder(&repository)?;
    if folder.read(move |library| lookup::commit(library, id)).await?.is_none() {
        return Err(Error::CommitIdDoesNotExist(input.commit_id));
    }
    let mut put = PutObject::new(input.bucket, input.key, archive::archive(&folder, id));
    put.content_type = Some("application/zip".to_owned());
    put.kms_key_id = input.kms_key_id;
    let client = codecommit.client.as_caller(ctx.caller.clone(), ctx.scope.clone());
    let head = client.invoked_by("codecommit.amazonaws.com").put_object(put).await?;
    Ok(UploadArchiveOutput {
        size: i64::try_from(head.size).unwrap_or(i64::MAX),
        etag: head.etag,
        version_id: head.version_id,
    })
}
