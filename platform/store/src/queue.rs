//! A queue of work that workers claim for a time.
//!
//! An entry is claimable when it is due; a claim moves the time at which it is due to the end of the lease. So an
//! entry whose worker died becomes claimable again by itself, and one index serves both.

use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Handle;

use crate::job::Isolation;
use crate::signal::Signal;
use crate::sql::{self, Connection, Parameter, signed, unsigned};
use crate::{Error, Payload, ReadTx, Store, WriteTx};

/// A waiting worker looks again after this time at the latest: clocks are set, and another node may have died between
/// its commit and its notification.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A queue entry that a worker holds until its lease ends.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub queue: String,
    pub id: String,
    pub payload: Payload,
    /// How often the entry has been claimed, this time included.
    pub attempt: u32,
    /// Names this claim among all claims of the entry.
    pub token: u64,
}

impl WriteTx<'_> {
    /// Adds an entry to a queue, claimable from `not_before` on (milliseconds since 1970; `None`: at once).
    /// While an entry of the same id is present, claimed or not, it stays as it is. Answers whether it was added.
    pub fn enqueue<T: Serialize + ?Sized>(
        &mut self,
        queue: &str,
        id: &str,
        payload: &T,
        not_before: Option<i64>,
    ) -> Result<bool, Error> {
        let payload = Payload::encode(payload)?;
        let sql = "INSERT INTO queue_entry (queue, id, payload, due, position, attempt, token, worker)
                   VALUES (?1, ?2, ?3, CASE WHEN CAST(?4 AS BIGINT) < 0 THEN clock_millis() ELSE CAST(?4 AS BIGINT) END,
                       next_number(), 0, 0, '')
                   ON CONFLICT (queue, id) DO NOTHING";
        let parameters = [
            Parameter::Text(queue),
            Parameter::Text(id),
            Parameter::Bytes(&payload),
            Parameter::Integer(not_before.map_or(-1, |millis| millis.max(0))),
        ];
        let added = self.execute(sql, &parameters)? > 0;
        if added {
            self.touch(Signal::Queue(queue.to_owned()));
        }
        Ok(added)
    }

    /// Takes an entry out of its queue; a worker that holds it finds its lease lost. Answers whether it was there.
    pub fn dequeue(&mut self, queue: &str, id: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM queue_entry WHERE queue = ?1 AND id = ?2";
        Ok(self.execute(sql, &[Parameter::Text(queue), Parameter::Text(id)])? > 0)
    }

    /// Takes a claimed entry out of its queue: its work is done. It belongs into the transaction that records the result.
    /// Errors: `LeaseLost` if another worker has claimed it since, or it was cancelled.
    pub fn complete(&mut self, claimed: &Claimed) -> Result<(), Error> {
        let sql = "DELETE FROM queue_entry WHERE queue = ?1 AND id = ?2 AND token = ?3";
        let deleted = self.execute(sql, &claimed.parameters())?;
        claimed.held(deleted)
    }

    /// Prolongs the lease: it ends `lease` from now. Errors: as `complete`.
    pub fn heartbeat(&mut self, claimed: &Claimed, lease: Duration) -> Result<(), Error> {
        let sql =
            "UPDATE queue_entry SET due = clock_millis() + ?4 WHERE queue = ?1 AND id = ?2 AND token = ?3";
        let [queue, id, token] = claimed.parameters();
        let updated = self.execute(sql, &[queue, id, token, millis(lease)])?;
        claimed.held(updated)
    }

    /// Gives a claimed entry back, claimable after `delay`. Errors: as `complete`.
    pub fn release(&mut self, claimed: &Claimed, delay: Duration) -> Result<(), Error> {
        let sql = "UPDATE queue_entry SET due = clock_millis() + ?4, token = 0, worker = ''
                   WHERE queue = ?1 AND id = ?2 AND token = ?3";
        let [queue, id, token] = claimed.parameters();
        let updated = self.execute(sql, &[queue, id, token, millis(delay)])?;
        claimed.held(updated)?;
        self.touch(Signal::Queue(claimed.queue.clone()));
        Ok(())
    }
}

impl ReadTx<'_> {
    /// How many entries a queue holds, claimed ones and those not yet due included.
    pub fn queue_length(&mut self, queue: &str) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM queue_entry WHERE queue = ?1";
        let count = self.attempt(|connection| {
            sql::first(connection, sql, &[Parameter::Text(queue)], |row| row.integer(0))
        })?;
        Ok(unsigned(count.unwrap_or(0)))
    }

    /// Whether a queue holds an entry, claimed or not.
    pub fn is_queued(&mut self, queue: &str, id: &str) -> Result<bool, Error> {
        let sql = "SELECT due FROM queue_entry WHERE queue = ?1 AND id = ?2";
        let parameters = [Parameter::Text(queue), Parameter::Text(id)];
        Ok(self
            .attempt(|connection| sql::first(connection, sql, &parameters, |row| row.integer(0)))?
            .is_some())
    }
}

impl Claimed {
    fn parameters(&self) -> [Parameter<'_>; 3] {
        [Parameter::Text(&self.queue), Parameter::Text(&self.id), Parameter::Integer(signed(self.token))]
    }

    fn held(&self, rows: u64) -> Result<(), Error> {
        match rows {
            0 => Err(Error::LeaseLost { queue: self.queue.clone(), id: self.id.clone() }),
            _ => Ok(()),
        }
    }
}

/// How long to wait after so many attempts that have failed: doubled each time, up to `longest`.
pub fn backoff(failed: u32, first: Duration, longest: Duration) -> Duration {
    first.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(longest)
}

impl Store {
    /// Waits for the next due entry of a queue and claims it: nobody else gets it before the lease ends. Entries come in
    /// the order in which they become due. A claim that is made but no longer wanted (the future was dropped) is given
    /// back.
    pub async fn claim(&self, queue: &str, worker: &str, lease: Duration) -> Result<Claimed, Error> {
        self.claim_up_to(1, queue, worker, lease).await?.pop().ok_or(Error::Closed)
    }

    /// As `claim`, for whoever can work on several entries at once: waits for one, and claims with it up to `most` in all
    /// that are due too, in the order in which they were added. They cost one durable write together. Never answers none.
    pub async fn claim_up_to(
        &self,
        most: usize,
        queue: &str,
        worker: &str,
        lease: Duration,
    ) -> Result<Vec<Claimed>, Error> {
        let mut listener = self.signals().listen(&Signal::Queue(queue.to_owned()));
        loop {
            listener.reset();
            match self.look(most, queue, worker, lease).await? {
                Look::Claimed(held) => return Ok(held.accept()),
                Look::DueIn(wait) => {
                    tokio::select! {
                        () = listener.raised() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// Claims the next due entry if there is one; does not wait.
    pub async fn try_claim(
        &self,
        queue: &str,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claimed>, Error> {
        match self.look(1, queue, worker, lease).await? {
            Look::Claimed(held) => Ok(held.accept().pop()),
            Look::DueIn(_) => Ok(None),
        }
    }

    /// Prolongs the lease: it ends `lease` from now. Errors: `LeaseLost`.
    pub async fn heartbeat(&self, claimed: &Claimed, lease: Duration) -> Result<(), Error> {
        let claimed = claimed.clone();
        self.run_write(Isolation::Statement, move |tx| tx.heartbeat(&claimed, lease)).await
    }

    /// Gives a claimed entry back, claimable after `delay`. Errors: `LeaseLost`.
    pub async fn release(&self, claimed: &Claimed, delay: Duration) -> Result<(), Error> {
        let claimed = claimed.clone();
        self.run_write(Isolation::Statement, move |tx| tx.release(&claimed, delay)).await
    }

    async fn look(&self, most: usize, queue: &str, worker: &str, lease: Duration) -> Result<Look, Error> {
        let (queue, worker) = (queue.to_owned(), worker.to_owned());
        let store = self.clone();
        // In a task of its own: the claim may be committed when the caller has stopped waiting for it.
        let looking = tokio::spawn(async move {
            let work = move |tx: &mut WriteTx<'_>| {
                tx.attempt(|connection| {
                    let claimed = claim_next(connection, most, &queue, &worker, lease)?;
                    Ok(if claimed.is_empty() { Err(next_due(connection, &queue)?) } else { Ok(claimed) })
                })
            };
            Ok(match store.run_write(Isolation::Statement, work).await? {
                Ok(claimed) => Look::Claimed(Held { store, claimed }),
                Err(wait) => Look::DueIn(wait),
            })
        });
        looking.await.unwrap_or(Err(Error::Closed))
    }
}

enum Look {
    Claimed(Held),
    /// Nothing is due before this time has passed.
    DueIn(Duration),
}

/// Claims on their way to the caller. If they do not arrive, the entries are given back, whether the caller went away
/// before the claim was committed or while the answer was under way.
struct Held {
    store: Store,
    claimed: Vec<Claimed>,
}

impl Held {
    fn accept(mut self) -> Vec<Claimed> {
        std::mem::take(&mut self.claimed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        for unwanted in std::mem::take(&mut self.claimed) {
            let store = self.store.clone();
            runtime.spawn(async move {
                if let Err(error) = store.release(&unwanted, Duration::ZERO).await {
                    tracing::warn!(queue = unwanted.queue, entry = unwanted.id, %error,
                        "A claim that nobody waits for could not be given back; it ends with its lease.");
                }
            });
        }
    }
}

/// The first entries that are due, up to `most`, in the order in which they were added.
fn claim_next(
    connection: &mut dyn Connection,
    most: usize,
    queue: &str,
    worker: &str,
    lease: Duration,
) -> Result<Vec<Claimed>, Error> {
    // In a table of its own, so that the limit is applied once, however the update is planned.
    let sql = "WITH next AS MATERIALIZED (
                   SELECT id FROM queue_entry WHERE queue = ?1 AND due <= clock_millis()
                   ORDER BY due, position LIMIT ?4 /*postgres FOR UPDATE SKIP LOCKED */)
               UPDATE queue_entry
               SET due = clock_millis() + ?3, attempt = attempt + 1, token = next_number(), worker = ?2
               WHERE queue = ?1 AND id IN (SELECT id FROM next)
               RETURNING id, payload, attempt, token, position";
    let most = Parameter::Integer(signed(most as u64));
    let parameters = [Parameter::Text(queue), Parameter::Text(worker), millis(lease), most];
    let mut claimed = sql::rows(connection, sql, &parameters, |row| {
        let claimed = Claimed {
            queue: queue.to_owned(),
            id: row.text(0)?.to_owned(),
            payload: Payload::from_stored(row.bytes(1)?),
            attempt: u32::try_from(row.integer(2)?).unwrap_or(u32::MAX),
            token: unsigned(row.integer(3)?),
        };
        Ok((row.integer(4)?, claimed))
    })?;
    claimed.sort_unstable_by_key(|(position, _)| *position);
    Ok(claimed.into_iter().map(|(_, claimed)| claimed).collect())
}

fn next_due(connection: &mut dyn Connection, queue: &str) -> Result<Duration, Error> {
    let sql = "SELECT due - clock_millis() FROM queue_entry WHERE queue = ?1 ORDER BY due, position LIMIT 1";
    let wait = sql::first(connection, sql, &[Parameter::Text(queue)], |row| row.integer(0))?;
    // Never no time at all: another worker may be about to commit its claim of the entry that is due.
    Ok(wait.map_or(LONGEST_WAIT, |wait| Duration::from_millis(unsigned(wait).max(1)).min(LONGEST_WAIT)))
}

fn millis(duration: Duration) -> Parameter<'static> {
    // Kept far from overflow when it is added to a clock.
    const LONGEST: u64 = 1 << 52;
    let millis = u64::try_from(duration.as_millis()).unwrap_or(LONGEST);
    Parameter::Integer(signed(millis.min(LONGEST)))
}
