//! Removal of folders whose depth a stranger has chosen.
//!
//! The standard library's removal holds a descriptor, and a frame of the stack, for each level: a build that nests
//! thousands of folders would take the server's.

use std::{
    ffi::CStr,
    fs, io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    path::Path,
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, renameat, statat, unlinkat},
    io::Errno,
};
use uuid::Uuid;

/// Levels that are entered; folders below them are moved up to the top first. A level holds three descriptors at most.
const LEVELS: usize = 16;
/// The owner's rights on a folder, without which nothing in it can be removed.
const OWN: u32 = 0o700;

/// Deletes a folder with everything in it, however deep, in a bounded number of descriptors. Links are not followed, and folders
/// that their owner may not enter are opened up. Fine if it is gone already; what could not be removed whole may have folders
/// within it moved up.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    let top = match rustix::fs::open(path, FOLDER, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        opened => usable(opened?)?,
    };
    loop {
        let something_went = clear(top.as_fd(), &top, 1)?;
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && something_went => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => return removed,
        }
    }
}

/// Deletes a file. Fine if it is gone already.
pub fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder that can be read and emptied, from a handle to it.
fn usable(handle: OwnedFd) -> io::Result<OwnedFd> {
    let mode = fstat(&handle)?.st_mode;
    if mode & OWN != OWN {
        let itself = format!("/proc/self/fd/{}", handle.as_raw_fd());
        match fs::set_permissions(itself, fs::Permissions::from_mode(mode & 0o777 | OWN)) {
            // Another's: what can be done with it shows.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            changed => changed?,
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(&handle, c".", flags, Mode::empty())?)
}

/// Removes what is in a folder, or moves it to `top`. Answers whether anything was there.
fn clear(top: BorrowedFd<'_>, folder: &OwnedFd, level: usize) -> io::Result<bool> {
    let mut something_went = false;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let gone = match is_folder(folder, name, entry.file_type()) {
            Ok(true) => remove_child(top, folder, name, level),
            Ok(false) => unlinkat(folder, name, AtFlags::empty()).map_err(io::Error::from),
            Err(error) => Err(error),
        };
        match gone {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            gone => gone?,
        }
        something_went = true;
    }
    Ok(something_went)
}

fn is_folder(parent: &OwnedFd, name: &CStr, told: FileType) -> io::Result<bool> {
    let kind = match told {
        // Not every file system tells it with the name.
        FileType::Unknown => {
            FileType::from_raw_mode(statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
        }
        told => told,
    };
    Ok(kind == FileType::Directory)
}

fn remove_child(top: BorrowedFd<'_>, parent: &OwnedFd, name: &CStr, level: usize) -> io::Result<()> {
    // A folder that is not writable cannot be moved either.
    let child = usable(openat(parent, name, FOLDER, Mode::empty())?)?;
    if level >= LEVELS {
        return Ok(renameat(parent, name, top, format!("removed-{}", Uuid::new_v4()))?);
    }
    loop {
        let something_went = clear(top, &child, level + 1)?;
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            // Not every file system lists all that is there while entries go.
            Err(Errno::NOTEMPTY | Errno::EXIST) if something_went => {}
            removed => return Ok(removed?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::mkdirat;

    use super::*;

    fn nest(folder: &Path, levels: usize) {
        let mut here = rustix::fs::open(folder, FOLDER, Mode::empty()).unwrap();
        for _ in 0..levels {
            mkdirat(&here, "a", Mode::RWXU).unwrap();
            here = openat(&here, "a", FOLDER, Mode::empty()).unwrap();
        }
    }

    #[test]
    fn folders_go_in_a_bounded_depth_of_calls_however_deep_they_are() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("build");
        fs::create_dir(&folder).unwrap();
        for (side, levels) in [("one", 3000), ("two", 50)] {
            fs::create_dir(folder.join(side)).unwrap();
            nest(&folder.join(side), levels);
        }
        // A call, and with it a descriptor, for each level would not fit.
        let small = std::thread::Builder::new().stack_size(256 * 1024);
        let place = folder.clone();
        small.spawn(move || remove_folder(&place)).unwrap().join().unwrap().unwrap();
        assert!(fs::read_dir(parent.path()).unwrap().next().is_none());
        remove_folder(&folder).unwrap();
    }

    #[test]
    fn links_are_removed_and_not_followed_and_shut_folders_are_opened() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, outside) = (parent.path().join("build"), parent.path().join("outside"));
        let deep = folder.join(["d"; LEVELS + 3].join("/"));
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        for place in [&folder, &deep] {
            symlink(&outside, place.join("link")).unwrap();
        }
        for shut in [&deep, &folder.join("d")] {
            fs::set_permissions(shut, fs::Permissions::from_mode(0o000)).unwrap();
        }
        remove_folder(&folder).unwrap();
        assert!(!folder.exists() && outside.join("kept").exists());
        symlink(&outside, &folder).unwrap();
        assert!(remove_folder(&folder).is_err());
        assert!(outside.join("kept").exists());
    }
}
