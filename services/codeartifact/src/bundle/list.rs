//! The list of files at the end of an archive, believed as far as everything in it says the same.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::{Extent, LARGEST_LIST, MOST_FILES, is_safe};

/// Where the files lie. Errors: what is wrong with the archive.
pub fn extents(file: &File) -> Result<BTreeMap<String, Extent>, String> {
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let list = List::at_the_end(file, size).ok_or("it was cut off, or is no archive")?;
    if list.size > LARGEST_LIST {
        return Err("its list of files is too large".to_owned());
    }
    if list.files > MOST_FILES as u64 {
        return Err(format!("it has more than {MOST_FILES} files"));
    }
    let shared = Arc::new(file.try_clone().map_err(|error| error.to_string())?);
    let mut archive = ZipArchive::with_config(Config { archive_offset: ArchiveOffset::Known(0) }, file)
        .map_err(|error| error.to_string())?;
    if archive.central_directory_start() != list.start || archive.has_duplicate_names() {
        return Err("its list of files is not the one at its end, or has a file twice".to_owned());
    }
    let mut extents = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| error.to_string())?;
        let name = entry.name().map_err(|error| error.to_string())?.into_owned();
        let is_plain = entry.compression() == CompressionMethod::Stored
            && !entry.encrypted()
            && !entry.is_symlink()
            && entry.size() == entry.compressed_size();
        let start = entry.data_start().ok_or("a file in it lies nowhere")?;
        let is_before_list = start.checked_add(entry.size()).is_some_and(|end| end <= list.start);
        if !is_safe(&name) || !is_plain || !is_before_list {
            return Err(format!("{name:?} is no file of a bundle"));
        }
        let extent = Extent::new(shared.clone(), start, entry.size());
        // Two names of other bytes can be the same text.
        if extents.insert(name.clone(), extent).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    if archive.has_overlapping_entries().map_err(|error| error.to_string())? {
        return Err("files in it lie over each other".to_owned());
    }
    Ok(extents)
}

/// What the end of an archive says of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct List {
    files: u64,
    /// In bytes, like `start`.
    size: u64,
    start: u64,
}

impl List {
    /// Before anything reads the list. A record for large archives lies directly before its locator, and says the same as the
    /// short one wherever that says anything: no reader finds another list. `None` where it is otherwise, or where the list
    /// does not end where its record begins. Source: APPNOTE.TXT, 4.3.14 to 4.3.16.
    fn at_the_end(file: &File, size: u64) -> Option<Self> {
        const END: u64 = 22;
        const LOCATOR: u64 = 20;
        const END_64: u64 = 56;
        let at = size.checked_sub(END)?;
        let end = record::<{ END as usize }>(file, at, b"PK\x05\x06").filter(|end| end.ends_with(&[0, 0]))?;
        let short =
            Self { files: number(&end, 10, 2)?, size: number(&end, 12, 4)?, start: number(&end, 16, 4)? };
        let locator = at.checked_sub(LOCATOR);
        let found = locator.and_then(|at| record::<{ LOCATOR as usize }>(file, at, b"PK\x06\x07"));
        let (Some(locator), Some(found)) = (locator, found) else {
            return short.ends_at(at).then_some(short);
        };
        let begin = number(&found, 8, 8)?;
        if begin.checked_add(END_64)? != locator {
            return None;
        }
        let end = record::<{ END_64 as usize }>(file, begin, b"PK\x06\x06")?;
        let long =
            Self { files: number(&end, 32, 8)?, size: number(&end, 40, 8)?, start: number(&end, 48, 8)? };
        let says_same = |short: u64, long: u64, nothing: u64| short == long || short == nothing;
        let is_same = says_same(short.files, long.files, u16::MAX.into())
            && says_same(short.size, long.size, u32::MAX.into())
            && says_same(short.start, long.start, u32::MAX.into());
        (is_same && long.ends_at(begin)).then_some(long)
    }

    fn ends_at(self, at: u64) -> bool {
        self.start.checked_add(self.size) == Some(at)
    }
}

/// The bytes there, if they begin like this.
fn record<const LENGTH: usize>(file: &File, at: u64, magic: &[u8; 4]) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    file.read_exact_at(&mut bytes, at).ok()?;
    bytes.starts_with(magic).then_some(bytes)
}

/// A number of `length` bytes, the lowest first.
fn number(record: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = record.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
