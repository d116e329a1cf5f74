//! One package: what is told of it, from where its versions may come, and its end.

use aws::Ctx;
use codeartifact_model::{
    AllowPublish, AllowUpstream, DeletePackage, DeletePackageOutput, DescribePackage, DescribePackageOutput,
    PackageDescription, PackageOriginRestrictions, PutPackageOriginConfiguration,
    PutPackageOriginConfigurationOutput,
};

use crate::CodeArtifact;
use crate::error::{Error, Resource};
use crate::names::{Coordinates, Format, RepositoryName};
use crate::packages::{find_package, find_repository, package_or_new, writing};
use crate::records::{Package, Permission, Restrictions, Version};
use crate::shapes;

/// Versions of one package that one call can take away.
const MOST_VERSIONS: usize = 10_000;

/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, DescribePackage.
pub(super) async fn describe_package(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DescribePackage,
) -> Result<DescribePackageOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let read = ca.store.read(move |tx| {
        let repository = find_repository(tx, &name)?;
        find_package(tx, &repository, &coordinates)
    });
    let package = read.await?;
    let package = PackageDescription {
        format: shapes::format(&package.coordinates),
        namespace: package.coordinates.namespace(),
        name: Some(package.coordinates.name.clone()),
        origin_configuration: Some(shapes::origin_configuration(package.restrictions)),
    };
    Ok(DescribePackageOutput { package })
}

/// All its versions go, each with an event of its own, and its origin configuration.
/// Errors: `NotFound`, `Conflict` if it has too many versions for one call.
/// Source: CodeArtifact API Reference, DeletePackage.
pub(super) async fn delete_package(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: DeletePackage,
) -> Result<DeletePackageOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let now = ctx.now();
    let write = ca.store.write(move |tx| {
        let repository = find_repository(tx, &name)?;
        let mut package = find_package(tx, &repository, &coordinates)?;
        let page = tx.scan::<Version>(Version::all_of(repository.id, &coordinates), MOST_VERSIONS)?;
        if page.next.is_some() {
            let message = format!(
                "Package {} has more than {MOST_VERSIONS} versions: delete some with DeletePackageVersions first.",
                coordinates.shown()
            );
            return Err(Error::conflict(Resource::package(&coordinates.shown()), message));
        }
        for version in page.into_records() {
            writing::remove(tx, &repository, &mut package, &version, now)?;
        }
        tx.delete::<Package>(&Package::key_of(repository.id, &coordinates))?;
        Ok(shapes::package_summary(&package))
    });
    Ok(DeletePackageOutput { deleted_package: Some(write.await?) })
}

/// Also of a package without versions: so a name can be reserved.
/// Errors: `NotFound` of the repository, `Validation`. Source: CodeArtifact API Reference, PutPackageOriginConfiguration.
pub(super) async fn put_origin(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: PutPackageOriginConfiguration,
) -> Result<PutPackageOriginConfigurationOutput, Error> {
    let coordinates = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    if coordinates.format == Format::Generic {
        return Err(Error::field("Packages of format generic have no origin configuration to be changed."));
    }
    let restrictions = restrictions(&input.restrictions);
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let now = ctx.now();
    let write = ca.store.write(move |tx| {
        let repository = find_repository(tx, &name)?;
        let mut package = package_or_new(tx, &repository, &coordinates, restrictions, now)?;
        package.restrictions = restrictions;
        tx.put(&package)?;
        Ok::<_, Error>(())
    });
    write.await?;
    let origin_configuration = Some(shapes::origin_configuration(restrictions));
    Ok(PutPackageOriginConfigurationOutput { origin_configuration })
}

/// The model admits no other values.
fn restrictions(given: &PackageOriginRestrictions) -> Restrictions {
    Restrictions {
        publish: match given.publish {
            AllowPublish::Allow => Permission::Allow,
            AllowPublish::Block | AllowPublish::Other(_) => Permission::Block,
        },
        upstream: match given.upstream {
            AllowUpstream::Allow => Permission::Allow,
            AllowUpstream::Block | AllowUpstream::Other(_) => Permission::Block,
        },
    }
}
