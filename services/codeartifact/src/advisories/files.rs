//! The list as it is on disk: read when the server starts, and again when it has changed.

use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::Deserializer;

use super::osv::{self, Record};
use super::{AdvisorySource, List};
use crate::error::Error;

/// How often it is looked whether files have changed.
const EVERY: Duration = Duration::from_secs(2);
/// Where looking takes long it is done less often: it is one part in so many of the time.
const PART: u32 = 20;
const MOST_FILES: usize = 1_000_000;
/// Folders within folders.
const DEEPEST: usize = 8;
/// Of all files, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024 * 1024;
/// What the list may take of the memory, about, in bytes.
const MEMORY: usize = 1024 * 1024 * 1024;
/// Of bounds that are no versions, how many are told.
const MOST_TOLD: usize = 3;

/// The list in force, and where it is from.
pub struct Advisories {
    source: Option<AdvisorySource>,
    current: RwLock<Arc<List>>,
}

/// The files of a list, each with its size and when it was changed.
type Files = Vec<(PathBuf, u64, u128)>;

impl Advisories {
    pub fn new(source: Option<AdvisorySource>) -> Self {
        Self { source, current: RwLock::default() }
    }

    /// Whether there is a list at all.
    pub fn are_given(&self) -> bool {
        self.source.is_some()
    }

    pub fn current(&self) -> Arc<List> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the list for the first time. Errors: `Internal`, with what is wrong with it.
    pub async fn begin(&self) -> Result<(), Error> {
        let Some(source) = self.source.clone() else { return Ok(()) };
        let read =
            tokio::task::spawn_blocking(move || look(&source.path).and_then(|files| read(&source, &files)));
        let list = read.await.map_err(|error| Error::Internal(error.to_string()))?;
        self.enforce(list.map_err(|why| Error::Internal(format!("[advisories] {why}")))?);
        Ok(())
    }

    /// Reads it again whenever its files have changed. A list that is wrong changes nothing.
    pub async fn follow(&self) {
        let Some(source) = self.source.clone() else { return };
        let (mut last, mut pause, mut told) = (self.current().generation, EVERY, String::new());
        loop {
            tokio::time::sleep(pause).await;
            let (path, began) = (source.path.clone(), Instant::now());
            let looked = tokio::task::spawn_blocking(move || look(&path)).await;
            pause = EVERY.max(began.elapsed() * PART);
            let changed = match looked {
                Ok(Ok(files)) if generation(&files) == last => continue,
                Ok(Ok(files)) => {
                    last = generation(&files);
                    let source = source.clone();
                    tokio::task::spawn_blocking(move || read(&source, &files)).await
                }
                Ok(Err(why)) => Ok(Err(why)),
                Err(stopped) => Err(stopped),
            };
            match changed.unwrap_or_else(|stopped| Err(stopped.to_string())) {
                Ok(list) => {
                    self.enforce(list);
                    told.clear();
                }
                // Said once, not every other second.
                Err(why) if why == told => {}
                Err(why) => {
                    tracing::error!(%why, "the list of advisories cannot be read: the one before stays in force");
                    told = why;
                }
            }
        }
    }

    fn enforce(&self, list: List) {
        let (packages, blocking) = list.count();
        tracing::info!(packages, blocking, "a list of advisories is in force");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }
}

/// The files that belong to the list: a file, or those of a folder that end in `.json`. What begins with a dot does not.
/// Errors: what is wrong.
fn look(path: &Path) -> Result<Files, String> {
    let wrong = |path: &Path, why: &dyn fmt::Display| format!("{}: {why}", path.display());
    let (mut files, mut waiting) = (Files::new(), vec![(path.to_owned(), 0)]);
    while let Some((path, depth)) = waiting.pop() {
        let about = path.metadata().map_err(|error| wrong(&path, &error))?;
        if about.is_dir() {
            if depth >= DEEPEST {
                return Err(wrong(&path, &format!("more than {DEEPEST} folders within each other")));
            }
            for entry in path.read_dir().map_err(|error| wrong(&path, &error))? {
                let entry = entry.map_err(|error| wrong(&path, &error))?.path();
                let name =
                    entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if !name.starts_with('.') && (name.ends_with(".json") || entry.is_dir()) {
                    waiting.push((entry, depth + 1));
                }
            }
        } else {
            let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            files.push((path, about.len(), changed.unwrap_or_default().as_nanos()));
        }
        if files.len() + waiting.len() > MOST_FILES {
            return Err(format!("there are more than {MOST_FILES} files"));
        }
    }
    if files.iter().map(|(_, size, _)| size).sum::<u64>() > LARGEST {
        return Err(format!("the files are larger than {LARGEST} bytes together"));
    }
    files.sort();
    Ok(files)
}

/// Another number for other files; never zero.
fn generation(files: &Files) -> u64 {
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Errors: which file is wrong, and how.
fn read(source: &AdvisorySource, files: &Files) -> Result<List, String> {
    let mut list = List { generation: generation(files), ..List::default() };
    let (mut size, mut unclear) = (0, Vec::new());
    for (path, _, _) in files {
        let wrong = |why: String| format!("{}: {why}", path.display());
        let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let mut take = |record: Record| {
            let taken = osv::take(record, &source.blocking, &mut list)?;
            size += taken.size;
            unclear.extend(taken.unclear);
            match size > MEMORY {
                true => Err(format!("the list would take more than {MEMORY} bytes of memory")),
                false => Ok(()),
            }
        };
        each(BufReader::new(file), &mut take).map_err(wrong)?;
    }
    if !unclear.is_empty() {
        let (count, some) = (unclear.len(), unclear.get(..MOST_TOLD).unwrap_or(&unclear));
        tracing::warn!(
            count,
            ?some,
            "ranges of advisories have bounds that are no versions, and are left out"
        );
    }
    Ok(list)
}

type Take<'t> = dyn FnMut(Record) -> Result<(), String> + 't;

/// The records of a file: one, one after the other, or an array of them. Errors: what is wrong with it.
fn each(mut file: impl BufRead, take: &mut Take<'_>) -> Result<(), String> {
    let first = loop {
        let piece = file.fill_buf().map_err(|error| error.to_string())?;
        match piece.iter().position(|byte| !byte.is_ascii_whitespace()) {
            Some(at) => break piece.get(at).copied(),
            None if piece.is_empty() => break None,
            None => {
                let length = piece.len();
                file.consume(length);
            }
        }
    };
    let not_osv = |error: serde_json::Error| format!("it is not OSV: {error}");
    match first {
        None => Err("it is empty".to_owned()),
        Some(b'[') => {
            let mut parser = Deserializer::from_reader(file);
            parser.deserialize_seq(Records(take)).and_then(|()| parser.end()).map_err(not_osv)
        }
        Some(_) => Deserializer::from_reader(file)
            .into_iter::<Record>()
            .try_for_each(|record| take(record.map_err(not_osv)?)),
    }
}

/// Takes the records of an array one by one.
struct Records<'t, 'u>(&'t mut Take<'u>);

impl<'de> Visitor<'de> for Records<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("records of OSV")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element::<Record>()? {
            (self.0)(record).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisories::Blocking;
    use crate::names::{Coordinates, Format};

    const RECORD: &str = r#"{"id": "MAL-1", "affected": [{"package": {"ecosystem": "npm", "name": "evil"}, "versions": ["1.0.0"]}]}"#;

    fn list(path: &Path) -> Result<List, String> {
        let severities = ["malicious".parse().unwrap()].into();
        let source = AdvisorySource {
            path: path.to_owned(),
            blocking: Blocking { severities, ..Blocking::default() },
        };
        read(&source, &look(path)?)
    }

    #[test]
    fn records_are_read_from_a_file_or_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.json");
        let other = RECORD.replace("evil", "worse");
        for text in [format!("{RECORD}\n{other}\n"), format!(" [{RECORD}, {other}]\n")] {
            std::fs::write(&file, text).unwrap();
            let list = list(&file).unwrap();
            for name in ["evil", "worse"] {
                assert!(list.is_blocked(&Coordinates::normal(Format::Npm, "", name), "1.0.0"), "{name}");
            }
        }
        std::fs::write(&file, RECORD).unwrap();
        let inner = folder.path().join("2024/01");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("worse.json"), other).unwrap();
        std::fs::write(inner.join("README.md"), "no record").unwrap();
        std::fs::write(inner.join(".half.json"), "{").unwrap();
        assert_eq!(list(folder.path()).unwrap().count(), (2, 2));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.json");
        for (text, why) in [
            ("", "empty"),
            ("<html>", "not OSV"),
            ("{}", "missing field `id`"),
            (&format!("{RECORD}\n{{"), "not OSV"),
            (&format!("[{RECORD}"), "not OSV"),
            (&format!("[{RECORD}] x"), "not OSV"),
            (r#"[{"id": "a b"}]"#, "not the id"),
        ] {
            std::fs::write(&file, text).unwrap();
            let told = list(folder.path()).unwrap_err();
            assert!(told.contains(why) && told.contains("list.json"), "{text}: {told}");
        }
        assert!(list(&folder.path().join("nothing")).unwrap_err().contains("nothing"));
    }

    #[test]
    fn other_files_are_another_generation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.json");
        std::fs::write(&path, RECORD).unwrap();
        let first = list(folder.path()).unwrap().generation;
        assert_eq!(list(folder.path()).unwrap().generation, first);
        std::fs::write(&path, format!("{RECORD}\n")).unwrap();
        assert_ne!(list(folder.path()).unwrap().generation, first);
    }
}
