//! Backups of an embedded data folder, and what is made of them.
//!
//! Order matters: the database is copied first. Bytes and git objects are written before a record names them and do
//! not change afterwards, so whatever the copied records name is there to be copied after: bytes that no record names any
//! more are kept for another day (`blob::collection::GRACE`). git may pack meanwhile: it writes what it packed before it
//! takes the loose objects away, so what vanished from one place is found in another by looking again.

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

/// How often a folder is looked through before it is given up.
const MOST_LOOKS: usize = 100;

/// Whether all that was listed was there to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    All,
    Some,
}

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
    #[error("{} kept changing while it was copied", .0.display())]
    Restless(PathBuf),
    #[error("{path}: {cause}")]
    File { path: PathBuf, cause: io::Error },
}

/// Copies a data folder, in use or not.
pub async fn take(data: &Path, to: &Path) -> Result<Contents, Error> {
    check_data(data)?;
    make_new_folder(to)?;
    store::backup_of(data.join(STORE), to.join(DATABASE)).await?;
    let mut contents = counted(&to.join(DATABASE))?;
    for part in [MASTER_KEY, BLOBS, REPOSITORIES] {
        copy_settled(&data.join(part), &to.join(part), &mut contents)?;
    }
    Ok(contents)
}

/// Errors: `NoData` where there is no embedded database.
pub fn check_data(data: &Path) -> Result<(), Error> {
    if data.join(STORE).is_dir() { Ok(()) } else { Err(Error::NoData(data.to_owned())) }
}

/// Makes a data folder out of a backup. Builds that ran when it was taken are found lost, and end so.
pub async fn restore(from: &Path, data: &Path) -> Result<Contents, Error> {
    if !from.join(DATABASE).is_file() {
        return Err(Error::NoBackup(from.to_owned()));
    }
    make_new_folder(data)?;
    let mut contents = counted(&from.join(DATABASE))?;
    for part in [MASTER_KEY, BLOBS, REPOSITORIES] {
        copy_settled(&from.join(part), &data.join(part), &mut contents)?;
    }
    // Last: a data folder with a database is a whole one.
    store::restore(from.join(DATABASE), data.join(STORE)).await?;
    Ok(contents)
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

/// Copies a file or a folder with all in it, and looks again until nothing vanished while it looked: only then was
/// nothing moved from where it was to be looked for to where that had been done.
fn copy_settled(from: &Path, to: &Path, contents: &mut Contents) -> Result<(), Error> {
    if !from.exists() {
        return Ok(());
    }
    copy(from, to, contents)?;
    for _ in 0..MOST_LOOKS {
        if copy(from, to, contents)? == Seen::All {
            return Ok(());
        }
    }
    Err(Error::Restless(from.to_owned()))
}

/// Copies what is not copied yet.
fn copy(from: &Path, to: &Path, contents: &mut Contents) -> Result<Seen, Error> {
    let kind = match fs::symlink_metadata(from) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seen::Some),
        Err(error) => return Err(at(from)(error)),
    };
    if kind.is_dir() {
        return copy_folder(from, to, contents);
    }
    if !kind.is_file() || to.exists() {
        return Ok(Seen::All);
    }
    match fs::copy(from, to) {
        Ok(bytes) => {
            contents.files += 1;
            contents.bytes += bytes;
            Ok(Seen::All)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Seen::Some),
        Err(error) => Err(at(from)(error)),
    }
}

fn copy_folder(from: &Path, to: &Path, contents: &mut Contents) -> Result<Seen, Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(at(to))?;
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Seen::Some),
        Err(error) => return Err(at(from)(error)),
    };
    let mut seen = Seen::All;
    for entry in entries {
        let entry = entry.map_err(at(from))?;
        if copy(&entry.path(), &to.join(entry.file_name()), contents)? == Seen::Some {
            seen = Seen::Some;
        }
    }
    Ok(seen)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |cause| Error::File { path, cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_between_two_looks_is_copied_once() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("objects/ab")).unwrap();
        fs::create_dir_all(from.join("objects/pack")).unwrap();
        fs::write(from.join("objects/ab/cd"), "loose").unwrap();
        let mut contents = Contents::default();
        assert_eq!(copy(&from, &to, &mut contents).unwrap(), Seen::All);

        fs::write(from.join("objects/pack/p.pack"), "packed").unwrap();
        fs::remove_dir_all(from.join("objects/ab")).unwrap();
        copy_settled(&from, &to, &mut contents).unwrap();
        assert_eq!(fs::read_to_string(to.join("objects/ab/cd")).unwrap(), "loose");
        assert_eq!(fs::read_to_string(to.join("objects/pack/p.pack")).unwrap(), "packed");
        assert_eq!(contents, Contents { files: 2, bytes: 11 });
    }

    #[test]
    fn what_is_not_there_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let seen = copy(&dir.path().join("none"), &dir.path().join("to"), &mut Contents::default());
        assert_eq!(seen.unwrap(), Seen::Some);
    }
}
