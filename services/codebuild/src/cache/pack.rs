//! Files to an archive and back, without trusting either. Blocks.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use runner::{
    Folder, Workspace,
    archive::{self, Writer},
    workspace::Kind,
};
use sha2::{Digest, Sha256};

use super::paths::{CachePath, Tree};
use crate::{
    artifacts::{package::Item, selection::expand},
    source::s3::nameless_file,
};

/// What a cache is to hold.
pub(super) struct Gathered {
    pub items: Vec<Item>,
    /// Of names, permissions and contents.
    pub digest: String,
}

/// The files that the paths mean, as the build has left them.
pub(super) fn gather(folder: &Folder, source: &Path, paths: &[CachePath]) -> Result<Gathered, String> {
    let workspace = folder.workspace();
    let mut found: BTreeMap<PathBuf, Item> = BTreeMap::new();
    for path in paths {
        for item in items(&workspace, source, path)? {
            found.insert(item.name.clone(), item);
        }
    }
    let items: Vec<Item> = found.into_values().collect();
    let digest = digest(&workspace, &items).map_err(|error| error.to_string())?;
    Ok(Gathered { items, digest })
}

fn items(workspace: &Workspace, source: &Path, path: &CachePath) -> Result<Vec<Item>, String> {
    let base = path.tree.folder(source).join(&path.base);
    let name = |below: &Path| Path::new(path.tree.name()).join(&path.base).join(below);
    let listing = match workspace.walk(&base) {
        Ok(listing) => listing,
        // Not there, or a file.
        Err(_) if path.glob.is_none() && workspace.open_file(&base).is_ok() => {
            let name = Path::new(path.tree.name()).join(&path.base);
            return Ok(vec![Item { name, path: base, link: None }]);
        }
        Err(error) if error.is_not_found() => return Ok(vec![]),
        Err(error) => return Err(error.to_string()),
    };
    let matched = expand(path.glob.as_deref().unwrap_or("**/*"), &listing);
    let kinds: BTreeMap<&Path, &Kind> =
        listing.iter().map(|entry| (entry.path.as_path(), &entry.kind)).collect();
    let items = matched.into_iter().filter_map(|below| {
        let link = match kinds.get(below)? {
            Kind::Directory => return None,
            Kind::File => None,
            Kind::Symlink(target) if stays_inside(&path.base.join(below), target) => Some(target.clone()),
            Kind::Symlink(_) => return None,
        };
        Some(Item { name: name(below), path: base.join(below), link })
    });
    Ok(items.collect())
}

/// Whether a link leads to a place of its own tree.
fn stays_inside(link: &Path, target: &Path) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

fn digest(workspace: &Workspace, items: &[Item]) -> io::Result<String> {
    use std::os::unix::{ffi::OsStrExt, fs::PermissionsExt};
    let mut whole = Sha256::new();
    let mut chunk = vec![0; 256 * 1024];
    for Item { name, path, link } in items {
        whole.update(name.as_os_str().as_bytes());
        match link {
            Some(target) => {
                whole.update(b"\0link\0");
                whole.update(target.as_os_str().as_bytes());
            }
            None => {
                let mut file = workspace.open_file(path).map_err(io::Error::other)?;
                let mut content = Sha256::new();
                loop {
                    match file.read(&mut chunk)? {
                        0 => break,
                        length => content.update(&chunk[..length]),
                    }
                }
                whole.update(format!("\0{:o}\0", file.metadata()?.permissions().mode() & 0o777));
                whole.update(content.finalize());
            }
        }
        whole.update(b"\0");
    }
    Ok(hex::encode(whole.finalize()))
}

/// The archive, read from its beginning. The file has no name, so nothing has to be cleaned up.
pub(super) fn pack(folder: &Folder, items: &[Item]) -> Result<File, String> {
    let workspace = folder.workspace();
    let packed = || -> Result<File, crate::artifacts::package::Error> {
        let file = nameless_file(folder.path())?;
        let mut writer = Writer::new(io::BufWriter::with_capacity(256 * 1024, file));
        for Item { name, path, link } in items {
            match link {
                Some(target) => writer.add_symlink(name, target)?,
                None => writer.add_file(name, &mut workspace.open_file(path)?)?,
            }
        }
        let mut file = writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    };
    packed().map_err(|error| error.to_string())
}

/// Puts the files of an archive to where they were. What is there already stays; what the build's own paths do not
/// cover is left out, as are links that lead away. Nothing of the build runs yet.
pub(super) fn unpack(file: File, folder: &Folder, source: &Path, paths: &[CachePath]) -> Result<(), String> {
    let staged = folder.path().join("cache");
    let unpacked = || -> Result<(), archive::Error> {
        let at = |source| archive::Error::Io { path: staged.clone(), source };
        clear(&staged).and_then(|()| fs::create_dir(&staged)).map_err(at)?;
        archive::extract(file, &staged, archive::Limits::default())?;
        for tree in [Tree::Source, Tree::Root] {
            let inside = folder.workspace().create_directory(&tree.folder(source)).map_err(at)?;
            let covers = |path: &Path| paths.iter().any(|known| known.tree == tree && known.covers(path));
            let leads_to =
                |path: &Path| paths.iter().any(|known| known.tree == tree && known.base.starts_with(path));
            let merge = Merge {
                tree: &staged.join(tree.name()),
                into: &inside,
                covers: &covers,
                leads_to: &leads_to,
            };
            merge.folder(Path::new("")).map_err(at)?;
        }
        Ok(())
    };
    let done = unpacked().map_err(|error| error.to_string());
    clear(&staged).map_err(|error| error.to_string())?;
    done
}

fn clear(folder: &Path) -> io::Result<()> {
    runner::remove_folder(folder)
}

struct Merge<'a> {
    tree: &'a Path,
    into: &'a Path,
    /// Whether a path of the tree may be restored, and whether one that may be lies below it.
    covers: &'a dyn Fn(&Path) -> bool,
    leads_to: &'a dyn Fn(&Path) -> bool,
}

impl Merge<'_> {
    /// `below` is a folder in both.
    fn folder(&self, below: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(self.tree.join(below)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let (kind, target) = (entry.file_type()?, self.into.join(&path));
            // Not followed: a link of the source's stays what it is, and nothing goes through it.
            let there = fs::symlink_metadata(&target).ok();
            match there {
                Some(there) if kind.is_dir() && there.is_dir() => self.folder(&path)?,
                Some(_) => {}
                None if kind.is_dir() && ((self.covers)(&path) || (self.leads_to)(&path)) => {
                    fs::create_dir(&target)?;
                    self.folder(&path)?;
                }
                None if kind.is_symlink() && !stays_inside(&path, &fs::read_link(entry.path())?) => {}
                None if !kind.is_dir() && (self.covers)(&path) => fs::rename(entry.path(), &target)?,
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_away_are_known() {
        let inside = |link: &str, target: &str| stays_inside(Path::new(link), Path::new(target));
        assert!(inside("a/b/link", "../c") && inside("link", "x/../y"));
        assert!(!inside("a/link", "../../x") && !inside("link", "/etc/passwd") && !inside("link", ".."));
    }

    #[test]
    fn only_what_is_covered_is_restored_and_nothing_is_overwritten_or_passed_through_a_link() {
        let place = tempfile::tempdir().unwrap();
        let (tree, into, outside) =
            (place.path().join("tree"), place.path().join("into"), place.path().join("outside"));
        for folder in [&tree, &into, &outside] {
            fs::create_dir(folder).unwrap();
        }
        for name in ["keep/new", "keep/old", "other/x", "linked/x"] {
            fs::create_dir_all(tree.join(name).parent().unwrap()).unwrap();
            fs::write(tree.join(name), "cached").unwrap();
        }
        std::os::unix::fs::symlink("../../outside", tree.join("keep/away")).unwrap();
        fs::create_dir(into.join("keep")).unwrap();
        fs::write(into.join("keep/old"), "source").unwrap();
        std::os::unix::fs::symlink(&outside, into.join("linked")).unwrap();
        let covers = |path: &Path| path.starts_with("keep") || path.starts_with("linked");
        let merge = Merge { tree: &tree, into: &into, covers: &covers, leads_to: &|_| false };
        merge.folder(Path::new("")).unwrap();
        let read = |name: &str| fs::read_to_string(into.join(name)).ok();
        assert_eq!(read("keep/new").as_deref(), Some("cached"));
        assert_eq!(read("keep/old").as_deref(), Some("source"), "the source's own stays");
        assert_eq!(read("other/x"), None);
        assert!(fs::symlink_metadata(into.join("keep/away")).is_err());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}
