//! A thread that runs transactions on its own connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::aftermath::Effects;
use crate::job::{Isolation, Job};
use crate::pool::Jobs;
use crate::{Error, WriteTx};

use super::connection::Postgres;
use super::{Server, listener};

/// How often a transaction that gave way to others is run again.
const ATTEMPTS: u32 = 60;
/// How often a transaction whose connection broke is tried on a new one: a little over two seconds in all.
const CONNECTIONS: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Worker {
    server: Arc<Server>,
    connection: Option<Postgres>,
}

impl Worker {
    pub(super) fn new(server: Arc<Server>, connection: Option<Postgres>) -> Worker {
        Worker { server, connection }
    }

    /// Runs transactions until the store is closed and nothing waits any more.
    pub(super) fn run(mut self, jobs: &Jobs) {
        while let Some(mut job) = jobs.next() {
            let outcome = self.perform(&mut *job);
            let (committed, effects) = match outcome {
                Ok(effects) => (Ok(()), effects),
                Err(error) => (Err(error), Effects::default()),
            };
            self.server.aftermath.follow(&effects);
            job.finish(committed);
            // After the commit, not within: PostgreSQL lets transactions that notify commit only one at a time.
            self.tell(|postgres, server| listener::notify(postgres, server, &effects.signals));
        }
        self.server.closing.store(true, Ordering::Release);
        self.tell(listener::notify_closing);
    }

    /// Runs the job until it is committed, rolled back by itself, or fails for good.
    fn perform(&mut self, job: &mut dyn Job) -> Result<Effects, Error> {
        let (mut conflicts, mut broken) = (0, 0);
        loop {
            match self.attempt(job) {
                Err(Error::Contention { .. }) => {
                    conflicts += 1;
                    if conflicts == ATTEMPTS {
                        return Err(Error::Contention { attempts: ATTEMPTS });
                    }
                    pause(conflicts);
                }
                // Not committed, so it can be run again as a whole.
                Err(error @ Error::Unavailable { .. }) => {
                    self.connection = None;
                    broken += 1;
                    if broken == CONNECTIONS {
                        return Err(error);
                    }
                    pause(4 + broken);
                }
                Err(error) => {
                    self.connection = None;
                    return Err(error);
                }
                Ok(effects) => return Ok(effects),
            }
        }
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Result<Effects, Error> {
        let postgres = match &mut self.connection {
            Some(postgres) if !postgres.is_closed() => postgres,
            place => place.insert(Postgres::connect(&self.server.address)?),
        };
        postgres.batch(match job.isolation() {
            Isolation::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Isolation::Serialisable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Isolation::Statement => "BEGIN ISOLATION LEVEL READ COMMITTED",
        })?;
        let mut tx = WriteTx::new(postgres);
        let keep = job.run(&mut tx);
        let effects = match tx.finish() {
            Ok(effects) => effects,
            Err(error) => {
                // On a broken connection this fails too, and the server rolls back by itself.
                let _ = postgres.batch("ROLLBACK");
                return Err(error);
            }
        };
        if !keep {
            postgres.batch("ROLLBACK")?;
            return Ok(Effects::default());
        }
        // `Contention` is a clear no; whatever else goes wrong now leaves open what the server did.
        let begun = Instant::now();
        postgres.batch("COMMIT").map_err(Error::while_committing)?;
        if job.isolation() != Isolation::Snapshot {
            self.server.aftermath.meters.committed(1, begun.elapsed());
        }
        Ok(effects)
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Postgres, &Server) -> Result<(), Error>) {
        if let Some(postgres) = &mut self.connection
            && let Err(error) = tell(postgres, &self.server)
        {
            tracing::warn!(%error, "Other nodes could not be notified; they will look by themselves.");
            self.connection = None;
        }
    }
}

/// Waits a random time, longer with each attempt, so that those who gave way do not meet again.
fn pause(attempt: u32) {
    let longest = (Duration::from_millis(2) * 2_u32.saturating_pow(attempt.min(10))).min(LONGEST_PAUSE);
    let noise = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let millionths = noise / 1_000 % 1_000_000;
    std::thread::sleep(longest.mul_f64(0.5 + f64::from(millionths) / 2_000_000.0));
}
