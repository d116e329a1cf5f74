//! New commits made from changes of files, as `PutFile`, `DeleteFile` and `CreateCommit` ask for them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use git2::{ObjectType, Oid, Repository};

use super::Error as GitError;
use super::lookup::{Entry, EntryKind, at_tree_path};
use crate::path::RepositoryPath;

/// One change of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `kind`: `None` keeps the mode of a file that is there, and makes a new one a plain file.
    Put {
        path: RepositoryPath,
        kind: Option<EntryKind>,
        content: Content,
    },
    Delete {
        path: RepositoryPath,
    },
    SetMode {
        path: RepositoryPath,
        kind: EntryKind,
    },
}

/// What a file shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Given(Bytes),
    /// As another file of the parent; `moved`: which is then no more.
    Of {
        source: RepositoryPath,
        moved: bool,
    },
}

/// What a commit says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub author: String,
    pub email: String,
    pub message: String,
    /// Seconds since 1970.
    pub at: i64,
}

/// A commit that was made, and what it changed. Each list is in the order of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub commit: Oid,
    pub tree: Oid,
    pub added: Vec<File>,
    pub updated: Vec<File>,
    pub deleted: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: RepositoryPath,
    pub id: Oid,
    pub kind: EntryKind,
}

/// Why no commit is made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the commit would change nothing")]
    NoChange,
    #[error("{0} is changed twice")]
    SamePath(RepositoryPath),
    #[error("{0} is no file of the parent commit")]
    NoSuchFile(RepositoryPath),
    #[error("{0} is a folder")]
    IsFolder(RepositoryPath),
    #[error("{0} lies in what is a file")]
    InFile(RepositoryPath),
    #[error("{0} is, or lies in, a submodule")]
    Submodule(RepositoryPath),
    #[error(transparent)]
    Git(#[from] GitError),
}

impl From<git2::Error> for Error {
    fn from(error: git2::Error) -> Self {
        Self::Git(error.into())
    }
}

/// Changes folder by folder: what `write_folder` turns into trees.
#[derive(Default)]
struct Node {
    files: BTreeMap<String, Option<(Oid, EntryKind)>>,
    folders: BTreeMap<String, Node>,
}

/// The file that keeps a folder in git when nothing else does.
const KEEPER: &str = ".gitkeep";

/// Makes a commit upon `parent` (`None`: the first of a branch). Objects are written to `library`, whatever that
/// is; no reference changes.
pub fn commit(
    library: &Repository,
    parent: Option<Oid>,
    changes: &[Change],
    keep_empty_folders: bool,
    description: &Description,
) -> Result<Made, Error> {
    let base = match parent {
        Some(parent) => Some(library.find_commit(parent)?.tree_id()),
        None => None,
    };
    let edits = Edits::collect(library, base, changes)?;
    let keeper = if keep_empty_folders { Some(library.blob(b"")?) } else { None };
    let written = write_folder(library, base, &edits.root, keeper)?;
    let tree = match written {
        Some(tree) => tree,
        None => library.treebuilder(None)?.write()?,
    };
    if base == Some(tree) || (base.is_none() && written.is_none()) {
        return Err(Error::NoChange);
    }
    let text = commit_text(tree, parent, description);
    let commit = library.odb()?.write(ObjectType::Commit, text.as_bytes())?;
    Ok(Made { commit, tree, added: edits.added, updated: edits.updated, deleted: edits.deleted })
}

/// The changes, checked against the parent and against each other.
#[derive(Default)]
struct Edits {
    root: Node,
    added: Vec<File>,
    updated: Vec<File>,
    deleted: Vec<File>,
}

impl Edits {
    fn collect(library: &Repository, base: Option<Oid>, changes: &[Change]) -> Result<Self, Error> {
        let mut deleted = BTreeSet::new();
        let mut put = BTreeSet::new();
        for change in changes {
            let fresh = match change {
                Change::Put { path, content, .. } => {
                    let moved = match content {
                        Content::Of { source, moved: true } => deleted.insert(source.clone()),
                        Content::Of { moved: false, .. } | Content::Given(_) => true,
                    };
                    moved && put.insert(path.clone())
                }
                Change::SetMode { path, .. } => put.insert(path.clone()),
                Change::Delete { path } => deleted.insert(path.clone()),
            };
            if !fresh {
                return Err(Error::SamePath(change.path().clone()));
            }
        }
        if let Some(both) = put.intersection(&deleted).next() {
            return Err(Error::SamePath(both.clone()));
        }
        let mut edits = Self::default();
        for path in &deleted {
            edits.delete(library, base, path)?;
        }
        for change in changes {
            match change {
                Change::Put { path, kind, content } => {
                    edits.put(library, base, path, *kind, content, &deleted)?;
                }
                Change::SetMode { path, kind } => {
                    let file = existing_file(library, base, path)?;
                    edits.set(Some(&file), path, file.id, *kind)?;
                }
                Change::Delete { .. } => {}
            }
        }
        for list in [&mut edits.added, &mut edits.updated, &mut edits.deleted] {
            list.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(edits)
    }

    fn delete(
        &mut self,
        library: &Repository,
        base: Option<Oid>,
        path: &RepositoryPath,
    ) -> Result<(), Error> {
        let file = existing_file(library, base, path)?;
        self.deleted.push(File { path: path.clone(), id: file.id, kind: file.kind });
        self.root.insert(path, None)
    }

    fn put(
        &mut self,
        library: &Repository,
        base: Option<Oid>,
        path: &RepositoryPath,
        kind: Option<EntryKind>,
        content: &Content,
        deleted: &BTreeSet<RepositoryPath>,
    ) -> Result<(), Error> {
        let existing = room_for(library, base, path, deleted)?;
        let (id, source_kind) = match content {
            Content::Given(bytes) => (library.blob(bytes)?, None),
            Content::Of { source, .. } => {
                let source = existing_file(library, base, source)?;
                (source.id, Some(source.kind))
            }
        };
        let kept = existing.as_ref().map(|entry| entry.kind).or(source_kind);
        self.set(existing.as_ref(), path, id, kind.or(kept).unwrap_or(EntryKind::File))
    }

    fn set(
        &mut self,
        existing: Option<&Entry>,
        path: &RepositoryPath,
        id: Oid,
        kind: EntryKind,
    ) -> Result<(), Error> {
        let file = File { path: path.clone(), id, kind };
        match existing {
            None => self.added.push(file),
            Some(existing) if (existing.id, existing.kind) != (id, kind) => self.updated.push(file),
            Some(_) => {}
        }
        self.root.insert(path, Some((id, kind)))
    }
}

impl Change {
    fn path(&self) -> &RepositoryPath {
        match self {
            Self::Put { path, .. } | Self::Delete { path } | Self::SetMode { path, .. } => path,
        }
    }
}

impl Node {
    fn insert(&mut self, path: &RepositoryPath, file: Option<(Oid, EntryKind)>) -> Result<(), Error> {
        let mut node = self;
        let mut parts = path.parts().peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            if is_last {
                if file.is_some() && node.folders.get(part).is_some_and(Node::puts_anything) {
                    return Err(Error::IsFolder(path.clone()));
                }
                node.files.insert(part.to_owned(), file);
                return Ok(());
            }
            if file.is_some() && node.files.get(part).is_some_and(Option::is_some) {
                return Err(Error::InFile(path.clone()));
            }
            node = node.folders.entry(part.to_owned()).or_default();
        }
        Ok(())
    }

    fn puts_anything(&self) -> bool {
        self.files.values().any(Option::is_some) || self.folders.values().any(Node::puts_anything)
    }
}

fn existing_file(library: &Repository, base: Option<Oid>, path: &RepositoryPath) -> Result<Entry, Error> {
    let entry = match base {
        Some(base) => at_tree_path(library, base, path)?,
        None => None,
    };
    entry.filter(|entry| entry.kind.is_file()).ok_or_else(|| Error::NoSuchFile(path.clone()))
}

/// The file that is at `path` already, if any. Errors: a folder, a submodule or a file in its way.
fn room_for(
    library: &Repository,
    base: Option<Oid>,
    path: &RepositoryPath,
    deleted: &BTreeSet<RepositoryPath>,
) -> Result<Option<Entry>, Error> {
    let Some(base) = base else { return Ok(None) };
    for folder in path.folders() {
        match at_tree_path(library, base, &folder)?.map(|entry| entry.kind) {
            None | Some(EntryKind::Folder) => {}
            Some(EntryKind::Submodule) => return Err(Error::Submodule(path.clone())),
            Some(EntryKind::File | EntryKind::Executable | EntryKind::Symlink) => {
                if !deleted.contains(&folder) {
                    return Err(Error::InFile(path.clone()));
                }
            }
        }
    }
    match at_tree_path(library, base, path)? {
        Some(entry) if entry.kind == EntryKind::Folder => Err(Error::IsFolder(path.clone())),
        Some(entry) if entry.kind == EntryKind::Submodule => Err(Error::Submodule(path.clone())),
        entry => Ok(entry),
    }
}

/// The tree of a folder after its changes; `None` when nothing is left in it.
fn write_folder(
    library: &Repository,
    base: Option<Oid>,
    node: &Node,
    keeper: Option<Oid>,
) -> Result<Option<Oid>, Error> {
    let base = match base {
        Some(base) => Some(library.find_tree(base)?),
        None => None,
    };
    let mut tree = library.treebuilder(base.as_ref())?;
    for (name, file) in &node.files {
        match file {
            Some((id, kind)) => tree.insert(name, *id, kind.mode()).map(|_| ())?,
            None => tree.remove(name)?,
        }
    }
    for (name, folder) in &node.folders {
        let there = base.as_ref().and_then(|base| base.get_name_bytes(name.as_bytes()));
        let there = there.filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id());
        match write_folder(library, there, folder, keeper)? {
            Some(id) => tree.insert(name, id, EntryKind::Folder.mode()).map(|_| ())?,
            None if there.is_some() => tree.remove(name)?,
            None => {}
        }
    }
    if tree.is_empty()
        && base.is_some()
        && let Some(keeper) = keeper
    {
        tree.insert(KEEPER, keeper, EntryKind::File.mode())?;
    }
    if tree.is_empty() { Ok(None) } else { Ok(Some(tree.write()?)) }
}

/// git's form of a commit. Written by hand, as libgit2 refuses the empty e-mail address that CodeCommit allows.
fn commit_text(tree: Oid, parent: Option<Oid>, description: &Description) -> String {
    let parent = parent.map_or_else(String::new, |parent| format!("parent {parent}\n"));
    let clean = |text: &str| -> String {
        text.chars().filter(|character| !matches!(character, '<' | '>') && !character.is_control()).collect()
    };
    let (name, email) = (clean(&description.author), clean(&description.email));
    let person = format!("{} <{}> {} +0000", name.trim(), email.trim(), description.at);
    let message = description.message.replace('\0', "");
    format!("tree {tree}\n{parent}author {person}\ncommitter {person}\n\n{message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        library: Repository,
        _dir: tempfile::TempDir,
    }

    fn fixture() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        Fixture { library: Repository::init_bare(dir.path()).unwrap(), _dir: dir }
    }

    fn path(text: &str) -> RepositoryPath {
        RepositoryPath::parse_file(text).unwrap()
    }

    fn put(text: &str, content: &'static str) -> Change {
        Change::Put {
            path: path(text),
            kind: None,
            content: Content::Given(Bytes::from_static(content.as_bytes())),
        }
    }

    fn description() -> Description {
        Description { author: "Ann <x>".into(), email: String::new(), message: "m".into(), at: 1_700_000_000 }
    }

    impl Fixture {
        fn commit(&self, parent: Option<Oid>, changes: &[Change]) -> Result<Made, Error> {
            commit(&self.library, parent, changes, false, &description())
        }

        fn files(&self, commit: Oid) -> Vec<String> {
            let mut files = Vec::new();
            let tree = self.library.find_commit(commit).unwrap().tree().unwrap();
            tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
                if entry.kind() == Some(ObjectType::Blob) {
                    files.push(format!("{folder}{} {:o}", entry.name().unwrap(), entry.filemode()));
                }
                git2::TreeWalkResult::Ok
            })
            .unwrap();
            files
        }
    }

    #[test]
    fn files_are_put_moved_and_deleted_in_one_commit() {
        let fixture = fixture();
        let first = fixture.commit(None, &[put("a/b.txt", "1"), put("c", "2"), put("d/e", "3")]).unwrap();
        assert_eq!(first.added.len(), 3);
        let moved = Change::Put {
            path: path("x/y"),
            kind: Some(EntryKind::Executable),
            content: Content::Of { source: path("c"), moved: true },
        };
        let changes = [moved, Change::Delete { path: path("d/e") }, put("a/b.txt", "changed")];
        let second = fixture.commit(Some(first.commit), &changes).unwrap();
        assert_eq!(fixture.files(second.commit), ["a/b.txt 100644", "x/y 100755"]);
        let paths = |files: &[File]| files.iter().map(|file| file.path.to_string()).collect::<Vec<_>>();
        assert_eq!(paths(&second.added), ["x/y"]);
        assert_eq!(paths(&second.updated), ["a/b.txt"]);
        assert_eq!(paths(&second.deleted), ["c", "d/e"]);
        let commit = fixture.library.find_commit(second.commit).unwrap();
        assert_eq!(commit.parent_id(0).unwrap(), first.commit);
        assert_eq!(commit.author().name_bytes(), b"Ann x");
    }

    #[test]
    fn modes_change_alone_and_are_kept_by_new_content() {
        let fixture = fixture();
        let first = fixture.commit(None, &[put("run", "1")]).unwrap();
        let mode = Change::SetMode { path: path("run"), kind: EntryKind::Executable };
        let second = fixture.commit(Some(first.commit), &[mode]).unwrap();
        let third = fixture.commit(Some(second.commit), &[put("run", "2")]).unwrap();
        assert_eq!(fixture.files(third.commit), ["run 100755"]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let fixture = fixture();
        let first = fixture.commit(None, &[put("a/b", "1"), put("c", "1")]).unwrap();
        let refused = |changes: &[Change]| fixture.commit(Some(first.commit), changes).unwrap_err();
        assert!(matches!(refused(&[put("a/b", "1")]), Error::NoChange));
        assert!(matches!(refused(&[]), Error::NoChange));
        assert!(matches!(refused(&[put("a", "1")]), Error::IsFolder(_)));
        assert!(matches!(refused(&[put("c/d", "1")]), Error::InFile(_)));
        assert!(matches!(refused(&[put("n", "1"), put("n/m", "1")]), Error::InFile(_)));
        assert!(matches!(refused(&[put("n/m", "1"), put("n", "1")]), Error::IsFolder(_)));
        assert!(matches!(refused(&[put("n", "1"), put("n", "2")]), Error::SamePath(_)));
        assert!(matches!(refused(&[put("c", "2"), Change::Delete { path: path("c") }]), Error::SamePath(_)));
        assert!(matches!(refused(&[Change::Delete { path: path("a") }]), Error::NoSuchFile(_)));
        assert!(matches!(refused(&[Change::Delete { path: path("no") }]), Error::NoSuchFile(_)));
    }

    #[test]
    fn a_file_may_give_way_to_a_folder_and_the_other_way_round() {
        let fixture = fixture();
        let first = fixture.commit(None, &[put("a", "1"), put("b/c", "1")]).unwrap();
        let changes = [Change::Delete { path: path("a") }, put("a/x", "1")];
        let second = fixture.commit(Some(first.commit), &changes).unwrap();
        assert_eq!(fixture.files(second.commit), ["a/x 100644", "b/c 100644"]);
    }

    #[test]
    fn the_last_file_takes_its_folder_along_unless_it_is_kept() {
        let fixture = fixture();
        let first = fixture.commit(None, &[put("a/b/c", "1"), put("d", "1")]).unwrap();
        let delete = [Change::Delete { path: path("a/b/c") }];
        let gone = fixture.commit(Some(first.commit), &delete).unwrap();
        assert_eq!(fixture.files(gone.commit), ["d 100644"]);
        let kept = commit(&fixture.library, Some(first.commit), &delete, true, &description()).unwrap();
        assert_eq!(fixture.files(kept.commit), ["a/b/.gitkeep 100644", "d 100644"]);
    }
}
