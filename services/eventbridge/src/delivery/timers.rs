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
        for_rules: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use aws::Client;
    use aws::client::GatewaySlot;
    use seal::Sealer;
    use store::{Config, Store, Subscription};

    use super::super::incoming::TOPIC;
    use super::*;
    use crate::records::{DEFAULT_BUS, State};

    const MINUTE: i64 = 60_000;

    /// A service on a folder of its own, and what it publishes.
    struct World {
        eventbridge: EventBridge,
        published: Subscription,
        _folder: tempfile::TempDir,
    }

    impl World {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
            let published = store.subscribe(TOPIC, "test").await.unwrap();
            let client = Client::new(GatewaySlot::default(), scope());
            let guard = outbound::Guard::new("127.0.0.1:1".parse().unwrap(), vec![]);
            let eventbridge = EventBridge::new(store, client, Sealer::new([7; 32]), guard);
            Self { eventbridge, published, _folder: folder }
        }

        /// Puts a rule whose schedule began so many minutes ago.
        async fn put(&self, expression: &str, minutes_ago: i64, state: State) -> Rule {
            let anchor = Timestamp::from_millis(Timestamp::now().as_millis() - minutes_ago * MINUTE);
            let rule = rule(expression, anchor, state);
            let written = rule.clone();
            let write = self.eventbridge.store.write(move |tx| {
                tx.put(&written)?;
                set(tx, &written, written.anchor)
            });
            write.await.unwrap();
            rule
        }

        async fn timers(&self) -> u64 {
            self.eventbridge.store.read(|tx| tx.queue_length(QUEUE)).await.unwrap()
        }

        async fn is_due(&self) -> bool {
            self.eventbridge.store.try_claim(QUEUE, "test", LEASE).await.unwrap().is_some()
        }
    }

    fn scope() -> Scope {
        Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap())
    }

    fn rule(expression: &str, anchor: Timestamp, state: State) -> Rule {
        Rule {
            id: Uuid::new_v4(),
            scope: scope(),
            bus: DEFAULT_BUS.to_owned(),
            name: "every-minute".to_owned(),
            pattern: None,
            schedule: Some(expression.to_owned()),
            state,
            description: None,
            role_arn: None,
            managed_by: None,
            archive: None,
            tags: Default::default(),
            targets: Vec::new(),
            updated: anchor,
            anchor,
        }
    }

    #[tokio::test]
    async fn what_was_missed_fires_once_and_the_next_time_does_not_drift() {
        let mut world = World::new().await;
        let rule = world.put("rate(2 minutes)", 7, State::Enabled).await;
        next(&world.eventbridge).await.unwrap();
        let incoming: Incoming = world.published.next().await.unwrap().payload.parse().unwrap();
        assert_eq!(incoming.event.source, "aws.events");
        assert_eq!(incoming.event.resources, [rule.arn()]);
        let due = Timestamp::from_millis(rule.anchor.as_millis() + 2 * MINUTE);
        assert_eq!(incoming.event.time, due.to_iso8601_secs());
        assert_eq!(incoming.scheduled_by, Some(rule.id));
        assert!(!world.is_due().await, "of three times that were missed one fires");
        assert_eq!(world.timers().await, 1);
        assert!(world.published.try_next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_rule_that_is_disabled_or_gone_fires_no_more() {
        let mut world = World::new().await;
        world.put("rate(1 minute)", 3, State::Disabled).await;
        assert_eq!(world.timers().await, 0);
        let rule = world.put("rate(1 minute)", 3, State::Enabled).await;
        assert_eq!(world.timers().await, 1);
        let key = Rule::key_of(&rule.scope, &rule.bus, &rule.name);
        world.eventbridge.store.write(move |tx| tx.delete::<Rule>(&key)).await.unwrap();
        next(&world.eventbridge).await.unwrap();
        assert_eq!(world.timers().await, 0);
        assert!(world.published.try_next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_schedule_that_goes_on_keeps_its_timer() {
        let world = World::new().await;
        let rule = world.put("rate(1 minute)", 3, State::Enabled).await;
        let later = Timestamp::now();
        world.eventbridge.store.write(move |tx| set(tx, &rule, later)).await.unwrap();
        assert!(world.is_due().await, "the time that was due is still due");
    }
}
