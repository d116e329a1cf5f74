use aws::{Access, Ctx};
use codebuild_model::{BatchGetBuilds, BatchGetBuildsOutput};

use super::{access_to_shared, build_at, projects_of};
use crate::{CodeBuild, error::Error, records::Build, shape};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &BatchGetBuilds,
) -> Result<Vec<Access>, Error> {
    let (mut projects, mut unknown) = (Vec::new(), Vec::new());
    for id in &input.ids {
        match build_at(&ctx.scope, id) {
            Some((scope, build)) => projects.push((scope, build.project)),
            None => unknown.push(id.clone()),
        }
    }
    let mut accesses = access_to_shared(codebuild, projects).await?;
    if !unknown.is_empty() || accesses.is_empty() {
        accesses.extend(projects_of(&unknown, &ctx.scope));
    }
    Ok(accesses)
}

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
            let found = match build_at(&scope, id) {
                Some((scope, parsed)) => tx.get::<Build>(&Build::key_of(&scope, &parsed))?,
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
