//! Taking away blobs that no record names, while others are being put and named.
//!
//! The danger is not the blob that nobody names but the one that somebody is about to: equal bytes are stored once, so a
//! writer may find a blob there, rely on it, and commit its record after the collector has looked. Time alone does not
//! rule that out, as nobody can say how long a paused process sleeps between two steps. So names are given in the
//! store's transactions, against which the collector's own are serialised:
//!
//! - **Writer**: [`ticket`], then the bytes are put, then [`name`] in the transaction that stores the record.
//! - **Collector**: a transaction finds that no record names the blob and notes it as *collecting*; the bytes are deleted;
//!   a transaction notes it as *collected*. Both draw a number, and a ticket holds the number that was drawn last.
//!
//! If the naming comes first, the collector sees the record. If it comes second, it finds the note, and is refused while
//! the blob is collecting, and also later if its ticket is older than the end of the deletion: the bytes may have been
//! put before they were deleted. A ticket that is younger than the note was drawn after the deletion, so whoever holds it
//! has put the bytes again. Notes are kept for [`MEMORY`], and a ticket is good for [`LONGEST_WAY`], which is much less.
//! A crash between any two steps leaves a note from which the next pass goes on.
//!
//! The grace of a day is for others: for those who still read an object that was deleted, and for backups, which copy the
//! database before the bytes.

mod collector;
mod decide;
mod meters;
mod records;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use store::{ReadTx, Store};

pub use collector::Collector;
use records::{Fate, Note, Sequence};

use crate::Digest;

/// How long a blob that no record names any more is kept.
pub const GRACE: Duration = Duration::from_secs(24 * 3600);
/// How long it is remembered that a blob was collected.
pub const MEMORY: Duration = Duration::from_secs(7 * 24 * 3600);
/// The longest time from the ticket to the record.
pub const LONGEST_WAY: Duration = Duration::from_secs(24 * 3600);

/// A service whose records name blobs.
pub trait References: Send + Sync {
    /// Whether any record names the blob. It sees what the transaction sees.
    fn names(&self, tx: &mut ReadTx<'_>, blob: Digest) -> Result<bool, store::Error>;
}

/// Drawn before the last step of putting a blob, and handed in when a record names it.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    number: u64,
    drawn_at: SystemTime,
}

/// Why a blob cannot be named: put it again, with a new ticket.
#[derive(Debug, thiserror::Error)]
pub enum NamingError {
    #[error("blob {0} is being collected, or was since it was put")]
    Collected(Digest),
    #[error("blob {0} was put too long ago")]
    Late(Digest),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Draws a ticket. Draw it before [`BlobWriter::finish`](crate::BlobWriter::finish), not after; best right before, as
/// its time runs.
pub async fn ticket(store: &Store) -> Result<Ticket, store::Error> {
    let drawn_at = SystemTime::now();
    let number = store.read(Sequence::current).await?;
    Ok(Ticket { number, drawn_at })
}

/// Makes sure that the blob is there and stays, if this transaction is committed and stores a record that names it.
/// Errors: `Collected`, `Late`.
pub fn name(tx: &mut ReadTx<'_>, ticket: &Ticket, blob: Digest) -> Result<(), NamingError> {
    let note = tx.get::<Note>(&Note::key_of(blob))?;
    let is_gone = |note: &Note| note.fate == Fate::Collecting || note.number > ticket.number;
    if note.is_some_and(|note| is_gone(&note)) {
        return Err(NamingError::Collected(blob));
    }
    // A clock that was set back makes a ticket older than it is; one from the future has no age.
    let age = SystemTime::now().duration_since(ticket.drawn_at).unwrap_or_default();
    if age > LONGEST_WAY { Err(NamingError::Late(blob)) } else { Ok(()) }
}
