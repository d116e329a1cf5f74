//! What all local caches may have together: those that nobody has used for longest go. Blocks.
//!
//! A file that goes while a build reads it is read to its end: it only loses its name.

use std::{
    fs::{self, FileTimes},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use runner::remove_file;

/// A draft that is older was left by a crash.
const DRAFTS: Duration = Duration::from_secs(24 * 60 * 60);
/// What drafts of caches begin with.
pub(super) const DRAFT: &str = "draft-";
/// Folders below the caches: account, region, and the parts of a cache's name.
const LEVELS: usize = 8;

/// Notes that a cache is used. When it was written stays as it is.
pub(super) fn use_now(file: &fs::File) {
    // A cache that is not noted goes earlier, and no more.
    let _later = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
}

struct Kept {
    used: SystemTime,
    path: PathBuf,
    bytes: u64,
}

/// Removes what was not used for longest until the others have `most` bytes at most. Gives how many went.
pub(super) fn keep_within(caches: &Path, most: u64, now: SystemTime) -> io::Result<usize> {
    let mut kept = Vec::new();
    list(caches, LEVELS, now, &mut kept)?;
    let mut together: u64 = kept.iter().map(|cache| cache.bytes).sum();
    kept.sort_by_key(|cache| cache.used);
    let mut gone = 0;
    for cache in kept {
        if together <= most {
            break;
        }
        remove_file(&cache.path)?;
        together -= cache.bytes;
        gone += 1;
    }
    Ok(gone)
}

fn list(folder: &Path, levels: usize, now: SystemTime, kept: &mut Vec<Kept>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // Replaced meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        let (path, written) = (entry.path(), metadata.modified()?);
        if metadata.is_dir() && levels > 0 {
            list(&path, levels - 1, now, kept)?;
        } else if metadata.is_file() && !entry.file_name().to_string_lossy().starts_with(DRAFT) {
            let used = metadata.accessed().map_or(written, |accessed| accessed.max(written));
            kept.push(Kept { used, path, bytes: metadata.len() });
        } else if metadata.is_file() && now.duration_since(written).is_ok_and(|age| age > DRAFTS) {
            remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn cache(folder: &Path, name: &str, bytes: usize, used: SystemTime) -> fs::File {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![7; bytes]).unwrap();
        let file = fs::File::open(path).unwrap();
        file.set_times(FileTimes::new().set_accessed(used).set_modified(used)).unwrap();
        file
    }

    #[test]
    fn those_used_last_stay_and_a_reader_reads_to_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let days = |days: u64| now - Duration::from_secs(days * 24 * 60 * 60);
        let mut oldest = cache(folder.path(), "1/eu/a/cache.zip", 100, days(9));
        cache(folder.path(), "1/us/b/cache.zip", 100, days(5));
        let used = cache(folder.path(), "2/us/c/key-1.zip", 100, days(8));
        cache(folder.path(), "2/us/c/draft-left", 50, days(3));
        cache(folder.path(), "2/us/c/draft-now", 50, now);
        use_now(&used);
        assert_eq!(used.metadata().unwrap().modified().unwrap(), days(8), "invalidation goes by it");
        assert_eq!(keep_within(folder.path(), 300, now).unwrap(), 0);
        assert_eq!(keep_within(folder.path(), 299, now).unwrap(), 1);
        assert_eq!(keep_within(folder.path(), 100, now).unwrap(), 1);
        let left = |name: &str| folder.path().join(name).exists();
        assert!(left("2/us/c/key-1.zip") && left("2/us/c/draft-now"));
        assert!(!left("1/eu/a/cache.zip") && !left("1/us/b/cache.zip") && !left("2/us/c/draft-left"));
        let mut read = Vec::new();
        oldest.read_to_end(&mut read).unwrap();
        assert_eq!(read.len(), 100);
        assert_eq!(keep_within(&folder.path().join("none"), 0, now).unwrap(), 0);
    }
}
