//! Messages go, or are held for longer.

use store::{ReadTx, Versioned, WriteTx};

use super::{settle, until};
use crate::error::Error;
use crate::receipt::Receipt;
use crate::records::{Content, Message, Queue};

/// A message may be held no longer than so, in milliseconds. Source: SQS Developer Guide, "Visibility timeout".
const LONGEST_HELD: i64 = 43_200_000;

/// Deletes a message that was received. One that is gone is passed over: the call may be a repeated one.
/// Errors: `InvalidParameterValue` in a FIFO queue, for a receipt that is not good any more.
pub fn delete(
    tx: &mut WriteTx<'_>,
    queue: &Queue,
    receipt: &Receipt,
    handle: &str,
    now: i64,
) -> Result<(), Error> {
    let Some(message) = look_up(tx, queue, receipt)? else { return Ok(()) };
    // Where there is an order, another may have received it since, and must not find it deleted.
    let is_held = message.receive_count == receipt.count && message.is_in_flight(now);
    if queue.is_fifo() && !is_held {
        return Err(Error::value(handle, "ReceiptHandle", "The receipt handle has expired."));
    }
    remove(tx, &message)?;
    wake(tx, queue);
    Ok(())
}

/// Has a message become visible `seconds` from now.
/// Errors: `InvalidParameterValue` for a message that is gone, `MessageNotInflight`.
pub fn change_visibility(
    tx: &mut WriteTx<'_>,
    queue: &Queue,
    receipt: &Receipt,
    handle: &str,
    seconds: u32,
    now: i64,
) -> Result<(), Error> {
    let Some(mut message) = look_up(tx, queue, receipt)? else {
        let reason = "Message does not exist or is not available for visibility timeout change.";
        return Err(Error::value(handle, "ReceiptHandle", reason));
    };
    if message.receive_count != receipt.count || !message.is_in_flight(now) {
        return Err(Error::MessageNotInflight);
    }
    let until = now + i64::from(seconds) * 1000;
    if message.last_received.is_some_and(|received| until - received > LONGEST_HELD) {
        let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        return Err(Error::value(seconds, "VisibilityTimeout", reason));
    }
    message.visible_at = until;
    tx.put(&message)?;
    if let Some(group) = message.group.as_ref().filter(|_| message.is_fifo) {
        settle(tx, message.messages, group)?;
    }
    wake(tx, queue);
    Ok(())
}

/// Takes a message out of its queue, with its content.
pub fn remove(tx: &mut WriteTx<'_>, message: &Message) -> Result<(), Error> {
    tx.delete::<Message>(&store::Record::key(message))?;
    tx.delete::<Content>(&Content::key_of(message.id))?;
    if let Some(group) = message.group.as_ref().filter(|_| message.is_fifo) {
        settle(tx, message.messages, group)?;
    }
    Ok(())
}

/// Takes up to `most` messages away that are too old. Answers how many.
pub fn expire(tx: &mut WriteTx<'_>, queue: &Queue, now: i64, most: usize) -> Result<usize, Error> {
    let old = until(queue.messages, queue.expiry_horizon(now));
    let old = tx.scan_index::<Message>(Message::SENT, old, most)?.into_records();
    for message in &old {
        remove(tx, message)?;
    }
    if !old.is_empty() {
        wake(tx, queue);
    }
    Ok(old.len())
}

/// Whether there are messages that are too old.
pub fn has_expired(tx: &mut ReadTx<'_>, queue: &Queue, now: i64) -> Result<bool, Error> {
    let old = until(queue.messages, queue.expiry_horizon(now));
    Ok(!tx.scan_index::<Message>(Message::SENT, old, 1)?.records.is_empty())
}

/// What stood behind a message in its group may be received now.
fn wake(tx: &mut WriteTx<'_>, queue: &Queue) {
    tx.tell(&queue.name.news());
}

fn look_up(tx: &mut ReadTx<'_>, queue: &Queue, receipt: &Receipt) -> Result<Option<Message>, Error> {
    if receipt.messages != queue.messages {
        return Ok(None);
    }
    Ok(tx.get::<Message>(&Message::key_of(receipt))?.map(Versioned::into_inner))
}
