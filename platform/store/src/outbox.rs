//! The transactional outbox: entries that become durable with the changes that they tell of, and are delivered to each
//! subscriber of their topic in order, at least once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::job::Isolation;
use crate::signal::{Listener, Signal};
use crate::sql::{self, Connection, Parameter, Row, signed, unsigned};
use crate::{Error, Payload, ReadTx, Store, WriteTx};

/// How many entries a subscription reads at once, and holds at most.
const BATCH: i64 = 256;
/// How many entries one transaction trims at most, so that it does not hold up the others.
const TRIMMED_AT_ONCE: i64 = 2_000;
/// As for queues: the time after which a waiting subscriber looks again, were it not notified.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long to wait for a transaction that began before one whose entries are already there.
const UNSETTLED_WAIT: std::ops::Range<Duration> = Duration::from_millis(2)..Duration::from_millis(200);

/// An outbox entry as a subscriber gets it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub topic: String,
    /// Grows from entry to entry of a topic, with gaps. The same entry has the same number each time it is delivered.
    pub seq: u64,
    /// When it was appended, in milliseconds since 1970.
    pub appended_at: i64,
    pub payload: Payload,
}

/// A subscriber's place in a topic. Two subscriptions under one name share a cursor, and each gets all entries.
#[derive(Debug)]
pub struct Subscription {
    store: Store,
    topic: String,
    /// `None`: it only follows, and keeps no cursor.
    subscriber: Option<String>,
    position: i64,
    fetched: VecDeque<Delivery>,
    listener: Listener,
}

impl WriteTx<'_> {
    /// Appends an entry to a topic.
    pub fn append<T: Serialize + ?Sized>(&mut self, topic: &str, payload: &T) -> Result<(), Error> {
        let payload = Payload::encode(payload)?;
        let count = self.count_append()?;
        let sql = "INSERT INTO outbox (topic, seq, appended_at, payload)
                   VALUES (?1, outbox_number(CAST(?2 AS BIGINT)), clock_millis(), ?3)";
        self.execute(sql, &[Parameter::Text(topic), Parameter::Integer(count), Parameter::Bytes(&payload)])?;
        self.touch(Signal::Topic(topic.to_owned()));
        self.appended(topic, Payload::from_encoded(payload));
        Ok(())
    }

    /// Moves a subscriber's cursor past an entry, in the transaction that records what the entry caused: so its
    /// effects take place once, although it may be delivered more than once. Acknowledging again changes nothing.
    pub fn acknowledge(&mut self, topic: &str, subscriber: &str, seq: u64) -> Result<(), Error> {
        let sql = "UPDATE subscriber SET position = ?3 WHERE topic = ?1 AND name = ?2 AND position < ?3";
        let seq = Parameter::Integer(signed(seq));
        self.execute(sql, &[Parameter::Text(topic), Parameter::Text(subscriber), seq])?;
        Ok(())
    }

    /// Forgets a subscriber, whose cursor would keep the entries after it from being trimmed. Answers whether it was known.
    pub fn unsubscribe(&mut self, topic: &str, subscriber: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM subscriber WHERE topic = ?1 AND name = ?2";
        Ok(self.execute(sql, &[Parameter::Text(topic), Parameter::Text(subscriber)])? > 0)
    }

    /// The subscriber's position; a new one starts before the oldest entry that is kept.
    fn enrol(&mut self, topic: &str, subscriber: &str) -> Result<i64, Error> {
        let parameters = [Parameter::Text(topic), Parameter::Text(subscriber)];
        let sql = "INSERT INTO subscriber (topic, name, position) VALUES (?1, ?2, 0) ON CONFLICT (topic, name) DO NOTHING";
        self.execute(sql, &parameters)?;
        let sql = "SELECT position FROM subscriber WHERE topic = ?1 AND name = ?2";
        let position =
            self.attempt(|connection| sql::first(connection, sql, &parameters, |row| row.integer(0)))?;
        Ok(position.unwrap_or(0))
    }
}

impl ReadTx<'_> {
    /// How many entries of a topic a subscriber has not acknowledged yet.
    pub fn outbox_backlog(&mut self, topic: &str, subscriber: &str) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM outbox WHERE topic = ?1 AND seq > COALESCE(
                       (SELECT position FROM subscriber WHERE topic = ?1 AND name = ?2), 0)";
        let parameters = [Parameter::Text(topic), Parameter::Text(subscriber)];
        let count =
            self.attempt(|connection| sql::first(connection, sql, &parameters, |row| row.integer(0)))?;
        Ok(unsigned(count.unwrap_or(0)))
    }

    fn latest(&mut self, topic: &str) -> Result<i64, Error> {
        let sql =
            "SELECT seq FROM outbox WHERE topic = ?1 AND seq < outbox_settled() ORDER BY seq DESC LIMIT 1";
        let latest = self.attempt(|connection| {
            sql::first(connection, sql, &[Parameter::Text(topic)], |row| row.integer(0))
        })?;
        Ok(latest.unwrap_or(0))
    }

    fn entries_after(&mut self, topic: &str, position: i64) -> Result<Fetched, Error> {
        self.attempt(|connection| {
            let entries = settled_entries(connection, topic, position)?;
            if !entries.is_empty() {
                return Ok(Fetched::Entries(entries));
            }
            let sql = "SELECT seq FROM outbox WHERE topic = ?1 AND seq > ?2 ORDER BY seq LIMIT 1";
            let parameters = [Parameter::Text(topic), Parameter::Integer(position)];
            let unsettled = sql::first(connection, sql, &parameters, |row| row.integer(0))?;
            Ok(if unsettled.is_some() { Fetched::Unsettled } else { Fetched::Nothing })
        })
    }
}

impl Store {
    /// Subscribes to a topic under a name, with a durable cursor: what was not acknowledged is delivered again after
    /// a restart. A new subscriber gets all entries that are still kept. Its entries stay until it has acknowledged
    /// them, so a subscriber that is gone for good must be removed with `unsubscribe`.
    pub async fn subscribe(&self, topic: &str, subscriber: &str) -> Result<Subscription, Error> {
        let (of, name) = (topic.to_owned(), subscriber.to_owned());
        let listener = self.signals().listen(&Signal::Topic(topic.to_owned()));
        let position: i64 = self.write(move |tx| tx.enrol(&of, &name)).await?;
        Ok(self.subscription(topic, Some(subscriber.to_owned()), position, listener))
    }

    /// Follows a topic from now on, with no cursor: for whoever only looks on.
    pub async fn follow(&self, topic: &str) -> Result<Subscription, Error> {
        let of = topic.to_owned();
        let listener = self.signals().listen(&Signal::Topic(topic.to_owned()));
        let position: i64 = self.read(move |tx| tx.latest(&of)).await?;
        Ok(self.subscription(topic, None, position, listener))
    }

    /// Tells of every entry of a topic that this process appends, once it is committed and at most once: for whoever
    /// counts. It runs on a database thread, so it must be quick and wait for nothing.
    pub fn observe(&self, topic: &str, tell: impl Fn(&Payload) + Send + Sync + 'static) {
        self.aftermath().observe(topic, Arc::new(tell));
    }

    /// Takes away entries that every known subscriber of their topic has acknowledged and that are older than the
    /// store's retention. The store does so by itself every minute. Answers how many it took away.
    pub async fn trim_outbox(&self) -> Result<u64, Error> {
        let oldest = signed(u64::try_from(self.options().outbox_retention.as_millis()).unwrap_or(u64::MAX))
            .min(1 << 52);
        let mut trimmed = 0;
        for topic in self.read(topics).await? {
            loop {
                let topic = topic.clone();
                let once = self.run_write(Isolation::Statement, move |tx| trim(tx, &topic, oldest)).await?;
                trimmed += once;
                if once < TRIMMED_AT_ONCE.cast_unsigned() {
                    break;
                }
            }
        }
        Ok(trimmed)
    }

    fn subscription(
        &self,
        topic: &str,
        subscriber: Option<String>,
        position: i64,
        listener: Listener,
    ) -> Subscription {
        Subscription {
            store: self.clone(),
            topic: topic.to_owned(),
            subscriber,
            position,
            fetched: VecDeque::new(),
            listener,
        }
    }
}

impl Subscription {
    /// Waits for the next entry. It may be called again before the entry is acknowledged; acknowledging an entry
    /// acknowledges all before it. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        let mut unsettled_wait = UNSETTLED_WAIT.start;
        loop {
            if let Some(delivery) = self.fetched.pop_front() {
                self.position = signed(delivery.seq);
                return Ok(delivery);
            }
            self.listener.reset();
            let (topic, position) = (self.topic.clone(), self.position);
            let longest_wait = match self.store.read(move |tx| tx.entries_after(&topic, position)).await? {
                Fetched::Entries(entries) => {
                    self.fetched = entries.into();
                    continue;
                }
                Fetched::Unsettled => {
                    unsettled_wait = (unsettled_wait * 2).min(UNSETTLED_WAIT.end);
                    unsettled_wait
                }
                Fetched::Nothing => LONGEST_WAIT,
            };
            tokio::select! {
                () = self.listener.raised() => {}
                () = tokio::time::sleep(longest_wait) => {}
            }
        }
    }

    /// The next entry if there is one; does not wait.
    pub async fn try_next(&mut self) -> Result<Option<Delivery>, Error> {
        if self.fetched.is_empty() {
            let (topic, position) = (self.topic.clone(), self.position);
            if let Fetched::Entries(entries) =
                self.store.read(move |tx| tx.entries_after(&topic, position)).await?
            {
                self.fetched = entries.into();
            }
        }
        let delivery = self.fetched.pop_front();
        if let Some(delivery) = &delivery {
            self.position = signed(delivery.seq);
        }
        Ok(delivery)
    }

    /// Moves the durable cursor past an entry. Returns once that is durable. Acknowledging again changes nothing.
    pub async fn acknowledge(&mut self, seq: u64) -> Result<(), Error> {
        let Some(subscriber) = self.subscriber.clone() else { return Ok(()) };
        let topic = self.topic.clone();
        self.store.run_write(Isolation::Statement, move |tx| tx.acknowledge(&topic, &subscriber, seq)).await
    }
}

enum Fetched {
    Entries(Vec<Delivery>),
    /// There are entries, but one that comes before them may still be committed.
    Unsettled,
    Nothing,
}

fn settled_entries(
    connection: &mut dyn Connection,
    topic: &str,
    position: i64,
) -> Result<Vec<Delivery>, Error> {
    let sql = "SELECT seq, appended_at, payload FROM outbox
               WHERE topic = ?1 AND seq > ?2 AND seq < outbox_settled() ORDER BY seq LIMIT ?3";
    let parameters = [Parameter::Text(topic), Parameter::Integer(position), Parameter::Integer(BATCH)];
    sql::rows(connection, sql, &parameters, |row: &dyn Row| {
        Ok(Delivery {
            topic: topic.to_owned(),
            seq: unsigned(row.integer(0)?),
            appended_at: row.integer(1)?,
            payload: Payload::from_stored(row.bytes(2)?),
        })
    })
}

/// Every topic that has entries, each found by one step in the order of the entries.
fn topics(tx: &mut ReadTx<'_>) -> Result<Vec<String>, Error> {
    let sql = "SELECT topic FROM outbox WHERE topic > ?1 ORDER BY topic LIMIT 1";
    let mut topics: Vec<String> = Vec::new();
    loop {
        let last = topics.last().map_or("", String::as_str);
        let next = tx.attempt(|connection| {
            sql::first(connection, sql, &[Parameter::Text(last)], |row| Ok(row.text(0)?.to_owned()))
        })?;
        match next {
            Some(topic) => topics.push(topic),
            None => return Ok(topics),
        }
    }
}

/// Takes the first entries of a topic away, as far as they are old and every subscriber is past them. Entries of a topic
/// are about as old as their numbers tell, so no index of their ages is kept.
fn trim(tx: &mut WriteTx<'_>, topic: &str, retention_millis: i64) -> Result<u64, Error> {
    let sql = "SELECT seq FROM (
                   SELECT seq, appended_at FROM outbox
                   WHERE topic = ?1 AND seq <= COALESCE((SELECT min(position) FROM subscriber WHERE topic = ?1), seq)
                   ORDER BY seq LIMIT ?3) AS passed
               WHERE appended_at < clock_millis() - CAST(?2 AS BIGINT) ORDER BY seq DESC LIMIT 1";
    let parameters =
        [Parameter::Text(topic), Parameter::Integer(retention_millis), Parameter::Integer(TRIMMED_AT_ONCE)];
    let last = tx.attempt(|connection| sql::first(connection, sql, &parameters, |row| row.integer(0)))?;
    let Some(last) = last else { return Ok(0) };
    let parameters = [Parameter::Text(topic), Parameter::Integer(last)];
    tx.execute("DELETE FROM outbox WHERE topic = ?1 AND seq <= ?2", &parameters)
}
