//! Package groups.

use std::collections::BTreeSet;

use aws::{Access, Ctx, Map};
use codeartifact_model as model;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use store::{Range, ReadTx, WriteTx};

use super::{PAGE, page_end, page_size, page_start, tags};
use crate::CodeArtifact;
use crate::access;
use crate::error::{Error, Resource};
use crate::groups::{self, Fit, Pattern, Way};
use crate::names::{Coordinates, DomainName};
use crate::packages::find_domain;
use crate::records::{Domain, Group, Mode, Package, Repository, Rules};
use crate::shapes;

/// Of a domain.
const MOST_GROUPS: u64 = 2_000;
/// Of one restriction.
const MOST_REPOSITORIES: usize = 1_000;
/// How many records one call looks at. A page may be short with a token to go on.
const LOOKED_AT: usize = 2_000;
const AT_ONCE: usize = 200;
/// What stands for itself in the ARN of a group.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b'<').add(b'>').add(b'?').add(b'#');

/// `arn:aws:codeartifact:REGION:ACCOUNT:package-group/DOMAIN/npm/scope/*`
pub(super) fn arn(domain: &DomainName, pattern: &str) -> String {
    let pattern = utf8_percent_encode(pattern, ESCAPED);
    domain.scope.arn("codeartifact", format!("package-group/{}{pattern}", domain.name)).to_string()
}

/// Groups are under the policy of their domain.
async fn to_group(
    ca: &CodeArtifact,
    ctx: &Ctx,
    domain: &str,
    owner: Option<&String>,
    pattern: &str,
) -> Result<Access, Error> {
    let name = DomainName::of(domain, owner, &ctx.scope);
    let mut access = access::of_domain(ca, &name).await?;
    access.resource = arn(&name, pattern);
    Ok(access)
}

macro_rules! on_group {
    ($($name:ident: $operation:ident;)*) => { $(
        pub(super) async fn $name(
            ca: &CodeArtifact,
            ctx: &Ctx,
            input: &model::$operation,
        ) -> Result<Vec<Access>, Error> {
            let owner = input.domain_owner.as_ref();
            Ok(vec![to_group(ca, ctx, &input.domain, owner, &input.package_group).await?])
        }
    )* };
}

on_group! {
    access_to_describe: DescribePackageGroup;
    access_to_update: UpdatePackageGroup;
    access_to_configure: UpdatePackageGroupOriginConfiguration;
    access_to_delete: DeletePackageGroup;
    access_to_sub_groups: ListSubPackageGroups;
    access_to_packages: ListAssociatedPackages;
    access_to_repositories: ListAllowedRepositoriesForGroup;
}

pub(super) async fn access_to_create(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: &model::CreatePackageGroup,
) -> Result<Vec<Access>, Error> {
    let access = to_group(ca, ctx, &input.domain, input.domain_owner.as_ref(), &input.package_group).await?;
    Ok(tags::with_tagging(access, input.tags.as_deref()))
}

/// Errors: `NotFound`, of the domain or of the group.
pub(super) fn find(
    tx: &mut ReadTx<'_>,
    name: &DomainName,
    pattern: &Pattern,
) -> Result<(Domain, Group), Error> {
    let domain = find_domain(tx, name)?;
    let found = groups::find(tx, domain.id, pattern)?;
    let found = found.ok_or_else(|| {
        let message = format!("Package group {pattern} does not exist in domain '{}'.", domain.name);
        Error::not_found(Resource { id: pattern.to_string(), kind: "domain" }, message)
    })?;
    Ok((domain, found))
}

/// Errors: `NotFound` of the domain, `Conflict`, `QuotaExceeded`, `Validation`.
/// Source: CodeArtifact API Reference, CreatePackageGroup.
pub(super) async fn create(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::CreatePackageGroup,
) -> Result<model::CreatePackageGroupOutput, Error> {
    let pattern: Pattern = input.package_group.parse()?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let (tags, created) = (tags::of(input.tags.as_deref())?, ctx.now());
    let write = ca.store.write(move |tx| {
        let domain = find_domain(tx, &name)?;
        if groups::find(tx, domain.id, &pattern)?.is_some() {
            let message = format!("Package group {pattern} already exists in domain '{}'.", domain.name);
            return Err(Error::conflict(Resource { id: pattern.to_string(), kind: "domain" }, message));
        }
        if tx.count::<Group>(Group::all_of(domain.id))? >= MOST_GROUPS {
            let message = format!("A domain may have {MOST_GROUPS} package groups at most.");
            return Err(Error::quota(Resource::domain(&domain.name), message));
        }
        let group = Group {
            domain: domain.id,
            pattern: pattern.clone(),
            description: input.description.clone(),
            contact_info: input.contact_info.clone(),
            created,
            tags: tags.clone(),
            rules: Rules::default(),
        };
        tx.put(&group)?;
        describe_in(tx, &domain, &group)
    });
    Ok(model::CreatePackageGroupOutput { package_group: Some(write.await?) })
}

/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, DescribePackageGroup.
pub(super) async fn describe(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::DescribePackageGroup,
) -> Result<model::DescribePackageGroupOutput, Error> {
    let pattern: Pattern = input.package_group.parse()?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let read = ca.store.read(move |tx| {
        let (domain, group) = find(tx, &name, &pattern)?;
        describe_in(tx, &domain, &group)
    });
    Ok(model::DescribePackageGroupOutput { package_group: Some(read.await?) })
}

/// What is not given stays. Errors: `NotFound`, `Validation`.
/// Source: CodeArtifact API Reference, UpdatePackageGroup.
pub(super) async fn update(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::UpdatePackageGroup,
) -> Result<model::UpdatePackageGroupOutput, Error> {
    let pattern: Pattern = input.package_group.parse()?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let write = ca.store.write(move |tx| {
        let (domain, mut group) = find(tx, &name, &pattern)?;
        group.description = input.description.clone().or(group.description);
        group.contact_info = input.contact_info.clone().or(group.contact_info);
        tx.put(&group)?;
        describe_in(tx, &domain, &group)
    });
    Ok(model::UpdatePackageGroupOutput { package_group: Some(write.await?) })
}

/// Its packages and the groups in it are those of its parent then. Errors: `NotFound`; `Validation` for the root.
/// Source: CodeArtifact API Reference, DeletePackageGroup.
pub(super) async fn delete(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::DeletePackageGroup,
) -> Result<model::DeletePackageGroupOutput, Error> {
    let pattern: Pattern = input.package_group.parse()?;
    if pattern == Pattern::Root {
        return Err(Error::field("The root package group cannot be deleted."));
    }
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let write = ca.store.write(move |tx| {
        let (domain, group) = find(tx, &name, &pattern)?;
        let told = describe_in(tx, &domain, &group)?;
        tx.delete::<Group>(&Group::key_of(domain.id, &pattern.to_string()))?;
        Ok::<_, Error>(told)
    });
    Ok(model::DeletePackageGroupOutput { package_group: Some(write.await?) })
}

/// Errors: `NotFound` of the group or of a repository, `Validation`, `QuotaExceeded`.
/// Source: CodeArtifact API Reference, UpdatePackageGroupOriginConfiguration.
pub(super) async fn configure(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::UpdatePackageGroupOriginConfiguration,
) -> Result<model::UpdatePackageGroupOriginConfigurationOutput, Error> {
    let pattern: Pattern = input.package_group.parse()?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let write = ca.store.write(move |tx| {
        let (domain, mut group) = find(tx, &name, &pattern)?;
        for (way, mode) in input.restrictions.iter().flatten() {
            let mode = mode_of(mode)?;
            if mode == Mode::Inherit && pattern == Pattern::Root {
                return Err(Error::field("The root package group has nothing to inherit from."));
            }
            group.rules.of_mut(way_of(way)?).mode = mode;
        }
        let mut updates = Map::new();
        for added in input.add_allowed_repositories.iter().flatten() {
            change(tx, &name, &mut group, added, true, &mut updates)?;
        }
        for removed in input.remove_allowed_repositories.iter().flatten() {
            change(tx, &name, &mut group, removed, false, &mut updates)?;
        }
        tx.put(&group)?;
        Ok((describe_in(tx, &domain, &group)?, updates))
    });
    let (told, updates) = write.await?;
    Ok(model::UpdatePackageGroupOriginConfigurationOutput {
        package_group: Some(told),
        allowed_repository_updates: Some(updates),
    })
}

/// Adds a repository to those that a restriction admits, or takes it away.
fn change(
    tx: &mut WriteTx<'_>,
    domain: &DomainName,
    group: &mut Group,
    named: &model::PackageGroupAllowedRepository,
    is_added: bool,
    updates: &mut Map<Map<Vec<String>>>,
) -> Result<(), Error> {
    let (Some(repository), Some(way)) = (&named.repository_name, &named.origin_restriction_type) else {
        return Err(Error::field("A repository needs repositoryName and originRestrictionType."));
    };
    let way = way_of(way.as_str())?;
    let repositories: &mut BTreeSet<String> = &mut group.rules.of_mut(way).repositories;
    let has_changed = if is_added {
        if !tx.exists::<Repository>(&Repository::key_of(&domain.repository(repository)))? {
            let message = format!("Repository '{repository}' does not exist in domain '{}'.", domain.name);
            return Err(Error::not_found(Resource::repository(repository), message));
        }
        repositories.insert(repository.clone())
    } else {
        repositories.remove(repository)
    };
    if repositories.len() > MOST_REPOSITORIES {
        let message = format!("A restriction may admit {MOST_REPOSITORIES} repositories at most.");
        return Err(Error::quota(Resource::domain(&domain.name), message));
    }
    if has_changed {
        let kind = if is_added { "ADDED" } else { "REMOVED" };
        let of_way = updates.entry(way.as_str().to_owned()).or_default();
        of_way.entry(kind.to_owned()).or_default().push(repository.clone());
    }
    Ok(())
}

fn way_of(name: &str) -> Result<Way, Error> {
    let found = Way::ALL.into_iter().find(|way| way.as_str() == name);
    found.ok_or_else(|| Error::field(format!("{name} is no type of restriction.")))
}

fn mode_of(mode: &model::PackageGroupOriginRestrictionMode) -> Result<Mode, Error> {
    match mode.as_str() {
        "ALLOW" => Ok(Mode::Allow),
        "ALLOW_SPECIFIC_REPOSITORIES" => Ok(Mode::AllowSpecificRepositories),
        "BLOCK" => Ok(Mode::Block),
        "INHERIT" => Ok(Mode::Inherit),
        other => Err(Error::field(format!("{other} is no mode of a restriction."))),
    }
}

fn told_mode(mode: Mode) -> model::PackageGroupOriginRestrictionMode {
    model::PackageGroupOriginRestrictionMode::from(match mode {
        Mode::Allow => "ALLOW",
        Mode::AllowSpecificRepositories => "ALLOW_SPECIFIC_REPOSITORIES",
        Mode::Block => "BLOCK",
        Mode::Inherit => "INHERIT",
    })
}

fn describe_in(
    tx: &mut ReadTx<'_>,
    domain: &Domain,
    group: &Group,
) -> Result<model::PackageGroupDescription, Error> {
    let name = domain.full_name();
    let reference = |pattern: &Pattern| model::PackageGroupReference {
        arn: Some(arn(&name, &pattern.to_string())),
        pattern: Some(pattern.to_string()),
    };
    let mut restrictions = Map::new();
    for way in Way::ALL {
        let (rule, from) = groups::effective(tx, group, way)?;
        let restriction = model::PackageGroupOriginRestriction {
            mode: Some(told_mode(group.rules.of(way).mode)),
            effective_mode: Some(told_mode(rule.mode)),
            inherited_from: (from != group.pattern).then(|| reference(&from)),
            repositories_count: i64::try_from(rule.repositories.len()).ok(),
        };
        restrictions.insert(way.as_str().to_owned(), restriction);
    }
    let parent = groups::parent(tx, domain.id, &group.pattern)?;
    // The root is there as long as its domain.
    let created = if group.pattern == Pattern::Root { domain.created } else { group.created };
    Ok(model::PackageGroupDescription {
        arn: Some(arn(&name, &group.pattern.to_string())),
        pattern: Some(group.pattern.to_string()),
        domain_name: Some(domain.name.clone()),
        domain_owner: Some(domain.scope.account.to_string()),
        created_time: Some(created),
        contact_info: group.contact_info.clone(),
        description: group.description.clone(),
        origin_configuration: Some(model::PackageGroupOriginConfiguration {
            restrictions: Some(restrictions),
        }),
        parent: parent.map(|parent| reference(&parent.pattern)),
    })
}

fn summary(told: model::PackageGroupDescription) -> model::PackageGroupSummary {
    model::PackageGroupSummary {
        arn: told.arn,
        pattern: told.pattern,
        domain_name: told.domain_name,
        domain_owner: told.domain_owner,
        created_time: told.created_time,
        contact_info: told.contact_info,
        description: told.description,
        origin_configuration: told.origin_configuration,
        parent: told.parent,
    }
}

/// By pattern. Errors: `NotFound` of the domain. Source: CodeArtifact API Reference, ListPackageGroups.
pub(super) async fn list(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::ListPackageGroups,
) -> Result<model::ListPackageGroupsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let is_first = start.is_none();
    let size = page_size(input.max_results, PAGE);
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let prefix = input.prefix.unwrap_or_default();
    let read = ca.store.read(move |tx| {
        let domain = find_domain(tx, &name)?;
        let root = Pattern::Root.to_string();
        let has_record = tx.exists::<Group>(&Group::key_of(domain.id, &root))?;
        // Without a record, the root takes a place of the first page: it sorts before all others.
        let takes_place = is_first && !has_record && root.starts_with(&prefix);
        let range = Range::starting(Group::all_of(domain.id), &prefix).after(start.clone());
        let page = tx.scan::<Group>(range, size - usize::from(takes_place))?;
        let next = page.next.clone();
        let mut found = page.into_records();
        if takes_place {
            found.insert(0, Group::root(domain.id, domain.created));
        }
        let told: Result<Vec<_>, Error> =
            found.iter().map(|group| Ok(summary(describe_in(tx, &domain, group)?))).collect();
        Ok::<_, Error>((told?, next))
    });
    let (told, next) = read.await?;
    Ok(model::ListPackageGroupsOutput { package_groups: Some(told), next_token: page_end(ctx, next) })
}

/// Those whose parent it is. Errors: `NotFound`. Source: CodeArtifact API Reference, ListSubPackageGroups.
pub(super) async fn list_sub_groups(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::ListSubPackageGroups,
) -> Result<model::ListSubPackageGroupsOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let size = page_size(input.max_results, PAGE);
    let pattern: Pattern = input.package_group.parse()?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let read = ca.store.read(move |tx| {
        let (domain, _) = find(tx, &name, &pattern)?;
        let (mut told, mut looked_at, mut next) = (Vec::new(), 0, start.clone());
        loop {
            let range = Range::prefix(Group::all_of(domain.id)).after(next);
            let page = tx.scan::<Group>(range, AT_ONCE.min(size - told.len()))?;
            looked_at += page.records.len();
            next = page.next.clone();
            for group in page.into_records() {
                let parent = groups::parent(tx, domain.id, &group.pattern)?;
                if parent.is_some_and(|parent| parent.pattern == pattern) {
                    told.push(summary(describe_in(tx, &domain, &group)?));
                }
            }
            if next.is_none() || told.len() >= size || looked_at >= LOOKED_AT {
                return Ok::<_, Error>((told, next));
            }
        }
    });
    let (told, next) = read.await?;
    Ok(model::ListSubPackageGroupsOutput { package_groups: Some(told), next_token: page_end(ctx, next) })
}

/// Also of a package that does not exist. Errors: `NotFound` of the domain, `Validation`.
/// Source: CodeArtifact API Reference, GetAssociatedPackageGroup.
pub(super) async fn get_associated(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::GetAssociatedPackageGroup,
) -> Result<model::GetAssociatedPackageGroupOutput, Error> {
    let package = Coordinates::of(&input.format, input.namespace.as_deref(), &input.package)?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let read = ca.store.read(move |tx| {
        let domain = find_domain(tx, &name)?;
        let (group, fit) = groups::of_package(tx, domain.id, &package)?;
        Ok::<_, Error>((describe_in(tx, &domain, &group)?, fit))
    });
    let (told, fit) = read.await?;
    Ok(model::GetAssociatedPackageGroupOutput {
        package_group: Some(told),
        association_type: Some(told_fit(fit)),
    })
}

fn told_fit(fit: Fit) -> model::PackageGroupAssociationType {
    match fit {
        Fit::Strong => model::PackageGroupAssociationType::Strong,
        Fit::Weak => model::PackageGroupAssociationType::Weak,
    }
}

/// Packages of all repositories of the domain, each once. With `preview`, those that a group which is not there would have.
/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, ListAssociatedPackages.
pub(super) async fn list_packages(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::ListAssociatedPackages,
) -> Result<model::ListAssociatedPackagesOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let size = page_size(input.max_results, PAGE);
    let pattern: Pattern = input.package_group.parse()?;
    let is_preview = input.preview == Some(true);
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let read = ca.store.read(move |tx| {
        let domain = if is_preview { find_domain(tx, &name)? } else { find(tx, &name, &pattern)?.0 };
        let (mut told, mut looked_at, mut next) = (Vec::new(), 0, start.clone());
        let mut last: Option<Coordinates> = None;
        loop {
            let range = Range::prefix(store::Key::of(domain.id.to_string())).after(next);
            let page = tx.scan_index::<Package>(Package::BY_DOMAIN, range, AT_ONCE.min(size - told.len()))?;
            looked_at += page.records.len();
            next = page.next.clone();
            for package in page.into_records() {
                let fit = associated(tx, domain.id, &pattern, &package.coordinates, is_preview)?;
                if last.as_ref() != Some(&package.coordinates)
                    && let Some(fit) = fit
                {
                    told.push(associated_package(&package.coordinates, fit));
                }
                last = Some(package.coordinates);
            }
            if next.is_none() || told.len() >= size || looked_at >= LOOKED_AT {
                return Ok::<_, Error>((told, next));
            }
        }
    });
    let (packages, next) = read.await?;
    Ok(model::ListAssociatedPackagesOutput { packages: Some(packages), next_token: page_end(ctx, next) })
}

fn associated(
    tx: &mut ReadTx<'_>,
    domain: uuid::Uuid,
    pattern: &Pattern,
    package: &Coordinates,
    is_preview: bool,
) -> Result<Option<Fit>, Error> {
    let (group, fit) = groups::of_package(tx, domain, package)?;
    if group.pattern == *pattern {
        return Ok(Some(fit));
    }
    let would_fit = pattern.fits(package).filter(|_| is_preview && pattern.rank() > group.pattern.rank());
    Ok(would_fit)
}

fn associated_package(package: &Coordinates, fit: Fit) -> model::AssociatedPackage {
    model::AssociatedPackage {
        format: shapes::format(package),
        namespace: package.namespace(),
        package: Some(package.name.clone()),
        association_type: Some(told_fit(fit)),
    }
}

/// Of the restriction that counts for the group. Errors: `NotFound`, `Validation`.
/// Source: CodeArtifact API Reference, ListAllowedRepositoriesForGroup.
pub(super) async fn list_repositories(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: model::ListAllowedRepositoriesForGroup,
) -> Result<model::ListAllowedRepositoriesForGroupOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let after = start.as_ref().and_then(super::only_text);
    let size = page_size(input.max_results, PAGE);
    let pattern: Pattern = input.package_group.parse()?;
    let way = way_of(input.origin_restriction_type.as_str())?;
    let name = DomainName::of(&input.domain, input.domain_owner.as_ref(), &ctx.scope);
    let read = ca.store.read(move |tx| {
        let (_, group) = find(tx, &name, &pattern)?;
        Ok::<_, Error>(groups::effective(tx, &group, way)?.0.repositories)
    });
    let all = read.await?;
    let mut rest = all.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after));
    let page: Vec<String> = rest.by_ref().take(size).collect();
    let next = page.last().filter(|_| rest.next().is_some()).map(store::Key::of);
    Ok(model::ListAllowedRepositoriesForGroupOutput {
        allowed_repositories: Some(page),
        next_token: page_end(ctx, next),
    })
}
