//! The metadata inside of a wheel.

use std::borrow::Cow;
use std::io::{Cursor, Read, Seek};

use blob::{Blobs, Digest};
use zip::ZipArchive;

use crate::error::Error;

/// In bytes. What is longer is told to no client.
const LONGEST_METADATA: u64 = 1024 * 1024;
/// Of a wheel that has to be held in memory to be read, which is so where blobs are no files.
const IN_MEMORY: usize = 64 * 1024 * 1024;
const MOST_ENTRIES: usize = 200_000;

/// The `METADATA` of a wheel; `None` if it is too large to be read. Errors: `Validation` for what is no wheel.
pub async fn metadata(blobs: &Blobs, blob: Digest, size: u64) -> Result<Option<String>, Error> {
    if let Some(path) = blobs.path(blob) {
        let read = tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(&path).map_err(|error| Error::Internal(error.to_string()))?;
            extract(file)
        });
        return read.await.map_err(|error| Error::Internal(error.to_string()))?;
    }
    if size > IN_MEMORY as u64 {
        return Ok(None);
    }
    let bytes = blobs.read(blob, IN_MEMORY).await?;
    let read = tokio::task::spawn_blocking(move || extract(Cursor::new(bytes)));
    read.await.map_err(|error| Error::Internal(error.to_string()))?
}

fn extract<R: Read + Seek>(wheel: R) -> Result<Option<String>, Error> {
    let no_wheel = |why: &str| Error::field(format!("The file is not a wheel: {why}."));
    let mut archive = ZipArchive::new(wheel).map_err(|_| no_wheel("it is no zip archive"))?;
    if archive.len() > MOST_ENTRIES {
        return Err(no_wheel("it has too many entries"));
    }
    let is_metadata =
        |name: &str| name.strip_suffix(".dist-info/METADATA").is_some_and(|dist| !dist.contains('/'));
    let names = archive.file_names().flatten();
    let name = names.into_iter().find(|name| is_metadata(name)).map(Cow::into_owned);
    let name = name.ok_or_else(|| no_wheel("it has no METADATA"))?;
    let entry = archive.by_name(&name).map_err(|_| no_wheel("its METADATA cannot be read"))?;
    let mut text = Vec::new();
    let read = entry.take(LONGEST_METADATA + 1).read_to_end(&mut text);
    read.map_err(|_| no_wheel("its METADATA cannot be read"))?;
    if text.len() as u64 > LONGEST_METADATA {
        return Ok(None);
    }
    String::from_utf8(text).map(Some).map_err(|_| no_wheel("its METADATA is not UTF-8"))
}

/// A header of the metadata, which looks like that of a mail.
pub fn header<'m>(metadata: &'m str, name: &str) -> Option<&'m str> {
    let headers = metadata.lines().take_while(|line| !line.is_empty());
    headers
        .filter_map(|line| line.split_once(':'))
        .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Cursor<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn the_metadata_of_a_wheel_is_found() {
        let text = b"Metadata-Version: 2.1\nName: Foo\nVersion: 1.0\n\nVersion: 2.0\n";
        let wheel = archive(&[("foo/x.dist-info/METADATA", b"no"), ("foo-1.0.dist-info/METADATA", text)]);
        let metadata = extract(wheel).unwrap().unwrap();
        assert_eq!((header(&metadata, "name"), header(&metadata, "Version")), (Some("Foo"), Some("1.0")));
        assert_eq!(header(&metadata, "summary"), None);
    }

    #[test]
    fn what_is_no_wheel_is_refused() {
        assert!(extract(Cursor::new(b"PK".to_vec())).is_err());
        assert!(extract(archive(&[("foo/x.py", b"")])).is_err());
        assert!(extract(archive(&[("foo-1.dist-info/METADATA", b"\xff")])).is_err());
        let huge = vec![b'x'; 2 * 1024 * 1024];
        assert_eq!(extract(archive(&[("foo-1.dist-info/METADATA", &huge)])).unwrap(), None);
    }
}
