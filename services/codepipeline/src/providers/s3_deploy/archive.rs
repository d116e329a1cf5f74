//! Reads a ZIP that a stranger may have made: no entry outside of its root, no links, no bombs.

use std::io::{self, Read, Seek};

use bytes::Bytes;
use zip::ZipArchive;
use zip::result::ZipError;

/// Files of an archive at most. Source: CodePipeline quotas.
const FILE_LIMIT: usize = 100_000;
/// Bytes of all files together at most: a few times what an artifact may have packed.
const TOTAL_LIMIT: u64 = 20 << 30;
/// How much an archive may grow, once it is more than a trifle. Deflate cannot do better than 1032.
const RATIO_LIMIT: u64 = 200;
const TRIFLE: u64 = 64 << 20;
const PIECE: usize = 64 << 10;

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// With `/` between folders; never empty, never outside of the root.
    pub(super) name: String,
    pub(super) size: u64,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Something is wrong with the archive.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Hands over file after file, piece after piece; stops when a receiver wants no more (`None`, `false`).
pub(super) fn read<R, P>(file: R, mut begin: impl FnMut(Entry) -> Option<P>) -> Result<(), Error>
where
    R: Read + Seek,
    P: FnMut(io::Result<Bytes>) -> bool,
{
    let mut archive = ZipArchive::new(file).map_err(refused)?;
    let entries = entries(&mut archive)?;
    for (index, entry) in entries {
        let (name, declared) = (entry.name.clone(), entry.size);
        let Some(mut piece) = begin(entry) else { return Ok(()) };
        let file = archive.by_index(index).map_err(refused)?;
        if let Err(error) = copy(file, declared, &name, &mut piece) {
            // Whoever writes the file must not take what came so far for all of it.
            piece(Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())));
            return Err(error);
        }
    }
    Ok(())
}

fn copy(
    mut file: impl Read,
    declared: u64,
    name: &str,
    piece: &mut impl FnMut(io::Result<Bytes>) -> bool,
) -> Result<(), Error> {
    let mut seen = 0;
    let mut buffer = vec![0; PIECE];
    loop {
        let length = file.read(&mut buffer).map_err(|error| Error::Refused(format!("'{name}': {error}")))?;
        if length == 0 {
            return Ok(());
        }
        seen += length as u64;
        // The limits were checked with the declared sizes; they must be true.
        if seen > declared {
            return Err(Error::Refused(format!("'{name}' is larger than the archive says")));
        }
        if !piece(Ok(Bytes::copy_from_slice(&buffer[..length]))) {
            return Ok(());
        }
    }
}

/// All files, once everything about the archive has been found acceptable.
fn entries<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<Vec<(usize, Entry)>, Error> {
    let mut entries = Vec::new();
    let (mut total, mut packed) = (0_u64, 0_u64);
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(refused)?;
        if file.is_dir() {
            continue;
        }
        let name = file.name().map_err(refused)?.into_owned();
        if file.is_symlink() {
            return Err(Error::Refused(format!("'{name}' is a symbolic link")));
        }
        if !is_inside(&name) {
            return Err(Error::Refused(format!("'{name}' is outside of the archive's root")));
        }
        total = total.saturating_add(file.size());
        packed = packed.saturating_add(file.compressed_size());
        entries.push((index, Entry { name, size: file.size() }));
        if entries.len() > FILE_LIMIT {
            return Err(Error::Refused(format!("it has more than {FILE_LIMIT} files")));
        }
        if total > TOTAL_LIMIT || (total > TRIFLE && total / RATIO_LIMIT > packed) {
            return Err(Error::Refused(format!("it would grow from {packed} to more than {total} bytes")));
        }
    }
    Ok(entries)
}

fn is_inside(name: &str) -> bool {
    !name.contains(['\\', '\0'])
        && !name.split('/').any(|part| matches!(part, "" | "." | ".."))
        && !name.split('/').next().is_some_and(|first| first.ends_with(':'))
}

fn refused(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => Error::Refused(error.to_string()),
        other => Error::Refused(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn unpacked(bytes: Vec<u8>) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let files = std::cell::RefCell::new(Vec::<(String, Vec<u8>)>::new());
        read(Cursor::new(bytes), |entry| {
            files.borrow_mut().push((entry.name, Vec::new()));
            Some(|piece: io::Result<Bytes>| {
                if let (Ok(piece), Some((_, content))) = (piece, files.borrow_mut().last_mut()) {
                    content.extend_from_slice(&piece);
                }
                true
            })
        })?;
        Ok(files.into_inner())
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let large = vec![7; 300_000];
        let files = unpacked(zip(&[("index.html", b"<p>"), ("a/b.bin", &large)])).unwrap();
        assert_eq!(files, [("index.html".to_owned(), b"<p>".to_vec()), ("a/b.bin".to_owned(), large)]);
    }

    #[test]
    fn names_that_leave_the_root_are_refused_before_anything_is_written() {
        for name in ["../x", "a/../../x", "/etc/passwd", "a\\..\\x", "C:/x", "a//b"] {
            let mut begun = 0;
            let bytes = zip(&[("fine", b"x"), (name, b"x")]);
            let result = read(Cursor::new(bytes), |_| {
                begun += 1;
                None::<fn(io::Result<Bytes>) -> bool>
            });
            assert!(matches!(result, Err(Error::Refused(_))), "{name}");
            assert_eq!(begun, 0);
        }
    }

    #[test]
    fn links_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        assert!(matches!(unpacked(bytes), Err(Error::Refused(why)) if why.contains("symbolic link")));
    }

    #[test]
    fn bombs_are_refused() {
        let bytes = zip(&[("zeros", &vec![0; 100 << 20])]);
        assert!(bytes.len() < 1 << 20);
        assert!(matches!(unpacked(bytes), Err(Error::Refused(why)) if why.contains("would grow")));
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(matches!(unpacked(b"hello".to_vec()), Err(Error::Refused(_))));
    }
}
