//! Reading commits, trees and blobs.

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::Error;
use crate::path::RepositoryPath;

/// What a tree holds under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As stored; names that are not UTF-8 are shown with replacement characters.
    pub name: String,
    pub id: Oid,
    pub kind: EntryKind,
}

/// What an entry of a tree is, told by its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    File,
    Executable,
    Symlink,
    Folder,
    Submodule,
}

impl EntryKind {
    /// git knows no other modes than these; libgit2 normalises what old programs wrote.
    pub fn of_mode(mode: i32) -> Self {
        match mode & 0o170_000 {
            0o040_000 => Self::Folder,
            0o160_000 => Self::Submodule,
            0o120_000 => Self::Symlink,
            _ if mode & 0o111 != 0 => Self::Executable,
            _ => Self::File,
        }
    }

    pub fn mode(self) -> i32 {
        match self {
            Self::File => 0o100_644,
            Self::Executable => 0o100_755,
            Self::Symlink => 0o120_000,
            Self::Folder => 0o040_000,
            Self::Submodule => 0o160_000,
        }
    }

    pub fn is_file(self) -> bool {
        match self {
            Self::File | Self::Executable | Self::Symlink => true,
            Self::Folder | Self::Submodule => false,
        }
    }
}

/// A commit as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitView {
    pub id: Oid,
    pub tree: Oid,
    pub parents: Vec<Oid>,
    pub message: String,
    pub author: Person,
    pub committer: Person,
    /// Header lines beside the usual ones: a signature, say.
    pub additional: String,
}

/// Who did something to a commit, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub email: String,
    /// Seconds since 1970 and the zone: `1484167798 -0800`.
    pub date: String,
}

/// `None` where there is no such object, or it is no commit.
pub fn commit(repository: &Repository, id: Oid) -> Result<Option<CommitView>, Error> {
    let Some(commit) = found(repository.find_commit(id))? else { return Ok(None) };
    Ok(Some(CommitView {
        id,
        tree: commit.tree_id(),
        parents: commit.parent_ids().collect(),
        message: lossy(commit.message_raw_bytes()),
        author: person(&commit.author()),
        committer: person(&commit.committer()),
        additional: additional_headers(commit.raw_header_bytes()),
    }))
}

/// The commit that a tag, or a tag of a tag, leads to; a commit leads to itself.
pub fn peel_to_commit(repository: &Repository, id: Oid) -> Result<Option<Oid>, Error> {
    let Some(object) = found(repository.find_object(id, None))? else { return Ok(None) };
    match object.peel(ObjectType::Commit) {
        Ok(commit) => Ok(Some(commit.id())),
        Err(error)
            if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::Peel) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a commit holds at a path; the root is a folder. `None` where it holds nothing there.
pub fn at_path(repository: &Repository, commit: Oid, path: &RepositoryPath) -> Result<Option<Entry>, Error> {
    let Some(commit) = found(repository.find_commit(commit))? else { return Ok(None) };
    at_tree_path(repository, commit.tree_id(), path)
}

/// As [`at_path`], from a tree on.
pub fn at_tree_path(
    repository: &Repository,
    tree: Oid,
    path: &RepositoryPath,
) -> Result<Option<Entry>, Error> {
    let mut here = Entry { name: String::new(), id: tree, kind: EntryKind::Folder };
    for part in path.parts() {
        if here.kind != EntryKind::Folder {
            return Ok(None);
        }
        let tree = repository.find_tree(here.id)?;
        let Some(entry) = tree.get_name_bytes(part.as_bytes()) else { return Ok(None) };
        here =
            Entry { name: part.to_owned(), id: entry.id(), kind: EntryKind::of_mode(entry.filemode_raw()) };
    }
    Ok(Some(here))
}

/// What a folder holds, in git's order.
pub fn folder(repository: &Repository, tree: Oid) -> Result<Vec<Entry>, Error> {
    let tree = repository.find_tree(tree)?;
    let entry = |entry: git2::TreeEntry<'_>| Entry {
        name: lossy(entry.name_bytes()),
        id: entry.id(),
        kind: EntryKind::of_mode(entry.filemode_raw()),
    };
    Ok(tree.iter().map(entry).collect())
}

/// A blob's content, if it is no longer than `limit`.
pub fn blob(repository: &Repository, id: Oid, limit: usize) -> Result<BlobContent, Error> {
    // The header tells the size, so that a large blob is never read.
    match found(repository.odb()?.read_header(id))? {
        Some((size, ObjectType::Blob)) if size > limit => Ok(BlobContent::TooLarge),
        Some((_, ObjectType::Blob)) => Ok(BlobContent::Whole(repository.find_blob(id)?.content().to_vec())),
        Some(_) | None => Ok(BlobContent::Absent),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobContent {
    Whole(Vec<u8>),
    TooLarge,
    /// No such object, or it is no blob.
    Absent,
}

/// An object that is not there is `None`; so is one of another type than was asked for.
fn found<T>(result: Result<T, git2::Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == ErrorCode::NotFound || error.class() == git2::ErrorClass::Invalid => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn person(signature: &git2::Signature<'_>) -> Person {
    let when = signature.when();
    let (sign, offset) = (when.sign(), when.offset_minutes().abs());
    let date = format!("{} {sign}{:02}{:02}", when.seconds(), offset / 60, offset % 60);
    Person { name: lossy(signature.name_bytes()), email: lossy(signature.email_bytes()), date }
}

fn additional_headers(header: &[u8]) -> String {
    let usual = ["tree ", "parent ", "author ", "committer "];
    let header = lossy(header);
    let lines = header.lines().skip_while(|line| usual.iter().any(|usual| line.starts_with(usual)));
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
