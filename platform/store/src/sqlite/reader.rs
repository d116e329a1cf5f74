//! A thread that runs reading transactions on its own connection. In WAL mode it waits for no writer.

use std::path::Path;

use crate::job::Job;
use crate::pool::Jobs;
use crate::{Error, WriteTx};

use super::connection::Sqlite;

pub(crate) struct Reader(Sqlite);

impl Reader {
    pub(crate) fn open(file: &Path) -> Result<Reader, Error> {
        Sqlite::reader(file).map(Reader)
    }

    pub(crate) fn run(mut self, jobs: &Jobs) {
        while let Some(mut job) = jobs.next() {
            let outcome = self.read(&mut *job);
            job.finish(outcome);
        }
    }

    fn read(&mut self, job: &mut dyn Job) -> Result<(), Error> {
        if self.0.in_transaction() {
            // The one before could not be ended, for a disk error say.
            self.0.run("ROLLBACK")?;
        }
        self.0.run("BEGIN")?;
        let mut tx = WriteTx::new(&mut self.0);
        job.run(&mut tx);
        let outcome = tx.finish();
        let ended = self.0.run("ROLLBACK");
        outcome?;
        ended
    }
}
