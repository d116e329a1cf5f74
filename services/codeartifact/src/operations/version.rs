//! One version: what is told of it.

use aws::Ctx;
use codeartifact_model::{
    DescribePackageVersion, DescribePackageVersionOutput, GetPackageVersionReadme,
    GetPackageVersionReadmeOutput, ListPackageVersionAssets, ListPackageVersionAssetsOutput,
    ListPackageVersionDependencies, ListPackageVersionDependenciesOutput, PackageDependency,
};
use store::{Key, Part};

use super::{PAGE, only_text, page_end, page_size, page_start};
use crate::CodeArtifact;
use crate::error::{Error, Resource};
use crate::names::{Coordinates, RepositoryName};
use crate::packages::{find_repository, find_version};
use crate::records::Version;
use crate::{shapes, versions};

/// Errors: `NotFound`, of whatever is not there.
pub(super) async fn find(
    ca: &CodeArtifact,
    name: &RepositoryName,
    coordinates: &Coordinates,
    version: &str,
) -> Result<Version, Error> {
    let (name, coordinates, version) = (name.clone(), coordinates.clone(), version.to_owned());
    let read = ca.store.read(move |tx| {
        let repository = find_repository(tx, &name)?;
        find_version(tx, &repository, &coordinates, &version)
    });
    read.await
}

/// The version that a call names.
macro_rules! found {
    ($ca:ident, $ctx:ident, $input:ident) => {{
        let coordinates = Coordinates::of(&$input.format, $input.namespace.as_deref(), &$input.package)?;
        let number = versions::normal(coordinates.format, &$input.package_version)?;
        let owner = $input.domain_owner.as_ref();
        let name = RepositoryName::of(&$input.domain, owner, &$input.repository, &$ctx.scope);
        find($ca, &name, &coordinates, &number).await?
    }};
}

/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, DescribePackageVersion.
pub(super) async fn describe(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DescribePackageVersion,
) -> Result<DescribePackageVersionOutput, Error> {
    let version = found!(ca, ctx, input);
    Ok(DescribePackageVersionOutput { package_version: shapes::version(&version) })
}

/// By name. Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, ListPackageVersionAssets.
pub(super) async fn list_assets(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListPackageVersionAssets,
) -> Result<ListPackageVersionAssetsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let version = found!(ca, ctx, input);
    let size = page_size(input.max_results, PAGE);
    let after = start.as_ref().and_then(only_text);
    let mut assets = version.contents.assets.iter();
    let rest: Vec<_> =
        assets.by_ref().filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after)).collect();
    let is_last = rest.len() <= size;
    let page: Vec<_> = rest.iter().take(size).map(|(name, asset)| shapes::asset(name, asset)).collect();
    let next = page.last().filter(|_| !is_last).map(|asset| Key::of(&asset.name));
    Ok(ListPackageVersionAssetsOutput {
        format: shapes::format(&version.coordinates),
        namespace: version.coordinates.namespace(),
        package: Some(version.coordinates.name.clone()),
        version: Some(version.version.clone()),
        version_revision: Some(version.revision.clone()),
        next_token: page_end(ctx, next),
        assets: Some(page),
    })
}

/// All at once: a version has no more than its manifest may hold.
/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, ListPackageVersionDependencies.
pub(super) async fn list_dependencies(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListPackageVersionDependencies,
) -> Result<ListPackageVersionDependenciesOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let version = found!(ca, ctx, input);
    let from = start.as_ref().and_then(only_number).unwrap_or(0);
    let all = &version.contents.metadata.dependencies;
    let page: Vec<PackageDependency> = all
        .iter()
        .skip(from)
        .take(PAGE)
        .map(|dependency| PackageDependency {
            namespace: dependency.namespace.clone(),
            package: Some(dependency.package.clone()),
            dependency_type: Some(dependency.kind.clone()),
            version_requirement: Some(dependency.requirement.clone()),
        })
        .collect();
    let end = from + page.len();
    let next = (end < all.len()).then(|| Key::empty().and_u64(end as u64));
    Ok(ListPackageVersionDependenciesOutput {
        format: shapes::format(&version.coordinates),
        namespace: version.coordinates.namespace(),
        package: Some(version.coordinates.name.clone()),
        version: Some(version.version.clone()),
        version_revision: Some(version.revision.clone()),
        next_token: page_end(ctx, next),
        dependencies: Some(page),
    })
}

/// Errors: `NotFound`, also where the version has no readme. Source: CodeArtifact API Reference, GetPackageVersionReadme.
pub(super) async fn get_readme(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: GetPackageVersionReadme,
) -> Result<GetPackageVersionReadmeOutput, Error> {
    let version = found!(ca, ctx, input);
    let Some(readme) = version.contents.metadata.readme.clone() else {
        let (package, number) = (version.coordinates.shown(), &version.version);
        let message = format!("Version {number} of package {package} has no readme.");
        return Err(Error::not_found(Resource::asset("readme"), message));
    };
    Ok(GetPackageVersionReadmeOutput {
        format: shapes::format(&version.coordinates),
        namespace: version.coordinates.namespace(),
        package: Some(version.coordinates.name.clone()),
        version: Some(version.version.clone()),
        version_revision: Some(version.revision),
        readme: Some(readme),
    })
}

fn only_number(key: &Key) -> Option<usize> {
    match key.parts().into_iter().next() {
        Some(Part::Unsigned(number)) => usize::try_from(number).ok(),
        _ => None,
    }
}
