use aws::Ctx;
use codeartifact_model::{ListPackages, ListPackagesOutput};
use store::{Key, Range, ReadTx};

use super::{PAGE, page_end, page_size, page_start};
use crate::CodeArtifact;
use crate::error::Error;
use crate::names::{Coordinates, Format, RepositoryName};
use crate::package_names::python_name;
use crate::packages::find_repository;
use crate::records::{Package, Repository, Restrictions};
use crate::shapes;

/// How many namespaces one call looks into, where both a namespace and a name are told by their beginnings. A page may be
/// short with a token to go on.
const MOST_NAMESPACES: usize = 200;

/// Which packages are listed.
#[derive(Clone)]
struct Filter {
    format: Option<Format>,
    namespace_prefix: Option<String>,
    prefix: Option<String>,
    publish: Option<String>,
    upstream: Option<String>,
}

/// The order of a list: so that what a filter admits is one stretch of an index for each kind of restrictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// By format, namespace and name.
    Place,
    Name,
    /// By format and name.
    Format,
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

    /// Those that the filter admits.
    fn restrictions(&self) -> impl Iterator<Item = Restrictions> {
        Restrictions::ALL.into_iter().filter(|restrictions| {
            let configured = shapes::origin_configuration(*restrictions).restrictions.unwrap_or_default();
            self.publish.as_ref().is_none_or(|publish| publish == configured.publish.as_str())
                && self.upstream.as_ref().is_none_or(|upstream| upstream == configured.upstream.as_str())
        })
    }

    fn order(&self) -> Order {
        match (self.format, &self.prefix) {
            (_, None) => Order::Place,
            (None, Some(_)) => Order::Name,
            (Some(_), Some(_)) => Order::Format,
        }
    }

    /// What the filter admits of the packages with the same restrictions, which `all` begins.
    fn stretch(&self, all: Key) -> Range {
        let of_format = match self.format {
            Some(format) => all.and(format.as_str()),
            None => all,
        };
        match (&self.prefix, &self.namespace_prefix) {
            (None, None) => Range::prefix(of_format),
            (Some(prefix), _) => Range::starting(of_format, prefix),
            (None, Some(namespace)) => Range::starting(of_format, namespace),
        }
    }
}

impl Order {
    fn index(self) -> &'static str {
        match self {
            Self::Place => Package::BY_PLACE,
            Self::Name => Package::BY_NAME,
            Self::Format => Package::BY_FORMAT,
        }
    }

    /// Where a package stands, whatever its restrictions.
    fn position(self, package: &Package) -> Key {
        let Coordinates { format, namespace, name } = &package.coordinates;
        match self {
            Self::Place => Key::of(format.as_str()).and(namespace).and(name),
            Self::Name => Key::of(name).and(format.as_str()).and(namespace),
            Self::Format => Key::of(format.as_str()).and(name).and(namespace),
        }
    }
}

/// The packages of a page, and the position after which the next one begins.
fn page(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    filter: &Filter,
    start: Option<Key>,
    size: usize,
) -> Result<(Vec<Package>, Option<Key>), Error> {
    match (filter.format, &filter.namespace_prefix, &filter.prefix) {
        (Some(format), Some(namespace), Some(name)) => {
            by_both(tx, repository, filter, (format, namespace, name), start, size)
        }
        _ => {
            let order = filter.order();
            let mut found =
                merged(tx, repository, filter, order, &|all| filter.stretch(all), start.as_ref(), size + 1)?;
            let is_more = found.len() > size;
            found.truncate(size);
            let next = found.last().filter(|_| is_more).map(|package| order.position(package));
            Ok((found, next))
        }
    }
}

/// In one namespace after the other, each of which is one stretch.
fn by_both(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    filter: &Filter,
    (format, namespace, name): (Format, &str, &str),
    start: Option<Key>,
    size: usize,
) -> Result<(Vec<Package>, Option<Key>), Error> {
    let (mut found, mut after) = (Vec::new(), start);
    for _ in 0..MOST_NAMESPACES {
        let any = |all: Key| Range::starting(all.and(format.as_str()), namespace);
        let next = merged(tx, repository, filter, Order::Place, &any, after.as_ref(), 1)?;
        let Some(inside) = next.into_iter().next().map(|package| package.coordinates.namespace) else {
            return Ok((found, None));
        };
        let stretch = |all: Key| Range::starting(all.and(format.as_str()).and(&inside), name);
        let room = size - found.len();
        let mut some = merged(tx, repository, filter, Order::Place, &stretch, after.as_ref(), room + 1)?;
        let is_more = some.len() > room;
        some.truncate(room);
        found.extend(some);
        if is_more {
            let next = found.last().map(|package| Order::Place.position(package));
            return Ok((found, next));
        }
        after = Some(Key::of(format.as_str()).and(&inside));
    }
    Ok((found, after))
}

/// The first packages of a stretch, after a position or all that begins with it, those of all restrictions put in order.
fn merged(
    tx: &mut ReadTx<'_>,
    repository: &Repository,
    filter: &Filter,
    order: Order,
    stretch: &dyn Fn(Key) -> Range,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<Package>, Error> {
    let mut found = Vec::new();
    for restrictions in filter.restrictions() {
        let all = Package::restricted(repository.id, restrictions);
        let mut range = stretch(all.clone());
        if let Some(after) = after {
            range = range.past(Range::prefix(all.join(after)));
        }
        found.extend(tx.scan_index::<Package>(order.index(), range, limit)?.into_records());
    }
    found.sort_by_cached_key(|package| order.position(package));
    found.truncate(limit);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use aws::Timestamp;
    use store::{Config, Store, WriteTx};
    use uuid::Uuid;

    use super::*;
    use crate::finding::Query;
    use crate::packages::listing;
    use crate::records::{Contents, Metadata, Origin, Status, Version};

    const VERSIONS_OF_EACH: usize = 10;
    const AT_ONCE: usize = 500;
    const ROUNDS: usize = 50;

    fn repository() -> Repository {
        Repository {
            id: Uuid::new_v4(),
            scope: aws::Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            domain: "d".to_owned(),
            domain_id: Uuid::new_v4(),
            name: "r".to_owned(),
            administrator: "123456789012".parse().unwrap(),
            description: None,
            upstreams: Vec::new(),
            external_connection: None,
            created: Timestamp::from_millis(0),
            tags: std::collections::BTreeMap::new(),
            policy: None,
        }
    }

    fn seed(tx: &mut WriteTx<'_>, repository: &Repository, number: usize) -> Result<(), Error> {
        let at = Timestamp::from_millis(0);
        let namespace =
            if number.is_multiple_of(3) { format!("scope{}", number % 50) } else { String::new() };
        let coordinates = Coordinates::normal(Format::Npm, &namespace, &format!("library-{number:07}"));
        let restrictions = Restrictions::ALL[if number.is_multiple_of(1_000) { 3 } else { number % 3 }];
        let mut package = Package::new(repository, &coordinates, restrictions, at);
        package.tags.insert("latest".to_owned(), format!("1.{}.0", VERSIONS_OF_EACH - 1));
        for minor in 0..VERSIONS_OF_EACH {
            let summary = Some(format!("A library of many, word{} inside", number % 1_000));
            let metadata = Metadata { summary, ..Metadata::default() };
            tx.put(&Version {
                repository: repository.id,
                coordinates: coordinates.clone(),
                version: format!("1.{minor}.0"),
                status: Status::Published,
                revision: String::new(),
                published: at,
                origin: Origin::Internal { repository: repository.name.clone() },
                contents: Contents { metadata, ..Contents::default() },
            })?;
        }
        tx.put(&package)?;
        listing::renew(tx, &package)
    }

    fn filter() -> Filter {
        Filter { format: None, namespace_prefix: None, prefix: None, publish: None, upstream: None }
    }

    async fn median(
        store: &Store,
        work: impl Fn(&mut ReadTx<'_>) -> Result<usize, Error> + Clone + Send + 'static,
    ) -> (Duration, usize) {
        let (mut times, mut found) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let (work, begin) = (work.clone(), Instant::now());
            found = store.read(move |tx| work(tx)).await.unwrap();
            times.push(begin.elapsed());
        }
        times.sort();
        (times[ROUNDS / 2], found)
    }

    /// Prints what one page takes, whose filter fits few of the packages, and what a search takes.
    #[tokio::test]
    #[ignore = "seeds a million versions, which takes minutes"]
    async fn a_page_and_a_search_cost_the_same_at_any_size() {
        for versions in [1_000, 1_000_000] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
            let (repository, count) = (repository(), versions / VERSIONS_OF_EACH);
            for first in (0..count).step_by(AT_ONCE) {
                let own = repository.clone();
                let seeding = store.write(move |tx| {
                    (first..(first + AT_ONCE).min(count)).try_for_each(|number| seed(tx, &own, number))
                });
                seeding.await.unwrap();
            }
            let blocked =
                Filter { publish: Some("BLOCK".into()), upstream: Some("BLOCK".into()), ..filter() };
            let name = Filter { prefix: Some("library-00000".into()), ..filter() };
            let both = Filter {
                format: Some(Format::Npm),
                namespace_prefix: Some("scope3".into()),
                prefix: Some("library-0000".into()),
                ..filter()
            };
            for (what, filter) in [("all", filter()), ("blocked", blocked), ("name", name), ("both", both)] {
                let own = repository.clone();
                let took = median(&store, move |tx| Ok(page(tx, &own, &filter, None, PAGE)?.0.len())).await;
                println!("{versions} versions, a page of {what}: {took:?}");
            }
            for text in ["library", "word7", "library word7", "library-0000042", "nothing"] {
                let own = repository.clone();
                let query = Query::parse(text);
                let found = move |tx: &mut ReadTx<'_>| {
                    Ok(listing::search(tx, &own, Format::Npm, &query)?.listings.len())
                };
                println!("{versions} versions, search for {text}: {:?}", median(&store, found).await);
            }
            store.close().await;
        }
    }
}
