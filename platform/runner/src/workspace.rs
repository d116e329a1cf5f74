//! The files of a build, reached from outside without ever leaving them.
//!
//! A build may plant symbolic links, so a path of the workspace must never be opened by its host path: an
//! `output.txt` that points to `/etc/shadow` would be uploaded. Here every path is resolved by the kernel with the
//! build's root as root (`openat2`, `RESOLVE_IN_ROOT`), as the build itself would see it.

use std::{
    ffi::{CStr, OsString},
    fs::{self, File},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, readlinkat, statat},
    io::Errno,
};

use crate::remove::remove_folder;

/// Entries that one walk lists at most; a bound on memory.
const MAX_ENTRIES: usize = 1_000_000;
/// Levels of folders that a walk enters; paths of files have to be shorter than the kernel's limit anyway.
pub(crate) const MAX_LEVELS: usize = 256;

#[derive(Clone, Debug)]
pub struct Workspace {
    /// On the host; `/` of the build.
    root: PathBuf,
}

/// Something below a folder of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the folder that was walked.
    pub path: PathBuf,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    File,
    /// With the target as it is written, not resolved.
    Symlink(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{0}: not a regular file")]
    NotAFile(PathBuf),
    #[error("{0}: more than {MAX_ENTRIES} files")]
    TooManyEntries(PathBuf),
    #[error("{0}: folders are nested more than {MAX_LEVELS} levels deep")]
    TooDeep(PathBuf),
}

impl WorkspaceError {
    fn io(path: &Path) -> impl FnOnce(rustix::io::Errno) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source: source.into() }
    }

    /// Whether it is the machine's, and not that of what the build has made.
    pub fn is_of_machine(&self) -> bool {
        matches!(self, Self::Io { source, .. } if crate::is_of_machine(source))
    }

    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            }
            Self::NotAFile(_) | Self::TooManyEntries(_) | Self::TooDeep(_) => false,
        }
    }
}

impl Workspace {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The host's path of a folder, made if it is missing, for putting the source there. Only before the build has
    /// run: afterwards a part of the path may become a link at any time.
    ///
    /// Errors: `NotADirectory` where a part of the path is a file or a link, which another source may have brought
    /// along; links are not followed. `InvalidInput` for `..`.
    pub fn create_directory(&self, inside: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.root)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = rustix::fs::open(&self.root, flags, Mode::empty())?;
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        for part in inside.components() {
            let Component::Normal(name) = part else { return Err(io::ErrorKind::InvalidInput.into()) };
            match mkdirat(&folder, name, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            folder = openat(&folder, name, flags, Mode::empty())?;
        }
        Ok(self.root.join(inside))
    }

    /// As `create_directory`, and nothing is in it.
    pub fn empty_directory(&self, inside: &Path) -> io::Result<PathBuf> {
        let path = self.create_directory(inside)?;
        remove_folder(&path)?;
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// Opens a regular file for reading; links are followed as the build would follow them.
    pub fn open_file(&self, inside: &Path) -> Result<File, WorkspaceError> {
        // Without NONBLOCK a named pipe that the build has left would be waited for.
        let handle = self.open(inside, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let file = File::from(handle);
        let metadata =
            file.metadata().map_err(|source| WorkspaceError::Io { path: inside.to_owned(), source })?;
        match metadata.is_file() {
            true => Ok(file),
            false => Err(WorkspaceError::NotAFile(inside.to_owned())),
        }
    }

    /// Errors unless a folder is there; links are followed as the build would follow them.
    pub fn find_directory(&self, inside: &Path) -> Result<(), WorkspaceError> {
        self.open(inside, OFlags::PATH | OFlags::DIRECTORY).map(drop)
    }

    /// Everything below a folder, parents before their children, sorted by name. Links are listed, not entered.
    /// Errors: `TooManyEntries`, `TooDeep`.
    pub fn walk(&self, inside: &Path) -> Result<Vec<Entry>, WorkspaceError> {
        self.walk_into(inside, |_| true)
    }

    /// As [`Workspace::walk`], without what is in folders that `enter` does not want.
    pub fn walk_into(
        &self,
        inside: &Path,
        enter: impl Fn(&Path) -> bool,
    ) -> Result<Vec<Entry>, WorkspaceError> {
        let base = self.open(inside, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut found = Vec::new();
        let mut waiting = listing(&base, Path::new(""), inside)?;
        while let Some(entry) = waiting.pop() {
            if entry.kind == Kind::Directory && enter(&entry.path) {
                if entry.path.components().count() > MAX_LEVELS {
                    return Err(WorkspaceError::TooDeep(inside.to_owned()));
                }
                // By its path from the base, so that no descriptor is held for each level.
                waiting.extend(listing(&base, &entry.path, inside)?);
            }
            found.push(entry);
            if found.len() + waiting.len() > MAX_ENTRIES {
                return Err(WorkspaceError::TooManyEntries(inside.to_owned()));
            }
        }
        Ok(found)
    }

    fn open(&self, inside: &Path, flags: OFlags) -> Result<OwnedFd, WorkspaceError> {
        let root =
            rustix::fs::open(&self.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .map_err(WorkspaceError::io(&self.root))?;
        openat2(
            root,
            inside,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )
        .map_err(WorkspaceError::io(inside))
    }
}

/// What is in a folder below `base`, the last name first. `shown` is what messages call the base.
fn listing(base: &OwnedFd, folder: &Path, shown: &Path) -> Result<Vec<Entry>, WorkspaceError> {
    let shown_folder = shown.join(folder);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let opened = openat2(base, place, flags, Mode::empty(), beneath);
    let opened = opened.map_err(WorkspaceError::io(&shown_folder))?;
    let mut names = Vec::new();
    for entry in Dir::read_from(&opened).map_err(WorkspaceError::io(&shown_folder))? {
        let entry = entry.map_err(WorkspaceError::io(&shown_folder))?;
        let name = entry.file_name().to_owned();
        if name.as_bytes() != b"." && name.as_bytes() != b".." {
            names.push(name);
        }
        if names.len() > MAX_ENTRIES {
            return Err(WorkspaceError::TooManyEntries(shown.to_owned()));
        }
    }
    names.sort_unstable_by(|one, other| other.cmp(one));
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        let path = folder.join(OsString::from_vec(name.as_bytes().to_vec()));
        if let Some(kind) = kind(&opened, &name).map_err(WorkspaceError::io(&shown.join(&path)))? {
            entries.push(Entry { path, kind });
        }
    }
    Ok(entries)
}

/// None for sockets, pipes and devices, which have no content that could be kept.
fn kind(folder: &OwnedFd, name: &CStr) -> rustix::io::Result<Option<Kind>> {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Some(Kind::Directory),
        FileType::RegularFile => Some(Kind::File),
        FileType::Symlink => {
            let target = readlinkat(folder, name, Vec::new())?;
            Some(Kind::Symlink(PathBuf::from(OsString::from_vec(target.into_bytes()))))
        }
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => None,
    })
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::fs::symlink};

    use super::*;

    fn workspace() -> (tempfile::TempDir, Workspace, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let workspace = Workspace::new(root.path().join("root"));
        let source = workspace.create_directory(Path::new("/codebuild/src")).unwrap();
        (root, workspace, source)
    }

    fn content(workspace: &Workspace, path: &str) -> Result<String, WorkspaceError> {
        let mut text = String::new();
        workspace.open_file(Path::new(path))?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn absolute_link_stays_inside() {
        let (_root, workspace, source) = workspace();
        fs::write(source.join("real"), "inside").unwrap();
        symlink("/codebuild/src/real", source.join("good")).unwrap();
        symlink("/etc/passwd", source.join("bad")).unwrap();
        symlink("../../../../../../../../etc/passwd", source.join("worse")).unwrap();
        assert_eq!(content(&workspace, "/codebuild/src/good").unwrap(), "inside");
        assert!(content(&workspace, "/codebuild/src/bad").unwrap_err().is_not_found());
        assert!(content(&workspace, "/codebuild/src/worse").unwrap_err().is_not_found());
    }

    #[test]
    fn linked_folder_stays_inside() {
        let (root, workspace, source) = workspace();
        fs::write(root.path().join("outside"), "host").unwrap();
        symlink(root.path(), source.join("folder")).unwrap();
        assert!(content(&workspace, "/codebuild/src/folder/outside").unwrap_err().is_not_found());
    }

    #[test]
    fn folder_is_found_and_a_file_is_none() {
        let (_root, workspace, source) = workspace();
        fs::create_dir(source.join("folder")).unwrap();
        fs::write(source.join("file"), "").unwrap();
        symlink("/codebuild/src/folder", source.join("link")).unwrap();
        symlink("/etc", source.join("away")).unwrap();
        let find = |name: &str| workspace.find_directory(&Path::new("/codebuild/src").join(name));
        assert!(find("folder").is_ok() && find("link").is_ok());
        for missing in ["file", "none", "away"] {
            assert!(find(missing).unwrap_err().is_not_found(), "{missing}");
        }
    }

    #[test]
    fn folders_are_made_and_emptied_within_the_root_alone() {
        let (root, workspace, source) = workspace();
        let outside = root.path().join("outside");
        fs::create_dir_all(outside.join("deep")).unwrap();
        fs::write(outside.join("deep/kept"), "").unwrap();
        symlink(&outside, source.join("link")).unwrap();
        fs::write(source.join("file"), "").unwrap();
        for path in ["link", "link/deep", "link/new", "file", "file/x"] {
            let path = Path::new("/codebuild/src").join(path);
            for refused in [workspace.create_directory(&path), workspace.empty_directory(&path)] {
                assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotADirectory, "{}", path.display());
            }
        }
        assert!(outside.join("deep/kept").exists() && !outside.join("new").exists());
        let up = workspace.create_directory(Path::new("/codebuild/../../outside"));
        assert_eq!(up.unwrap_err().kind(), io::ErrorKind::InvalidInput);

        assert_eq!(workspace.empty_directory(Path::new("/codebuild/src")).unwrap(), source);
        assert_eq!(fs::read_dir(&source).unwrap().count(), 0);
        assert!(outside.join("deep/kept").exists());
    }

    #[test]
    fn pipe_is_refused_without_waiting() {
        let (_root, workspace, source) = workspace();
        rustix::fs::mknodat(rustix::fs::CWD, source.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        assert!(matches!(content(&workspace, "/codebuild/src/pipe"), Err(WorkspaceError::NotAFile(_))));
    }

    #[test]
    fn walk_refuses_what_is_nested_without_end() {
        let (_root, workspace, source) = workspace();
        let mut deepest = source.clone();
        deepest.extend(["d"; MAX_LEVELS]);
        fs::create_dir_all(&deepest).unwrap();
        fs::write(deepest.join("file"), "").unwrap();
        assert_eq!(workspace.walk(Path::new("/codebuild/src")).unwrap().len(), MAX_LEVELS + 1);
        fs::create_dir(deepest.join("e")).unwrap();
        let refused = workspace.walk(Path::new("/codebuild/src")).unwrap_err();
        assert_eq!(refused.to_string(), "/codebuild/src: folders are nested more than 256 levels deep");
    }

    #[test]
    fn walk_lists_parents_first_and_does_not_enter_links() {
        let (_root, workspace, source) = workspace();
        fs::create_dir_all(source.join("b/c")).unwrap();
        fs::write(source.join("b/c/file"), "").unwrap();
        fs::write(source.join("a"), "").unwrap();
        symlink("b", source.join("link")).unwrap();
        let listed: Vec<_> = workspace.walk(Path::new("/codebuild/src")).unwrap();
        let paths: Vec<_> = listed.iter().map(|entry| entry.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["a", "b", "b/c", "b/c/file", "link"]);
        assert_eq!(listed[4].kind, Kind::Symlink(PathBuf::from("b")));
    }
}
