use aws::Ctx;
use codeartifact_model::{ListPackages, ListPackagesOutput};
use store::{Key, Range, ReadTx};

use super::{PAGE, page_end, page_size, page_start};
use crate::CodeArtifact;
use crate::error::Error;
use crate::names::{Format, RepositoryName, python_name};
use crate::packages::find_repository;
use crate::records::{Package, Repository};
use crate::shapes;

/// How many packages one call looks at, for filters that no index answers. A page may be short with a token to go on.
const LOOKED_AT: usize = 5_000;
const AT_ONCE: usize = 500;

/// Which packages are listed.
#[derive(Clone)]
struct Filter {
    format: Option<Format>,
    namespace_prefix: Option<String>,
    prefix: Option<String>,
    publish: Option<String>,
    upstream: Option<String>,
}

/// In which order, so that the filters are a stretch of it.
enum Order {
    /// By format, namespace and name.
    Key(Range),
    /// Of an index.
    Index(&'static str, Range),
}

/// Without a prefix by format, namespace and name; with one, by name.
/// Errors: `NotFound`, `Validation`. Source: CodeArtifact API Reference, ListPackages.
pub(super) async fn list_packages(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: ListPackages,
) -> Result<ListPackagesOutput, Error> {
    let start = page_start(ctx, input.next_token.as_ref())?;
    let size = page_size(input.max_results, PAGE);
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let filter = Filter::of(input)?;
    let read = ca.store.read(move |tx| {
        let repository = find_repository(tx, &name)?;
        page(tx, &repository, &filter, start.clone(), size)
    });
    let (packages, next) = read.await?;
    let packages = packages.iter().map(shapes::package_summary).collect();
    Ok(ListPackagesOutput { packages: Some(packages), next_token: page_end(ctx, next) })
}

impl Filter {
    /// Errors: `Validation`.
    fn of(input: ListPackages) -> Result<Self, Error> {
        let format = input.format.and_then(|format| Format::parse(format.as_str()));
        if input.namespace.is_some() && format.is_none() {
            return Err(Error::field("A namespace can only be given with a format."));
        }
        let prefix = input.package_prefix.map(|prefix| match format {
            // A prefix that ends within a run of separators is that of the normal form without them.
            Some(Format::Pypi) => python_name(&prefix),
            Some(Format::Nuget | Format::Swift) => prefix.to_lowercase(),
            _ => prefix,
        });
        Ok(Self {
            format,
            namespace_prefix: input.namespace,
            prefix,
            publish: input.publish.map(|publish| publish.to_string()),
            upstream: input.upstream.map(|upstream| upstream.to_string()),
        })
    }

    fn order(&self, repository: &Repository) -> Order {
        let all = Package::all_of(repository.id);
        match (self.format, &self.prefix, &self.namespace_prefix) {
            (None, None, _) => Order::Key(Range::prefix(all)),
            (None, Some(prefix), _) => Order::Index(Package::BY_NAME, Range::starting(all, prefix)),
            (Some(format), None, None) => Order::Key(Range::prefix(all.and(format.as_str()))),
            (Some(format), None, Some(namespace)) => {
                Order::Key(Range::starting(all.and(format.as_str()), namespace))
            }
            (Some(format), Some(prefix), _) => {
                Order::Index(Package::BY_FORMAT, Range::starting(all.and(format.as_str()), prefix))
            }
        }
    }

    /// What the order does not answer.
    fn admits(&self, package: &Package) -> bool {
        let configured = shapes::origin_configuration(package.restrictions).restrictions.unwrap_or_default();
        let namespace = &package.coordinates.namespace;
        self.namespace_prefix.as_ref().is_none_or(|prefix| namespace.starts_with(prefix))
            && self.publish.as_ref().is_none_or(|publish| publish == configured.publish.as_str())
            && self.upstream.as_ref().is_none_or(|upstream| upstream == configured.upstream.as_str())
    }
}

fn page(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    filter: &Filter,
    start: Option<Key>,
    size: usize,
) -> Result<(Vec<Package>, Option<Key>), Error> {
    let (mut found, mut looked_at, mut next) = (Vec::new(), 0, start);
    loop {
        // No more than fit, so that the page ends where the scan does.
        let limit = AT_ONCE.min(size - found.len());
        let page = match filter.order(repository) {
            Order::Key(range) => tx.scan::<Package>(range.after(next), limit)?,
            Order::Index(index, range) => tx.scan_index::<Package>(index, range.after(next), limit)?,
        };
        looked_at += page.records.len();
        next = page.next.clone();
        found.extend(page.into_records().into_iter().filter(|package| filter.admits(package)));
        if next.is_none() || found.len() >= size || looked_at >= LOOKED_AT {
            return Ok((found, next));
        }
    }
}
