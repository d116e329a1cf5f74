use aws::{Access, Ctx};
use codebuild_model::{BatchGetFleets, BatchGetFleetsOutput};

use super::{access_to, shown};
use crate::{CodeBuild, error::Error, fleet::FleetName};

pub(super) async fn access(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: &BatchGetFleets,
) -> Result<Vec<Access>, Error> {
    access_to(codebuild, ctx, &input.names).await
}

/// Fleets by name or ARN; those that are not there are listed apart.
/// Source: CodeBuild API Reference, BatchGetFleets.
pub(super) async fn batch_get_fleets(
    codebuild: &CodeBuild,
    ctx: &Ctx,
    input: BatchGetFleets,
) -> Result<BatchGetFleetsOutput, Error> {
    let scope = ctx.scope.clone();
    let read = codebuild.store.read(move |tx| {
        let (mut fleets, mut not_found) = (Vec::new(), Vec::new());
        for given in &input.names {
            let found = match FleetName::parse(&scope, given).filter(|name| name.scope == scope) {
                Some(name) => name.find(tx)?,
                None => None,
            };
            match found {
                Some(fleet) => fleets.push(fleet.into_inner()),
                None => not_found.push(given.clone()),
            }
        }
        Ok::<_, store::Error>((fleets, not_found))
    });
    let (fleets, not_found) = read.await?;
    Ok(BatchGetFleetsOutput {
        fleets: Some(fleets.iter().map(|fleet| shown(codebuild, fleet)).collect()),
        fleets_not_found: Some(not_found),
    })
}
