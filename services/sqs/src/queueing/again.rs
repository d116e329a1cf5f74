//! A call that got no answer is repeated, and receives what it had received.
//! Source: SQS API Reference, ReceiveMessage, `ReceiveRequestAttemptId`.

use store::{Key, Range, Record, Versioned, WriteTx};
use uuid::Uuid;

use super::receipt::content;
use super::{Received, Wanted, settle};
use crate::error::Error;
use crate::receipt::Receipt;
use crate::records::{Attempt, Message, Queue, Taken};

/// As long as a message is not taken twice. Source: SQS Developer Guide, "Exactly-once processing".
const KEPT_MILLIS: i64 = 5 * 60 * 1000;
/// Ended ones that a call takes away: more than it makes, so that they get fewer.
const SWEPT: usize = 8;

/// The messages of an earlier call with this attempt's id, with the same receipt handles; they stay invisible for as long
/// as this call says. `None`: there was no such call within five minutes, or a message has come back, was deleted or had
/// its visibility changed.
pub fn receive_again(
    tx: &mut WriteTx<'_>,
    queue: &Queue,
    attempt: &str,
    wanted: Wanted,
    now: i64,
) -> Result<Option<Vec<Received>>, Error> {
    let known = tx.get::<Attempt>(&Attempt::key_of(queue.id, attempt))?.map(Versioned::into_inner);
    let Some(mut known) = known.filter(|known| known.until > now) else { return Ok(None) };
    let mut received = Vec::with_capacity(known.taken.len());
    for taken in &known.taken {
        let Some(message) = tx.get::<Message>(&key_of(taken))?.map(Versioned::into_inner) else {
            return Ok(None);
        };
        let is_same = message.receive_count == taken.count && message.visible_at == taken.visible_at;
        let is_held = message.messages == queue.messages && message.is_in_flight(now);
        let Some(content) = content(tx, message.id)?.filter(|_| is_same && is_held) else { return Ok(None) };
        received.push(Received { message, content });
    }
    let visible_at = now + i64::from(wanted.visibility_timeout) * 1000;
    for (Received { message, .. }, taken) in received.iter_mut().zip(&mut known.taken) {
        (message.visible_at, taken.visible_at) = (visible_at, visible_at);
        tx.put(message)?;
    }
    for Received { message, .. } in &received {
        if let Some(group) = &message.group {
            settle(tx, queue.messages, group)?;
        }
    }
    tx.put(&known)?;
    Ok(Some(received))
}

/// Notes what a call has received, for one that repeats it.
pub fn note(
    tx: &mut WriteTx<'_>,
    queue: &Queue,
    attempt: &str,
    received: &[Received],
    now: i64,
) -> Result<(), Error> {
    sweep(tx, queue.id, now)?;
    if received.is_empty() {
        return Ok(());
    }
    let taken = received.iter().map(|Received { message, .. }| Taken {
        messages: message.messages,
        position: message.position,
        message: message.id,
        count: message.receive_count,
        visible_at: message.visible_at,
    });
    let (id, until) = (attempt.to_owned(), now + KEPT_MILLIS);
    tx.put(&Attempt { queue: queue.id, id, taken: taken.collect(), until })?;
    Ok(())
}

fn key_of(taken: &Taken) -> Key {
    let Taken { messages, position, message, count, .. } = *taken;
    Message::key_of(&Receipt { messages, position, id: message, count })
}

fn sweep(tx: &mut WriteTx<'_>, queue: Uuid, now: i64) -> Result<(), Error> {
    let pile = Key::of(queue.to_string());
    let ended = Range::between(pile.clone(), pile.and_i64(now));
    for ended in tx.scan_index::<Attempt>(Attempt::END, ended, SWEPT)?.into_records() {
        tx.delete::<Attempt>(&ended.key())?;
    }
    Ok(())
}
