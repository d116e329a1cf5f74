use aws::Ctx;
use aws::clone_reference::{CloneReference, ThroughConnection};
use aws::objects::{ByteStream, PutObject};
use codeconnections_model::{UploadRevision, UploadRevisionOutput};

use super::{Named, used};
use crate::error::Error;
use crate::provider;

/// Writes a commit's files as a ZIP to S3, or only what a build needs to clone the commit itself; with the caller's permission
/// to put the object. CodePipeline's source action
/// calls it; on AWS it is a part of `UseConnection`.
/// Errors: `NotFound` (connection, repository, commit), `Unavailable`, `Refused` (the host's), `HostUnavailable`, and S3's.
pub(super) async fn upload_revision(
    named: &Named,
    ctx: &Ctx,
    input: UploadRevision,
) -> Result<UploadRevisionOutput, Error> {
    let (provider, fetched) =
        used::open(named, ctx, &input.connection_arn, &input.full_repository_id).await?;
    let id = fetched.take(&input.branch_name, input.commit_id.as_deref()).await?;
    let commit = fetched.describe(&id).await?;
    let (body, content_type) = match input.clone_reference {
        Some(true) => {
            let arn = input.connection_arn;
            let connection = ThroughConnection { arn, full_repository_id: input.full_repository_id };
            let clone_url = fetched.url().to_owned();
            let reference = CloneReference { clone_url, commit_id: id, connection: Some(connection) };
            let text = serde_json::to_vec(&reference).map_err(Error::internal)?;
            let body: ByteStream = Box::pin(futures_util::stream::iter([Ok(text.into())]));
            (body, CloneReference::CONTENT_TYPE)
        }
        Some(false) | None => (fetched.archive(&id)?, "application/zip"),
    };
    let mut put = PutObject::new(input.bucket, input.key, body);
    put.content_type = Some(content_type.to_owned());
    put.kms_key_id = input.kms_key_id;
    let client = named.codeconnections.client.as_caller(ctx.caller.clone(), ctx.scope.clone());
    client.invoked_by(&named.service.principal()).put_object(put).await?;
    Ok(UploadRevisionOutput {
        commit_id: commit.id,
        commit_message: commit.message,
        author_name: commit.author_name,
        author_email: commit.author_email,
        author_date: commit.author_date,
        committer_date: commit.committer_date,
        provider_type: provider::model(provider),
    })
}
