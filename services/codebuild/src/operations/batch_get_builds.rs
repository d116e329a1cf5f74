use aws::Ctx;
use codebuild_model::{BatchGetBuilds, BatchGetBuildsOutput};

use crate::{
    CodeBuild,
    error::Error,
    records::{Build, BuildId},
    shape,
};

/// Builds by id or ARN; ids that nobody has are listed apart.
/// Source: CodeBuild API Reference, BatchGetBuilds.
pub(super) async fn batch_get_builds(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetBuilds,
) -> Result<BatchGetBuildsOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        let (mut builds, mut not_found) = (Vec::new(), Vec::new());
        for id in &input.ids {
            let found = match BuildId::parse(id) {
                Some(parsed) => tx.get::<Build>(&Build::key_of(&scope, &parsed))?,
                None => None,
            };
            match found {
                Some(build) => builds.push(shape::build(&build)),
                None => not_found.push(id.clone()),
            }
        }
        Ok::<_, store::Error>((builds, not_found))
    });
    let (builds, not_found) = read.await?;
    Ok(BatchGetBuildsOutput { builds: Some(builds), builds_not_found: Some(not_found) })
}
