use aws::Ctx;
use codecommit_model::{GetBlob, GetBlobOutput};

use crate::error::Error;
use crate::git::lookup::{self, BlobContent};
use crate::service::CodeCommit;
use crate::specifier::object_id;

/// The largest file that the API hands out. Source: CodeCommit User Guide, "Quotas".
pub const MAX_FILE: usize = 6 * 1024 * 1024;

/// The content of a blob by its full id.
/// Errors: RepositoryDoesNotExist, BlobIdRequired, InvalidBlobId, BlobIdDoesNotExist, FileTooLarge.
pub async fn get_blob(codecommit: &CodeCommit, ctx: &Ctx, input: GetBlob) -> Result<GetBlobOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    if input.blob_id.is_empty() {
        return Err(Error::BlobIdRequired);
    }
    let id = object_id(&input.blob_id).ok_or_else(|| Error::InvalidBlobId(input.blob_id.clone()))?;
    let content =
        codecommit.folder(&repository)?.read(move |library| lookup::blob(library, id, MAX_FILE)).await?;
    match content {
        BlobContent::Whole(content) => Ok(GetBlobOutput { content: content.into() }),
        BlobContent::TooLarge => Err(Error::FileTooLarge(MAX_FILE)),
        BlobContent::Absent => Err(Error::BlobIdDoesNotExist(input.blob_id)),
    }
}
