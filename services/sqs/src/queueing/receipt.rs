//! Messages are received.

use std::collections::{BTreeSet, HashSet};

use store::{ReadTx, Versioned, WriteTx};
use uuid::Uuid;

use super::{arrival, front, later_than, remove, settle, until};
use crate::availability;
use crate::error::Error;
use crate::names::QueueName;
use crate::records::{Content, Group, Message, Queue};

/// Messages in flight at most. Source: SQS Developer Guide, "Amazon SQS message quotas".
const MOST_IN_FLIGHT: u64 = 120_000;
/// Messages that one transaction looks at, given up and too old ones included.
const MOST_HANDLED: usize = 100;

/// What a call wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub most: usize,
    /// In seconds.
    pub visibility_timeout: u32,
}

/// A message on its way to whoever received it.
pub struct Received {
    pub message: Message,
    pub content: Content,
}

/// Whether more messages may be in flight. It takes time in proportion to their number, so it is no part of the
/// transaction that receives, and the limit holds about. Errors: `OverLimit`.
pub fn check_in_flight(tx: &mut ReadTx<'_>, queue: &Queue, now: i64) -> Result<(), Error> {
    let in_flight = later_than(queue.messages, now);
    if tx.count_index::<Message>(Message::RECEIVED, in_flight)? >= MOST_IN_FLIGHT {
        let message =
            "Too many messages are in flight: delete some, or wait for them to become visible again.";
        return Err(Error::OverLimit(message.to_owned()));
    }
    Ok(())
}

/// Receives messages: they are in flight afterwards. What is too old or was received too often is taken away on the way.
pub fn receive(
    tx: &mut WriteTx<'_>,
    queue: &Queue,
    wanted: Wanted,
    now: i64,
) -> Result<Vec<Received>, Error> {
    let dead_letter = dead_letter_queue(tx, queue)?;
    let (mut taken, mut seen, mut handled) = (Vec::new(), HashSet::new(), 0);
    while taken.len() < wanted.most && handled < MOST_HANDLED {
        let mut found = candidates(tx, queue, now, wanted.most - taken.len())?;
        // With a visibility timeout of none they are candidates again at once.
        found.retain(|message| seen.insert(message.id));
        if found.is_empty() {
            break;
        }
        handled += found.len();
        let groups: BTreeSet<String> =
            found.iter().filter(|_| queue.is_fifo()).filter_map(|message| message.group.clone()).collect();
        for message in found {
            if message.sent <= queue.expiry_horizon(now) {
                remove(tx, &message)?;
                continue;
            }
            match &dead_letter {
                Some((to, most)) if message.receive_count >= *most => {
                    arrival::give_up(tx, &message, queue, to, now)?;
                }
                _ => taken.extend(hand_out(tx, message, wanted, now)?),
            }
        }
        for group in groups {
            settle(tx, queue.messages, &group)?;
        }
    }
    Ok(taken)
}

/// Messages that may be received now, in the order in which they should be.
pub fn candidates(tx: &mut ReadTx<'_>, queue: &Queue, now: i64, most: usize) -> Result<Vec<Message>, Error> {
    let due = || until(queue.messages, now);
    let mut found = Vec::new();
    if queue.is_fifo() {
        for group in tx.scan_index::<Group>(Group::READY, due(), most)?.into_records() {
            let front = front(tx, queue.messages, &group.name)?;
            let slots: Vec<_> = front.iter().map(Message::slot).collect();
            let count = availability::receivable(&slots, now, most - found.len());
            found.extend(front.into_iter().take(count));
        }
        return Ok(found);
    }
    for index in [Message::FRESH, Message::RECEIVED] {
        found.extend(tx.scan_index::<Message>(index, due(), most)?.into_records());
    }
    found.sort_by_key(|message| (message.visible_at, message.position));
    found.truncate(most);
    Ok(found)
}

fn hand_out(
    tx: &mut WriteTx<'_>,
    mut message: Message,
    wanted: Wanted,
    now: i64,
) -> Result<Option<Received>, Error> {
    let Some(content) = content(tx, message.id)? else { return Ok(None) };
    message.received = true;
    message.receive_count = message.receive_count.saturating_add(1);
    message.first_received.get_or_insert(now);
    message.last_received = Some(now);
    message.visible_at = now + i64::from(wanted.visibility_timeout) * 1000;
    tx.put(&message)?;
    Ok(Some(Received { message, content }))
}

pub(super) fn content(tx: &mut ReadTx<'_>, id: Uuid) -> Result<Option<Content>, Error> {
    Ok(tx.get::<Content>(&Content::key_of(id))?.map(Versioned::into_inner))
}

/// The dead-letter queue and after how many receipts messages go there; `None` also if it is not there any more: then
/// messages stay.
fn dead_letter_queue(tx: &mut ReadTx<'_>, queue: &Queue) -> Result<Option<(Queue, u32)>, Error> {
    let Some(redrive) = &queue.settings.redrive else { return Ok(None) };
    let Some(name) = QueueName::in_arn(&redrive.target_arn) else { return Ok(None) };
    let target = tx.get::<Queue>(&name.key())?.map(Versioned::into_inner);
    Ok(target.map(|target| (target, redrive.maximum_receive_count)))
}
