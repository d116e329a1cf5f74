//! The embedded engine: SQLite in a folder of its own, in WAL mode.

pub(crate) mod backup;
mod connection;
mod folder;
mod reader;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::Error;
use crate::aftermath::Aftermath;
use crate::job::Job;
use crate::pool::Threads;

use connection::Sqlite;
use folder::Folder;
pub(crate) use reader::Readers;
use writer::Writer;

/// Opens the database of a folder and starts its writer. Answers the database file, and who reads it.
pub(crate) fn start(
    dir: &Path,
    readers: usize,
    writes: mpsc::Receiver<Box<dyn Job>>,
    threads: &Threads,
    aftermath: &Aftermath,
) -> Result<(PathBuf, Arc<Readers>), Error> {
    let folder = Folder::lock(dir)?;
    let file = folder.database();
    let mut connection = Sqlite::writer(&file)?;
    schema::migrate(&mut connection)?;
    folder.sync()?;
    let readers = Arc::new(Readers::open(&file, readers)?);
    let writer = Writer::new(connection, readers.clone(), aftermath.clone(), folder)?;
    threads.spawn("store-writer", move || writer.run(writes))?;
    Ok((file, readers))
}
