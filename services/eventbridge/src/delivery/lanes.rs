//! Workers: claim a lane, deliver what is in it, one after the other.
//!
//! A lane is what one target of one rule gets of one resource: its order is kept, while all lanes go side by side. A
//! delivery that is tried again later therefore holds up those behind it. A lane has one queue entry as long as there is
//! something in it; the transaction that ends its last delivery takes the entry away.

use std::sync::Arc;
use std::time::Duration;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Claimed, Key, WriteTx};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::targets::{self, Failure, Retry, dead_letters};
use super::{LEASE, PAUSE, WORKER};
use crate::EventBridge;
use crate::records::{Delivery, Observed, Rule, Status, Target, Trouble};

const QUEUE: &str = "eventbridge/lanes";
/// Claims run side by side; each takes the time of one durable write.
const CLAIMERS: usize = 2;
/// Lanes that are worked on at one time.
const WORKERS: usize = 64;
/// Of one attempt; well within a lease.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(20);
/// Between attempts: doubled each time up to the longest, less up to a half by chance.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(8 * 60);
/// If a target does not say otherwise. Source: EventBridge API Reference, RetryPolicy.
const MOST_RETRIES: u32 = 185;
const LONGEST_AGE_SECONDS: u32 = 86_400;

#[derive(Debug, Serialize, Deserialize)]
struct Lane {
    lane: String,
}

/// Queues the lane of a delivery, in the transaction that makes it.
pub(super) fn enqueue(tx: &mut WriteTx<'_>, delivery: &Delivery) -> Result<(), store::Error> {
    tx.enqueue(QUEUE, &delivery.lane, &Lane { lane: delivery.lane.clone() }, None)?;
    Ok(())
}

pub(super) fn spawn(loops: &mut JoinSet<()>, eventbridge: &Arc<EventBridge>) {
    let workers = Arc::new(Semaphore::new(WORKERS));
    for _ in 0..CLAIMERS {
        loops.spawn(run(eventbridge.clone(), workers.clone()));
    }
}

async fn run(eventbridge: Arc<EventBridge>, workers: Arc<Semaphore>) {
    // Their own set: when the loop is dropped, so is what it was working on.
    let mut running = JoinSet::new();
    loop {
        let Ok(permit) = workers.clone().acquire_owned().await else { return };
        match eventbridge.store.claim(QUEUE, WORKER, LEASE).await {
            Ok(claimed) => {
                let eventbridge = eventbridge.clone();
                running.spawn(async move {
                    if let Err(error) = carry_out(&eventbridge, &claimed).await {
                        tracing::warn!(lane = claimed.id, %error, "a lane stops; it is claimed again when its lease ends");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no deliveries can be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while let Some(ended) = running.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a delivery failed inside; its lane is claimed again");
            }
        }
    }
}

/// Delivers until the lane is empty or its first delivery has to wait.
async fn carry_out(eventbridge: &EventBridge, claimed: &Claimed) -> Result<(), store::Error> {
    let Lane { lane } = claimed.payload.parse()?;
    let lane: Arc<str> = lane.into();
    loop {
        let of = lane.clone();
        let read = eventbridge.store.read(move |tx| {
            let next = tx.scan_index::<Delivery>(Delivery::LANE, Key::of(&of), 1)?.into_records().pop();
            let Some(delivery) = next else { return Ok::<_, store::Error>(None) };
            let rule = tx.get::<Rule>(&Rule::key_of(&delivery.scope, &delivery.bus, &delivery.rule_name))?;
            let rule = rule.map(store::Versioned::into_inner).filter(|rule| rule.id == delivery.rule);
            Ok(Some((delivery, rule)))
        });
        let attempted = match read.await? {
            Some((delivery, rule)) => Some(attempt(eventbridge, delivery, rule).await),
            None => None,
        };
        let (held, lane) = (claimed.clone(), lane.clone());
        let write = eventbridge.store.write(move |tx| {
            if let Some((delivery, retry_after)) = &attempted {
                record(tx, delivery)?;
                if let Some(delay) = retry_after {
                    tx.release(&held, *delay)?;
                    return Ok(false);
                }
            }
            let more = !tx.scan_index::<Delivery>(Delivery::LANE, Key::of(&lane), 1)?.records.is_empty();
            if more {
                tx.heartbeat(&held, LEASE)?;
            } else {
                tx.complete(&held)?;
            }
            Ok::<_, store::Error>(more)
        });
        if !write.await? {
            return Ok(());
        }
    }
}

/// Keeps what became of a delivery for as long as its event is kept.
fn record(tx: &mut WriteTx<'_>, delivery: &Delivery) -> Result<(), store::Error> {
    let key = store::Record::key(delivery);
    let is_kept = tx.exists::<Observed>(&Observed::key_of(&delivery.topic, delivery.seq))?;
    if is_kept || delivery.status == Status::Pending {
        // An attempt that ran out of time may have passed the event on.
        let passed_on = tx.get::<Delivery>(&key)?.is_some_and(|known| known.passed_on);
        tx.put(&Delivery { passed_on, ..delivery.clone() })?;
    } else {
        tx.delete::<Delivery>(&key)?;
    }
    Ok(())
}

/// Tries once. Answers the delivery as it is now, and after what time to try again.
async fn attempt(
    eventbridge: &EventBridge,
    mut delivery: Delivery,
    rule: Option<Rule>,
) -> (Delivery, Option<Duration>) {
    let target = rule.as_ref().and_then(|rule| rule.target(&delivery.target_id)).cloned();
    let result = match (&rule, &target) {
        (Some(rule), Some(target)) => {
            let trying = targets::deliver(eventbridge, rule, target, &delivery);
            let in_time = tokio::time::timeout(LONGEST_ATTEMPT, trying).await;
            in_time.unwrap_or_else(|_| Err(Failure::later("TIMEOUT", "The target did not answer in time.")))
        }
        _ => {
            let message = "The rule or its target was removed before the event was delivered.";
            Err(Failure::never("NO_RESOURCE", message))
        }
    };
    let now = Timestamp::now();
    delivery.attempts += 1;
    delivery.changed = now;
    match result {
        Ok(made) => {
            delivery.status = Status::Succeeded(made);
            delivery.event = None;
            (delivery, None)
        }
        Err(failure) => {
            let decided = decide(&delivery, target.as_ref(), &failure.retry, now, chance());
            delivery.trouble = Some(Trouble { code: failure.code.to_owned(), message: failure.message });
            match decided {
                Ok(delay) => (delivery, Some(delay)),
                Err(exhausted) => {
                    note_failure(&delivery);
                    let letter = match (&rule, &target) {
                        (Some(rule), Some(target)) => {
                            dead_letters::send(eventbridge, rule, target, &delivery, exhausted).await
                        }
                        _ => Ok(None),
                    };
                    match letter {
                        Ok(letter) => delivery.dead_letter = letter,
                        // The event has no other place left to be: the queue is tried again with the target.
                        Err(_) => return (delivery, Some(LONGEST_DELAY)),
                    }
                    delivery.status = Status::Failed(exhausted.map(str::to_owned));
                    delivery.event = None;
                    (delivery, None)
                }
            }
        }
    }
}

fn note_failure(delivery: &Delivery) {
    let trouble = delivery.trouble.as_ref();
    tracing::warn!(
        rule = delivery.rule_name,
        target = delivery.target_arn,
        event = delivery.event.as_ref().map(|event| event.id.as_str()),
        code = trouble.map(|trouble| trouble.code.as_str()),
        message = trouble.map(|trouble| trouble.message.as_str()),
        attempts = delivery.attempts,
        "an event could not be delivered"
    );
}

/// When to try again. Errors: not at all, with the condition that ended the retries, if there were any.
fn decide(
    delivery: &Delivery,
    target: Option<&Target>,
    retry: &Retry,
    now: Timestamp,
    chance: f64,
) -> Result<Duration, Option<&'static str>> {
    let Retry::Later { not_before } = retry else { return Err(None) };
    let most = target.and_then(|target| target.maximum_retry_attempts).unwrap_or(MOST_RETRIES);
    let longest = target.and_then(|target| target.maximum_event_age_seconds).unwrap_or(LONGEST_AGE_SECONDS);
    if delivery.attempts > most {
        return Err(Some("MaximumRetryAttempts"));
    }
    let delay = store::backoff(delivery.attempts, FIRST_DELAY, LONGEST_DELAY);
    let delay = delay.mul_f64(1.0 - chance / 2.0).max(not_before.unwrap_or_default());
    if now.plus(delay).since(delivery.ingested) > Duration::from_secs(longest.into()) {
        return Err(Some("MaximumEventAgeInSeconds"));
    }
    Ok(delay)
}

/// From 0 to 1.
fn chance() -> f64 {
    rand::random()
}

#[cfg(test)]
mod tests {
    use aws::Scope;
    use uuid::Uuid;

    use super::*;
    use crate::records::Input;

    fn delivery(attempts: u32) -> Delivery {
        Delivery {
            id: Uuid::nil(),
            topic: "t".into(),
            seq: 1,
            scope: Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap()),
            bus: "default".into(),
            rule: Uuid::nil(),
            rule_name: "r".into(),
            target_id: "1".into(),
            target_arn: "arn".into(),
            lane: "l".into(),
            event: None,
            ingested: Timestamp::from_millis(0),
            hops: 0,
            passed_on: false,
            status: Status::Pending,
            attempts,
            trouble: None,
            dead_letter: None,
            changed: Timestamp::from_millis(0),
        }
    }

    fn target(attempts: u32, age: u32) -> Target {
        Target {
            id: "1".into(),
            arn: "arn".into(),
            role_arn: None,
            input: Input::Event,
            http: None,
            maximum_retry_attempts: Some(attempts),
            maximum_event_age_seconds: Some(age),
            message_group_id: None,
            dead_letter_arn: None,
        }
    }

    #[test]
    fn attempts_are_spaced_more_and_more() {
        let soon = Retry::Later { not_before: None };
        let delay =
            |attempts, chance| decide(&delivery(attempts), None, &soon, Timestamp::from_millis(0), chance);
        assert_eq!(delay(1, 0.0), Ok(Duration::from_secs(1)));
        assert_eq!(delay(1, 1.0), Ok(Duration::from_millis(500)));
        assert_eq!(delay(4, 0.0), Ok(Duration::from_secs(8)));
        assert_eq!(delay(100, 0.0), Ok(LONGEST_DELAY));
    }

    #[test]
    fn a_target_that_names_a_time_is_not_called_before() {
        let retry = Retry::Later { not_before: Some(Duration::from_secs(90)) };
        assert_eq!(
            decide(&delivery(1), None, &retry, Timestamp::from_millis(0), 0.5),
            Ok(Duration::from_secs(90))
        );
    }

    #[test]
    fn retries_end() {
        let soon = Retry::Later { not_before: None };
        let at = |attempts, target: &Target, seconds: i64| {
            decide(&delivery(attempts), Some(target), &soon, Timestamp::from_millis(seconds * 1000), 0.0)
        };
        assert!(at(2, &target(2, 60), 0).is_ok());
        assert_eq!(at(3, &target(2, 60), 0), Err(Some("MaximumRetryAttempts")));
        assert_eq!(at(1, &target(2, 60), 60), Err(Some("MaximumEventAgeInSeconds")));
        assert_eq!(decide(&delivery(1), None, &Retry::Never, Timestamp::from_millis(0), 0.0), Err(None));
    }
}
