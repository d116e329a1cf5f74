//! Search, which this API has beside AWS's.

use aws::Ctx;
use codeartifact_model::{FoundPackage, SearchPackages, SearchPackagesOutput};

use super::{PAGE, page_size};
use crate::CodeArtifact;
use crate::error::Error;
use crate::finding::Query;
use crate::names::{Format, RepositoryName};
use crate::packages::{find_repository, listing};
use crate::records::Version;

/// Of all formats, unless one is named. Errors: `NotFound`, `Validation`.
pub(super) async fn search_packages(
    ca: &CodeArtifact,
    ctx: &Ctx,
    input: SearchPackages,
) -> Result<SearchPackagesOutput, Error> {
    let query = Query::parse(&input.text);
    if query.words.is_empty() {
        return Err(Error::field("The text to search for has no word."));
    }
    let format = input.format.and_then(|format| Format::parse(format.as_str()));
    let name = RepositoryName::of(&input.domain, input.domain_owner.as_ref(), &input.repository, &ctx.scope);
    let size = page_size(input.max_results, PAGE);
    let advisories = ca.advisories.current();
    let read = ca.store.read(move |tx| {
        let repository = find_repository(tx, &name)?;
        let (mut listings, mut is_more) = (Vec::new(), false);
        for format in Format::ALL.into_iter().filter(|one| format.is_none_or(|format| format == *one)) {
            let found = listing::search(tx, &repository, format, &query)?;
            listings.extend(found.listings);
            is_more |= found.is_more;
        }
        // Each format's are in order; together they are put in order again, in the order of formats where they fit alike.
        listings.sort_by_key(|listing| query.rank(listing));
        let total = i64::try_from(listings.len()).unwrap_or(i64::MAX);
        let mut packages = Vec::new();
        for listing in listings.iter().take(size) {
            packages.extend(listing::found(tx, &advisories, listing)?.map(told));
        }
        Ok::<_, Error>(SearchPackagesOutput { packages, total, is_more })
    });
    read.await
}

fn told(version: Version) -> FoundPackage {
    FoundPackage {
        format: version.coordinates.format.as_str().to_owned(),
        namespace: version.coordinates.namespace(),
        package: version.coordinates.name,
        version: version.version,
        summary: version.contents.metadata.summary,
    }
}
