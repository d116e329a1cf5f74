//! The schema of the PostgreSQL database, one file per version.

use crate::Error;
use crate::sql::{self, Connection};

use super::connection::Postgres;

/// The statements that lead from each version to the next; never changed once released.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];
const VERSION: i64 = MIGRATIONS.len() as i64;

/// Names the advisory lock under which nodes that start at once migrate one after the other. An arbitrary number.
const LOCK: i64 = 0x5374_6167_6577_7269;

/// Brings the database to the current version, in one transaction. Errors: `NewerSchema`.
pub(super) fn migrate(postgres: &mut Postgres) -> Result<(), Error> {
    postgres.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
    let migrated = migrate_locked(postgres).and_then(|()| outnumber_restored_entries(postgres));
    match migrated {
        Ok(()) => postgres.batch("COMMIT"),
        Err(error) => {
            // The error to be told is the first one; the connection is given up with it.
            let _ = postgres.batch("ROLLBACK");
            Err(error)
        }
    }
}

fn migrate_locked(postgres: &mut Postgres) -> Result<(), Error> {
    postgres.batch(
        "SET LOCAL client_min_messages = warning;
         CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)",
    )?;
    let found = sql::first(postgres, "SELECT version FROM schema_version", &[], |row| row.integer(0))?;
    let found = found.unwrap_or(0);
    if found > VERSION {
        return Err(Error::NewerSchema { found, known: VERSION });
    }
    for (step, statements) in (1..).zip(MIGRATIONS).skip_while(|(step, _)| *step <= found) {
        postgres.batch(statements)?;
        tracing::info!(schema.version = step, "The database schema was migrated.");
    }
    if found < VERSION {
        postgres
            .batch(&format!("DELETE FROM schema_version; INSERT INTO schema_version VALUES ({VERSION})"))?;
    }
    Ok(())
}

/// Outbox numbers grow with the cluster's transaction ids. In a cluster into which the database was restored these may
/// be lower than the numbers that subscribers have acknowledged, and new entries would pass for old ones.
fn outnumber_restored_entries(postgres: &mut Postgres) -> Result<(), Error> {
    let highest = "SELECT GREATEST(
        (SELECT COALESCE(MAX(seq), 0) FROM outbox), (SELECT COALESCE(MAX(position), 0) FROM subscriber))";
    let highest = sql::first(postgres, highest, &[], |row| row.integer(0))?.unwrap_or(0);
    let next = sql::first(postgres, "SELECT outbox_number(0)", &[], |row| row.integer(0))?.unwrap_or(0);
    if highest >= next {
        tracing::warn!("The outbox comes from another database cluster; its numbers go on from there.");
        let missing = crate::sql::Parameter::Integer(highest - next + 1);
        postgres.execute("UPDATE outbox_base SET base = base + ?1", &[missing])?;
    }
    Ok(())
}
