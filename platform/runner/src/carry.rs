//! A build's files on their way to a worker and back, as one archive.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    archive::{Error, Limits, Writer, extract_tree},
    folder::Folder,
    plan::Bind,
    remove::remove_folder,
    workspace::{Entry, Kind, MAX_LEVELS, Workspace, WorkspaceError},
};

const ROOT: &str = "root";
const READ_ONLY: &str = "readonly";
const BINDS: &str = "binds";

/// Which way the files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Everything that a build begins with.
    ToWorker,
    /// What it may have changed.
    FromWorker,
}

/// Writes a build's files into `target`; of what it sees of the host, the folders in `binds`. Names that are no UTF-8 come
/// as what they look like. Blocks.
pub fn pack(folder: &Folder, binds: &[Bind], direction: Direction, target: &Path) -> io::Result<()> {
    let file = BufWriter::new(File::create(target)?);
    let mut writer = Writer::quick(file);
    add(&mut writer, Path::new(ROOT), &folder.path().join(ROOT))?;
    if direction == Direction::FromWorker && folder.was_beside()? {
        add_contents(&mut writer, &Path::new(ROOT).join("tmp"), Path::new("/tmp"))?;
    }
    if direction == Direction::ToWorker {
        add(&mut writer, Path::new(READ_ONLY), &folder.read_only())?;
        for (index, bind) in binds.iter().enumerate() {
            add(&mut writer, &bind_path(index), &bind.host)?;
        }
    }
    let file = writer.finish().map_err(io::Error::other)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
}

/// Puts what [`pack`] wrote in the place of what the folder has. No link is followed; those that come may lead anywhere, so
/// the root is to be read through its workspace alone. May be done again. Blocks.
pub fn unpack(folder: &Folder, direction: Direction, archive: &Path) -> Result<(), Error> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    let fresh = folder.path().join("carried");
    remove_folder(&fresh).map_err(at(&fresh))?;
    fs::create_dir(&fresh).map_err(at(&fresh))?;
    // As dense as it likes, for zeros are, and not as large.
    let limits = Limits { ratio: u64::MAX, ..Limits::default() };
    extract_tree(File::open(archive).map_err(at(archive))?, &fresh, limits)?;
    let parts: &[&str] = match direction {
        Direction::ToWorker => &[ROOT, READ_ONLY, BINDS],
        Direction::FromWorker => &[ROOT],
    };
    for part in parts {
        let (old, new) = (folder.path().join(part), fresh.join(part));
        if fs::symlink_metadata(&new).is_ok_and(|found| found.is_dir()) {
            remove_folder(&old).map_err(at(&old))?;
            fs::rename(&new, &old).map_err(at(&new))?;
        }
    }
    remove_folder(&fresh).map_err(at(&fresh))
}

/// The folders of the plan where [`unpack`] has put them.
pub fn rebind(folder: &Folder, binds: &mut [Bind]) {
    for (index, bind) in binds.iter_mut().enumerate() {
        bind.host = folder.path().join(bind_path(index));
    }
}

fn bind_path(index: usize) -> PathBuf {
    Path::new(BINDS).join(index.to_string())
}

fn add<W: Write + io::Seek>(writer: &mut Writer<W>, name: &Path, place: &Path) -> io::Result<()> {
    writer.add_directory(name).map_err(io::Error::other)?;
    add_contents(writer, name, place)
}

fn add_contents<W: Write + io::Seek>(writer: &mut Writer<W>, name: &Path, place: &Path) -> io::Result<()> {
    let workspace = Workspace::new(place.to_owned());
    for entry in walk(&workspace, place)? {
        let added = add_entry(writer, &workspace, &name.join(&entry.path), (&entry, place));
        // Two strange names may look the same.
        if added.is_err() && entry.path.to_str().is_none() {
            continue;
        }
        added?;
    }
    Ok(())
}

/// A build may leave folders that their owner cannot enter.
fn walk(workspace: &Workspace, place: &Path) -> io::Result<Vec<Entry>> {
    match workspace.walk(Path::new("/")) {
        Err(WorkspaceError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            open_up(place, MAX_LEVELS)?;
            workspace.walk(Path::new("/"))
        }
        walked => walked,
    }
    .map_err(io::Error::other)
}

/// Gives the owner every right on the folders below `path`, without following links.
fn open_up(path: &Path, levels: usize) -> io::Result<()> {
    let levels = levels.checked_sub(1).ok_or_else(|| io::Error::other("its folders are nested too deep"))?;
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path(), levels)?;
        }
    }
    Ok(())
}

fn add_entry<W: Write + io::Seek>(
    writer: &mut Writer<W>,
    workspace: &Workspace,
    name: &Path,
    (entry, place): (&Entry, &Path),
) -> io::Result<()> {
    let inside = Path::new("/").join(&entry.path);
    match &entry.kind {
        Kind::Directory => writer.add_directory(name),
        Kind::Symlink(goal) => writer.add_symlink(name, goal),
        Kind::File => {
            let mut file = match workspace.open_file(&inside) {
                Err(WorkspaceError::Io { source, .. })
                    if source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    // What it may hold, its owner may read.
                    fs::set_permissions(place.join(&entry.path), Permissions::from_mode(0o600))?;
                    workspace.open_file(&inside)
                }
                opened => opened,
            }
            .map_err(io::Error::other)?;
            writer.add_file(name, &mut file)
        }
    }
    .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folders() -> (tempfile::TempDir, Folder, Folder) {
        let parent = tempfile::tempdir().unwrap();
        let (here, there) =
            (Folder::new(parent.path().join("here")), Folder::new(parent.path().join("there")));
        here.create().unwrap();
        there.create().unwrap();
        (parent, here, there)
    }

    #[test]
    fn files_go_and_come_back_with_their_links() {
        let (parent, here, there) = folders();
        let source = here.workspace().create_directory(Path::new("/codebuild/output/src")).unwrap();
        fs::write(source.join("file"), "x").unwrap();
        symlink("/codebuild/output/src/file", source.join("link")).unwrap();
        symlink("/etc/passwd", source.join("out")).unwrap();
        fs::write(here.read_only().join("buildspec"), "text").unwrap();
        let cache = parent.path().join("cache");
        fs::create_dir(&cache).unwrap();
        fs::write(cache.join("kept"), "k").unwrap();
        let mut binds = [Bind { host: cache, inside: "/cache".into(), writable: false }];
        let archive = parent.path().join("archive");
        pack(&here, &binds, Direction::ToWorker, &archive).unwrap();
        fs::write(there.path().join("root/codebuild/old"), "gone").unwrap();
        unpack(&there, Direction::ToWorker, &archive).unwrap();
        rebind(&there, &mut binds);
        assert_eq!(fs::read_to_string(binds[0].host.join("kept")).unwrap(), "k");
        assert_eq!(fs::read_to_string(there.read_only().join("buildspec")).unwrap(), "text");
        assert!(!there.path().join("root/codebuild/old").exists());
        let arrived = there.path().join("root/codebuild/output/src");
        assert_eq!(fs::read_link(arrived.join("out")).unwrap(), Path::new("/etc/passwd"));
        fs::write(arrived.join("made"), "y").unwrap();

        fs::write(there.read_only().join("buildspec"), "another").unwrap();
        pack(&there, &[], Direction::FromWorker, &archive).unwrap();
        unpack(&here, Direction::FromWorker, &archive).unwrap();
        assert_eq!(fs::read_to_string(source.join("made")).unwrap(), "y");
        assert_eq!(fs::read_to_string(here.read_only().join("buildspec")).unwrap(), "text");
        let text = |inside: &str| {
            let mut text = String::new();
            io::Read::read_to_string(&mut here.workspace().open_file(Path::new(inside)).ok()?, &mut text)
                .ok()?;
            Some(text)
        };
        assert_eq!(text("/codebuild/output/src/link").as_deref(), Some("x"));
        assert_eq!(text("/codebuild/output/src/out"), None, "within the root there is no such file");
    }

    #[test]
    fn what_is_no_folder_takes_no_folders_place() {
        let (parent, here, _there) = folders();
        let archive = parent.path().join("archive");
        let mut writer = Writer::new(File::create(&archive).unwrap());
        writer.add_symlink(Path::new("root"), parent.path()).unwrap();
        writer.add_bytes(Path::new("readonly/buildspec"), &mut "mine".as_bytes()).unwrap();
        writer.finish().unwrap();
        unpack(&here, Direction::FromWorker, &archive).unwrap();
        assert!(here.path().join("root/codebuild").is_dir());
        assert!(!here.read_only().join("buildspec").exists());
    }
}
