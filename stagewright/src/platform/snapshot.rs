//! Backups of an embedded data folder, and what is made of them.
//!
//! Order matters: the database is copied first. Bytes and git objects are written before a record names them and do
//! not change afterwards, so whatever the copied records name is there to be copied after.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Folder of the database within the data folder.
pub const STORE: &str = "store";
/// Folder of the bytes.
pub const BLOBS: &str = "blobs";
const REPOSITORIES: &str = "repositories";
const MASTER_KEY: &str = "master.key";
/// The database within a backup.
const DATABASE: &str = "database.sqlite";

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    pub files: u64,
    pub bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is in the way: a backup, or a restored data folder, needs a place of its own", .0.display())]
    InTheWay(PathBuf),
    #[error("{} is no data folder with an embedded database", .0.display())]
    NoData(PathBuf),
    #[error("{} is no backup: it has no {DATABASE}", .0.display())]
    NoBackup(PathBuf),
    #[error("the database: {0}")]
    Store(#[from] store::Error),
    #[error("{path}: {cause}")]
    File { path: PathBuf, cause: io::Error },
}

/// Copies a data folder, in use or not.
pub fn take(data: &Path, to: &Path) -> Result<Contents, Error> {
    if !data.join(STORE).is_dir() {
        return Err(Error::NoData(data.to_owned()));
    }
    make_new_folder(to)?;
    in_runtime(store::backup_of(data.join(STORE), to.join(DATABASE)))?;
    let mut contents = counted(&to.join(DATABASE))?;
    for part in [MASTER_KEY, BLOBS, REPOSITORIES] {
        copy(&data.join(part), &to.join(part), &mut contents)?;
    }
    Ok(contents)
}

/// Makes a data folder out of a backup. Builds that ran when it was taken are found lost, and end so.
pub fn restore(from: &Path, data: &Path) -> Result<Contents, Error> {
    if !from.join(DATABASE).is_file() {
        return Err(Error::NoBackup(from.to_owned()));
    }
    make_new_folder(data)?;
    let mut contents = counted(&from.join(DATABASE))?;
    for part in [MASTER_KEY, BLOBS, REPOSITORIES] {
        copy(&from.join(part), &data.join(part), &mut contents)?;
    }
    // Last: a data folder with a database is a whole one.
    in_runtime(store::restore(from.join(DATABASE), data.join(STORE)))?;
    Ok(contents)
}

fn in_runtime<T>(work: impl Future<Output = Result<T, store::Error>>) -> Result<T, Error> {
    let failed = |cause| Error::File { path: PathBuf::from("the runtime"), cause };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    Ok(runtime.block_on(work)?)
}

fn make_new_folder(path: &Path) -> Result<(), Error> {
    let is_empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if path.exists() && !is_empty {
        return Err(Error::InTheWay(path.to_owned()));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

fn counted(path: &Path) -> Result<Contents, Error> {
    let bytes = fs::metadata(path).map_err(at(path))?.len();
    Ok(Contents { files: 1, bytes })
}

/// Copies a file or a folder with all in it. What vanishes meanwhile was not named by a record any more.
fn copy(from: &Path, to: &Path, contents: &mut Contents) -> Result<(), Error> {
    let kind = match fs::symlink_metadata(from) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(from)(error)),
    };
    if kind.is_file() {
        match fs::copy(from, to) {
            Ok(bytes) => {
                contents.files += 1;
                contents.bytes += bytes;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(from)(error)),
        }
    } else if kind.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(at(to))?;
        for entry in fs::read_dir(from).map_err(at(from))? {
            let entry = entry.map_err(at(from))?;
            copy(&entry.path(), &to.join(entry.file_name()), contents)?;
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| Error::File { path, cause }
}
