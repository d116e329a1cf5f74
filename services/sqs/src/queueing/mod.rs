//! What becomes of messages in a queue, each step within a transaction: they arrive, are received, come back, are given up
//! or deleted.

mod again;
mod arrival;
mod counting;
mod receipt;
mod removal;
#[cfg(test)]
mod tests;

use store::{Key, Range, ReadTx, Versioned, WriteTx};
use uuid::Uuid;

use crate::availability::{self, FRONT, Slot};
use crate::error::Error;
use crate::names::QueueName;
use crate::records::{Group, Message, Queue};

pub use again::{note, receive_again};
pub use arrival::{Arrival, arrive, reschedule_expiry, send};
pub use counting::counts;
pub use receipt::{Received, Wanted, candidates, check_in_flight, receive};
pub use removal::{change_visibility, delete, expire, has_expired, remove};

/// Workers find here which piles have messages that get too old.
pub const EXPIRY: &str = "sqs/expiry";

/// Errors: `QueueDoesNotExist`.
pub fn find(tx: &mut ReadTx<'_>, name: &QueueName) -> Result<Queue, Error> {
    let found = tx.get::<Queue>(&name.key())?.map(Versioned::into_inner);
    found.ok_or(Error::QueueDoesNotExist)
}

/// When something can be received next: now, if that time has passed. `None`: there is nothing.
pub fn next_visible(tx: &mut ReadTx<'_>, queue: &Queue) -> Result<Option<i64>, Error> {
    let pile = || Range::prefix(Message::pile(queue.messages));
    if queue.is_fifo() {
        let first = tx.scan_index::<Group>(Group::READY, pile(), 1)?.into_records().pop();
        return Ok(first.map(|group| group.ready_at));
    }
    let fresh = tx.scan_index::<Message>(Message::FRESH, pile(), 1)?.into_records().pop();
    let received = tx.scan_index::<Message>(Message::RECEIVED, pile(), 1)?.into_records().pop();
    Ok([fresh, received].into_iter().flatten().map(|message| message.visible_at).min())
}

/// Writes down from when on a group may be received, after something changed in it.
fn settle(tx: &mut WriteTx<'_>, messages: Uuid, name: &str) -> Result<(), Error> {
    let front = front(tx, messages, name)?;
    let slots: Vec<Slot> = front.iter().map(Message::slot).collect();
    match (front.first(), availability::ready_at(&slots)) {
        (Some(first), Some(ready_at)) => {
            let group = Group { messages, name: name.to_owned(), ready_at, first: first.position };
            tx.put(&group)?;
        }
        _ => {
            tx.delete::<Group>(&Group::key_of(messages, name))?;
        }
    }
    Ok(())
}

/// The first messages of a group of a FIFO queue.
fn front(tx: &mut ReadTx<'_>, messages: Uuid, group: &str) -> Result<Vec<Message>, Error> {
    let range = Range::prefix(Message::pile(messages).and(group));
    Ok(tx.scan_index::<Message>(Message::GROUP, range, FRONT)?.into_records())
}

/// In an index by time: what is due by then.
fn until(messages: Uuid, time: i64) -> Range {
    let pile = Message::pile(messages);
    Range::between(pile.clone(), pile.and_i64(time.saturating_add(1)))
}

/// In an index by time: what is due later.
fn later_than(messages: Uuid, time: i64) -> Range {
    let from: Key = Message::pile(messages).and_i64(time.saturating_add(1));
    Range::between(from, Message::pile(messages).and_i64(i64::MAX))
}
