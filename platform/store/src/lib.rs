//! Typed documents, a transactional outbox and a queue, durable in SQLite or PostgreSQL.
//!
//! ```no_run
//! # use serde::{Deserialize, Serialize};
//! # use store::{Config, Error, Key, Range, Record, Store};
//! #[derive(Serialize, Deserialize)]
//! struct Build { project: String, number: u64, status: String }
//!
//! impl Record for Build {
//!     const KIND: &'static str = "codebuild/build";
//!     const VERSION: u32 = 1;
//!     fn key(&self) -> Key { Key::of(&self.project).and_u64(self.number) }
//! }
//!
//! # async fn example() -> Result<(), Error> {
//! let store = Store::open(Config::Sqlite { dir: "data".into() }).await?;
//! store.write(|tx| {
//!     let build = Build { project: "web".into(), number: 1, status: "QUEUED".into() };
//!     tx.put(&build)?;
//!     tx.enqueue("builds", "web:1", &build, None)?;
//!     tx.append("events", &"a build was queued")
//! }).await?;
//! let newest = store.read(|tx| tx.scan::<Build>(Range::prefix(Key::of("web")).descending(), 10)).await?;
//! # Ok(()) }
//! ```
//!
//! **What holds on both engines.** A `write` returns once its transaction is durable; an error from the closure undoes
//! all that it did. Transactions take place as if one after the other. A `read` sees one state and waits for no writer.
//! Outbox entries and queue entries belong to the transaction that makes them. Who waits for an entry is woken by its
//! commit. An error means that nothing was acknowledged; only `CommitUnknown` (and `Full`, met while committing) leave
//! open whether the disk has it.
//!
//! **Closures** run on a database thread. They hold up the engine while they run, so they compute and do nothing else;
//! they may be run again after a conflict; and they end by themselves even if their caller stops waiting.

mod aftermath;
mod error;
mod job;
mod key;
mod meters;
mod outbox;
mod payload;
mod pool;
mod postgres;
mod queue;
mod range;
mod record;
mod signal;
mod sql;
mod sqlite;
mod store;
mod transaction;

pub use error::Error;
pub use key::{Key, Part};
pub use outbox::{Delivery, Subscription};
pub use payload::Payload;
pub use queue::{Claimed, backoff};
pub use range::{Page, Range};
pub use record::{Index, Record, Versioned};
pub use signal::Listener;
pub use sqlite::backup::{Verified, backup_of, restore, verify};
pub use store::{Config, Options, Store};
pub use transaction::{ReadTx, WriteTx};
