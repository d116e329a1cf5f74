//! Gathers an artifact's files in the workspace of a build that has ended, and packs them. Blocks.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use md5::Md5;
use runner::{
    Workspace, WorkspaceError,
    archive::{self, Writer},
    workspace::{Entry, Kind},
};
use sha2::{Digest, Sha256};

use super::selection::{Exclusion, base_directories, expand, is_glob, name_of};
use crate::buildspec;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// In CodeBuild's words.
    #[error("no matching artifact paths found")]
    NothingFound,
    #[error("no matching base directory path found for {0}")]
    NoBaseDirectory(String),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Archive(#[from] archive::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether it is the machine's, and may go better another time.
    pub fn is_of_machine(&self) -> bool {
        match self {
            Self::NothingFound | Self::NoBaseDirectory(_) => false,
            Self::Workspace(error) => error.is_of_machine(),
            Self::Archive(error) => error.is_of_machine(),
            Self::Io(_) => true,
        }
    }
}

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// In the artifact.
    pub name: PathBuf,
    /// Absolute, as the build sees it.
    pub path: PathBuf,
    /// Set if it is to be kept as a symbolic link.
    pub link: Option<PathBuf>,
}

/// Finds the files that a buildspec means and says so in `log`, a line each, as CodeBuild does.
///
/// Of two files with one name, which flattening can make, the later one stays.
pub(crate) fn gather(
    workspace: &Workspace,
    source: &Path,
    spec: &buildspec::Artifacts,
    log: &mut Vec<String>,
) -> Result<Vec<Item>, Error> {
    let bases = bases(workspace, source, spec, log)?;
    let exclusion = Exclusion::new(&spec.exclude_paths);
    let mut items: Vec<Item> = Vec::new();
    let mut found_any = false;
    for base in bases {
        log.push(format!("Expanding file paths for base directory {}", shown(&base, source)));
        log.push("Assembling file list".to_owned());
        let listing = workspace.walk(&base)?;
        for pattern in &spec.files {
            log.push(format!("Expanding {pattern}"));
            let pattern = relative(pattern, &base);
            let matched: Vec<&Path> =
                expand(&pattern, &listing).into_iter().filter(|path| !exclusion.excludes(path)).collect();
            let chosen: Vec<Item> =
                matched.iter().filter_map(|path| item(workspace, &base, path, &listing, spec)).collect();
            if chosen.is_empty() {
                log.push(format!("Skipping invalid file path {pattern}"));
                continue;
            }
            log.push(format!("Found {} file(s)", chosen.len()));
            found_any = true;
            items.extend(chosen);
        }
    }
    if !found_any {
        return Err(Error::NothingFound);
    }
    Ok(last_of_each_name(items))
}

fn bases(
    workspace: &Workspace,
    source: &Path,
    spec: &buildspec::Artifacts,
    log: &mut Vec<String>,
) -> Result<Vec<PathBuf>, Error> {
    let Some(base) = spec.base_directory.as_deref().filter(|base| !base.is_empty()) else {
        return Ok(vec![source.to_owned()]);
    };
    log.push(format!("Expanding base directory path: {base}"));
    log.push("Assembling file list".to_owned());
    log.push(format!("Expanding {base}"));
    let found: Vec<PathBuf> = if is_glob(base) {
        let listing = workspace.walk(source)?;
        base_directories(base, &listing).into_iter().map(|path| source.join(path)).collect()
    } else {
        vec![source.join(base)]
    };
    for base in &found {
        workspace.find_directory(base).map_err(|error| match error.is_not_found() {
            true => Error::NoBaseDirectory(base.display().to_string()),
            false => error.into(),
        })?;
    }
    if found.is_empty() {
        return Err(Error::NoBaseDirectory(base.to_owned()));
    }
    Ok(found)
}

fn shown(base: &Path, source: &Path) -> String {
    match base.strip_prefix(source) {
        Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
        Ok(below) => below.display().to_string(),
        Err(_) => base.display().to_string(),
    }
}

/// A pattern that begins with the base folder itself means what is below it.
fn relative(pattern: &str, base: &Path) -> String {
    let base = format!("{}/", base.display());
    pattern.strip_prefix(&base).unwrap_or(pattern).to_owned()
}

fn item(
    workspace: &Workspace,
    base: &Path,
    path: &Path,
    listing: &[Entry],
    spec: &buildspec::Artifacts,
) -> Option<Item> {
    let entry =
        listing.binary_search_by(|entry| entry.path.as_path().cmp(path)).ok().map(|index| &listing[index]);
    let entry = entry.or_else(|| listing.iter().find(|entry| entry.path == path))?;
    let full = base.join(path);
    let link = match &entry.kind {
        Kind::Symlink(target) if spec.enable_symlinks => Some(target.clone()),
        // A link to nothing, to a folder or out of the build has no content to be kept.
        Kind::Symlink(_) => {
            workspace.open_file(&full).ok()?;
            None
        }
        Kind::File => None,
        Kind::Directory => return None,
    };
    Some(Item { name: name_of(path, spec.discard_paths), path: full, link })
}

fn last_of_each_name(items: Vec<Item>) -> Vec<Item> {
    let by_name: std::collections::BTreeMap<PathBuf, Item> =
        items.into_iter().map(|item| (item.name.clone(), item)).collect();
    by_name.into_values().collect()
}

/// A packed artifact.
#[derive(Debug)]
pub(crate) struct Package {
    /// At its beginning.
    pub file: File,
    pub sha256: String,
    pub md5: [u8; 16],
}

/// Writes the files into one ZIP. The file has no name, so nothing has to be cleaned up.
pub(crate) fn zip(workspace: &Workspace, items: &[Item], file: File) -> Result<Package, Error> {
    let mut writer = Writer::new(io::BufWriter::with_capacity(256 * 1024, file));
    for Item { name, path, link } in items {
        match link {
            Some(target) => writer.add_symlink(name, target)?,
            None => writer.add_file(name, &mut workspace.open_file(path)?)?,
        }
    }
    let mut file = writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            length => {
                sha256.update(&chunk[..length]);
                md5.update(&chunk[..length]);
            }
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(Package { file, sha256: hex::encode(sha256.finalize()), md5: md5.finalize().into() })
}
