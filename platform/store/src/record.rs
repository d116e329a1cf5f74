//! What a type must say about itself to be stored.

use std::ops::{Deref, DerefMut};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Key};

/// A stored document. Record types are apart from API shapes, so that each can change on its own.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Names the kind of record, once and for all: `"codebuild/build"`.
    const KIND: &'static str;
    /// The version of the stored form; raise it with every change that old bytes do not fit.
    const VERSION: u32;

    /// The key, unique among the records of this kind. It must follow from the record alone.
    fn key(&self) -> Key;

    /// The entries under which [`scan_index`](crate::ReadTx::scan_index) finds the record. They are kept up to date
    /// in the transaction that puts or deletes it. Index keys need not be unique.
    fn indexes(&self) -> Vec<Index> {
        Vec::new()
    }

    /// Reads a document that was stored in another version than `VERSION`.
    /// Errors: `UnknownVersion`, also by default.
    fn migrate(version: u32, value: serde_json::Value) -> Result<Self, Error> {
        let _ = value;
        Err(Error::UnknownVersion { kind: Self::KIND, version })
    }
}

/// One entry of a secondary index: the name of the index, and the key under which the record is found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: &'static str,
    pub key: Key,
}

impl Index {
    pub fn new(name: &'static str, key: Key) -> Index {
        Index { name, key }
    }
}

/// A record as read, with the revision that [`put_if`](crate::WriteTx::put_if) asks for.
///
/// A revision is unique to one state of one record; a record that is deleted and made again does not repeat one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned<R> {
    pub record: R,
    pub revision: u64,
}

impl<R> Versioned<R> {
    pub fn into_inner(self) -> R {
        self.record
    }
}

impl<R> Deref for Versioned<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.record
    }
}

impl<R> DerefMut for Versioned<R> {
    fn deref_mut(&mut self) -> &mut R {
        &mut self.record
    }
}

pub(crate) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(record).map_err(|error| Error::encode(R::KIND, error))
}

pub(crate) fn decode<R: Record>(version: i64, value: &[u8]) -> Result<R, Error> {
    let failed = |error: serde_json::Error| Error::decode(format!("a record of kind {}", R::KIND), error);
    if version == i64::from(R::VERSION) {
        return serde_json::from_slice(value).map_err(failed);
    }
    let version = u32::try_from(version).map_err(|error| Error::decode(R::KIND, error))?;
    R::migrate(version, serde_json::from_slice(value).map_err(failed)?)
}

/// The index entries of a stored record, kept with it: so they can be taken away even when the program that deletes
/// the record computes other entries than the one that put it.
pub(crate) fn encode_indexes(record_key: &Key, indexes: &[Index]) -> Result<Vec<u8>, Error> {
    if indexes.is_empty() {
        return Ok(Vec::new());
    }
    let mut entries: Vec<(String, Vec<u8>)> = indexes
        .iter()
        .map(|index| (index.name.to_owned(), index.key.clone().join(record_key).into_bytes()))
        .collect();
    entries.sort();
    entries.dedup();
    let mut bytes = Vec::new();
    for (name, key) in entries {
        for field in [name.as_bytes(), &key] {
            let length =
                u32::try_from(field.len()).map_err(|error| Error::encode("an index entry", error))?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field);
        }
    }
    Ok(bytes)
}

/// Index names and entry keys, as `encode_indexes` wrote them.
pub(crate) fn decode_indexes(mut bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let mut field = || -> Option<&[u8]> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        bytes = rest;
        Some(field)
    };
    let mut entries = Vec::new();
    while let Some(name) = field() {
        let name =
            String::from_utf8(name.to_vec()).map_err(|error| Error::decode("an index entry", error))?;
        let key = field().ok_or_else(|| Error::decode("an index entry", "it ends early"))?;
        entries.push((name, key.to_vec()));
    }
    Ok(entries)
}
