use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{KIND, MANIFEST, Manifest, Told, VERSION, is_safe};

/// Writes a bundle, file by file. The same files in the same order are the same bytes.
pub struct Writer {
    zip: ZipWriter<File>,
    files: BTreeMap<String, Told>,
    /// The file that is being written.
    current: Option<(String, u64, Sha256)>,
}

impl Writer {
    pub fn new(file: File) -> Self {
        Self { zip: ZipWriter::new(file), files: BTreeMap::new(), current: None }
    }

    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Errors: if the path is none, or is there already.
    pub fn begin(&mut self, path: &str) -> io::Result<()> {
        if !is_safe(path) || path == MANIFEST || self.has(path) {
            return Err(io::Error::other(format!("{path} is no path for another file of a bundle")));
        }
        self.start(path)?;
        self.current = Some((path.to_owned(), 0, Sha256::new()));
        Ok(())
    }

    /// Of the file that was begun.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.zip.write_all(bytes)?;
        if let Some((_, size, hash)) = &mut self.current {
            *size += bytes.len() as u64;
            hash.update(bytes);
        }
        Ok(())
    }

    /// Ends the file that was begun.
    pub fn end(&mut self) {
        if let Some((path, size, hash)) = self.current.take() {
            self.files.insert(path, Told { size, sha256: hex::encode(hash.finalize()) });
        }
    }

    /// A file that is in memory. Errors: as `begin`.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(path)?;
        self.write(bytes)?;
        self.end();
        Ok(())
    }

    /// Writes the manifest. The bundle is whole from then on, though not yet durable.
    pub fn finish(mut self, packages: BTreeMap<String, BTreeMap<String, Vec<String>>>) -> io::Result<File> {
        let files = std::mem::take(&mut self.files);
        let manifest = Manifest { kind: KIND.to_owned(), version: VERSION, packages, files };
        self.start(MANIFEST)?;
        self.zip.write_all(&serde_json::to_vec(&manifest)?)?;
        Ok(self.zip.finish()?)
    }

    fn start(&mut self, path: &str) -> io::Result<()> {
        // Every file is written as one that may be large, so that its size need not be known before.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(true);
        Ok(self.zip.start_file(path, options)?)
    }
}
