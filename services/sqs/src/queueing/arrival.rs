//! Messages come into a queue: sent, or given up by another.

use store::{Key, Range, Versioned, WriteTx};
use uuid::Uuid;

use super::{EXPIRY, settle};
use crate::error::Error;
use crate::names::QueueName;
use crate::records::{Content, Counter, Deduplication, DeduplicationScope, Group, Message, Queue};

/// Source: SQS Developer Guide, "Exactly-once processing": five minutes, in milliseconds.
const DEDUPLICATION_INTERVAL: i64 = 300_000;
/// Ended deduplications that each message to a FIFO queue takes away: more than it adds.
const SWEPT: usize = 2;

/// A message on its way into a queue, beside its content.
#[derive(Clone)]
pub struct Arrival {
    pub id: Uuid,
    /// In milliseconds since 1970, like `visible_at`.
    pub sent: i64,
    pub visible_at: i64,
    pub sender: String,
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
    pub dead_letter_source: Option<String>,
}

/// Takes a message that a client sends. Answers its id and position: those of the first one, if a FIFO queue has taken it
/// before.
pub fn send(
    tx: &mut WriteTx<'_>,
    queue: &Queue,
    arrival: Arrival,
    content: &Content,
) -> Result<(Uuid, u64), Error> {
    let now = arrival.sent;
    let deduplication = arrival.deduplication_id.clone().filter(|_| queue.is_fifo());
    let Some(id) = deduplication else {
        tx.put(content)?;
        let message = arrive(tx, queue, arrival)?;
        return Ok((message.id, message.position));
    };
    let group = match queue.settings.deduplication_scope {
        DeduplicationScope::Queue => String::new(),
        DeduplicationScope::MessageGroup => arrival.group.clone().unwrap_or_default(),
    };
    let known = tx.get::<Deduplication>(&Deduplication::key_of(queue.id, &group, &id))?;
    if let Some(known) = known.filter(|known| known.until > now) {
        return Ok((known.message, known.position));
    }
    sweep(tx, queue.id, now)?;
    tx.put(content)?;
    let message = arrive(tx, queue, arrival)?;
    let until = now + DEDUPLICATION_INTERVAL;
    let deduplication =
        Deduplication { queue: queue.id, group, id, message: message.id, position: message.position, until };
    tx.put(&deduplication)?;
    Ok((message.id, message.position))
}

/// Puts a message, whose content is stored, at the end of a queue.
pub fn arrive(tx: &mut WriteTx<'_>, queue: &Queue, arrival: Arrival) -> Result<Message, Error> {
    let position = match queue.is_fifo() {
        true => next_position(tx, queue.id)?,
        false => u64::try_from(arrival.sent).unwrap_or(0),
    };
    let message = Message {
        messages: queue.messages,
        position,
        id: arrival.id,
        sent: arrival.sent,
        sender: arrival.sender,
        visible_at: arrival.visible_at,
        received: false,
        receive_count: 0,
        first_received: None,
        last_received: None,
        group: arrival.group,
        deduplication_id: arrival.deduplication_id,
        is_fifo: queue.is_fifo(),
        dead_letter_source: arrival.dead_letter_source,
    };
    tx.put(&message)?;
    if let Some(group) = message.group.as_ref().filter(|_| message.is_fifo)
        && !tx.exists::<Group>(&Group::key_of(queue.messages, group))?
    {
        settle(tx, queue.messages, group)?;
    }
    let retention = i64::from(queue.settings.message_retention_period) * 1000;
    tx.enqueue(EXPIRY, &queue.messages.to_string(), &queue.name, Some(message.sent + retention))?;
    tx.tell(&queue.name.news());
    Ok(message)
}

/// Moves a message that was received too often to the dead-letter queue. A standard queue goes on counting its age, a FIFO
/// queue counts anew. Source: SQS Developer Guide, "Configuring message retention periods for dead-letter queues".
pub fn give_up(
    tx: &mut WriteTx<'_>,
    message: &Message,
    from: &Queue,
    to: &Queue,
    now: i64,
) -> Result<(), Error> {
    tx.delete::<Message>(&store::Record::key(message))?;
    let arrival = Arrival {
        id: message.id,
        sent: if to.is_fifo() { now } else { message.sent },
        visible_at: now,
        sender: message.sender.clone(),
        group: message.group.clone(),
        deduplication_id: message.deduplication_id.clone(),
        dead_letter_source: Some(from.arn()),
    };
    arrive(tx, to, arrival)?;
    // It may be older than all that is there.
    reschedule_expiry(tx, to.messages, &to.name)
}

/// Has a queue looked through soon for messages that are too old.
pub fn reschedule_expiry(tx: &mut WriteTx<'_>, messages: Uuid, name: &QueueName) -> Result<(), Error> {
    tx.dequeue(EXPIRY, &messages.to_string())?;
    tx.enqueue(EXPIRY, &messages.to_string(), name, None)?;
    Ok(())
}

fn next_position(tx: &mut WriteTx<'_>, queue: Uuid) -> Result<u64, Error> {
    let counter = tx.get::<Counter>(&Counter::key_of(queue))?.map(Versioned::into_inner);
    let last = counter.map_or(0, |counter| counter.last) + 1;
    tx.put(&Counter { queue, last })?;
    Ok(last)
}

fn sweep(tx: &mut WriteTx<'_>, queue: Uuid, now: i64) -> Result<(), Error> {
    let pile = Key::of(queue.to_string());
    let ended = Range::between(pile.clone(), pile.and_i64(now));
    for ended in tx.scan_index::<Deduplication>(Deduplication::END, ended, SWEPT)?.into_records() {
        tx.delete::<Deduplication>(&store::Record::key(&ended))?;
    }
    Ok(())
}
