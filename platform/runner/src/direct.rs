//! Builds beside their worker, in a container that is there for one build and that somebody else has made: a pod.
//!
//! Nothing isolates here; the container around does. That it is one shows in process 1, which is this program: everything
//! else that runs is then the build's or the image's, and goes with it. On a server, or on any machine that is for more
//! than one build, process 1 is another program, and [`Direct::here`] refuses.
//!
//! A build finds its files below `/codebuild`, as everywhere. They are moved there from its folder, and back when its last
//! process has ended; so the folder must be on the file system of `/codebuild`. What it leaves below `/tmp` stays there, from
//! where it is packed.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    folder::Folder,
    plan::Bind,
    remove::{remove_file, remove_folder},
};

const PLACE: &str = "/codebuild";
const READ_ONLY: &str = "/codebuild/readonly";

/// What a build beside its worker finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// The variables of the image. The plan's are laid over them.
    environment: BTreeMap<String, String>,
}

/// Process 1 is not this program.
#[derive(Debug, thiserror::Error)]
#[error("builds run beside their worker only in a container of its own, in which it is process 1")]
pub struct NotAlone;

impl Direct {
    /// `environment`: the image's. Errors: [`NotAlone`].
    pub fn here(environment: BTreeMap<String, String>) -> Result<Self, NotAlone> {
        let program = |process: &str| fs::metadata(format!("/proc/{process}/exe"));
        let (Ok(first), Ok(own)) = (program("1"), program("self")) else { return Err(NotAlone) };
        match (first.dev(), first.ino()) == (own.dev(), own.ino()) {
            true => Ok(Self { environment }),
            false => Err(NotAlone),
        }
    }

    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }
}

/// Puts the build's files where it finds them, and folders that it sees besides: its own copies, which it may change. What
/// the image has in their place goes.
pub(crate) fn move_in(folder: &Folder, binds: &[Bind]) -> io::Result<()> {
    fs::File::create(folder.beside())?;
    fs::create_dir_all(PLACE)?;
    move_all(&folder.path().join("root/codebuild"), Path::new(PLACE), folder)?;
    // Moved as well: other users of the image could not follow a link into the folder.
    move_to(&folder.read_only(), Path::new(READ_ONLY))?;
    symlink(READ_ONLY, folder.read_only())?;
    for bind in binds {
        bind.inside.parent().map_or(Ok(()), fs::create_dir_all)?;
        move_to(&bind.host, &bind.inside)?;
    }
    Ok(())
}

/// Puts what the build has left back into its folder.
pub(crate) fn move_out(folder: &Folder) -> io::Result<()> {
    clear(Path::new(READ_ONLY))?;
    move_all(Path::new(PLACE), &folder.path().join("root/codebuild"), folder)
}

/// Everything but the folder of the build itself, or what it is in.
fn move_all(from: &Path, to: &Path, folder: &Folder) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let goal = to.join(entry.file_name());
        if folder.path().starts_with(entry.path()) || folder.path().starts_with(&goal) {
            continue;
        }
        move_to(&entry.path(), &goal)?;
    }
    Ok(())
}

fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    clear(to)?;
    fs::rename(from, to).map_err(|error| {
        let text = format!("{} cannot be moved to {}: {error}", from.display(), to.display());
        io::Error::new(error.kind(), text)
    })
}

/// Takes away whatever stands there.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => remove_folder(path),
        Ok(_) => remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

impl Folder {
    /// Whether the build has run beside its worker: what is below `/tmp` is its.
    pub(crate) fn was_beside(&self) -> io::Result<bool> {
        self.beside().try_exists()
    }

    fn beside(&self) -> PathBuf {
        self.path().join("beside")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_for_more_than_one_build_is_refused() {
        assert!(Direct::here(BTreeMap::new()).is_err());
    }

    #[test]
    fn all_is_moved_but_the_folder_of_the_build() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().join("worker/builds/one"));
        folder.create().unwrap();
        let root = folder.path().join("root/codebuild");
        fs::write(root.join("output/source"), "new").unwrap();
        fs::create_dir_all(place.path().join("output/of/the/image")).unwrap();
        move_all(&root, place.path(), &folder).unwrap();
        assert_eq!(fs::read_to_string(place.path().join("output/source")).unwrap(), "new");
        assert!(!place.path().join("output/of").exists() && !root.join("output").exists());

        symlink("/etc", place.path().join("made")).unwrap();
        move_all(place.path(), &root, &folder).unwrap();
        assert_eq!(fs::read_to_string(root.join("output/source")).unwrap(), "new");
        assert_eq!(fs::read_link(root.join("made")).unwrap(), Path::new("/etc"));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "the worker's own folder");
    }
}
