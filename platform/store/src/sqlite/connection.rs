//! A connection to SQLite, as the shared statements need it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ToSql};

use crate::Error;
use crate::sql::{Connection, Document, Parameter, Row};

/// Statements kept prepared per connection; the crate has fewer.
const PREPARED: usize = 128;

pub(crate) struct Sqlite {
    pub(super) connection: rusqlite::Connection,
    /// The last number that `next_number()` answered. The writer stores it with each commit.
    pub(super) number: Arc<AtomicI64>,
}

impl Sqlite {
    /// A connection that writes; makes the database if there is none.
    pub(crate) fn writer(file: &Path) -> Result<Sqlite, Error> {
        let sqlite = Sqlite::open(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        // FULL: each commit reaches the disk before it returns. The larger checkpoint interval (pages) keeps most of
        // the copying from the log into the database out of the way of commits.
        sqlite.batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
             PRAGMA journal_size_limit = 67108864;",
        )?;
        Ok(sqlite)
    }

    /// A connection that only reads.
    pub(crate) fn reader(file: &Path) -> Result<Sqlite, Error> {
        let sqlite = Sqlite::open(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sqlite.batch("PRAGMA query_only = ON;")?;
        Ok(sqlite)
    }

    /// Runs statements that answer nothing of interest.
    pub(crate) fn batch(&self, sql: &str) -> Result<(), Error> {
        self.connection.execute_batch(sql).map_err(failure)
    }

    /// Runs one statement, prepared once.
    pub(crate) fn run(&self, sql: &'static str) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        statement.raw_execute().map(drop).map_err(failure)
    }

    pub(crate) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    fn open(file: &Path, flags: OpenFlags) -> Result<Sqlite, Error> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(file, flags)
            .map_err(|error| Error::file(file, failure(error)))?;
        // Only a backup or a recovery after a crash ever holds the file against us, and briefly.
        connection.busy_timeout(Duration::from_secs(10)).map_err(failure)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        // Else a statement whose range is bound anew is compiled anew, to plan for the new values: a fifth of all that a
        // write costs, for plans that never differ.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failure)?;
        let number = Arc::new(AtomicI64::new(0));
        define_functions(&connection, &number).map_err(failure)?;
        Ok(Sqlite { connection, number })
    }
}

/// The functions that the shared statements call (see `sql`). There is one writer, so numbers are committed in the
/// order in which they were handed out, and the outbox is always settled.
fn define_functions(connection: &rusqlite::Connection, number: &Arc<AtomicI64>) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8;
    let next = number.clone();
    connection.create_scalar_function("next_number", 0, flags, move |_| {
        Ok(next.fetch_add(1, Ordering::Relaxed) + 1)
    })?;
    let next = number.clone();
    connection.create_scalar_function("outbox_number", 1, flags, move |_| {
        Ok(next.fetch_add(1, Ordering::Relaxed) + 1)
    })?;
    let constant = flags | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("outbox_settled", 0, constant, |_| Ok(i64::MAX))?;
    connection.create_scalar_function("clock_millis", 0, flags, |_| Ok(clock_millis()))
}

fn clock_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Connection for Sqlite {
    fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64, Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        let changed = statement.execute(rusqlite::params_from_iter(parameters)).map_err(failure)?;
        Ok(changed as u64)
    }

    fn store(&mut self, document: &Document<'_>) -> Result<i64, Error> {
        // RETURNING would gather the revision in a table of its own.
        let revision = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let sql = "INSERT INTO record (kind, key, revision, version, indexes, value)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT (kind, key) DO UPDATE SET revision = excluded.revision, version = excluded.version,
                       indexes = excluded.indexes, value = excluded.value";
        let Document { kind, key, version, indexes, value } = *document;
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        statement.execute((kind, key, revision, version, indexes, value)).map_err(failure)?;
        Ok(revision)
    }

    fn query(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        visit: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut statement = self.connection.prepare_cached(sql).map_err(failure)?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters)).map_err(failure)?;
        while let Some(row) = rows.next().map_err(failure)? {
            visit(&SqliteRow(row))?;
        }
        Ok(())
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Parameter::Integer(integer) => ValueRef::Integer(*integer),
            Parameter::Text(text) => ValueRef::Text(text.as_bytes()),
            Parameter::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

struct SqliteRow<'a>(&'a rusqlite::Row<'a>);

impl Row for SqliteRow<'_> {
    fn integer(&self, column: usize) -> Result<i64, Error> {
        self.0.get(column).map_err(failure)
    }

    fn text(&self, column: usize) -> Result<&str, Error> {
        self.0.get_ref(column).map_err(failure)?.as_str().map_err(Error::engine)
    }

    fn bytes(&self, column: usize) -> Result<&[u8], Error> {
        self.0.get_ref(column).map_err(failure)?.as_blob().map_err(Error::engine)
    }
}

pub(crate) fn failure(error: rusqlite::Error) -> Error {
    let cause = error.to_string().into();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full { cause },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::CannotOpen) => {
            Error::Unavailable { cause }
        }
        _ => Error::Engine { cause },
    }
}
