//! Reading transactions: each runs on the thread that asks for it, on one of a few connections. In WAL mode they wait
//! for no writer. A transaction reads a page of records, mostly from memory; to hand it to another thread and its
//! answer back would take longer than that.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::job::Job;
use crate::{Error, WriteTx};

use super::connection::Sqlite;

pub(crate) struct Readers {
    /// Connections that nobody uses right now.
    idle: Mutex<Vec<Sqlite>>,
    /// As many as there are connections, so whoever holds one finds a connection in `idle`.
    places: Semaphore,
    count: u32,
}

impl Readers {
    pub(crate) fn open(file: &Path, count: usize) -> Result<Readers, Error> {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let idle: Vec<Sqlite> = (0..count).map(|_| Sqlite::reader(file)).collect::<Result<_, _>>()?;
        Ok(Readers { places: Semaphore::new(idle.len()), idle: Mutex::new(idle), count })
    }

    /// Runs a job and finishes it. Waits while all connections are in use.
    pub(crate) async fn run(&self, mut job: Box<dyn Job>) -> Result<(), Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
        let mut connection = self.idle().pop().ok_or(Error::Closed)?;
        let outcome = read(&mut connection, &mut *job);
        self.idle().push(connection);
        job.finish(outcome);
        Ok(())
    }

    /// Waits for the jobs that run, and closes the connections. Later jobs get `Closed`.
    pub(crate) async fn close(&self) {
        // An error means that somebody else closes them.
        let _all = self.places.acquire_many(self.count).await;
        self.places.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sqlite>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(connection: &mut Sqlite, job: &mut dyn Job) -> Result<(), Error> {
    if connection.in_transaction() {
        // The one before could not be ended, for a disk error say.
        connection.run("ROLLBACK")?;
    }
    connection.run("BEGIN")?;
    let mut tx = WriteTx::new(connection);
    job.run(&mut tx);
    let outcome = tx.finish();
    let ended = connection.run("ROLLBACK");
    outcome?;
    ended
}
