//! The store itself: opening, transactions, closing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::aftermath::Aftermath;
use crate::job::{self, Isolation, Job};
use crate::pool::Threads;
use crate::signal::{Listener, Signal, Signals};
use crate::{Error, ReadTx, WriteTx, postgres, sqlite};

/// How many transactions wait for a database thread at most; further callers wait before they enter.
const WAITING: usize = 1024;
/// How often the outbox is trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// Where the documents are.
#[derive(Clone, Debug)]
pub enum Config {
    /// A folder on a local disk, made if it is not there. One process at a time.
    Sqlite { dir: PathBuf },
    /// A PostgreSQL database: `postgres://user:password@host:port/database`. Tables are made in the first schema of its
    /// search path. Any number of processes.
    Postgres { url: String },
}

/// What can be tuned. The defaults are right for a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long outbox entries are kept although every known subscriber has acknowledged them.
    pub outbox_retention: Duration,
    /// Connections for reading transactions. On PostgreSQL each has a thread of its own; on SQLite a transaction runs
    /// on the thread that asks for it.
    pub readers: usize,
    /// Threads, each with a connection, for writing transactions on PostgreSQL. SQLite has one writer.
    pub writers: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { outbox_retention: Duration::from_secs(24 * 3600), readers: 4, writers: 8 }
    }
}

/// A handle to an open database; clones share it. The database is closed when the last one is dropped, or by `close`.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    channels: RwLock<Option<Channels>>,
    threads: Threads,
    aftermath: Aftermath,
    options: Options,
    /// The file that backups read; `None` on PostgreSQL.
    sqlite_file: Option<PathBuf>,
}

#[derive(Clone)]
struct Channels {
    writes: mpsc::Sender<Box<dyn Job>>,
    reads: Reads,
}

/// Who runs reading transactions.
#[derive(Clone)]
enum Reads {
    Here(Arc<sqlite::Readers>),
    Threads(mpsc::Sender<Box<dyn Job>>),
}

impl Store {
    /// Opens the database, makes or migrates its schema.
    /// Errors: `Locked` when another process has the folder, `NewerSchema`, `Unavailable`.
    pub async fn open(config: Config) -> Result<Store, Error> {
        Store::open_with(config, Options::default()).await
    }

    /// As `open`, tuned.
    pub async fn open_with(config: Config, options: Options) -> Result<Store, Error> {
        let store = blocking(move || Store::start(config, options)).await?;
        tokio::spawn(trim_now_and_then(Arc::downgrade(&store.inner)));
        Ok(store)
    }

    /// Runs a closure that reads one consistent state of the database.
    ///
    /// Waits for no writer. The closure may be run again if the connection broke. It should read a page, not a table: on
    /// SQLite it runs on the thread that waits for its answer.
    pub async fn read<F, T, E>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut ReadTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (job, answer) = job::reading(work);
        match self.channels()?.reads {
            Reads::Here(readers) => {
                readers.run(job).await?;
                answer.await.unwrap_or_else(|_| Err(Error::Closed.into()))
            }
            Reads::Threads(reads) => submit(reads, job, answer).await,
        }
    }

    /// Runs a closure that reads and writes, and returns once its changes are durable. An error from the closure
    /// undoes them all.
    ///
    /// The closure may be run again after a conflict with another transaction, so it must cause nothing outside of the
    /// transaction. It is run even if the caller stops waiting.
    pub async fn write<F, T, E>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run_write(Isolation::Serialisable, work).await
    }

    /// Writes a copy of the database to a new file while it is in use: one consistent, verified state, durable when this
    /// returns. Errors: `Unsupported` on PostgreSQL, `File` if the file exists or cannot be written.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<sqlite::backup::Verified, Error> {
        self.channels()?;
        let Some(from) = self.inner.sqlite_file.clone() else {
            return Err(Error::Unsupported { what: "an online backup", instead: "use pg_dump" });
        };
        let to = to.as_ref().to_owned();
        blocking(move || sqlite::backup::back_up(&from, &to)).await
    }

    /// Waits for the transactions under way, then closes the database. Later transactions get `Closed`.
    pub async fn close(&self) {
        let channels = self.inner.channels.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Channels { writes, reads }) = channels {
            drop(writes);
            match reads {
                Reads::Here(readers) => readers.close().await,
                Reads::Threads(reads) => drop(reads),
            }
        }
        self.inner.aftermath.signals.close();
        let inner = self.inner.clone();
        // The threads end as they find their channels closed and empty.
        let _ = blocking(move || {
            inner.threads.join();
            Ok(())
        })
        .await;
    }

    /// Hears what transactions tell under a name, on this node and on others: see [`WriteTx::tell`](crate::WriteTx::tell).
    /// Listen first, then look. A message from another node may be lost: who must not miss it looks again by himself.
    pub fn listen(&self, name: &str) -> Listener {
        self.signals().listen(&Signal::News(name.to_owned()))
    }

    pub(crate) async fn run_write<F, T, E>(&self, isolation: Isolation, work: F) -> Result<T, E>
    where
        F: Fn(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (job, answer) = job::writing(isolation, work);
        let writes = self.channels()?.writes;
        submit(writes, job, answer).await
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.inner.aftermath.signals
    }

    pub(crate) fn aftermath(&self) -> &Aftermath {
        &self.inner.aftermath
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }

    fn start(config: Config, options: Options) -> Result<Store, Error> {
        let (writes, written) = mpsc::channel(WAITING);
        let (threads, aftermath) = (Threads::default(), Aftermath::default());
        let (sqlite_file, reads) = match config {
            Config::Sqlite { dir } => {
                let (file, readers) = sqlite::start(&dir, options.readers, written, &threads, &aftermath)?;
                (Some(file), Reads::Here(readers))
            }
            Config::Postgres { url } => {
                let (reads, read) = mpsc::channel(WAITING);
                postgres::start(&url, &options, read, written, &threads, &aftermath)?;
                (None, Reads::Threads(reads))
            }
        };
        let channels = RwLock::new(Some(Channels { writes, reads }));
        Ok(Store { inner: Arc::new(Inner { channels, threads, aftermath, options, sqlite_file }) })
    }

    fn channels(&self) -> Result<Channels, Error> {
        let channels = self.inner.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.clone().ok_or(Error::Closed)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("sqlite_file", &self.inner.sqlite_file).finish_non_exhaustive()
    }
}

async fn submit<T, E: From<Error>>(
    to: mpsc::Sender<Box<dyn Job>>,
    job: Box<dyn Job>,
    answer: oneshot::Receiver<Result<T, E>>,
) -> Result<T, E> {
    to.send(job).await.map_err(|_| Error::Closed)?;
    // `close` waits until no sender is left.
    drop(to);
    answer.await.unwrap_or_else(|_| Err(Error::Closed.into()))
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::engine(error)))
}

async fn trim_now_and_then(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(TRIM_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        match (Store { inner }).trim_outbox().await {
            Ok(_) => {}
            Err(Error::Closed) => return,
            Err(error) => tracing::warn!(%error, "The outbox could not be trimmed; it will be tried again."),
        }
    }
}
