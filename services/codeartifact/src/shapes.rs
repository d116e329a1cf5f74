//! Records as the API shows them.

use aws::Map;
use codeartifact_model as model;

use crate::external::Connection;
use crate::names::Coordinates;
use crate::records::{
    Asset, Domain, Origin, Package, Permission, Policy, Repository, Restrictions, Status, Usage, Version,
};

pub fn domain(domain: &Domain, usage: &Usage) -> model::DomainDescription {
    model::DomainDescription {
        name: Some(domain.name.clone()),
        owner: Some(domain.scope.account.to_string()),
        arn: Some(domain.full_name().arn().to_string()),
        status: Some(model::DomainStatus::Active),
        created_time: Some(domain.created),
        repository_count: Some(i32::try_from(usage.repositories).unwrap_or(i32::MAX)),
        asset_size_bytes: Some(i64::try_from(usage.asset_bytes).unwrap_or(i64::MAX)),
        ..Default::default()
    }
}

pub fn domain_summary(domain: &Domain) -> model::DomainSummary {
    model::DomainSummary {
        name: Some(domain.name.clone()),
        owner: Some(domain.scope.account.to_string()),
        arn: Some(domain.full_name().arn().to_string()),
        status: Some(model::DomainStatus::Active),
        created_time: Some(domain.created),
        ..Default::default()
    }
}

pub fn repository(repository: &Repository) -> model::RepositoryDescription {
    let upstreams = repository.upstreams.iter();
    let upstreams =
        upstreams.map(|name| model::UpstreamRepositoryInfo { repository_name: Some(name.clone()) });
    let connections = repository.external_connection.iter();
    let connections = connections.map(|name| model::RepositoryExternalConnectionInfo {
        external_connection_name: Some(name.clone()),
        package_format: Connection::named(name).map(|connection| connection.format.into()),
        status: Some(model::ExternalConnectionStatus::Available),
    });
    model::RepositoryDescription {
        name: Some(repository.name.clone()),
        administrator_account: Some(repository.administrator.to_string()),
        domain_name: Some(repository.domain.clone()),
        domain_owner: Some(repository.scope.account.to_string()),
        arn: Some(repository.full_name().arn().to_string()),
        description: repository.description.clone(),
        upstreams: Some(upstreams.collect()),
        external_connections: Some(connections.collect()),
        created_time: Some(repository.created),
    }
}

pub fn repository_summary(repository: &Repository) -> model::RepositorySummary {
    model::RepositorySummary {
        name: Some(repository.name.clone()),
        administrator_account: Some(repository.administrator.to_string()),
        domain_name: Some(repository.domain.clone()),
        domain_owner: Some(repository.scope.account.to_string()),
        arn: Some(repository.full_name().arn().to_string()),
        description: repository.description.clone(),
        created_time: Some(repository.created),
    }
}

pub fn policy(resource_arn: String, policy: &Policy) -> model::ResourcePolicy {
    model::ResourcePolicy {
        resource_arn: Some(resource_arn),
        revision: Some(policy.revision.clone()),
        document: Some(policy.document.clone()),
    }
}

pub fn format(coordinates: &Coordinates) -> Option<model::PackageFormat> {
    Some(coordinates.format.into())
}

pub fn package_summary(package: &Package) -> model::PackageSummary {
    model::PackageSummary {
        format: format(&package.coordinates),
        namespace: package.coordinates.namespace(),
        package: Some(package.coordinates.name.clone()),
        origin_configuration: Some(origin_configuration(package.restrictions)),
    }
}

pub fn origin_configuration(restrictions: Restrictions) -> model::PackageOriginConfiguration {
    let publish = match restrictions.publish {
        Permission::Allow => model::AllowPublish::Allow,
        Permission::Block => model::AllowPublish::Block,
    };
    let upstream = match restrictions.upstream {
        Permission::Allow => model::AllowUpstream::Allow,
        Permission::Block => model::AllowUpstream::Block,
    };
    let restrictions = Some(model::PackageOriginRestrictions { publish, upstream });
    model::PackageOriginConfiguration { restrictions }
}

pub fn status(status: Status) -> model::PackageVersionStatus {
    model::PackageVersionStatus::from(status.as_str())
}

pub fn origin(origin: &Origin) -> model::PackageVersionOrigin {
    match origin {
        Origin::Internal { repository } => model::PackageVersionOrigin {
            origin_type: Some(model::PackageVersionOriginType::Internal),
            domain_entry_point: Some(model::DomainEntryPoint {
                repository_name: Some(repository.clone()),
                external_connection_name: None,
            }),
        },
        Origin::External { connection } => model::PackageVersionOrigin {
            origin_type: Some(model::PackageVersionOriginType::External),
            domain_entry_point: Some(model::DomainEntryPoint {
                repository_name: None,
                external_connection_name: Some(connection.clone()),
            }),
        },
    }
}

pub fn version_summary(version: &Version) -> model::PackageVersionSummary {
    model::PackageVersionSummary {
        version: version.version.clone(),
        revision: Some(version.revision.clone()),
        status: status(version.status),
        origin: Some(origin(&version.origin)),
    }
}

pub fn version(version: &Version) -> model::PackageVersionDescription {
    let metadata = &version.contents.metadata;
    let licenses = metadata.licenses.iter();
    let licenses = licenses.map(|name| model::LicenseInfo { name: Some(name.clone()), url: None });
    model::PackageVersionDescription {
        format: format(&version.coordinates),
        namespace: version.coordinates.namespace(),
        package_name: Some(version.coordinates.name.clone()),
        display_name: metadata.display_name.clone(),
        version: Some(version.version.clone()),
        summary: metadata.summary.clone(),
        home_page: metadata.home_page.clone(),
        source_code_repository: metadata.source_code.clone(),
        published_time: Some(version.published),
        licenses: Some(licenses.collect()),
        revision: Some(version.revision.clone()),
        status: Some(status(version.status)),
        origin: Some(origin(&version.origin)),
    }
}

pub fn asset(name: &str, asset: &Asset) -> model::AssetSummary {
    let hashes = [
        ("MD5", asset.md5.clone()),
        ("SHA-1", asset.sha1.clone()),
        ("SHA-256", asset.blob.to_string()),
        ("SHA-512", asset.sha512.clone()),
    ];
    let hashes: Map<String> = hashes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    model::AssetSummary {
        name: name.to_owned(),
        size: Some(i64::try_from(asset.size).unwrap_or(i64::MAX)),
        hashes: Some(hashes),
    }
}

pub fn successful(version: &Version) -> model::SuccessfulPackageVersionInfo {
    model::SuccessfulPackageVersionInfo {
        revision: Some(version.revision.clone()),
        status: Some(status(version.status)),
    }
}
