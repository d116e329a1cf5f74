//! The embedded engine: SQLite in a folder of its own, in WAL mode.

pub(crate) mod backup;
mod connection;
mod folder;
mod reader;
mod schema;
mod writer;

use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use crate::Error;
use crate::job::Job;
use crate::pool::{Jobs, Threads};
use crate::signal::Signals;

use connection::Sqlite;
use folder::Folder;
use reader::Reader;
use writer::Writer;

/// Opens the database of a folder and starts its threads. Answers the database file.
pub(crate) fn start(
    dir: &Path,
    readers: usize,
    reads: mpsc::Receiver<Box<dyn Job>>,
    writes: mpsc::Receiver<Box<dyn Job>>,
    threads: &Threads,
    signals: &Signals,
) -> Result<PathBuf, Error> {
    let folder = Folder::lock(dir)?;
    let file = folder.database();
    let mut connection = Sqlite::writer(&file)?;
    schema::migrate(&mut connection)?;
    folder.sync()?;
    let reads = Jobs::new(reads);
    for number in 0..readers.max(1) {
        let (reads, reader) = (reads.clone(), Reader::open(&file)?);
        threads.spawn(&format!("store-reader-{number}"), move || reader.run(&reads))?;
    }
    let writer = Writer::new(connection, signals.clone(), folder)?;
    threads.spawn("store-writer", move || writer.run(writes))?;
    Ok(file)
}
