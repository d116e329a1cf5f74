//! The metadata inside of a wheel.

use blob::{Blobs, Digest};

use super::super::zipped::{self, Found};
use crate::error::Error;

/// In bytes. What is longer is told to no client.
const LONGEST_METADATA: u64 = 1024 * 1024;

/// The `METADATA` of a wheel; `None` if it is too large to be read. Errors: `Validation` for what is no wheel.
pub async fn metadata(blobs: &Blobs, blob: Digest, size: u64) -> Result<Option<String>, Error> {
    text(zipped::find(blobs, blob, size, is_metadata, LONGEST_METADATA).await.map_err(no_archive)?)
}

fn no_archive(error: Error) -> Error {
    match error {
        Error::Validation { message, .. } => Error::field(format!("The file is not a wheel: {message}")),
        other => other,
    }
}

fn is_metadata(name: &str) -> bool {
    name.strip_suffix(".dist-info/METADATA").is_some_and(|dist| !dist.contains('/'))
}

fn text(found: Found) -> Result<Option<String>, Error> {
    let no_wheel = |why: &str| Error::field(format!("The file is not a wheel: {why}."));
    match found {
        Found::Nothing => Err(no_wheel("it has no METADATA")),
        Found::TooLarge => Ok(None),
        Found::File(text) => {
            String::from_utf8(text).map(Some).map_err(|_| no_wheel("its METADATA is not UTF-8"))
        }
    }
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
    use std::io::{Cursor, Write};

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

    fn extract(wheel: Cursor<Vec<u8>>) -> Result<Option<String>, Error> {
        text(zipped::extract(wheel, is_metadata, LONGEST_METADATA)?)
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
