use store::ReadTx;

use super::{later_than, until};
use crate::attributes::Counts;
use crate::error::Error;
use crate::records::{Message, Queue};

/// How many messages are in which state. It takes time in proportion to their number.
pub fn counts(tx: &mut ReadTx<'_>, queue: &Queue, now: i64) -> Result<Counts, Error> {
    let pile = queue.messages;
    let fresh = tx.count_index::<Message>(Message::FRESH, until(pile, now))?;
    let back = tx.count_index::<Message>(Message::RECEIVED, until(pile, now))?;
    Ok(Counts {
        visible: fresh + back,
        in_flight: tx.count_index::<Message>(Message::RECEIVED, later_than(pile, now))?,
        delayed: tx.count_index::<Message>(Message::FRESH, later_than(pile, now))?,
    })
}
