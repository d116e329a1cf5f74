//! The API: which operations are served, and on which resources the policies are asked.

mod asset;
mod authorization_token;
mod batch;
mod clean_up_packages;
mod copy_package_versions;
mod create_repository;
mod domains;
mod endpoint;
mod external_connections;
mod groups;
mod hidden;
mod list_packages;
mod list_versions;
mod package;
mod policies;
mod publish;
mod repositories;
mod search_packages;
mod service_tokens;
mod tags;
mod version;

use std::sync::Arc;

use aws::router::RouterBuilder;
use aws::{Access, Ctx, Router};
use codeartifact_model as model;
use store::{Key, Part};

use crate::CodeArtifact;
use crate::access;
use crate::error::Error;
use crate::names::{Coordinates, RepositoryName};

/// Results of a page where a call does not say how many.
const PAGE: usize = 100;

/// A resolver for calls about a domain.
macro_rules! on_domain {
    ($($name:ident: $operation:ty;)*) => { $(
        async fn $name(ca: &CodeArtifact, ctx: &Ctx, input: &$operation) -> Result<Vec<Access>, Error> {
            Ok(vec![access::to_domain(ca, ctx, &input.domain, input.domain_owner.as_ref()).await?])
        }
    )* };
}

/// A resolver for calls about a repository.
macro_rules! on_repository {
    ($($name:ident: $operation:ty;)*) => { $(
        async fn $name(ca: &CodeArtifact, ctx: &Ctx, input: &$operation) -> Result<Vec<Access>, Error> {
            let owner = input.domain_owner.as_ref();
            Ok(vec![access::to_repository(ca, ctx, &input.domain, owner, &input.repository).await?])
        }
    )* };
}

/// A resolver for calls about a package.
macro_rules! on_package {
    ($($name:ident: $operation:ty;)*) => { $(
        async fn $name(ca: &CodeArtifact, ctx: &Ctx, input: &$operation) -> Result<Vec<Access>, Error> {
            let owner = input.domain_owner.as_ref();
            let repository = RepositoryName::of(&input.domain, owner, &input.repository, &ctx.scope);
            let package = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package);
            Ok(vec![access::to_package(ca, &repository, package).await?])
        }
    )* };
}

on_domain! {
    describe_domain: model::DescribeDomain;
    delete_domain: model::DeleteDomain;
    get_domain_policy: model::GetDomainPermissionsPolicy;
    list_in_domain: model::ListRepositoriesInDomain;
    list_service_tokens: model::ListServiceTokens;
    revoke_service_token: model::RevokeServiceToken;
    list_groups: model::ListPackageGroups;
    get_associated: model::GetAssociatedPackageGroup;
}

on_repository! {
    describe_repository: model::DescribeRepository;
    delete_repository: model::DeleteRepository;
    get_repository_policy: model::GetRepositoryPermissionsPolicy;
    get_endpoint: model::GetRepositoryEndpoint;
    list_packages: model::ListPackages;
    search_packages: model::SearchPackages;
}

on_package! {
    publish_version: model::PublishPackageVersion;
    get_asset: model::GetPackageVersionAsset;
    describe_package: model::DescribePackage;
    delete_package: model::DeletePackage;
    put_origin: model::PutPackageOriginConfiguration;
    list_versions: model::ListPackageVersions;
    describe_version: model::DescribePackageVersion;
    list_assets: model::ListPackageVersionAssets;
    list_dependencies: model::ListPackageVersionDependencies;
    get_readme: model::GetPackageVersionReadme;
    update_status: model::UpdatePackageVersionsStatus;
    dispose_versions: model::DisposePackageVersions;
    delete_versions: model::DeletePackageVersions;
}

/// What is served.
pub fn router(codeartifact: Arc<CodeArtifact>) -> Router {
    let builder = Router::of(&model::CODEARTIFACT, codeartifact);
    with_groups(with_packages(with_repositories(with_domains(builder))))
        .on_resolved::<model::TagResource, _, _>(tags::tag_resource, tags::access_to_tag)
        .on_resolved::<model::UntagResource, _, _>(tags::untag_resource, tags::access_to_untag)
        .on_resolved::<model::ListTagsForResource, _, _>(tags::list_tags_for_resource, tags::access_to_list)
        .reasoning("FIELD_VALIDATION_FAILED")
        .streaming(&["PublishPackageVersion", "GetPackageVersionAsset"])
        .hiding(Arc::new(hidden::Hidden), &["GetAuthorizationToken", "PublishPackageVersion"])
        .build()
}

fn with_domains(builder: RouterBuilder<CodeArtifact>) -> RouterBuilder<CodeArtifact> {
    builder
        .on::<model::CreateDomain, _>(domains::create_domain, domains::access_to_create)
        .on_resolved::<model::DescribeDomain, _, _>(domains::describe_domain, describe_domain)
        .on_resolved::<model::DeleteDomain, _, _>(domains::delete_domain, delete_domain)
        .on::<model::ListDomains, _>(domains::list_domains, |_, _| vec![Access::any()])
        .on_resolved::<model::GetDomainPermissionsPolicy, _, _>(
            policies::get_domain_policy,
            get_domain_policy,
        )
        .on_resolved::<model::PutDomainPermissionsPolicy, _, _>(
            policies::put_domain_policy,
            policies::access_to_put_domain,
        )
        .on_resolved::<model::DeleteDomainPermissionsPolicy, _, _>(
            policies::delete_domain_policy,
            policies::access_to_delete_domain,
        )
        .on_resolved::<model::GetAuthorizationToken, _, _>(
            authorization_token::get_authorization_token,
            authorization_token::access,
        )
        .on_resolved::<model::CreateServiceToken, _, _>(
            service_tokens::create,
            service_tokens::access_to_create,
        )
        .on_resolved::<model::ListServiceTokens, _, _>(service_tokens::list, list_service_tokens)
        .on_resolved::<model::RevokeServiceToken, _, _>(service_tokens::revoke, revoke_service_token)
        .on_resolved::<model::ListRepositoriesInDomain, _, _>(
            repositories::list_repositories_in_domain,
            list_in_domain,
        )
}

fn with_repositories(builder: RouterBuilder<CodeArtifact>) -> RouterBuilder<CodeArtifact> {
    builder
        .on_resolved::<model::CreateRepository, _, _>(
            create_repository::create_repository,
            create_repository::access,
        )
        .on_resolved::<model::DescribeRepository, _, _>(
            repositories::describe_repository,
            describe_repository,
        )
        .on_resolved::<model::UpdateRepository, _, _>(
            create_repository::update_repository,
            create_repository::access_to_update,
        )
        .on_resolved::<model::DeleteRepository, _, _>(repositories::delete_repository, delete_repository)
        .on::<model::ListRepositories, _>(repositories::list_repositories, |_, _| vec![Access::any()])
        .on_resolved::<model::GetRepositoryPermissionsPolicy, _, _>(
            policies::get_repository_policy,
            get_repository_policy,
        )
        .on_resolved::<model::PutRepositoryPermissionsPolicy, _, _>(
            policies::put_repository_policy,
            policies::access_to_put_repository,
        )
        .on_resolved::<model::DeleteRepositoryPermissionsPolicy, _, _>(
            policies::delete_repository_policy,
            policies::access_to_delete_repository,
        )
        .on_resolved::<model::AssociateExternalConnection, _, _>(
            external_connections::associate,
            external_connections::access_to_associate,
        )
        .on_resolved::<model::DisassociateExternalConnection, _, _>(
            external_connections::disassociate,
            external_connections::access_to_disassociate,
        )
        .on_resolved::<model::GetRepositoryEndpoint, _, _>(endpoint::get_repository_endpoint, get_endpoint)
        .on_resolved::<model::ListPackages, _, _>(list_packages::list_packages, list_packages)
        .on_resolved::<model::CleanUpPackages, _, _>(
            clean_up_packages::clean_up_packages,
            clean_up_packages::access,
        )
        .on_resolved::<model::SearchPackages, _, _>(search_packages::search_packages, search_packages)
}

fn with_packages(builder: RouterBuilder<CodeArtifact>) -> RouterBuilder<CodeArtifact> {
    builder
        .on_resolved::<model::PublishPackageVersion, _, _>(publish::publish_package_version, publish_version)
        .on_resolved::<model::GetPackageVersionAsset, _, _>(asset::get_package_version_asset, get_asset)
        .on_resolved::<model::DescribePackage, _, _>(package::describe_package, describe_package)
        .on_resolved::<model::DeletePackage, _, _>(package::delete_package, delete_package)
        .on_resolved::<model::PutPackageOriginConfiguration, _, _>(package::put_origin, put_origin)
        .on_resolved::<model::ListPackageVersions, _, _>(list_versions::list_package_versions, list_versions)
        .on_resolved::<model::DescribePackageVersion, _, _>(version::describe, describe_version)
        .on_resolved::<model::ListPackageVersionAssets, _, _>(version::list_assets, list_assets)
        .on_resolved::<model::ListPackageVersionDependencies, _, _>(
            version::list_dependencies,
            list_dependencies,
        )
        .on_resolved::<model::GetPackageVersionReadme, _, _>(version::get_readme, get_readme)
        .on_resolved::<model::UpdatePackageVersionsStatus, _, _>(batch::update_status, update_status)
        .on_resolved::<model::DisposePackageVersions, _, _>(batch::dispose, dispose_versions)
        .on_resolved::<model::DeletePackageVersions, _, _>(batch::delete, delete_versions)
        .on_resolved::<model::CopyPackageVersions, _, _>(
            copy_package_versions::copy_package_versions,
            copy_package_versions::access,
        )
}

fn with_groups(builder: RouterBuilder<CodeArtifact>) -> RouterBuilder<CodeArtifact> {
    builder
        .on_resolved::<model::CreatePackageGroup, _, _>(groups::create, groups::access_to_create)
        .on_resolved::<model::DescribePackageGroup, _, _>(groups::describe, groups::access_to_describe)
        .on_resolved::<model::UpdatePackageGroup, _, _>(groups::update, groups::access_to_update)
        .on_resolved::<model::UpdatePackageGroupOriginConfiguration, _, _>(
            groups::configure,
            groups::access_to_configure,
        )
        .on_resolved::<model::DeletePackageGroup, _, _>(groups::delete, groups::access_to_delete)
        .on_resolved::<model::ListPackageGroups, _, _>(groups::list, list_groups)
        .on_resolved::<model::ListSubPackageGroups, _, _>(
            groups::list_sub_groups,
            groups::access_to_sub_groups,
        )
        .on_resolved::<model::GetAssociatedPackageGroup, _, _>(groups::get_associated, get_associated)
        .on_resolved::<model::ListAssociatedPackages, _, _>(groups::list_packages, groups::access_to_packages)
        .on_resolved::<model::ListAllowedRepositoriesForGroup, _, _>(
            groups::list_repositories,
            groups::access_to_repositories,
        )
}

/// The name after which a page begins.
fn only_text(key: &Key) -> Option<String> {
    match key.parts().into_iter().next() {
        Some(Part::Text(text)) => Some(text),
        _ => None,
    }
}

/// Where a page begins. Errors: `Validation` for a token that was not made here.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Key>, Error> {
    let Some(token) = token else { return Ok(None) };
    let position = ctx.open_page_token(token).and_then(|bytes| Key::from_bytes(bytes).ok());
    position.map(Some).ok_or_else(|| Error::field("The nextToken is not valid."))
}

fn page_end(ctx: &Ctx, next: Option<Key>) -> Option<String> {
    next.map(|key| ctx.seal_page_token(key.as_bytes()))
}

/// How many results a page has; the model bounds it from below and above.
fn page_size(asked: Option<i32>, default: usize) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(default).max(1)
}
