use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{Extent, KIND, LARGEST_MANIFEST, MANIFEST, Manifest, Told, VERSION, list};

/// Why a bundle is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{path} cannot be read: {cause}")]
    File { path: PathBuf, cause: io::Error },
    #[error("{path} is no whole bundle: {why}")]
    Bundle { path: PathBuf, why: String },
}

/// A bundle whose list was checked: every file is told of, lies within the archive, apart from the others, and is as large as
/// it says. What its bytes are is checked as they are read.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    pub manifest: Manifest,
    extents: BTreeMap<String, Extent>,
}

impl Bundle {
    /// Reads the list of files. Blocks. Errors: if the file is none that `Writer` can have finished.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        let unreadable = |cause| Unreadable::File { path: path.to_owned(), cause };
        let wrong = |why: String| Unreadable::Bundle { path: path.to_owned(), why };
        let file = File::open(path).map_err(unreadable)?;
        let mut extents = list::extents(&file).map_err(wrong)?;
        let listed = extents.remove(MANIFEST).ok_or_else(|| wrong("it has no manifest".into()))?;
        if listed.size > LARGEST_MANIFEST {
            return Err(wrong("its manifest is too large".into()));
        }
        let read = listed.read().map_err(unreadable)?;
        let manifest: Manifest =
            serde_json::from_slice(&read).map_err(|error| wrong(format!("its manifest: {error}")))?;
        if manifest.kind != KIND || manifest.version != VERSION {
            return Err(wrong(format!("its form is not {KIND} {VERSION}")));
        }
        let is_listed =
            |(path, told): (&String, &Told)| extents.get(path).is_some_and(|extent| extent.size == told.size);
        if manifest.files.len() != extents.len() || !manifest.files.iter().all(is_listed) {
            return Err(wrong("its files are not those of its manifest".into()));
        }
        Ok(Self { path: path.to_owned(), manifest, extents })
    }

    /// Where a file lies.
    pub fn extent(&self, path: &str) -> Option<&Extent> {
        self.extents.get(path)
    }

    /// A file as a whole, as the manifest says that it is. Blocks. Errors: if it is larger than `limit`, or another.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Unreadable> {
        let (Some(extent), Some(told)) = (self.extents.get(path), self.manifest.files.get(path)) else {
            return Ok(None);
        };
        if extent.size > limit {
            return Err(self.wrong(format!("{path} has more than {limit} bytes")));
        }
        let read = extent.read().map_err(|cause| self.unreadable(cause))?;
        if hex::encode(Sha256::digest(&read)) != told.sha256 {
            return Err(self.wrong(format!("{path} has another hash than its manifest says")));
        }
        Ok(Some(read))
    }

    /// Reads everything. Blocks. Errors: the first file that is not what the manifest says.
    pub fn verify(&self) -> Result<(), Unreadable> {
        for (path, told) in &self.manifest.files {
            let Some(extent) = self.extents.get(path) else { continue };
            let mut hash = Sha256::new();
            let read = extent.each(|piece| {
                hash.update(piece);
                Ok::<_, io::Error>(())
            });
            read.map_err(|cause| self.unreadable(cause))?;
            if hex::encode(hash.finalize()) != told.sha256 {
                return Err(self.wrong(format!("{path} has another hash than its manifest says")));
            }
        }
        Ok(())
    }

    fn unreadable(&self, cause: io::Error) -> Unreadable {
        Unreadable::File { path: self.path.clone(), cause }
    }

    fn wrong(&self, why: String) -> Unreadable {
        Unreadable::Bundle { path: self.path.clone(), why }
    }
}
