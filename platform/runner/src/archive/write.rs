//! Writing archives, one entry after the other, with constant memory.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::Error;

/// From here on the sizes of an entry need ZIP64; a file that grows while it is read stays within.
const LARGE_FILE_BYTES: u64 = 0xF000_0000;

/// Entries must have distinct names. Blocks; dropped without [`Writer::finish`] it leaves no archive.
pub struct Writer<W: Write + Seek> {
    zip: ZipWriter<W>,
    entries: u64,
    /// None is the usual one.
    level: Option<i64>,
}

impl<W: Write + Seek> Writer<W> {
    pub fn new(target: W) -> Self {
        Self { zip: ZipWriter::new(target), entries: 0, level: None }
    }

    /// For an archive that is unpacked at once: in a third of the time, and somewhat larger.
    pub fn quick(target: W) -> Self {
        Self { level: Some(1), ..Self::new(target) }
    }

    /// How many entries have been added.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Adds a file with its permissions.
    pub fn add_file(&mut self, name: &Path, file: &mut File) -> Result<(), Error> {
        let at = |source| Error::Io { path: name.to_owned(), source };
        let metadata = file.metadata().map_err(at)?;
        let options = options(metadata.permissions().mode()).large_file(metadata.len() >= LARGE_FILE_BYTES);
        self.start(name, options)?;
        io::copy(file, &mut self.zip).map_err(at)?;
        Ok(())
    }

    /// Adds a file from elsewhere, of less than 4 GiB.
    pub fn add_bytes(&mut self, name: &Path, content: &mut impl Read) -> Result<(), Error> {
        self.start(name, options(0o644))?;
        io::copy(content, &mut self.zip).map_err(|source| Error::Io { path: name.to_owned(), source })?;
        Ok(())
    }

    /// Adds a symbolic link as a link.
    pub fn add_symlink(&mut self, name: &Path, target: &Path) -> Result<(), Error> {
        self.zip
            .add_symlink(entry_name(name), target.to_string_lossy(), options(0o777))
            .map_err(|error| refused(name, error))?;
        self.entries += 1;
        Ok(())
    }

    /// Adds a folder, for one that has nothing in it.
    pub fn add_directory(&mut self, name: &Path) -> Result<(), Error> {
        self.zip.add_directory(entry_name(name), options(0o755)).map_err(|error| refused(name, error))?;
        self.entries += 1;
        Ok(())
    }

    /// Writes the directory of the archive and gives the target back.
    pub fn finish(self) -> Result<W, Error> {
        self.zip.finish().map_err(|error| refused(Path::new("the archive"), error))
    }

    fn start(&mut self, name: &Path, options: SimpleFileOptions) -> Result<(), Error> {
        self.zip
            .start_file(entry_name(name), options.compression_level(self.level))
            .map_err(|error| refused(name, error))?;
        self.entries += 1;
        Ok(())
    }
}

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(mode & 0o777)
}

/// ZIP names are text; what is no UTF-8 cannot be kept exactly.
fn entry_name(name: &Path) -> String {
    name.to_string_lossy().into_owned()
}

fn refused(name: &Path, error: ZipError) -> Error {
    Error::Io { path: name.to_owned(), source: error.into() }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Cursor};

    use super::*;
    use crate::archive::{Limits, extract};

    #[test]
    fn a_full_disk_is_the_machines() {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        fs::write(&content, "x").unwrap();
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut writer = Writer::new(full);
        let added = writer.add_file(Path::new("content"), &mut File::open(&content).unwrap());
        let error = added.and_then(|()| writer.finish().map(drop)).unwrap_err();
        assert!(error.is_of_machine(), "{error}");
        let escape = crate::archive::Error::Escape("../x".into());
        assert!(!escape.is_of_machine());
    }

    #[test]
    fn what_is_written_can_be_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("run.sh");
        fs::write(&script, "echo hi").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o750)).unwrap();

        let mut writer = Writer::new(Cursor::new(Vec::new()));
        writer.add_file(Path::new("bin/run.sh"), &mut File::open(&script).unwrap()).unwrap();
        writer.add_bytes(Path::new("größe.txt"), &mut "12".as_bytes()).unwrap();
        writer.add_symlink(Path::new("run"), Path::new("bin/run.sh")).unwrap();
        writer.add_directory(Path::new("empty")).unwrap();
        assert_eq!(writer.entries(), 4);
        let archive = writer.finish().unwrap();

        let into = tempfile::tempdir().unwrap();
        assert_eq!(extract(archive, into.path(), Limits::default()).unwrap().files, 2);
        assert_eq!(fs::read_to_string(into.path().join("run")).unwrap(), "echo hi");
        assert_eq!(fs::metadata(into.path().join("run")).unwrap().permissions().mode() & 0o777, 0o750);
        assert_eq!(fs::read_to_string(into.path().join("größe.txt")).unwrap(), "12");
        assert!(into.path().join("empty").is_dir());
    }
}
