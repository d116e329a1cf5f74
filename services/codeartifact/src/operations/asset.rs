use aws::{Blob, Ctx};
use codeartifact_model::{GetPackageVersionAsset, GetPackageVersionAssetOutput};

use super::version;
use crate::CodeArtifact;
use crate::content;
use crate::error::{Error, Resource};
use crate::names::{Coordinates, RepositoryName};
use crate::packages::{assets, downloads};
use crate::versions;

/// What a call in process gets at most, in bytes: it has to hold it in memory.
const IN_MEMORY: usize = 64 * 1024 * 1024;

/// Errors: `NotFound`, `AccessDenied` if an advisory blocks the version, `Conflict` if the version has another revision than
/// the caller expects.
/// Source: CodeArtifact API Reference, GetPackageVersionAsset.
pub(super) async fn get_package_version_asset(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: GetPackageVersionAsset,
) -> Result<GetPackageVersionAssetOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let number = versions::normal(coordinates.format, &input.package_version)?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let version = version::find(ca, &name, &coordinates, &number).await?;
    if input.package_version_revision.as_ref().is_some_and(|expected| *expected != version.revision) {
        let message = format!(
            "The revision of version {number} of package {} is not the one that was given.",
            coordinates.shown()
        );
        return Err(Error::conflict(Resource::version(&number), message));
    }
    ca.advisories.current().check(&coordinates, &number)?;
    let asset = assets::of(&version, &input.asset)?;
    downloads::note(ca, version.repository, &coordinates, &number, ctx.now()).await?;
    let mut output = GetPackageVersionAssetOutput {
        asset: None,
        asset_name: Some(input.asset.clone()),
        package_version: Some(version.version.clone()),
        package_version_revision: Some(version.revision.clone()),
    };
    if ctx.streams.are_open() {
        ctx.streams.answer(content::send(&ca.blobs, asset.blob, 0..asset.size).await?);
    } else {
        output.asset = Some(Blob(ca.blobs.read(asset.blob, IN_MEMORY).await?));
    }
    Ok(output)
}
