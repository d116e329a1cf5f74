//! Schedules: a durable timer for each enabled rule that has one.
//!
//! A timer is a queue entry that is due at the rule's next time. Firing it publishes the event and queues the next timer
//! in one transaction: nothing fires twice, and times follow from when the rule began, so nothing drifts. What was due
//! while nobody was there fires once.

use std::sync::Arc;

use aws::{Event, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::WriteTx;
use uuid::Uuid;

use super::{Incoming, LEASE, PAUSE, WORKER};
use crate::EventBridge;
use crate::records::Rule;
use crate::schedule::Schedule;

const QUEUE: &str = "eventbridge/timers";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Timer {
    scope: Scope,
    bus: String,
    rule_name: String,
    rule: Uuid,
    due: Timestamp,
}

/// Sets the timer of a rule that was changed, in the transaction that changes it. A schedule that began `now` starts
/// anew; one that goes on keeps its timer.
pub(crate) fn set(tx: &mut WriteTx<'_>, rule: &Rule, now: Timestamp) -> Result<(), store::Error> {
    let begins = rule.anchor == now;
    if begins || rule.schedule.is_none() || !rule.state.is_enabled() {
        clear(tx, rule)?;
    }
    enqueue_next(tx, rule, now)
}

pub(crate) fn clear(tx: &mut WriteTx<'_>, rule: &Rule) -> Result<(), store::Error> {
    tx.dequeue(QUEUE, &rule.id.to_string())?;
    Ok(())
}

fn enqueue_next(tx: &mut WriteTx<'_>, rule: &Rule, now: Timestamp) -> Result<(), store::Error> {
    let schedule = rule.schedule.as_deref().filter(|_| rule.state.is_enabled()).and_then(Schedule::parse);
    let Some(due) = schedule.and_then(|schedule| schedule.next_after(rule.anchor, now)) else {
        return Ok(());
    };
    let timer = Timer {
        scope: rule.scope.clone(),
        bus: rule.bus.clone(),
        rule_name: rule.name.clone(),
        rule: rule.id,
        due,
    };
    tx.enqueue(QUEUE, &rule.id.to_string(), &timer, Some(due.as_millis()))?;
    Ok(())
}

pub(super) async fn run(eventbridge: Arc<EventBridge>) {
    loop {
        if let Err(error) = next(&eventbridge).await {
            tracing::warn!(%error, "a schedule could not be followed; its timer stays");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn next(eventbridge: &EventBridge) -> Result<(), store::Error> {
    let claimed = eventbridge.store.claim(QUEUE, WORKER, LEASE).await?;
    let timer: Timer = claimed.payload.parse()?;
    let (now, id) = (Timestamp::now(), Uuid::new_v4());
    let write = eventbridge.store.write(move |tx| {
        tx.complete(&claimed)?;
        let rule = tx.get::<Rule>(&Rule::key_of(&timer.scope, &timer.bus, &timer.rule_name))?;
        let Some(rule) = rule.filter(|rule| rule.id == timer.rule && rule.state.is_enabled()) else {
            return Ok(());
        };
        event_of(&rule, &timer, id, now).publish(tx)?;
        // A clock that was set back must not fire the same time again.
        enqueue_next(tx, &rule, now.max(timer.due))
    });
    write.await
}

/// Source: EventBridge User Guide, "Scheduled event".
fn event_of(rule: &Rule, timer: &Timer, id: Uuid, now: Timestamp) -> Incoming {
    let resources = vec![rule.arn()];
    let event = Event::new(&rule.scope, "aws.events", "Scheduled Event", timer.due, resources, json!({}));
    Incoming {
        scope: rule.scope.clone(),
        bus: rule.bus.clone(),
        event: Event { id: id.to_string(), ..event },
        ingested: now,
        hops: 0,
        scheduled_by: Some(rule.id),
    }
}
