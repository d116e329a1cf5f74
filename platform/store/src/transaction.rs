//! Documents within a transaction.

use std::ops::{Deref, DerefMut};

use crate::aftermath::{Appended, Effects};
use crate::key;
use crate::record::{decode, decode_indexes, encode, encode_indexes};
use crate::signal::Signal;
use crate::sql::{self, Connection, Document, Parameter, Row, signed, unsigned};
use crate::{Error, Key, Page, Payload, Range, Record, Versioned};

/// The numbers that PostgreSQL has for the outbox entries of one transaction (schema_1.sql).
const MOST_APPENDED: i64 = 1_000_000;

/// A transaction that reads. It sees one consistent state of the database, however long it takes.
pub struct ReadTx<'a> {
    connection: &'a mut (dyn Connection + 'a),
    /// The first failure of the engine. A transaction that met one is not committed, even if the closure goes on.
    failure: Option<Error>,
}

/// A transaction that writes. It also reads, and sees its own changes.
///
/// Its changes, the outbox entries and the queue entries become durable together, or not at all.
pub struct WriteTx<'a> {
    read: ReadTx<'a>,
    effects: Effects,
    appended: i64,
}

impl<'a> ReadTx<'a> {
    /// The record of this key.
    pub fn get<R: Record>(&mut self, key: &Key) -> Result<Option<Versioned<R>>, Error> {
        let sql = "SELECT version, value, revision FROM record WHERE kind = ?1 AND key = ?2";
        let parameters = [Parameter::Text(R::KIND), Parameter::Bytes(key.as_bytes())];
        self.attempt(|connection| sql::first(connection, sql, &parameters, versioned::<R>))
    }

    /// Whether there is a record of this key.
    pub fn exists<R: Record>(&mut self, key: &Key) -> Result<bool, Error> {
        let sql = "SELECT revision FROM record WHERE kind = ?1 AND key = ?2";
        let parameters = [Parameter::Text(R::KIND), Parameter::Bytes(key.as_bytes())];
        let found =
            self.attempt(|connection| sql::first(connection, sql, &parameters, |row| row.integer(0)))?;
        Ok(found.is_some())
    }

    /// Up to `limit` records of a range, in the order of their keys. A [`Key`] stands for the range of its prefix.
    pub fn scan<R: Record>(&mut self, range: impl Into<Range>, limit: usize) -> Result<Page<R>, Error> {
        let range = range.into();
        let sql = if range.is_descending() {
            "SELECT version, value, revision, key FROM record
             WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4"
        } else {
            "SELECT version, value, revision, key FROM record
             WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"
        };
        let (lower, upper) = range.bounds();
        let parameters = [
            Parameter::Text(R::KIND),
            Parameter::Bytes(&lower),
            Parameter::Bytes(&upper),
            one_more_than(limit),
        ];
        let rows = self.attempt(|connection| sql::rows(connection, sql, &parameters, positioned::<R>))?;
        Ok(page(rows, limit))
    }

    /// Up to `limit` records in the order of one of their indexes. The range is over index keys; `Page::next` is a
    /// position within the same index.
    pub fn scan_index<R: Record>(
        &mut self,
        index: &str,
        range: impl Into<Range>,
        limit: usize,
    ) -> Result<Page<R>, Error> {
        let range = range.into();
        let sql = if range.is_descending() {
            "SELECT r.version, r.value, r.revision, i.key FROM record_index i
             JOIN record r ON r.kind = i.kind AND r.key = i.record_key
             WHERE i.kind = ?1 AND i.name = ?2 AND i.key >= ?3 AND i.key < ?4 ORDER BY i.key DESC LIMIT ?5"
        } else {
            "SELECT r.version, r.value, r.revision, i.key FROM record_index i
             JOIN record r ON r.kind = i.kind AND r.key = i.record_key
             WHERE i.kind = ?1 AND i.name = ?2 AND i.key >= ?3 AND i.key < ?4 ORDER BY i.key LIMIT ?5"
        };
        let (lower, upper) = range.bounds();
        let parameters = [
            Parameter::Text(R::KIND),
            Parameter::Text(index),
            Parameter::Bytes(&lower),
            Parameter::Bytes(&upper),
            one_more_than(limit),
        ];
        let rows = self.attempt(|connection| sql::rows(connection, sql, &parameters, positioned::<R>))?;
        Ok(page(rows, limit))
    }

    /// How many records a range holds. It takes time in proportion.
    pub fn count<R: Record>(&mut self, range: impl Into<Range>) -> Result<u64, Error> {
        let (lower, upper) = range.into().bounds();
        let sql = "SELECT count(*) FROM record WHERE kind = ?1 AND key >= ?2 AND key < ?3";
        let parameters = [Parameter::Text(R::KIND), Parameter::Bytes(&lower), Parameter::Bytes(&upper)];
        let count =
            self.attempt(|connection| sql::first(connection, sql, &parameters, |row| row.integer(0)))?;
        Ok(unsigned(count.unwrap_or(0)))
    }

    /// How many entries of an index a range holds. It takes time in proportion.
    pub fn count_index<R: Record>(&mut self, index: &str, range: impl Into<Range>) -> Result<u64, Error> {
        let (lower, upper) = range.into().bounds();
        let sql =
            "SELECT count(*) FROM record_index WHERE kind = ?1 AND name = ?2 AND key >= ?3 AND key < ?4";
        let parameters = [
            Parameter::Text(R::KIND),
            Parameter::Text(index),
            Parameter::Bytes(&lower),
            Parameter::Bytes(&upper),
        ];
        let count =
            self.attempt(|connection| sql::first(connection, sql, &parameters, |row| row.integer(0)))?;
        Ok(unsigned(count.unwrap_or(0)))
    }

    pub(crate) fn new(connection: &'a mut (dyn Connection + 'a)) -> ReadTx<'a> {
        ReadTx { connection, failure: None }
    }

    /// Runs a statement and remembers its failure.
    pub(crate) fn attempt<T>(
        &mut self,
        statement: impl FnOnce(&mut dyn Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = statement(self.connection);
        if let Err(error) = &result
            && ends_the_transaction(error)
        {
            self.failure = Some(error.clone());
        }
        result
    }
}

impl<'a> WriteTx<'a> {
    /// Stores a record, whether or not there is one of its key. Answers its new revision.
    pub fn put<R: Record>(&mut self, record: &R) -> Result<u64, Error> {
        let key = record.key();
        let existing = self.existing::<R>(&key)?;
        self.store(record, &key, existing.as_ref())
    }

    /// Stores a record if it is still in the revision in which the caller read it; `None`: if there is none.
    /// Answers its new revision. Errors: `Conflict`, after which the transaction can go on.
    pub fn put_if<R: Record>(&mut self, record: &R, expected: Option<u64>) -> Result<u64, Error> {
        let key = record.key();
        let existing = self.existing::<R>(&key)?;
        let found = existing.as_ref().map(|existing| existing.revision);
        if found != expected {
            return Err(Error::Conflict { kind: R::KIND, expected, found });
        }
        self.store(record, &key, existing.as_ref())
    }

    /// Stores a record that was read and changed, if nobody else changed it since. Errors: `Conflict`.
    pub fn update<R: Record>(&mut self, versioned: &Versioned<R>) -> Result<u64, Error> {
        self.put_if(&versioned.record, Some(versioned.revision))
    }

    /// Deletes the record of a key. Answers whether there was one.
    pub fn delete<R: Record>(&mut self, key: &Key) -> Result<bool, Error> {
        let Some(existing) = self.existing::<R>(key)? else { return Ok(false) };
        for (name, entry) in &existing.indexes {
            self.remove_index_entry::<R>(name, entry)?;
        }
        let parameters = [Parameter::Text(R::KIND), Parameter::Bytes(key.as_bytes())];
        self.execute("DELETE FROM record WHERE kind = ?1 AND key = ?2", &parameters)?;
        Ok(true)
    }

    /// Stores again up to `limit` records that are in an older version or whose index entries are not those that the
    /// program computes now. Answers where to go on, `None` at the end of the kind.
    pub fn renew<R: Record>(&mut self, after: Option<Key>, limit: usize) -> Result<Option<Key>, Error> {
        let (lower, upper) = Range::all().after(after).bounds();
        let sql = "SELECT version, value, revision, key, indexes FROM record
                   WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4";
        let parameters = [
            Parameter::Text(R::KIND),
            Parameter::Bytes(&lower),
            Parameter::Bytes(&upper),
            Parameter::Integer(signed(limit as u64)),
        ];
        let rows = self.read.attempt(|connection| {
            sql::rows(connection, sql, &parameters, |row| {
                let stale_version = row.integer(0)? != i64::from(R::VERSION);
                Ok((stale_version, positioned::<R>(row)?, row.bytes(4)?.to_vec()))
            })
        })?;
        let next = (rows.len() == limit).then(|| rows.last().map(|(_, (_, key), _)| key.clone())).flatten();
        for (stale_version, (versioned, key), indexes) in rows {
            if stale_version || encode_indexes(&key, &versioned.indexes())? != indexes {
                self.put(&versioned.record)?;
            }
        }
        Ok(next)
    }

    /// Wakes whoever listens to this name ([`Store::listen`](crate::Store::listen)) once the transaction is committed.
    pub fn tell(&mut self, name: &str) {
        self.touch(Signal::News(name.to_owned()));
    }

    pub(crate) fn new(connection: &'a mut (dyn Connection + 'a)) -> WriteTx<'a> {
        WriteTx { read: ReadTx::new(connection), effects: Effects::default(), appended: 0 }
    }

    /// Runs a statement that answers no rows.
    pub(crate) fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64, Error> {
        self.read.attempt(|connection| connection.execute(sql, parameters))
    }

    /// Whoever waits for this is woken once the transaction is committed.
    pub(crate) fn touch(&mut self, signal: Signal) {
        self.effects.signals.insert(signal);
    }

    /// Whoever observes the topic is told once the transaction is committed.
    pub(crate) fn appended(&mut self, topic: &str, payload: Payload) {
        self.effects.appended.push(Appended { topic: topic.to_owned(), payload });
    }

    /// Counts the outbox entries of this transaction, from 1. Errors: `Unsupported` when there are too many.
    pub(crate) fn count_append(&mut self) -> Result<i64, Error> {
        if self.appended == MOST_APPENDED {
            let what = "a transaction with more than a million outbox entries";
            return Err(Error::Unsupported { what, instead: "append them in several" });
        }
        self.appended += 1;
        Ok(self.appended)
    }

    /// What is to be done after the commit, or the failure that forbids to commit.
    pub(crate) fn finish(self) -> Result<Effects, Error> {
        match self.read.failure {
            Some(failure) => Err(failure),
            None => Ok(self.effects),
        }
    }

    fn existing<R: Record>(&mut self, key: &Key) -> Result<Option<Existing>, Error> {
        let sql = "SELECT revision, indexes FROM record WHERE kind = ?1 AND key = ?2";
        let parameters = [Parameter::Text(R::KIND), Parameter::Bytes(key.as_bytes())];
        self.read.attempt(|connection| {
            sql::first(connection, sql, &parameters, |row| {
                Ok(Existing { revision: unsigned(row.integer(0)?), indexes: decode_indexes(row.bytes(1)?)? })
            })
        })
    }

    fn store<R: Record>(&mut self, record: &R, key: &Key, existing: Option<&Existing>) -> Result<u64, Error> {
        let value = encode(record)?;
        let indexes = encode_indexes(key, &record.indexes())?;
        let before = existing.map_or(&[][..], |existing| &existing.indexes);
        let after = decode_indexes(&indexes)?;
        check_lengths::<R>(key, &after)?;
        for (name, entry) in before.iter().filter(|entry| !after.contains(entry)) {
            self.remove_index_entry::<R>(name, entry)?;
        }
        for (name, entry) in after.iter().filter(|entry| !before.contains(entry)) {
            let sql = "INSERT INTO record_index (kind, name, key, record_key) VALUES (?1, ?2, ?3, ?4)";
            self.execute(
                sql,
                &[
                    Parameter::Text(R::KIND),
                    Parameter::Text(name),
                    Parameter::Bytes(entry),
                    Parameter::Bytes(key.as_bytes()),
                ],
            )?;
        }
        let document = Document {
            kind: R::KIND,
            key: key.as_bytes(),
            version: R::VERSION,
            indexes: &indexes,
            value: &value,
        };
        self.read.attempt(|connection| connection.store(&document)).map(unsigned)
    }

    fn remove_index_entry<R: Record>(&mut self, name: &str, entry: &[u8]) -> Result<(), Error> {
        let parameters = [Parameter::Text(R::KIND), Parameter::Text(name), Parameter::Bytes(entry)];
        self.execute("DELETE FROM record_index WHERE kind = ?1 AND name = ?2 AND key = ?3", &parameters)?;
        Ok(())
    }
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &ReadTx<'a> {
        &self.read
    }
}

impl<'a> DerefMut for WriteTx<'a> {
    fn deref_mut(&mut self) -> &mut ReadTx<'a> {
        &mut self.read
    }
}

/// What a put or a delete must know of the stored record: its revision and its index entries.
struct Existing {
    revision: u64,
    indexes: Vec<(String, Vec<u8>)>,
}

/// Checked here, so that what one engine stores the other does too.
fn check_lengths<R: Record>(key: &Key, entries: &[(String, Vec<u8>)]) -> Result<(), Error> {
    let lengths = entries.iter().map(|(_, entry)| entry.len()).chain([key.as_bytes().len()]);
    match lengths.max() {
        Some(length) if length > key::LONGEST => Err(Error::KeyTooLong { kind: R::KIND, length }),
        _ => Ok(()),
    }
}

/// Failures of the engine leave a transaction half done; refusals and unreadable documents leave it as it was.
fn ends_the_transaction(error: &Error) -> bool {
    match error {
        Error::Conflict { .. }
        | Error::LeaseLost { .. }
        | Error::UnknownVersion { .. }
        | Error::Decode { .. }
        | Error::Encode { .. }
        | Error::InvalidKey
        | Error::KeyTooLong { .. }
        | Error::Unsupported { .. } => false,
        Error::NewerSchema { .. }
        | Error::Locked { .. }
        | Error::File { .. }
        | Error::Full { .. }
        | Error::Unavailable { .. }
        | Error::CommitUnknown { .. }
        | Error::Contention { .. }
        | Error::Panicked { .. }
        | Error::Closed
        | Error::Engine { .. } => true,
    }
}

fn versioned<R: Record>(row: &dyn Row) -> Result<Versioned<R>, Error> {
    Ok(Versioned { record: decode(row.integer(0)?, row.bytes(1)?)?, revision: unsigned(row.integer(2)?) })
}

fn positioned<R: Record>(row: &dyn Row) -> Result<(Versioned<R>, Key), Error> {
    Ok((versioned(row)?, Key::from_stored(row.bytes(3)?)))
}

/// One row more than asked for tells whether there is a next page.
fn one_more_than(limit: usize) -> Parameter<'static> {
    Parameter::Integer(signed((limit as u64).saturating_add(1)))
}

fn page<R>(mut rows: Vec<(Versioned<R>, Key)>, limit: usize) -> Page<R> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = if more { rows.last().map(|(_, key)| key.clone()) } else { None };
    Page { records: rows.into_iter().map(|(versioned, _)| versioned).collect(), next }
}
