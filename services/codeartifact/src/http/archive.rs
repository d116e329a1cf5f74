//! One file out of a package's archive, a tar packed with gzip, in bounded memory and time.

use std::io::{Cursor, Read};

use blob::{Blobs, Digest};
use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType, PaxExtensions};

use crate::error::Error;

/// How much of an archive is unpacked in search of the file, in bytes.
const UNPACKED: u64 = 1024 * 1024 * 1024;
/// Of an archive that has to be held in memory to be read, which is so where blobs are no files.
const IN_MEMORY: usize = 128 * 1024 * 1024;
/// Of what an archive says of the next file, as its name where that is long. In bytes.
const LONGEST_NAME: u64 = 64 * 1024;

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
    let (mut found, mut renamed) = (None, None);
    // Long names are read here: they would be read into memory, however long they are.
    for entry in archive.entries().map_err(no_archive)?.raw(true) {
        let mut entry = entry.map_err(no_archive)?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            let mut said = Vec::new();
            entry.by_ref().take(LONGEST_NAME + 1).read_to_end(&mut said).map_err(no_archive)?;
            renamed = name(kind, &said)?.or(renamed);
            continue;
        }
        let path =
            renamed.take().unwrap_or_else(|| String::from_utf8_lossy(&entry.path_bytes()).into_owned());
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

/// What the next file is called, if that is said. Errors: `Validation` for a name that is too long, and for a size, which
/// nobody needs and not all believe.
fn name(kind: EntryType, said: &[u8]) -> Result<Option<String>, Error> {
    let refused = || Error::field("The archive has a name that is too long, or a file that is too large.");
    if said.len() as u64 > LONGEST_NAME {
        return Err(refused());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
    if kind.is_gnu_longname() {
        return Ok(Some(text(said)));
    }
    let mut name = None;
    for extension in PaxExtensions::new(said) {
        let extension =
            extension.map_err(|_| Error::field("The file is not an archive of the kind .tar.gz."))?;
        match extension.key_bytes() {
            b"path" => name = Some(text(extension.value_bytes())),
            b"size" => return Err(refused()),
            _ => {}
        }
    }
    Ok(name)
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

    /// A file `a` with something said of it before.
    fn said(kind: EntryType, text: &[u8]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (kind, name, content) in [(kind, "x", text), (EntryType::Regular, "a", b"content")] {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, name, content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn names_that_stand_apart_are_read_up_to_a_length() {
        let long = "b/".repeat(100) + "c";
        let pax = format!("13 comment=x\n211 path={long}\n");
        for (kind, text) in [(EntryType::GNULongName, format!("{long}\0")), (EntryType::XHeader, pax)] {
            let packed = said(kind, text.as_bytes());
            let found = extract(packed.as_slice(), |path| path == long, 10).unwrap();
            assert_eq!(found.as_deref(), Some(&b"content"[..]), "{kind:?}");
            assert_eq!(extract(packed.as_slice(), |path| path == "a", 10).unwrap(), None, "{kind:?}");
        }
        for (kind, text) in [
            (EntryType::GNULongName, vec![b'x'; 64 * 1024 + 1]),
            (EntryType::XHeader, vec![b'x'; 64 * 1024 + 1]),
            (EntryType::XHeader, b"10 size=9\n".to_vec()),
        ] {
            assert!(extract(said(kind, &text).as_slice(), |_| true, 10).is_err(), "{kind:?}");
        }
        let plain = said(EntryType::XHeader, b"11 mtime=1\n");
        assert!(extract(plain.as_slice(), |path| path == "a", 10).unwrap().is_some());
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
