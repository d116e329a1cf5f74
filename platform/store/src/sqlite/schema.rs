//! The schema of the SQLite database, one file per version.

use crate::Error;

use super::connection::{Sqlite, failure};

/// The statements that lead from each version to the next; never changed once released.
const MIGRATIONS: &[&str] =
    &[include_str!("schema_1.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// The version that this program works with.
pub(crate) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the database to the current version, each step in one transaction. Errors: `NewerSchema`.
pub(crate) fn migrate(sqlite: &mut Sqlite) -> Result<(), Error> {
    let found = version(&sqlite.connection)?;
    if found > VERSION {
        return Err(Error::NewerSchema { found, known: VERSION });
    }
    for (step, statements) in (1..).zip(MIGRATIONS).skip_while(|(step, _)| *step <= found) {
        sqlite.batch(&format!("BEGIN IMMEDIATE;\n{statements}\nPRAGMA user_version = {step};\nCOMMIT;"))?;
        tracing::info!(schema.version = step, "The database schema was migrated.");
    }
    Ok(())
}

/// The schema version of a database; 0 for an empty one.
pub(crate) fn version(connection: &rusqlite::Connection) -> Result<i64, Error> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failure)
}
