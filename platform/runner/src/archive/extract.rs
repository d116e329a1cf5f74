//! Unpacking archives that come from anywhere.
//!
//! Three things that an archive may try are refused: names that lead out of the folder, links that do, and content
//! that unpacks to more than the limits. Sizes are counted while they are written, never taken from the archive.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::{AsFd, OwnedFd},
    path::{Component, Path},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, ResolveFlags, mkdirat, openat2, symlinkat, unlinkat},
    io::Errno,
};
use zip::{ZipArchive, result::ZipError};

use super::Error;

/// Links are this long at most in the kernel.
const MAX_LINK_BYTES: u64 = 4096;
/// Small archives may be packed as tightly as they like.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// What an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub entries: u64,
    /// All files together.
    pub bytes: u64,
    /// Bytes unpacked for each byte of the archive; looked at from 64 MiB on.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 500_000, bytes: 16 << 30, ratio: 200 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    pub files: u64,
    pub bytes: u64,
}

/// Unpacks all of an archive into an existing folder. Files that stand there are replaced.
///
/// Permissions are kept without set-user-id, set-group-id and sticky bits. On an error some of the archive may have
/// been unpacked, never outside of the folder. Blocks.
pub fn extract(archive: impl Read + Seek, folder: &Path, limits: Limits) -> Result<Extracted, Error> {
    unpack(archive, folder, limits, Links::Inside)
}

/// As [`extract`], with links that may lead anywhere, as a build may have left them: only for a folder that is read
/// through a [`crate::Workspace`] alone. None of them is followed here.
pub fn extract_tree(archive: impl Read + Seek, folder: &Path, limits: Limits) -> Result<Extracted, Error> {
    unpack(archive, folder, limits, Links::Anywhere)
}

/// Where links of an archive may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    Inside,
    Anywhere,
}

fn unpack(
    mut archive: impl Read + Seek,
    folder: &Path,
    limits: Limits,
    allowed: Links,
) -> Result<Extracted, Error> {
    let packed = archive.seek(io::SeekFrom::End(0)).map_err(|error| Error::Format(error.to_string()))?;
    let mut archive = ZipArchive::new(archive).map_err(format)?;
    if archive.len() as u64 > limits.entries {
        return Err(Error::TooLarge(format!("{} entries, more than {}", archive.len(), limits.entries)));
    }
    let mut target = Target {
        folder: open_folder(folder)?,
        budget: limits.bytes.min(packed.saturating_mul(limits.ratio).max(RATIO_FREE_BYTES)),
        limits,
        extracted: Extracted::default(),
    };
    // Links last: while files are written there is none in the folder that this archive has brought.
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(format)?;
        let name = entry.name().map_err(format)?.into_owned();
        if entry.encrypted() {
            return Err(Error::Encrypted(name));
        }
        let path = inside(&name).ok_or_else(|| Error::Escape(name.clone()))?;
        if entry.is_symlink() {
            let mut goal = Vec::new();
            (&mut entry)
                .take(MAX_LINK_BYTES + 1)
                .read_to_end(&mut goal)
                .map_err(|error| broken(&name, &error))?;
            links.push((name, path, goal));
        } else if entry.is_dir() {
            target.directory(&path, &name)?;
        } else {
            let mode = entry.unix_mode().map_or(0o644, |mode| mode & 0o777);
            target.file(&path, &name, mode, &mut entry)?;
        }
    }
    for (name, path, goal) in links {
        target.link(&path, &name, &goal, allowed)?;
    }
    Ok(target.extracted)
}

fn format(error: ZipError) -> Error {
    Error::Format(error.to_string())
}

fn broken(name: &str, error: &io::Error) -> Error {
    Error::Format(format!("entry {name:?}: {error}"))
}

fn open_folder(folder: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::empty())
        .map_err(|error| Error::Io { path: folder.to_owned(), source: error.into() })
}

/// The parts of an entry's name below the folder; none if the name is absolute, climbs, or names nothing.
fn inside(name: &str) -> Option<Vec<String>> {
    if name.contains('\0') {
        return None;
    }
    let mut parts = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
}

struct Target {
    folder: OwnedFd,
    /// Bytes that all files together may have.
    budget: u64,
    limits: Limits,
    extracted: Extracted,
}

impl Target {
    /// Makes a folder and those above it, and opens it. No link is followed on the way, also none that stood in the
    /// folder before.
    fn directory(&self, parts: &[String], name: &str) -> Result<OwnedFd, Error> {
        let mut folder = self.reopen().map_err(|error| Self::refused(name, error))?;
        for part in parts {
            match mkdirat(&folder, part.as_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(Self::refused(name, error)),
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            folder = Self::open_beneath(&folder, part, flags, Mode::empty())
                .map_err(|error| Self::refused(name, error))?;
        }
        Ok(folder)
    }

    fn file(
        &mut self,
        parts: &[String],
        name: &str,
        mode: u32,
        content: &mut impl Read,
    ) -> Result<(), Error> {
        let Some((file_name, above)) = parts.split_last() else { return Err(Error::Escape(name.to_owned())) };
        let folder = self.directory(above, name)?;
        Self::make_room(&folder, file_name, name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = Self::open_beneath(&folder, file_name, flags, Mode::from_raw_mode(mode))
            .map_err(|error| Self::refused(name, error))?;
        self.copy(content, &mut File::from(file), name)?;
        self.extracted.files += 1;
        Ok(())
    }

    fn copy(&mut self, content: &mut impl Read, file: &mut File, name: &str) -> Result<(), Error> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let length = content.read(&mut chunk).map_err(|error| broken(name, &error))?;
            if length == 0 {
                return Ok(());
            }
            self.extracted.bytes += length as u64;
            if self.extracted.bytes > self.budget {
                let Limits { bytes, ratio, .. } = self.limits;
                return Err(Error::TooLarge(format!(
                    "it unpacks to more than {} bytes (limits: {bytes} bytes, {ratio} times its own size)",
                    self.budget
                )));
            }
            file.write_all(&chunk[..length]).map_err(|source| Error::Io { path: name.into(), source })?;
        }
    }

    /// Makes a link, if it leads nowhere but inside.
    ///
    /// Its own folder is a real one (no link was followed to it), so each `..` at its beginning climbs exactly one
    /// level. A `..` after a name could climb out through another link, and is refused.
    fn link(&self, parts: &[String], name: &str, goal: &[u8], allowed: Links) -> Result<(), Error> {
        let escape = || Error::LinkEscape { name: name.to_owned() };
        let Some((link_name, above)) = parts.split_last() else { return Err(escape()) };
        let goal = std::str::from_utf8(goal).map_err(|_| escape())?;
        if goal.is_empty() || goal.len() as u64 > MAX_LINK_BYTES || goal.contains('\0') {
            return Err(escape());
        }
        if allowed == Links::Inside && !stays_inside(goal, above.len()) {
            return Err(escape());
        }
        let folder = self.directory(above, name)?;
        Self::make_room(&folder, link_name, name)?;
        symlinkat(goal, &folder, link_name.as_str()).map_err(|error| Self::refused(name, error))
    }

    /// Removes a file or link that stands in the way, never a folder.
    fn make_room(folder: &OwnedFd, file_name: &str, name: &str) -> Result<(), Error> {
        match unlinkat(folder, file_name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::ISDIR) => Err(Error::Conflict(name.to_owned())),
            Err(error) => Err(Self::refused(name, error)),
        }
    }

    fn reopen(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(self.folder.as_fd(), ".", flags, Mode::empty())
    }

    fn open_beneath(folder: &OwnedFd, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        openat2(folder, name, flags, mode, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
    }

    fn refused(name: &str, error: Errno) -> Error {
        match error {
            Errno::LOOP | Errno::NOTDIR | Errno::EXIST | Errno::ISDIR | Errno::XDEV => {
                Error::Conflict(name.to_owned())
            }
            other => Error::Io { path: name.into(), source: other.into() },
        }
    }
}

/// Whether the goal of a link leads nowhere but inside, where the link stands `depth` folders below the top.
fn stays_inside(goal: &str, depth: usize) -> bool {
    let mut climbed = 0;
    let mut descended = false;
    Path::new(goal).components().all(|component| match component {
        Component::Normal(_) => {
            descended = true;
            true
        }
        Component::CurDir => true,
        Component::ParentDir if !descended && climbed < depth => {
            climbed += 1;
            true
        }
        Component::ParentDir | Component::RootDir | Component::Prefix(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Cursor, os::unix::fs::PermissionsExt};

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    enum Item<'a> {
        File(&'a str, &'a str),
        Link(&'a str, &'a str),
        Mode(&'a str, u32),
    }

    fn archive(items: &[Item]) -> Cursor<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        for item in items {
            match item {
                Item::File(name, text) => {
                    zip.start_file(*name, options).unwrap();
                    zip.write_all(text.as_bytes()).unwrap();
                }
                Item::Link(name, goal) => zip.add_symlink(*name, *goal, options).unwrap(),
                Item::Mode(name, mode) => zip.start_file(*name, options.unix_permissions(*mode)).unwrap(),
            }
        }
        zip.finish().unwrap()
    }

    /// Unpacks into a folder with a neighbour that must stay as it is.
    fn unpack(archive: Cursor<Vec<u8>>, limits: Limits) -> (tempfile::TempDir, Result<Extracted, Error>) {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir_all(parent.path().join("a/b/into")).unwrap();
        fs::write(parent.path().join("a/secret"), "kept").unwrap();
        let result = extract(archive, &parent.path().join("a/b/into"), limits);
        assert_eq!(fs::read_to_string(parent.path().join("a/secret")).unwrap(), "kept");
        assert_eq!(fs::read_dir(parent.path().join("a/b")).unwrap().count(), 1, "nothing beside the folder");
        (parent, result)
    }

    fn refusal(items: &[Item]) -> String {
        unpack(archive(items), Limits::default()).1.unwrap_err().to_string()
    }

    #[test]
    fn files_folders_and_links_that_stay_inside() {
        let (parent, result) = unpack(
            archive(&[
                Item::File("dir/sub/file", "text"),
                Item::Link("dir/sub/up", "../../top"),
                Item::Link("dir/side", "sub/file"),
                Item::File("./top", "top text"),
            ]),
            Limits::default(),
        );
        assert_eq!(result.unwrap(), Extracted { files: 2, bytes: 12 });
        let into = parent.path().join("a/b/into");
        assert_eq!(fs::read_to_string(into.join("dir/side")).unwrap(), "text");
        assert_eq!(fs::read_to_string(into.join("dir/sub/up")).unwrap(), "top text");
    }

    #[test]
    fn set_user_id_is_not_kept() {
        let (parent, result) = unpack(archive(&[Item::Mode("tool", 0o4755)]), Limits::default());
        result.unwrap();
        let mode = fs::metadata(parent.path().join("a/b/into/tool")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }

    #[test]
    fn names_that_lead_out() {
        for name in ["../secret", "/etc/passwd", "dir/../../../secret", "dir/.."] {
            let refusal = refusal(&[Item::File(name, "x")]);
            assert!(refusal.contains("leads out"), "{name}: {refusal}");
        }
    }

    #[test]
    fn links_that_lead_out() {
        for goal in ["/etc/passwd", "..", "../..", "dir/../../..", "sub/.."] {
            let refusal = refusal(&[Item::Link("link", goal)]);
            assert!(refusal.contains("symbolic link"), "{goal}: {refusal}");
        }
    }

    #[test]
    fn tree_keeps_its_links_and_is_not_written_through_them() {
        let parent = tempfile::tempdir().unwrap();
        let (into, outside) = (parent.path().join("into"), parent.path().join("outside"));
        fs::create_dir_all(&into).unwrap();
        fs::create_dir_all(&outside).unwrap();
        let goal = outside.to_str().unwrap();
        let tree = archive(&[Item::Link("away", goal), Item::Link("up", "../.."), Item::File("file", "x")]);
        extract_tree(tree, &into, Limits::default()).unwrap();
        assert_eq!(fs::read_link(into.join("away")).unwrap(), outside);
        assert_eq!(fs::read_link(into.join("up")).unwrap(), Path::new("../.."));
        for item in [Item::File("away/file", "x"), Item::Link("away/link", "x")] {
            let through = archive(&[Item::Link("away", goal), item]);
            assert!(matches!(extract_tree(through, &into, Limits::default()), Err(Error::Conflict(_))));
        }
        assert!(fs::read_dir(&outside).unwrap().next().is_none());
        let climbs = archive(&[Item::File("../outside/file", "x")]);
        assert!(matches!(extract_tree(climbs, &into, Limits::default()), Err(Error::Escape(_))));
    }

    #[test]
    fn chain_of_links_that_would_lead_out_together() {
        let refusal = refusal(&[Item::Link("p/q/r", "."), Item::Link("s", "p/q/r/../../..")]);
        assert!(refusal.contains("symbolic link"), "{refusal}");
    }

    #[test]
    fn file_is_not_written_through_a_link() {
        // In the archive's order the link comes first, and the file would follow it.
        let refusal = refusal(&[Item::Link("out", "."), Item::File("out/file", "x")]);
        assert!(refusal.contains("in the place of another"), "{refusal}");

        let parent = tempfile::tempdir().unwrap();
        let (into, outside) = (parent.path().join("into"), parent.path().join("outside"));
        fs::create_dir_all(&into).unwrap();
        fs::create_dir_all(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, into.join("old")).unwrap();
        extract(archive(&[Item::File("old/file", "x")]), &into, Limits::default()).unwrap_err();
        assert!(fs::read_dir(&outside).unwrap().next().is_none());
    }

    #[test]
    fn bombs() {
        let entries = Limits { entries: 2, ..Limits::default() };
        let many = archive(&[Item::File("a", ""), Item::File("b", ""), Item::File("c", "")]);
        assert!(unpack(many, entries).1.unwrap_err().to_string().contains("3 entries"));

        let bytes = Limits { bytes: 3, ..Limits::default() };
        let refusal = unpack(archive(&[Item::File("a", "1234")]), bytes).1.unwrap_err();
        assert!(matches!(refusal, Error::TooLarge(_)), "{refusal}");

        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file("zeros", options).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..(RATIO_FREE_BYTES >> 20) + 1 {
            zip.write_all(&zeros).unwrap();
        }
        let refusal = unpack(zip.finish().unwrap(), Limits::default()).1.unwrap_err();
        assert!(refusal.to_string().contains("200 times"), "{refusal}");
    }

    #[test]
    fn not_an_archive() {
        let refusal = unpack(Cursor::new(b"hello".to_vec()), Limits::default()).1.unwrap_err();
        assert!(matches!(refusal, Error::Format(_)), "{refusal}");
    }
}
