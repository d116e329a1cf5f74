//! Backups of the embedded database: written while it is in use, verified, restored into a new folder.

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use crate::Error;
use crate::store::blocking;

use super::connection::{Sqlite, failure};
use super::folder::{Folder, sync_dir};
use super::schema;

/// What a verified backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Size of the file in bytes.
    pub size: u64,
    pub schema: i64,
    /// How many documents, queue entries and outbox entries there are.
    pub documents: u64,
    pub queue_entries: u64,
    pub outbox_entries: u64,
}

/// Checks that a file is a whole database that this program can read. It may take a while: every page is read.
/// Errors: `File` when it is damaged or no database, `NewerSchema`.
pub async fn verify(backup: impl AsRef<Path>) -> Result<Verified, Error> {
    let backup = backup.as_ref().to_owned();
    blocking(move || check(&backup)).await
}

/// Verifies a backup and makes it the database of a folder, which must not hold one yet.
/// Errors: as `verify`; `File` when there is a database already; `Locked`.
pub async fn restore(backup: impl AsRef<Path>, dir: impl AsRef<Path>) -> Result<Verified, Error> {
    let (backup, dir) = (backup.as_ref().to_owned(), dir.as_ref().to_owned());
    blocking(move || {
        let folder = Folder::lock(&dir)?;
        let database = folder.database();
        if database.exists() {
            return Err(Error::file(database, "there is a database already"));
        }
        check(&backup)?;
        let copy = unfinished(&database);
        std::fs::copy(&backup, &copy).map_err(|error| Error::file(&copy, error))?;
        let verified = check(&copy)?;
        put_in_place(&copy, &database)?;
        Ok(verified)
    })
    .await
}

/// Copies the database of a folder that this or another process has open: one consistent, verified state.
/// Errors: `File` if there is no database, or the target exists or cannot be written.
pub async fn backup_of(dir: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Verified, Error> {
    let (database, to) = (Folder::database_in(dir.as_ref()), to.as_ref().to_owned());
    blocking(move || back_up(&database, &to)).await
}

pub(crate) fn back_up(from: &Path, to: &Path) -> Result<Verified, Error> {
    if to.exists() {
        return Err(Error::file(to, "the file exists already"));
    }
    let copy = unfinished(to);
    remove(&copy)?;
    let target = copy.to_str().ok_or_else(|| Error::file(&copy, "the path is not UTF-8"))?;
    let source = Sqlite::reader(from)?;
    // Reads one snapshot, as any reader does, and writes a compact copy.
    let copied = source
        .batch("PRAGMA query_only = OFF;")
        .and_then(|()| source.connection.execute("VACUUM INTO ?1", [target]).map(drop).map_err(failure));
    let verified = copied.and_then(|()| check(&copy)).and_then(|verified| {
        put_in_place(&copy, to)?;
        Ok(verified)
    });
    if verified.is_err() {
        remove(&copy)?;
    }
    verified
}

fn check(file: &Path) -> Result<Verified, Error> {
    let damaged = |cause: &dyn ToString| Error::file(file, cause.to_string());
    let size = std::fs::metadata(file).map_err(|error| damaged(&error))?.len();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(file, flags).map_err(|error| damaged(&error))?;
    let verdict: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(&error))?;
    if verdict != "ok" {
        return Err(damaged(&verdict));
    }
    let schema = schema::version(&connection)?;
    if schema > schema::VERSION {
        return Err(Error::NewerSchema { found: schema, known: schema::VERSION });
    }
    if schema == 0 {
        return Err(damaged(&"not a database of this program"));
    }
    let count = |table: &str| {
        let count =
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
        count.map(crate::sql::unsigned).map_err(|error| damaged(&error))
    };
    Ok(Verified {
        size,
        schema,
        documents: count("record")?,
        queue_entries: count("queue_entry")?,
        outbox_entries: count("outbox")?,
    })
}

fn put_in_place(copy: &Path, to: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::file(to, error);
    File::open(copy).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(copy, to).map_err(failed)?;
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_dir(dir)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

fn remove(file: &Path) -> Result<(), Error> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file(file, error)),
        _ => Ok(()),
    }
}
