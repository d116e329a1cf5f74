use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, ZipArchive};

use super::{
    Extent, KIND, LARGEST_LIST, LARGEST_MANIFEST, MANIFEST, MOST_FILES, Manifest, Told, VERSION, is_safe,
};

/// Why a bundle is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{path} cannot be read: {cause}")]
    File { path: PathBuf, cause: io::Error },
    #[error("{path} is no whole bundle: {why}")]
    Bundle { path: PathBuf, why: String },
}

/// A bundle whose list was checked: every file is told of, lies within the archive and is as large as it says. What its
/// bytes are is checked as they are read.
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
        let extents = extents(&file).map_err(wrong)?;
        let mut bundle = Self { path: path.to_owned(), manifest: nothing(), extents };
        let listed = bundle.extents.remove(MANIFEST).ok_or_else(|| wrong("it has no manifest".into()))?;
        if listed.size > LARGEST_MANIFEST {
            return Err(wrong("its manifest is too large".into()));
        }
        let read = whole(&listed).map_err(unreadable)?;
        let manifest: Manifest =
            serde_json::from_slice(&read).map_err(|error| wrong(format!("its manifest: {error}")))?;
        if manifest.kind != KIND || manifest.version != VERSION {
            return Err(wrong(format!("its form is not {KIND} {VERSION}")));
        }
        let is_listed = |(path, told): (&String, &Told)| {
            bundle.extents.get(path).is_some_and(|extent| extent.size == told.size)
        };
        if manifest.files.len() != bundle.extents.len() || !manifest.files.iter().all(is_listed) {
            return Err(wrong("its files are not those of its manifest".into()));
        }
        bundle.manifest = manifest;
        Ok(bundle)
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
        let read = whole(extent).map_err(|cause| Unreadable::File { path: self.path.clone(), cause })?;
        if hex::encode(Sha256::digest(&read)) != told.sha256 {
            return Err(self.wrong(format!("{path} has another hash than its manifest says")));
        }
        Ok(Some(read))
    }

    /// Reads everything. Blocks. Errors: the first file that is not what the manifest says.
    pub fn verify(&self) -> Result<(), Unreadable> {
        for (path, told) in &self.manifest.files {
            let Some(extent) = self.extents.get(path) else { continue };
            let (mut hash, mut offset) = (Sha256::new(), 0);
            while offset < extent.size {
                let piece = extent.piece(offset);
                let piece = piece.map_err(|cause| Unreadable::File { path: self.path.clone(), cause })?;
                offset += piece.len() as u64;
                hash.update(&piece);
            }
            if hex::encode(hash.finalize()) != told.sha256 {
                return Err(self.wrong(format!("{path} has another hash than its manifest says")));
            }
        }
        Ok(())
    }

    fn wrong(&self, why: String) -> Unreadable {
        Unreadable::Bundle { path: self.path.clone(), why }
    }
}

fn nothing() -> Manifest {
    Manifest { kind: String::new(), version: 0, packages: BTreeMap::new(), files: BTreeMap::new() }
}

fn whole(extent: &Extent) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    while (read.len() as u64) < extent.size {
        read.extend_from_slice(&extent.piece(read.len() as u64)?);
    }
    Ok(read)
}

/// Errors: what is wrong with the archive.
fn extents(file: &File) -> Result<BTreeMap<String, Extent>, String> {
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    let list = list_size(file, size).ok_or("it was cut off, or is no archive")?;
    if list > LARGEST_LIST.min(size) {
        return Err("its list of files is too large".to_owned());
    }
    let shared = Arc::new(file.try_clone().map_err(|error| error.to_string())?);
    let mut archive = ZipArchive::new(file).map_err(|error| error.to_string())?;
    if archive.len() > MOST_FILES {
        return Err(format!("it has more than {MOST_FILES} files"));
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
        let is_inside = start.checked_add(entry.size()).is_some_and(|end| end <= size);
        if !is_safe(&name) || !is_plain || !is_inside {
            return Err(format!("{name:?} is no file of a bundle"));
        }
        let extent = Extent::new(shared.clone(), start, entry.size());
        if extents.insert(name.clone(), extent).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(extents)
}

/// How large the list at the end says that it is, before anything reads it. `None` where no list ends with the file.
/// Source: APPNOTE.TXT, 4.3.14 to 4.3.16.
fn list_size(file: &File, size: u64) -> Option<u64> {
    const END: usize = 22;
    const LOCATOR: usize = 20;
    const END_64: usize = 56;
    let mut end = [0; END];
    let at = size.checked_sub(END as u64)?;
    file.read_exact_at(&mut end, at).ok()?;
    let is_end = end.starts_with(b"PK\x05\x06") && end.ends_with(&[0, 0]);
    let told = u64::from(u32::from_le_bytes(end.get(12..16)?.try_into().ok()?));
    if !is_end {
        return None;
    }
    let mut tail = [0; END_64 + LOCATOR];
    let before =
        at.checked_sub(tail.len() as u64).filter(|before| file.read_exact_at(&mut tail, *before).is_ok());
    let is_large = before.is_some() && tail.get(END_64..)?.starts_with(b"PK\x06\x07");
    if !is_large {
        return Some(told);
    }
    let list = u64::from_le_bytes(tail.get(40..48)?.try_into().ok()?);
    tail.starts_with(b"PK\x06\x06").then_some(list)
}
