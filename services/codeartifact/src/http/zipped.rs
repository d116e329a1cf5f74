//! One file out of a package that is a zip archive, in bounded memory.

use std::borrow::Cow;
use std::io::{Cursor, Read, Seek};

use blob::{Blobs, Digest};
use zip::ZipArchive;

use crate::error::Error;

/// Of an archive that has to be held in memory to be read, which is so where blobs are no files. In bytes.
const IN_MEMORY: usize = 64 * 1024 * 1024;
const MOST_ENTRIES: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// The file, or the archive where it has to be held in memory.
    TooLarge,
    File(Vec<u8>),
}

/// The first file whose path `is_it`. Errors: `Validation` for what is no zip archive.
pub async fn find(
    blobs: &Blobs,
    blob: Digest,
    size: u64,
    is_it: impl Fn(&str) -> bool + Send + 'static,
    limit: u64,
) -> Result<Found, Error> {
    let read = match blobs.path(blob) {
        Some(path) => tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(&path).map_err(|error| Error::Internal(error.to_string()))?;
            extract(file, is_it, limit)
        }),
        None if size > IN_MEMORY as u64 => return Ok(Found::TooLarge),
        None => {
            let bytes = blobs.read(blob, IN_MEMORY).await?;
            tokio::task::spawn_blocking(move || extract(Cursor::new(bytes), is_it, limit))
        }
    };
    read.await.map_err(|error| Error::Internal(error.to_string()))?
}

/// The paths of the files that `is_it`; none of an archive that has to be held in memory and is too large for that.
/// Errors: `Validation` for what is no zip archive.
pub async fn paths(
    blobs: &Blobs,
    blob: Digest,
    size: u64,
    is_it: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Vec<String>, Error> {
    let read = match blobs.path(blob) {
        Some(path) => tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(&path).map_err(|error| Error::Internal(error.to_string()))?;
            list(file, is_it)
        }),
        None if size > IN_MEMORY as u64 => return Ok(Vec::new()),
        None => {
            let bytes = blobs.read(blob, IN_MEMORY).await?;
            tokio::task::spawn_blocking(move || list(Cursor::new(bytes), is_it))
        }
    };
    read.await.map_err(|error| Error::Internal(error.to_string()))?
}

fn list<R: Read + Seek>(archive: R, is_it: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
    let archive = open(archive)?;
    Ok(archive.file_names().flatten().filter(|name| is_it(name)).map(Cow::into_owned).collect())
}

fn open<R: Read + Seek>(archive: R) -> Result<ZipArchive<R>, Error> {
    let archive = ZipArchive::new(archive).map_err(|_| Error::field("The file is no zip archive."))?;
    if archive.len() > MOST_ENTRIES {
        return Err(Error::field("The archive has too many entries."));
    }
    Ok(archive)
}

/// The first file whose path `is_it`, of an archive that can be read in place.
pub fn extract<R: Read + Seek>(archive: R, is_it: impl Fn(&str) -> bool, limit: u64) -> Result<Found, Error> {
    let mut archive = open(archive)?;
    let name = archive.file_names().flatten().find(|name| is_it(name)).map(Cow::into_owned);
    let Some(name) = name else { return Ok(Found::Nothing) };
    let unreadable = || Error::field(format!("The file {name} of the archive cannot be read."));
    let entry = archive.by_name(&name).map_err(|_| unreadable())?;
    let mut content = Vec::new();
    entry.take(limit + 1).read_to_end(&mut content).map_err(|_| unreadable())?;
    Ok(if content.len() as u64 > limit { Found::TooLarge } else { Found::File(content) })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    #[test]
    fn a_file_is_found_by_its_path() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("a/b", SimpleFileOptions::default()).unwrap();
        writer.write_all(b"text").unwrap();
        let archive = writer.finish().unwrap();
        let find = |path: &'static str, limit| extract(archive.clone(), |name| name == path, limit).unwrap();
        assert_eq!(find("a/b", 4), Found::File(b"text".to_vec()));
        assert_eq!((find("a/b", 3), find("b", 4)), (Found::TooLarge, Found::Nothing));
        for length in [0, 10, archive.get_ref().len() - 1] {
            assert!(extract(Cursor::new(&archive.get_ref()[..length]), |_| true, 9).is_err(), "{length}");
        }
    }
}
