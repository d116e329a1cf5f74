//! Reading transactions: each runs on the thread that asks for it, on one of a few connections. In WAL mode they wait
//! for no writer. A transaction reads a page of records, mostly from memory; to hand it to another thread and its
//! answer back would take longer than that.
//!
//! A connection keeps its snapshot for whoever comes next, until something is about to be committed: to begin and to end a
//! transaction, with the locks of a file that belong to it, costs about as much as to read a record. This is only right
//! because one process has the folder, and one writer of it says when it commits.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::job::Job;
use crate::{Error, WriteTx};

use super::connection::Sqlite;

pub(crate) struct Readers {
    /// Connections that nobody uses right now. None of them has a snapshot of before the last commit.
    idle: Mutex<Vec<Reader>>,
    /// As many as there are connections, so whoever holds one finds a connection in `idle`.
    places: Semaphore,
    count: u32,
    /// Counts the beginnings and the ends of commits: odd while one is under way.
    moment: AtomicU64,
}

struct Reader {
    sqlite: Sqlite,
    /// The moment of the snapshot, which is the newest until the next one. None: there is none, or one that may not be
    /// used again, as a commit was under way.
    snapshot: Option<u64>,
}

impl Readers {
    pub(crate) fn open(file: &Path, count: usize) -> Result<Readers, Error> {
        let count = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let open = |_| Ok(Reader { sqlite: Sqlite::reader(file)?, snapshot: None });
        let idle: Vec<Reader> = (0..count).map(open).collect::<Result<_, Error>>()?;
        let places = Semaphore::new(idle.len());
        Ok(Readers { places, idle: Mutex::new(idle), count, moment: AtomicU64::new(0) })
    }

    /// Runs a job and finishes it. Waits while all connections are in use.
    pub(crate) async fn run(&self, mut job: Box<dyn Job>) -> Result<(), Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
        let mut reader = self.idle().pop().ok_or(Error::Closed)?;
        let outcome = reader.read(self.moment(), &mut *job);
        self.put_back(reader);
        job.finish(outcome);
        Ok(())
    }

    /// To be called before a commit. Until [`Readers::committed`] each transaction has a snapshot of its own; so nobody
    /// sees what is committed and then again what was before it. Snapshots that are kept would also keep SQLite from
    /// beginning its log anew.
    pub(crate) fn committing(&self) {
        self.moment.fetch_add(1, Ordering::SeqCst);
        self.idle().iter_mut().for_each(Reader::end);
    }

    /// To be called after each commit, whether it failed or not, and before anybody is told.
    pub(crate) fn committed(&self) {
        self.moment.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits for the jobs that run, and closes the connections. Later jobs get `Closed`.
    pub(crate) async fn close(&self) {
        // An error means that somebody else closes them.
        let _all = self.places.acquire_many(self.count).await;
        self.places.close();
        self.idle().clear();
    }

    fn put_back(&self, mut reader: Reader) {
        let mut idle = self.idle();
        if reader.snapshot != Some(self.moment()) {
            reader.end();
        }
        idle.push(reader);
    }

    fn moment(&self) -> u64 {
        self.moment.load(Ordering::SeqCst)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// `moment`: as it was before this is called.
    fn read(&mut self, moment: u64, job: &mut dyn Job) -> Result<(), Error> {
        if self.snapshot != Some(moment) || !self.sqlite.in_transaction() {
            self.end();
            // Fails if the one before could not be ended, for a disk error say.
            self.sqlite.run("BEGIN")?;
            self.snapshot = moment.is_multiple_of(2).then_some(moment);
        }
        let mut tx = WriteTx::new(&mut self.sqlite);
        job.run(&mut tx);
        let outcome = tx.finish();
        if outcome.is_err() {
            self.snapshot = None;
        }
        outcome.map(drop)
    }

    fn end(&mut self) {
        self.snapshot = None;
        if self.sqlite.in_transaction()
            && let Err(error) = self.sqlite.run("ROLLBACK")
        {
            tracing::error!(%error, "A reading transaction could not be ended.");
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::super::folder::Folder;
    use super::super::schema;
    use super::*;
    use crate::job::reading;
    use crate::sql;

    struct Database {
        readers: Readers,
        writer: Sqlite,
        _dir: tempfile::TempDir,
    }

    impl Database {
        fn new(readers: usize) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let file = Folder::database_in(dir.path());
            let mut writer = Sqlite::writer(&file).unwrap();
            schema::migrate(&mut writer).unwrap();
            Self { readers: Readers::open(&file, readers).unwrap(), writer, _dir: dir }
        }

        fn commit(&mut self, number: i64) {
            self.writer.batch(&format!("BEGIN IMMEDIATE; UPDATE number SET last = {number};")).unwrap();
            self.readers.committing();
            self.writer.run("COMMIT").unwrap();
            self.readers.committed();
        }

        fn snapshots(&self) -> usize {
            self.readers.idle().iter().filter(|reader| reader.sqlite.in_transaction()).count()
        }
    }

    fn last_number() -> (Box<dyn Job>, oneshot::Receiver<Result<i64, Error>>) {
        reading(|tx| {
            let number = tx.attempt(|connection| {
                sql::first(connection, "SELECT last FROM number", &[], |row| row.integer(0))
            })?;
            Ok(number.unwrap())
        })
    }

    async fn read(readers: &Readers) -> i64 {
        let (job, answer) = last_number();
        readers.run(job).await.unwrap();
        answer.await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_snapshot_is_kept_until_the_next_commit_and_no_longer() {
        let mut database = Database::new(2);
        for number in 1..4 {
            database.commit(number);
            assert_eq!(database.snapshots(), 0);
            assert_eq!(read(&database.readers).await, number);
            assert_eq!(read(&database.readers).await, number);
            assert_eq!(database.snapshots(), 1);
        }
    }

    #[tokio::test]
    async fn while_something_is_committed_each_transaction_has_its_own_snapshot() {
        let mut database = Database::new(1);
        database.commit(1);
        assert_eq!(read(&database.readers).await, 1);
        database.writer.batch("BEGIN IMMEDIATE; UPDATE number SET last = 2;").unwrap();
        database.readers.committing();
        assert_eq!(read(&database.readers).await, 1);
        database.writer.run("COMMIT").unwrap();
        // The end of the commit is not told yet.
        assert_eq!(read(&database.readers).await, 2);
        assert_eq!(database.snapshots(), 0);
        database.readers.committed();
        assert_eq!(read(&database.readers).await, 2);
    }

    #[tokio::test]
    async fn a_reader_that_is_busy_during_a_commit_does_not_keep_its_snapshot() {
        let mut database = Database::new(1);
        let mut reader = database.readers.idle().pop().unwrap();
        let (mut job, _answer) = last_number();
        reader.read(database.readers.moment(), &mut *job).unwrap();
        database.commit(1);
        database.readers.put_back(reader);
        assert_eq!(database.snapshots(), 0);
        assert_eq!(read(&database.readers).await, 1);
    }

    #[tokio::test]
    async fn the_log_begins_anew_though_somebody_always_reads() {
        let mut database = Database::new(4);
        let log = database._dir.path().join("store.sqlite-wal");
        database.writer.batch("PRAGMA wal_autocheckpoint = 10;").unwrap();
        for number in 1..500 {
            database.commit(number);
            assert_eq!(read(&database.readers).await, number);
        }
        let size = std::fs::metadata(log).unwrap().len();
        assert!(size < 20 * 4120, "{size} bytes");
    }
}
