//! What changed between two trees, file by file, page by page. No renames are looked for, as in CodeCommit.

use std::cmp::Ordering;

use git2::{Oid, Repository};

use super::Error;
use super::lookup::{Entry, EntryKind};

/// One changed file. At least one side is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub before: Option<Version>,
    pub after: Option<Version>,
    /// Relative to where the comparison began; differences come in the order of its bytes.
    pub path: String,
}

/// A file on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub id: Oid,
    pub kind: EntryKind,
}

/// Longer paths are not followed: a history made to hurt could nest without end.
const MAX_PATH: usize = 4_096;

/// One folder that is being compared, and how far it is.
struct Level {
    path: Vec<u8>,
    before: Vec<Sided>,
    after: Vec<Sided>,
}

/// An entry with the bytes that git sorts it by: a folder's name ends with a slash.
struct Sided {
    sort_key: Vec<u8>,
    id: Oid,
    kind: EntryKind,
}

/// Up to `limit` differences with paths after `after`. Either side may be absent, a file or a folder.
pub fn between(
    repository: &Repository,
    before: Option<&Entry>,
    after: Option<&Entry>,
    resume_after: Option<&str>,
    limit: usize,
) -> Result<Vec<Difference>, Error> {
    let mut found = Vec::new();
    let mut levels = vec![Level { path: Vec::new(), before: side(before), after: side(after) }];
    while let Some(level) = levels.last_mut() {
        if found.len() >= limit {
            break;
        }
        let Some((old, new)) = level.next() else {
            levels.pop();
            continue;
        };
        let Some(either) = old.as_ref().or(new.as_ref()) else { continue };
        let mut path = level.path.clone();
        path.extend_from_slice(&either.sort_key);
        if same(old.as_ref(), new.as_ref())
            || path.len() > MAX_PATH
            || !is_ahead(&path, either.kind, resume_after)
        {
            continue;
        }
        if either.kind == EntryKind::Folder {
            let entries = |side: Option<Sided>| match side {
                Some(side) => children(repository, side.id),
                None => Ok(Vec::new()),
            };
            levels.push(Level { path, before: entries(old)?, after: entries(new)? });
        } else {
            let version = |side: Option<Sided>| side.map(|side| Version { id: side.id, kind: side.kind });
            let path = String::from_utf8_lossy(&path).into_owned();
            found.push(Difference { before: version(old), after: version(new), path });
        }
    }
    Ok(found)
}

impl Level {
    /// The next name on either side, or on both. The sides are sorted backwards, so the next is the last.
    fn next(&mut self) -> Option<(Option<Sided>, Option<Sided>)> {
        let order = match (self.before.last(), self.after.last()) {
            (Some(before), Some(after)) => before.sort_key.cmp(&after.sort_key),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        Some(match order {
            Ordering::Less => (self.before.pop(), None),
            Ordering::Greater => (None, self.after.pop()),
            Ordering::Equal => (self.before.pop(), self.after.pop()),
        })
    }
}

/// The whole of one side, as if it were the only entry of a folder without name.
fn side(entry: Option<&Entry>) -> Vec<Sided> {
    let sided = |entry: &Entry| Sided { sort_key: Vec::new(), id: entry.id, kind: entry.kind };
    entry.map(sided).into_iter().collect()
}

fn children(repository: &Repository, tree: Oid) -> Result<Vec<Sided>, Error> {
    let tree = repository.find_tree(tree)?;
    let sided = |entry: git2::TreeEntry<'_>| {
        let kind = EntryKind::of_mode(entry.filemode_raw());
        let mut sort_key = entry.name_bytes().to_vec();
        if kind == EntryKind::Folder {
            sort_key.push(b'/');
        }
        Sided { sort_key, id: entry.id(), kind }
    };
    let mut entries: Vec<_> = tree.iter().map(sided).collect();
    entries.reverse();
    Ok(entries)
}

fn same(old: Option<&Sided>, new: Option<&Sided>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old.id == new.id && old.kind == new.kind)
}

/// Whether something at this path, or below this folder, comes after where the last page ended.
fn is_ahead(path: &[u8], kind: EntryKind, resume_after: Option<&str>) -> bool {
    let Some(last) = resume_after.map(str::as_bytes) else { return true };
    path > last || (kind == EntryKind::Folder && last.starts_with(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(repository: &Repository, files: &[(&str, &str)]) -> Entry {
        let mut index = git2::Index::new().unwrap();
        for (path, content) in files {
            let id = repository.blob(content.as_bytes()).unwrap();
            let zero = git2::IndexTime::new(0, 0);
            let entry = git2::IndexEntry {
                ctime: zero,
                mtime: zero,
                dev: 0,
                ino: 0,
                mode: 0o100_644,
                uid: 0,
                gid: 0,
                file_size: 0,
                id,
                flags: 0,
                flags_extended: 0,
                path: path.as_bytes().to_vec(),
            };
            index.add(&entry).unwrap();
        }
        let id = index.write_tree_to(repository).unwrap();
        Entry { name: String::new(), id, kind: EntryKind::Folder }
    }

    fn told(differences: &[Difference]) -> Vec<String> {
        let letter = |difference: &Difference| match (&difference.before, &difference.after) {
            (None, _) => 'A',
            (_, None) => 'D',
            (Some(_), Some(_)) => 'M',
        };
        differences.iter().map(|difference| format!("{} {}", letter(difference), difference.path)).collect()
    }

    #[test]
    fn files_are_added_changed_and_deleted_in_the_order_of_their_paths() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let before = tree(&repository, &[("a", "1"), ("b/c", "1"), ("b/d", "1"), ("same", "1"), ("x", "1")]);
        let after =
            tree(&repository, &[("a", "2"), ("b/d", "1"), ("b/e/f", "1"), ("same", "1"), ("x/y", "1")]);
        let all = between(&repository, Some(&before), Some(&after), None, 100).unwrap();
        assert_eq!(told(&all), ["M a", "D b/c", "A b/e/f", "D x", "A x/y"]);
        let none = between(&repository, Some(&after), Some(&after), None, 100).unwrap();
        assert_eq!(none, []);
    }

    #[test]
    fn pages_continue_where_the_last_one_ended() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let files = ["a", "a.b", "a/b", "a/c/d", "a/c-", "ab", "b"].map(|path| (path, "1"));
        let files: Vec<_> = files.into_iter().filter(|(path, _)| *path != "a").collect();
        let after = tree(&repository, &files);
        let all = between(&repository, None, Some(&after), None, 100).unwrap();
        assert_eq!(all.len(), files.len());
        let mut paged = Vec::new();
        while paged.len() < all.len() {
            let last = paged.last().map(|difference: &Difference| difference.path.clone());
            let page = between(&repository, None, Some(&after), last.as_deref(), 2).unwrap();
            assert!(!page.is_empty());
            paged.extend(page);
        }
        assert_eq!(paged, all);
    }
}
