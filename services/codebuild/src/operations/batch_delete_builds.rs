use aws::Ctx;
use codebuild_model::{BatchDeleteBuilds, BatchDeleteBuildsOutput, BuildNotDeleted};

use crate::{
    CodeBuild,
    error::Error,
    records::{Build, BuildId},
};

/// Deletes builds that have ended. Their numbers do not come again.
/// Source: CodeBuild API Reference, BatchDeleteBuilds.
pub(super) async fn batch_delete_builds(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchDeleteBuilds,
) -> Result<BatchDeleteBuildsOutput, Error> {
    let scope = ctx.scope.clone();
    let write = codebuild.store.write(move |tx| {
        let (mut deleted, mut not_deleted) = (Vec::new(), Vec::new());
        for id in &input.ids {
            let key = BuildId::parse(id).map(|id| Build::key_of(&scope, &id));
            let found = match &key {
                Some(key) => tx.get::<Build>(key)?,
                None => None,
            };
            let refusal = match (key, found) {
                (Some(key), Some(build)) if build.is_complete() => {
                    tx.delete::<Build>(&key)?;
                    deleted.push(build.arn());
                    continue;
                }
                (_, Some(_)) => "BUILD_IN_PROGRESS",
                (_, None) => "BUILD_NOT_FOUND",
            };
            not_deleted.push(BuildNotDeleted { id: Some(id.clone()), status_code: Some(refusal.to_owned()) });
        }
        Ok::<_, store::Error>((deleted, not_deleted))
    });
    let (deleted, not_deleted) = write.await?;
    Ok(BatchDeleteBuildsOutput { builds_deleted: Some(deleted), builds_not_deleted: Some(not_deleted) })
}
