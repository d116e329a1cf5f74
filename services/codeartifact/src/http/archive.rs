//! One file out of a package's archive, a tar packed with gzip, in bounded memory and time.

use std::io::{Cursor, Read};

use blob::{Blobs, Digest};
use flate2::read::MultiGzDecoder;
use tar::Archive;

use crate::error::Error;

/// How much of an archive is unpacked in search of the file, in bytes.
const UNPACKED: u64 = 1024 * 1024 * 1024;
/// Of an archive that has to be held in memory to be read, which is so where blobs are no files.
const IN_MEMORY: usize = 128 * 1024 * 1024;

/// The first file whose path `is_it`, up to `limit` bytes of it. `None` if there is none.
/// Errors: `Validation` for what is no whole archive.
pub async fn find(
    blobs: &Blobs,
    blob: Digest,
    is_it: impl Fn(&str) -> bool + Send + 'static,
    limit: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let search = match blobs.path(blob) {
        Some(path) => tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(&path).map_err(|error| Error::Internal(error.to_string()))?;
            extract(file, is_it, limit)
        }),
        None => {
            let bytes = blobs.read(blob, IN_MEMORY).await?;
            tokio::task::spawn_blocking(move || extract(Cursor::new(bytes), is_it, limit))
        }
    };
    search.await.map_err(|error| Error::Internal(error.to_string()))?
}

fn extract(packed: impl Read, is_it: impl Fn(&str) -> bool, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let no_archive = |_| Error::field("The file is not an archive of the kind .tar.gz.");
    let mut archive = Archive::new(MultiGzDecoder::new(packed).take(UNPACKED));
    let mut found = None;
    for entry in archive.entries().map_err(no_archive)? {
        let entry = entry.map_err(no_archive)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if found.is_none() && entry.header().entry_type().is_file() && is_it(&path) {
            let mut content = Vec::new();
            entry.take(limit).read_to_end(&mut content).map_err(no_archive)?;
            found = Some(content);
        }
    }
    // To its end, so that one that was cut off is found out.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(no_archive)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_file_is_found_by_its_path() {
        let packed = archive(&[("package/lib/package.json", "no"), ("package/package.json", "{}")]);
        let found = |limit| extract(packed.as_slice(), |path| path == "package/package.json", limit).unwrap();
        assert_eq!(found(10).as_deref(), Some(&b"{}"[..]));
        assert_eq!(found(1).as_deref(), Some(&b"{"[..]));
        assert_eq!(extract(packed.as_slice(), |path| path == "x", 10).unwrap(), None);
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(extract(&b"not an archive"[..], |_| true, 10).is_err());
        let packed = archive(&[("a", "text that is long enough")]);
        for end in [packed.len() / 2, packed.len() - 1] {
            assert!(extract(&packed[..end], |path| path == "a", 10).is_err(), "{end}");
        }
        let mut noise = GzEncoder::new(Vec::new(), Compression::fast());
        noise.write_all(&[b'x'; 2000]).unwrap();
        assert!(extract(noise.finish().unwrap().as_slice(), |_| true, 10).is_err());
    }
}
