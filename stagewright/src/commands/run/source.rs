//! A working folder as the ZIP that a source action hands on.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use runner::archive::Writer;
use walkdir::WalkDir;

use super::work_tree::{Commit, WorkTree};

/// Where runs leave what they made, unless told otherwise; never part of a source.
pub const OWN_FOLDER: &str = ".stagewright";

/// Why a folder cannot be a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error("{}: {cause}", folder.display())]
    Git { folder: PathBuf, cause: String },
    #[error(
        "{}: the symbolic link leads to {}, out of the folder or by a way that cannot be proved to stay in it; a build \
         could not follow it (make it a relative link to something inside, or leave it out with .gitignore)",
        link.display(), goal.display()
    )]
    Link { link: PathBuf, goal: PathBuf },
    #[error("{}: there are no files", .0.display())]
    Empty(PathBuf),
    #[error(transparent)]
    Archive(#[from] runner::archive::Error),
}

/// A folder and what of it goes along.
#[derive(Debug)]
pub struct SourceFolder {
    folder: PathBuf,
    files: Vec<PathBuf>,
    links: Vec<(PathBuf, PathBuf)>,
    /// With nothing in them, which git's own folder needs to have.
    empty_folders: Vec<PathBuf>,
    /// What does not go along although a reader could expect it.
    pub left_out: Vec<String>,
    /// The commit that it stands on; none without git.
    pub commit: Option<Commit>,
}

impl SourceFolder {
    /// Looks at a folder. In a work tree of git its tracked files go along and those that are not ignored, otherwise
    /// everything but `.git`; never what lies in `excluded`.
    pub fn read(folder: &Path, excluded: &Path) -> Result<Self, Error> {
        let io = |cause| Error::Io { path: folder.to_owned(), cause };
        let folder = folder.canonicalize().map_err(io)?;
        let git = |cause| Error::Git { folder: folder.clone(), cause };
        let tree = WorkTree::of(&folder).map_err(git)?;
        let (names, commit) = match &tree {
            Some(tree) => (tree.files().map_err(git)?.into_iter().collect(), tree.commit().map_err(git)?),
            None => (walk(&folder, |name| name != ".git")?, None),
        };
        let mut source = Self::nothing_of(folder, commit);
        for name in names {
            if source.may_go_along(&name, excluded) {
                source.take(name)?;
            }
        }
        source.unless_empty()
    }

    /// Looks at a folder of which everything goes along as it lies there: `.git`, what git ignores, empty folders. Links
    /// that a build could not follow stay behind, and so does a `.git` that only leads to a repository elsewhere.
    pub fn read_all(folder: &Path, excluded: &Path) -> Result<Self, Error> {
        let io = |cause| Error::Io { path: folder.to_owned(), cause };
        let folder = folder.canonicalize().map_err(io)?;
        let git = |cause| Error::Git { folder: folder.clone(), cause };
        let commit = match WorkTree::of(&folder).map_err(git)? {
            Some(tree) => tree.commit().map_err(git)?,
            None => None,
        };
        let mut source = Self::nothing_of(folder, commit);
        for name in walk(&source.folder, |_| true)? {
            if !source.may_go_along(&name, excluded) {
                continue;
            }
            if name.file_name().is_some_and(|name| name == ".git") {
                source.left_out.push(format!("{}: it leads to a repository elsewhere", name.display()));
                continue;
            }
            match source.take(name) {
                Err(link @ Error::Link { .. }) => source.left_out.push(link.to_string()),
                taken => taken?,
            }
        }
        source.unless_empty()
    }

    fn nothing_of(folder: PathBuf, commit: Option<Commit>) -> Self {
        let (files, links, empty_folders, left_out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { folder, files, links, empty_folders, left_out, commit }
    }

    fn may_go_along(&self, name: &Path, excluded: &Path) -> bool {
        !name.starts_with(OWN_FOLDER) && !self.folder.join(name).starts_with(excluded)
    }

    fn unless_empty(self) -> Result<Self, Error> {
        match self.files.is_empty() && self.links.is_empty() {
            true => Err(Error::Empty(self.folder)),
            false => Ok(self),
        }
    }

    /// The folder's whole path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    fn take(&mut self, name: PathBuf) -> Result<(), Error> {
        let path = self.folder.join(&name);
        let kind = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata.file_type(),
            // Tracked by git, and deleted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(Error::Io { path, cause }),
        };
        if kind.is_symlink() {
            let goal = fs::read_link(&path).map_err(|cause| Error::Io { path: path.clone(), cause })?;
            if !stays_inside(&name, &goal) {
                return Err(Error::Link { link: path, goal });
            }
            self.links.push((name, goal));
        } else if kind.is_file() {
            self.files.push(name);
        } else if kind.is_dir() && is_empty(&path).map_err(|cause| Error::Io { path, cause })? {
            self.empty_folders.push(name);
        } else if kind.is_dir() {
            self.left_out.push(format!("{}: a repository of its own", name.display()));
        } else {
            self.left_out.push(format!("{}: neither a file nor a link", name.display()));
        }
        Ok(())
    }

    /// One line on what it is: how many files, and which commit they stand on.
    pub fn summary(&self) -> String {
        let count = self.files.len() + self.links.len();
        let files = format!("{count} {}", if count == 1 { "file" } else { "files" });
        let folder = self.folder.display();
        match &self.commit {
            None => format!("{files} of {folder}"),
            Some(commit) => {
                let changed = if commit.is_changed { " with changes that are not committed" } else { "" };
                format!("{files} of {folder}, commit {:.8}{changed}", commit.id)
            }
        }
    }

    /// Writes the ZIP. Blocks.
    pub fn pack(&self, target: File) -> Result<File, Error> {
        let mut archive = Writer::new(target);
        for name in &self.files {
            let path = self.folder.join(name);
            let mut file = File::open(&path).map_err(|cause| Error::Io { path, cause })?;
            archive.add_file(name, &mut file)?;
        }
        for (name, goal) in &self.links {
            archive.add_symlink(name, goal)?;
        }
        for name in &self.empty_folders {
            archive.add_directory(name)?;
        }
        Ok(archive.finish()?)
    }
}

/// Files, links and empty folders below a folder, sorted; what is called otherwise than `takes` has it is passed over.
fn walk(folder: &Path, takes: impl Fn(&OsStr) -> bool) -> Result<Vec<PathBuf>, Error> {
    let mut names = Vec::new();
    let entries = WalkDir::new(folder).min_depth(1).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| takes(entry.file_name())) {
        let entry = entry.map_err(|error| Error::Io {
            path: error.path().unwrap_or(folder).to_owned(),
            cause: error.into(),
        })?;
        let is_of_use = match entry.file_type().is_dir() {
            true => {
                is_empty(entry.path()).map_err(|cause| Error::Io { path: entry.path().to_owned(), cause })?
            }
            false => true,
        };
        if is_of_use && let Ok(name) = entry.path().strip_prefix(folder) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

/// Whether whoever unpacks the archive will let the link be: it climbs only at its beginning, and no higher than the
/// folder. A `..` after a name could climb out through another link.
fn stays_inside(link: &Path, goal: &Path) -> bool {
    let depth = link.components().count().saturating_sub(1);
    let (mut climbed, mut descended) = (0, false);
    for component in goal.components() {
        match component {
            Component::Normal(_) => descended = true,
            Component::CurDir => {}
            Component::ParentDir if !descended && climbed < depth => climbed += 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    goal.components().next().is_some()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use runner::archive::{Limits, extract};

    use super::super::work_tree::tests::git;
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    /// What is there once it was packed and unpacked.
    fn unpacked(source: &SourceFolder) -> Vec<String> {
        let into = tempfile::tempdir().unwrap();
        let archive = source.pack(tempfile::tempfile().unwrap()).unwrap();
        extract(archive, into.path(), Limits::default()).unwrap();
        walk(into.path(), |_| true).unwrap().into_iter().map(|name| name.display().to_string()).collect()
    }

    #[test]
    fn without_git_everything_goes_along_but_what_runs_have_left() {
        let folder = folder(&["a", "sub/b", ".hidden", ".git/config", ".stagewright/run/x", "left/y"]);
        symlink("sub/b", folder.path().join("link")).unwrap();
        let source =
            SourceFolder::read(folder.path(), &folder.path().canonicalize().unwrap().join("left")).unwrap();
        assert_eq!(unpacked(&source), [".hidden", "a", "link", "sub/b"]);
        assert!(source.summary().starts_with("4 files of /"), "{}", source.summary());
    }

    #[test]
    fn with_git_what_is_ignored_and_what_is_deleted_stays_behind() {
        let folder = folder(&["kept", "gone", "sub/b", "x.tmp"]);
        fs::write(folder.path().join(".gitignore"), "*.tmp\n").unwrap();
        git(folder.path(), &["init", "--quiet"]);
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "--quiet", "--message", "First"]);
        fs::remove_file(folder.path().join("gone")).unwrap();
        fs::write(folder.path().join("new"), "").unwrap();
        let source = SourceFolder::read(folder.path(), Path::new("/nowhere")).unwrap();
        assert_eq!(unpacked(&source), [".gitignore", "kept", "new", "sub/b"]);
        assert!(source.summary().ends_with("with changes that are not committed"), "{}", source.summary());
        // A folder within the work tree is a source of its own.
        let source = SourceFolder::read(&folder.path().join("sub"), Path::new("/nowhere")).unwrap();
        assert_eq!(unpacked(&source), ["b"]);
    }

    #[test]
    fn everything_goes_along_as_it_lies_there() {
        let folder = folder(&["kept", "x.tmp", ".stagewright/build/y", "worktree/.git"]);
        fs::write(folder.path().join(".gitignore"), "*.tmp\n").unwrap();
        symlink("/usr/bin/python3", folder.path().join("python")).unwrap();
        git(folder.path(), &["init", "--quiet"]);
        git(folder.path(), &["add", "kept"]);
        git(folder.path(), &["commit", "--quiet", "--message", "First"]);
        let source = SourceFolder::read_all(folder.path(), Path::new("/nowhere")).unwrap();
        let (of_git, others): (Vec<_>, Vec<_>) =
            unpacked(&source).into_iter().partition(|name| name.starts_with(".git/"));
        assert_eq!(others, [".gitignore", "kept", "x.tmp"]);
        assert!(of_git.contains(&".git/refs/tags".to_owned()), "git needs its empty folders: {of_git:?}");
        let [link, repository] = &source.left_out[..] else { panic!("{:?}", source.left_out) };
        assert!(link.contains("/usr/bin/python3") && repository.starts_with("worktree/.git"), "{link}");
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for goal in ["/etc/passwd", "../outside", "sub/../../outside", "sub/../a"] {
            let folder = folder(&["a", "sub/b"]);
            symlink(goal, folder.path().join("link")).unwrap();
            let refusal = SourceFolder::read(folder.path(), Path::new("/nowhere")).unwrap_err().to_string();
            assert!(
                refusal.contains("link: the symbolic link leads to") && refusal.contains(goal),
                "{refusal}"
            );
        }
    }

    #[test]
    fn an_empty_folder_and_one_that_is_not_there() {
        let empty = folder(&[]);
        assert!(matches!(SourceFolder::read(empty.path(), Path::new("/nowhere")), Err(Error::Empty(_))));
        let gone = empty.path().join("gone");
        assert!(matches!(SourceFolder::read(&gone, Path::new("/nowhere")), Err(Error::Io { .. })));
    }
}
