//! A connection to PostgreSQL, as the shared statements need it.

use std::collections::HashMap;
use std::error::Error as _;

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Statement};

use crate::Error;
use crate::sql::{self, Connection, Document, Parameter, Row};

use super::Address;

pub(super) struct Postgres {
    pub(super) client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Postgres {
    pub(super) fn connect(address: &Address) -> Result<Postgres, Error> {
        let connected = address.config.connect(address.tls.clone());
        let mut client = connected.map_err(|error| Error::Unavailable { cause: describe(&error) })?;
        // A sequential scan would make a serialisable transaction conflict with every other that writes the table.
        // Compiling such short statements takes a hundred times longer than running them.
        // What is acknowledged must be on the disk, even where the server's default says otherwise.
        let session = "SET enable_seqscan = off; SET jit = off;
            SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'";
        client.batch_execute(session).map_err(|error| failure(&error))?;
        Ok(Postgres { client, statements: HashMap::new() })
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).map_err(|error| failure(&error))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&translate(sql)).map_err(|error| failure(&error))?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

impl Connection for Postgres {
    fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64, Error> {
        let statement = self.prepared(sql)?;
        self.client.execute(&statement, &bound(parameters)).map_err(|error| failure(&error))
    }

    fn store(&mut self, document: &Document<'_>) -> Result<i64, Error> {
        let sql = "INSERT INTO record (kind, key, revision, version, indexes, value)
                   VALUES (?1, ?2, next_number(), ?3, ?4, ?5)
                   ON CONFLICT (kind, key) DO UPDATE SET revision = excluded.revision, version = excluded.version,
                       indexes = excluded.indexes, value = excluded.value
                   RETURNING revision";
        let parameters = [
            Parameter::Text(document.kind),
            Parameter::Bytes(document.key),
            Parameter::Integer(i64::from(document.version)),
            Parameter::Bytes(document.indexes),
            Parameter::Bytes(document.value),
        ];
        let revision = sql::first(self, sql, &parameters, |row| row.integer(0))?;
        revision.ok_or_else(|| Error::engine("an upsert answered no revision"))
    }

    fn query(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        visit: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let statement = self.prepared(sql)?;
        let rows = self.client.query(&statement, &bound(parameters)).map_err(|error| failure(&error))?;
        rows.iter().try_for_each(|row| visit(&PostgresRow(row)))
    }
}

fn bound<'a>(parameters: &'a [Parameter<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|parameter| -> &(dyn ToSql + Sync) {
            match parameter {
                Parameter::Integer(integer) => integer,
                Parameter::Text(text) => text,
                Parameter::Bytes(bytes) => bytes,
            }
        })
        .collect()
}

struct PostgresRow<'a>(&'a postgres::Row);

impl Row for PostgresRow<'_> {
    fn integer(&self, column: usize) -> Result<i64, Error> {
        self.0.try_get(column).map_err(|error| failure(&error))
    }

    fn text(&self, column: usize) -> Result<&str, Error> {
        self.0.try_get(column).map_err(|error| failure(&error))
    }

    fn bytes(&self, column: usize) -> Result<&[u8], Error> {
        self.0.try_get(column).map_err(|error| failure(&error))
    }
}

/// Writes a shared statement as PostgreSQL wants it: `$1` for `?1`, and without the comment signs around what is meant
/// for PostgreSQL only.
fn translate(sql: &str) -> String {
    let mut translated = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("/*postgres") {
        let (only_here, after) = after.split_once("*/").unwrap_or((after, ""));
        translated.push_str(before);
        translated.push_str(only_here);
        rest = after;
    }
    translated.push_str(rest);
    translated.replace('?', "$")
}

/// A conflict with another transaction is `Contention`, a broken connection `Unavailable`.
pub(super) fn failure(error: &postgres::Error) -> Error {
    let cause = describe(error);
    match error.code() {
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
            Error::Contention { attempts: 1 }
        }
        Some(&SqlState::DISK_FULL) => Error::Full { cause },
        // Classes 08, connection exception; 53, insufficient resources; 57P, operator intervention.
        Some(code) if ["08", "53", "57P"].iter().any(|class| code.code().starts_with(class)) => {
            Error::Unavailable { cause }
        }
        Some(_) => Error::Engine { cause },
        None if is_connection_error(error) => Error::Unavailable { cause },
        None => Error::Engine { cause },
    }
}

fn is_connection_error(error: &postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// The error with its cause, which `Display` leaves out.
fn describe(error: &postgres::Error) -> std::sync::Arc<str> {
    match error.source() {
        Some(source) => format!("{error}: {source}").into(),
        None => error.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_translated() {
        assert_eq!(
            translate("SELECT a FROM b WHERE c = ?1 LIMIT ?12 /*postgres FOR UPDATE */)"),
            "SELECT a FROM b WHERE c = $1 LIMIT $12  FOR UPDATE )"
        );
    }
}
