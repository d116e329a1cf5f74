//! Finding packages by words: which words a package has, and which packages fit a query best. Pure.
//!
//! The index of words is one of the store's own: so it changes in the transaction that changes a package, is the same for
//! all nodes, and cannot be lost apart from what it tells of.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::names::Coordinates;
use crate::records::{Listing, Native, Place, Version};

/// Words of one package.
const MOST_WORDS: usize = 64;
/// In bytes: of a longer one, the beginning counts.
const LONGEST_WORD: usize = 64;
/// Of one query: the others are left out.
const MOST_ASKED: usize = 8;
const LONGEST_QUERY: usize = 1_000;

/// What somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// In lower case, the longest first: it is likely to fit the fewest packages.
    pub words: Vec<String>,
}

/// The words of a package, as the version says that stands for it.
pub fn words(version: &Version) -> BTreeMap<String, Place> {
    let mut words = BTreeMap::new();
    let mut add = |text: &str, place: Place| {
        let word = cut(text);
        if !word.is_empty() && words.len() < MOST_WORDS {
            let best = words.entry(word).or_insert(place);
            *best = place.min(*best);
        }
    };
    let name = whole_name(&version.coordinates);
    add(&name, Place::Name);
    add(&version.coordinates.name.to_lowercase(), Place::Name);
    parts(&name).for_each(|part| add(part, Place::PartOfName));
    for keyword in keywords(version) {
        let keyword = keyword.to_lowercase();
        parts(&keyword).for_each(|part| add(part, Place::Keyword));
    }
    let summary = version.contents.metadata.summary.as_deref().unwrap_or_default().to_lowercase();
    parts(&summary).for_each(|part| add(part, Place::Description));
    words
}

fn keywords(version: &Version) -> impl Iterator<Item = &str> {
    let said = match &version.contents.native {
        Some(Native::Npm(npm)) => npm.manifest.get("keywords"),
        Some(Native::Cargo(cargo)) => cargo.line.get("keywords"),
        Some(Native::Nuget(nuget)) => nuget.entry.get("tags"),
        Some(Native::Maven(_) | Native::Ruby(_) | Native::Swift(_)) | None => None,
    };
    said.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// `scope/name` in lower case.
fn whole_name(coordinates: &Coordinates) -> String {
    coordinates.shown().trim_start_matches('@').to_lowercase()
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|part| !part.is_empty())
}

fn cut(word: &str) -> String {
    let end = (0..=LONGEST_WORD.min(word.len())).rev().find(|at| word.is_char_boundary(*at));
    word.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

impl Query {
    /// Words apart by white space. npm's `keywords:` and the like say where a word stands; here all places are looked at.
    pub fn parse(text: &str) -> Self {
        let text: String = text.chars().take(LONGEST_QUERY).collect();
        let plain = |word: &str| {
            let word = word.rsplit_once(':').map_or(word, |(_, word)| word);
            cut(&word.trim_start_matches('@').to_lowercase())
        };
        let mut words: Vec<String> =
            text.split_whitespace().map(plain).filter(|word| !word.is_empty()).collect();
        words.sort_by_key(|word| (std::cmp::Reverse(word.len()), word.clone()));
        words.dedup();
        words.truncate(MOST_ASKED);
        Self { words }
    }

    /// How well a package fits, smaller is better; `None` unless each word begins one of its.
    pub fn rank(&self, listing: &Listing) -> Option<u32> {
        let mut rank = 0;
        for asked in &self.words {
            let found =
                listing.words.range(asked.clone()..).take_while(|(word, _)| word.starts_with(asked.as_str()));
            let of_word = found.map(|(word, place)| *place as u32 * 2 + u32::from(word != asked));
            rank += of_word.min()?;
        }
        Some(rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Format;

    fn listing(name: &str, words: &[(&str, Place)]) -> Listing {
        Listing {
            repository: uuid::Uuid::nil(),
            coordinates: Coordinates::normal(Format::Npm, "", name),
            version: "1.0.0".to_owned(),
            words: words.iter().map(|(word, place)| ((*word).to_owned(), *place)).collect(),
        }
    }

    #[test]
    fn queries_are_words() {
        assert_eq!(Query::parse("keywords:Grid  @acme/web").words, ["acme/web", "grid"]);
        assert_eq!(Query::parse("  ").words, Vec::<String>::new());
        assert_eq!(Query::parse(&"w ".repeat(600)).words, ["w"]);
        assert_eq!(Query::parse(&"ä".repeat(100)).words[0].len(), 64);
    }

    #[test]
    fn better_places_come_first() {
        let table = listing("table", &[("table", Place::Name), ("rows", Place::Description)]);
        let tables = listing("tables", &[("tables", Place::Name), ("table", Place::Keyword)]);
        let chair = listing("chair", &[("chair", Place::Name)]);
        let query = Query::parse("table");
        assert!(query.rank(&table) < query.rank(&tables));
        assert_eq!(query.rank(&chair), None);
        assert!(Query::parse("table rows").rank(&table).is_some());
        assert_eq!(Query::parse("table rows").rank(&tables), None);
    }
}
