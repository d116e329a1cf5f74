//! The little SQL that both engines share.
//!
//! All statements of the crate are written once, for SQLite and PostgreSQL alike: positional parameters `?1`, integers
//! of 64 bits, text and bytes, `ON CONFLICT`, `RETURNING`. Where the engines differ, each defines functions of the
//! same name:
//! - `next_number()`: a number that no earlier call has answered;
//! - `clock_millis()`: milliseconds since 1970 by the clock that all nodes share;
//! - `outbox_number(n)`: the number of the n-th outbox entry of this transaction;
//! - `outbox_settled()`: no entry below this number is still to be committed.
//!
//! Only storing a document, the most frequent of all, is left to the engines.
//!
//! Text between `/*postgres` and `*/` is a comment to SQLite and a part of the statement to PostgreSQL.

use crate::Error;

/// A value bound to a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parameter<'a> {
    Integer(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A row of the table `record`, but for its revision.
pub(crate) struct Document<'a> {
    pub kind: &'a str,
    pub key: &'a [u8],
    pub version: u32,
    pub indexes: &'a [u8],
    pub value: &'a [u8],
}

/// One row of a result.
pub(crate) trait Row {
    fn integer(&self, column: usize) -> Result<i64, Error>;
    fn text(&self, column: usize) -> Result<&str, Error>;
    fn bytes(&self, column: usize) -> Result<&[u8], Error>;
}

/// A connection inside a transaction.
pub(crate) trait Connection {
    /// Runs a statement, answers how many rows it changed.
    fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64, Error>;

    /// Stores a document, over the one that may be there, under a new revision, which it answers. Each engine has its own
    /// fastest way.
    fn store(&mut self, document: &Document<'_>) -> Result<i64, Error>;

    /// Runs a statement and visits the rows that it answers.
    fn query(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        visit: &mut dyn FnMut(&dyn Row) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

/// All rows of a query, each turned into a `T`.
pub(crate) fn rows<T>(
    connection: &mut dyn Connection,
    sql: &'static str,
    parameters: &[Parameter<'_>],
    read: impl Fn(&dyn Row) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut rows = Vec::new();
    connection.query(sql, parameters, &mut |row| {
        rows.push(read(row)?);
        Ok(())
    })?;
    Ok(rows)
}

/// The first row of a query, if it answers any.
pub(crate) fn first<T>(
    connection: &mut dyn Connection,
    sql: &'static str,
    parameters: &[Parameter<'_>],
    read: impl Fn(&dyn Row) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    Ok(rows(connection, sql, parameters, read)?.into_iter().next())
}

/// A number as the interface shows it. The engines hand out positive numbers only.
pub(crate) fn unsigned(number: i64) -> u64 {
    number.max(0).cast_unsigned()
}

/// A number as the engines store it; beyond their range it is the greatest that they have, which no row reaches.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
