//! The one thread that writes. It runs the closures that wait in one transaction, commits once for all of them, and
//! answers them after the commit.
//!
//! The error of one closure must not undo what the others wrote. Savepoints see to that, but cost about as much as a
//! small write, and few closures fail after they have written. So the closures are run without at first. When one
//! fails and leaves changes, the transaction is rolled back, and those that were run are run again, now each within a
//! savepoint.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::aftermath::{Aftermath, Effects};
use crate::job::Job;
use crate::sql::{Connection, Parameter};
use crate::{Error, WriteTx};

use super::connection::{Sqlite, failure};
use super::folder::Folder;
use super::reader::Readers;

/// How many closures share a commit at most.
const GROUP: usize = 256;
/// The longest time for which a commit is put off so that more can share it.
const LONGEST_GATHERING: Duration = Duration::from_millis(1);
/// The pause between two looks at what has arrived meanwhile.
const GATHERING_PAUSE: Duration = Duration::from_micros(20);

type Jobs = mpsc::Receiver<Box<dyn Job>>;

pub(crate) struct Writer {
    sqlite: Sqlite,
    readers: Arc<Readers>,
    aftermath: Aftermath,
    /// The number that the database has as handed out.
    stored_number: i64,
    /// How many closures the last commit was for, and how long it took.
    last_group: usize,
    last_commit: Duration,
    // Declared last, so dropped last: the folder is free only when the connection is closed.
    _folder: Folder,
}

impl Writer {
    pub(crate) fn new(
        sqlite: Sqlite,
        readers: Arc<Readers>,
        aftermath: Aftermath,
        folder: Folder,
    ) -> Result<Writer, Error> {
        let last = sqlite.connection.query_row("SELECT last FROM number", [], |row| row.get(0));
        let stored_number = last.map_err(failure)?;
        sqlite.number.store(stored_number, Ordering::Relaxed);
        let last_commit = Duration::ZERO;
        Ok(Writer { sqlite, readers, aftermath, stored_number, last_group: 0, last_commit, _folder: folder })
    }

    /// Writes until the store is closed and nothing waits any more.
    pub(crate) fn run(mut self, mut jobs: Jobs) {
        while let Some(job) = jobs.blocking_recv() {
            self.write(job, &mut jobs);
        }
    }

    /// Runs a job, and those that wait behind it, in one transaction, and finishes them. If the engine gives the
    /// transaction up half way, those that were run are finished with the error.
    fn write(&mut self, first: Box<dyn Job>, jobs: &mut Jobs) {
        if let Err(error) = self.sqlite.run("BEGIN IMMEDIATE") {
            self.abandon();
            return first.finish(Err(error));
        }
        let mut group = Group::default();
        let mut again = VecDeque::from([first]);
        let mut apart = false;
        let mut gathering = None;
        while let Some(mut job) = again.pop_front().or_else(|| self.next(jobs, group.len(), &mut gathering)) {
            match self.run_job(&mut *job, apart) {
                Ok(Outcome::Keep(effects)) => group.keep(job, effects),
                Ok(Outcome::Refused) => group.keep(job, Effects::default()),
                Ok(Outcome::Failed(error)) => group.jobs.push((job, Some(error))),
                Ok(Outcome::RunApart) => {
                    apart = true;
                    self.abandon();
                    again = std::mem::take(&mut group).jobs.into_iter().map(|(job, _)| job).collect();
                    again.push_back(job);
                    if let Err(error) = self.sqlite.run("BEGIN IMMEDIATE") {
                        self.abandon();
                        return again.into_iter().for_each(|job| job.finish(Err(error.clone())));
                    }
                }
                Err(error) => {
                    // It may have undone what the jobs before this one wrote.
                    self.abandon();
                    group.keep(job, Effects::default());
                    group.finish(&Err(error.clone()));
                    return again.into_iter().for_each(|job| job.finish(Err(error.clone())));
                }
            }
        }
        let begun = Instant::now();
        let committed = self.commit();
        (self.last_group, self.last_commit) = (group.len(), begun.elapsed());
        if committed.is_ok() {
            self.aftermath.meters.committed(self.last_group, self.last_commit);
            self.aftermath.follow(&group.effects);
        }
        group.finish(&committed);
    }

    /// The next job of the group, `None` when it is to be committed.
    ///
    /// Writers that were answered together tend to come back together. Without a moment's patience the first of them
    /// would get a commit of its own, for which all others wait: two commits instead of one. So the commit is put off
    /// for a fraction of the time that it takes, as long as fewer have come than last time.
    fn next(&self, jobs: &mut Jobs, so_far: usize, gathering: &mut Option<Instant>) -> Option<Box<dyn Job>> {
        if so_far == GROUP {
            return None;
        }
        let patience = (self.last_commit / 4).min(LONGEST_GATHERING);
        loop {
            if let Ok(job) = jobs.try_recv() {
                return Some(job);
            }
            if so_far >= self.last_group || gathering.get_or_insert_with(Instant::now).elapsed() >= patience {
                return None;
            }
            std::thread::sleep(GATHERING_PAUSE);
        }
    }

    fn run_job(&mut self, job: &mut dyn Job, apart: bool) -> Result<Outcome, Error> {
        if apart { self.run_apart(job) } else { Ok(self.run_directly(job)) }
    }

    fn run_directly(&mut self, job: &mut dyn Job) -> Outcome {
        let changes = self.sqlite.connection.total_changes();
        let mut tx = WriteTx::new(&mut self.sqlite);
        let keep = job.run(&mut tx);
        let effects = tx.finish();
        let unchanged = self.sqlite.in_transaction() && self.sqlite.connection.total_changes() == changes;
        match effects {
            Ok(effects) if keep && self.sqlite.in_transaction() => Outcome::Keep(effects),
            Ok(_) if unchanged => Outcome::Refused,
            Err(failure) if unchanged => Outcome::Failed(failure),
            Ok(_) | Err(_) => Outcome::RunApart,
        }
    }

    /// Errors: the transaction cannot go on.
    fn run_apart(&mut self, job: &mut dyn Job) -> Result<Outcome, Error> {
        self.sqlite.run("SAVEPOINT job")?;
        let mut tx = WriteTx::new(&mut self.sqlite);
        let keep = job.run(&mut tx);
        let effects = tx.finish();
        if !self.sqlite.in_transaction() {
            return Err(effects
                .err()
                .unwrap_or_else(|| Error::engine("the database gave the transaction up")));
        }
        if !keep || effects.is_err() {
            self.sqlite.run("ROLLBACK TO job")?;
        }
        self.sqlite.run("RELEASE job")?;
        Ok(match effects {
            Err(failure) => Outcome::Failed(failure),
            Ok(_) if !keep => Outcome::Refused,
            Ok(effects) => Outcome::Keep(effects),
        })
    }

    fn commit(&mut self) -> Result<(), Error> {
        let number = self.sqlite.number.load(Ordering::Relaxed);
        let outcome = self.store_number(number).and_then(|()| {
            self.readers.committing();
            let committed = self.sqlite.run("COMMIT");
            self.readers.committed();
            committed.map_err(|error| {
                tracing::error!(%error, "A group of transactions could not be committed.");
                error.while_committing()
            })
        });
        match &outcome {
            Ok(()) => self.stored_number = number,
            Err(_) => self.abandon(),
        }
        outcome
    }

    fn store_number(&mut self, number: i64) -> Result<(), Error> {
        if number > self.stored_number {
            self.sqlite.execute("UPDATE number SET last = ?1", &[Parameter::Integer(number)])?;
        }
        Ok(())
    }

    /// Leaves a transaction behind that failed, if the engine has not done so by itself.
    fn abandon(&mut self) {
        if self.sqlite.in_transaction()
            && let Err(error) = self.sqlite.run("ROLLBACK")
        {
            tracing::error!(%error, "A failed transaction could not be rolled back.");
        }
    }
}

/// What became of one closure of a group.
enum Outcome {
    Keep(Effects),
    /// It answered an error, and left no changes.
    Refused,
    /// The engine failed it, and it left no changes.
    Failed(Error),
    /// It was run without a savepoint, and left changes that must go: with them go those of the others.
    RunApart,
}

/// The jobs that were run in one transaction, in order, with the failures that are their own.
#[derive(Default)]
struct Group {
    jobs: Vec<(Box<dyn Job>, Option<Error>)>,
    effects: Effects,
}

impl Group {
    fn len(&self) -> usize {
        self.jobs.len()
    }

    fn keep(&mut self, job: Box<dyn Job>, effects: Effects) {
        self.jobs.push((job, None));
        self.effects.extend(effects);
    }

    fn finish(self, outcome: &Result<(), Error>) {
        for (job, failure) in self.jobs {
            job.finish(failure.map_or_else(|| outcome.clone(), Err));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use tokio::sync::oneshot;

    use super::super::schema;
    use super::*;
    use crate::job::{Isolation, writing};
    use crate::{Key, Record};

    #[derive(Serialize, Deserialize)]
    struct Document {
        name: String,
        text: String,
    }

    impl Record for Document {
        const KIND: &'static str = "test/document";
        const VERSION: u32 = 1;

        fn key(&self) -> Key {
            Key::of(&self.name)
        }
    }

    fn put(name: &str, size: usize) -> (Box<dyn Job>, oneshot::Receiver<Result<u64, Error>>) {
        let (name, text) = (name.to_owned(), "x".repeat(size));
        writing(Isolation::Serialisable, move |tx| {
            tx.put(&Document { name: name.clone(), text: text.clone() })
        })
    }

    fn writer(dir: &std::path::Path) -> Writer {
        let folder = Folder::lock(dir).unwrap();
        let mut sqlite = Sqlite::writer(&folder.database()).unwrap();
        schema::migrate(&mut sqlite).unwrap();
        let readers = Arc::new(Readers::open(&folder.database(), 1).unwrap());
        Writer::new(sqlite, readers, Aftermath::default(), folder).unwrap()
    }

    /// Has the writer run jobs that all wait when it begins.
    fn write(writer: &mut Writer, waiting: Vec<Box<dyn Job>>) {
        let (sender, mut jobs) = mpsc::channel(waiting.len());
        for job in waiting {
            sender.try_send(job).unwrap();
        }
        while let Ok(job) = jobs.try_recv() {
            writer.write(job, &mut jobs);
        }
    }

    fn limit_pages(writer: &Writer, pages: u32) {
        let set = format!("PRAGMA max_page_count = {pages}");
        writer.sqlite.connection.query_row(&set, [], |_| Ok(())).unwrap();
    }

    #[test]
    fn a_full_disk_acknowledges_nothing_and_the_writer_recovers() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = writer(dir.path());
        limit_pages(&writer, 64);
        let (large, mut large_answer) = put("large", 1_000_000);
        write(&mut writer, vec![large]);
        assert!(matches!(large_answer.try_recv().unwrap(), Err(Error::Full { .. })));

        let (small, mut small_answer) = put("small", 10);
        write(&mut writer, vec![small]);
        small_answer.try_recv().unwrap().unwrap();

        limit_pages(&writer, 100_000);
        let (large, mut large_answer) = put("large", 1_000_000);
        write(&mut writer, vec![large]);
        large_answer.try_recv().unwrap().unwrap();
    }

    #[test]
    fn one_failure_in_a_group_does_not_fail_the_others_or_is_told_to_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = writer(dir.path());
        limit_pages(&writer, 64);
        let (jobs, mut answers): (Vec<_>, Vec<_>) =
            [("a", 10), ("b", 1_000_000), ("c", 10)].into_iter().map(|(name, size)| put(name, size)).unzip();
        write(&mut writer, jobs);
        let answers: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
        assert!(matches!(answers[1], Err(Error::Full { .. })));
        for (name, answer) in ["a", "b", "c"].iter().zip(&answers) {
            let count = "SELECT count(*) FROM record WHERE key = ?1";
            let stored: i64 = writer
                .sqlite
                .connection
                .query_row(count, [Key::of(name).as_bytes()], |row| row.get(0))
                .unwrap();
            assert_eq!(stored == 1, answer.is_ok(), "{name}");
        }
        assert!(answers[2].is_ok(), "what comes after a failure is carried out");
    }

    #[test]
    fn a_group_shares_one_commit() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = writer(dir.path());
        let version = |writer: &Writer| -> i64 {
            writer.sqlite.connection.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap()
        };
        let observer = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
        let commits = || -> i64 { observer.query_row("PRAGMA data_version", [], |row| row.get(0)).unwrap() };
        let (before, own) = (commits(), version(&writer));
        let (jobs, mut answers): (Vec<_>, Vec<_>) = (0..50).map(|n| put(&n.to_string(), 10)).unzip();
        write(&mut writer, jobs);
        assert!(answers.iter_mut().all(|answer| answer.try_recv().unwrap().is_ok()));
        assert_eq!(commits(), before + 1);
        assert_eq!(version(&writer), own, "nobody else wrote");
    }
}
