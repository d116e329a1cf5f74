use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::{Index, Key, Record};
use uuid::Uuid;

use super::Package;
use crate::names::{Coordinates, Format};

/// The words by which a package of a repository is found. Key: that of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub repository: Uuid,
    pub coordinates: Coordinates,
    /// The version that stands for the package.
    pub version: String,
    /// In lower case, each with the best place that it stands in.
    pub words: BTreeMap<String, Place>,
}

/// Where a word stands; the better places first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    /// It is the name.
    Name,
    PartOfName,
    Keyword,
    Description,
}

impl Listing {
    /// The index of packages by word, those first that have it in a better place.
    pub const BY_WORD: &'static str = "word";

    /// The prefix of what the index has of the packages of one format.
    pub fn words_of(repository: Uuid, format: Format) -> Key {
        Package::all_of(repository).and(format.as_str())
    }
}

impl Record for Listing {
    const KIND: &'static str = "codeartifact/listing";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Package::key_of(self.repository, &self.coordinates)
    }

    fn indexes(&self) -> Vec<Index> {
        let of_word = |(word, place): (&String, &Place)| {
            let key = Self::words_of(self.repository, self.coordinates.format).and(word);
            Index::new(Self::BY_WORD, key.and_u64(*place as u64))
        };
        self.words.iter().map(of_word).collect()
    }
}
