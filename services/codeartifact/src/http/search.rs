//! Search among the packages of a repository, for the package managers that know it.

use super::Call;
use crate::error::Error;
use crate::finding::Query;
use crate::names::Format;
use crate::packages::listing;
use crate::records::Version;

/// What was found: how many in all, and those of the page, each by the version that stands for it.
pub struct Hits {
    pub total: usize,
    pub page: Vec<Version>,
}

/// The packages of the repository itself, not of its upstreams, that have every word in their name, description or
/// keywords, those that fit best first.
pub async fn search(
    call: &Call<'_>,
    format: Format,
    text: Option<String>,
    from: usize,
    size: usize,
) -> Result<Hits, Error> {
    let repository = super::reading::repository(call)?.clone();
    let query = Query::parse(&text.unwrap_or_default());
    let advisories = call.codeartifact.advisories.current();
    let read = call.codeartifact.store.read(move |tx| {
        let found = listing::search(tx, &repository, format, &query)?;
        let total = found.listings.len();
        let mut page = Vec::new();
        for listing in found.listings.iter().skip(from).take(size) {
            page.extend(listing::found(tx, &advisories, listing)?);
        }
        Ok::<_, Error>(Hits { total, page })
    });
    read.await
}
