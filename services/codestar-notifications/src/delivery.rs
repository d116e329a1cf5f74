//! From events to messages on topics.
//!
//! [`follow`] reads the stream of events in order; one transaction queues a delivery for each target of each rule that an
//! event is for, and notes the place in the stream. Workers publish, as the service itself, which the topic's policy has to
//! admit. A crash at any point repeats, never loses.

use std::sync::Arc;
use std::time::Duration;

use aws::Scope;
use aws::event::{Announcement, TOPIC};
use serde::{Deserialize, Serialize};
use sns_model::Publish;
use store::{Claimed, Key, WriteTx};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::records::{Rule, Status, TakenIn, Target, TargetName};
use crate::{CodeStarNotifications, PRINCIPAL, event_types, message};

const SUBSCRIBER: &str = "codestar-notifications";
const QUEUE: &str = "codestar-notifications/deliveries";
const WORKER: &str = "codestar-notifications";
/// How long a claim holds without a sign of life: how long a crash delays what was under way.
const LEASE: Duration = Duration::from_secs(30);
/// Before a loop that met an error goes on.
const PAUSE: Duration = Duration::from_secs(1);
/// Deliveries that are under way at one time.
const WORKERS: usize = 16;
/// Events that are decided about together at most.
const BATCH: usize = 64;
/// Of one resource; more are not made.
pub(crate) const MOST_RULES: usize = 10;
/// Between attempts: doubled each time up to the longest.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(5 * 60);
/// Some six hours.
const MOST_ATTEMPTS: u32 = 80;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Delivery {
    scope: Scope,
    rule_arn: String,
    target: TargetName,
    message: String,
}

pub(crate) async fn run(notifications: Arc<CodeStarNotifications>) {
    let mut loops = JoinSet::new();
    loops.spawn(take_in(notifications.clone()));
    loops.spawn(work(notifications, Arc::new(Semaphore::new(WORKERS))));
    // The loops never end by themselves; one that panicked must not go unnoticed.
    while let Some(ended) = loops.join_next().await {
        tracing::error!(?ended, "a loop of the notifications ended");
    }
}

async fn take_in(notifications: Arc<CodeStarNotifications>) {
    loop {
        let Err(error) = follow(&notifications).await;
        tracing::warn!(%error, "events cannot be taken in");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow(notifications: &CodeStarNotifications) -> Result<std::convert::Infallible, store::Error> {
    let mut subscription = notifications.store.subscribe(TOPIC, SUBSCRIBER).await?;
    loop {
        let mut batch = vec![subscription.next().await?];
        while batch.len() < BATCH
            && let Some(next) = subscription.try_next().await?
        {
            batch.push(next);
        }
        let Some(last) = batch.last().map(|delivery| delivery.seq) else { continue };
        // What is no event of these services is passed over, as it would be forever.
        let announced = batch.iter().filter_map(|delivery| {
            let announcement: Announcement = delivery.payload.parse().ok()?;
            let types = event_types::types_of(&announcement.event);
            let resource = event_types::resource_of(&announcement.event)?;
            (!types.is_empty()).then_some(Announced { seq: delivery.seq, announcement, types, resource })
        });
        let announced: Vec<Announced> = announced.collect();
        if announced.is_empty() {
            subscription.acknowledge(last).await?;
            continue;
        }
        let write = notifications.store.write(move |tx| {
            decide(tx, &announced, last)?;
            tx.acknowledge(TOPIC, SUBSCRIBER, last)
        });
        write.await?;
    }
}

/// An event that rules may be for.
struct Announced {
    seq: u64,
    announcement: Announcement,
    types: Vec<&'static str>,
    resource: String,
}

/// Events that were decided about before, by this or another node, are passed over.
fn decide(tx: &mut WriteTx<'_>, announced: &[Announced], last: u64) -> Result<(), store::Error> {
    let known = tx.get::<TakenIn>(&TakenIn::the_key())?.map_or(0, |taken_in| taken_in.seq);
    let fresh = announced.iter().filter(|announced| announced.seq > known);
    for Announced { seq, announcement, types, resource } in fresh {
        let rules = tx.scan_index::<Rule>(Rule::RESOURCE, Key::of(resource), MOST_RULES)?.into_records();
        let wants =
            |rule: &&Rule| rule.enabled && rule.event_type_ids.iter().any(|id| types.contains(&id.as_str()));
        for rule in rules.iter().filter(wants) {
            let message = message::of(announcement, &rule.arn(), rule.detail);
            for target in &rule.targets {
                let delivery = Delivery {
                    scope: rule.scope.clone(),
                    rule_arn: rule.arn(),
                    target: target.clone(),
                    message: message.clone(),
                };
                let address = blake3::hash(target.address.as_bytes()).to_hex();
                tx.enqueue(QUEUE, &format!("{seq}/{}/{address}", rule.id), &delivery, None)?;
            }
        }
    }
    if last > known {
        tx.put(&TakenIn { seq: last })?;
    }
    Ok(())
}

async fn work(notifications: Arc<CodeStarNotifications>, workers: Arc<Semaphore>) {
    // Their own set: when the loop is dropped, so is what it was working on.
    let mut running = JoinSet::new();
    loop {
        let Ok(permit) = workers.clone().acquire_owned().await else { return };
        match notifications.store.claim(QUEUE, WORKER, LEASE).await {
            Ok(claimed) => {
                let notifications = notifications.clone();
                running.spawn(async move {
                    if let Err(error) = publish(&notifications, &claimed).await {
                        tracing::warn!(delivery = claimed.id, %error, "a notification stops; it is claimed again when its lease ends");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no notifications can be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while let Some(ended) = running.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a notification failed inside; it is claimed again");
            }
        }
    }
}

/// Tries once. A topic that is gone or does not admit this service is not tried again, but noted as unreachable.
async fn publish(notifications: &CodeStarNotifications, claimed: &Claimed) -> Result<(), store::Error> {
    let delivery: Delivery = claimed.payload.parse()?;
    let client =
        notifications.client.as_service(PRINCIPAL, delivery.scope.clone()).on_behalf_of(&delivery.rule_arn);
    let publish = Publish {
        topic_arn: Some(delivery.target.address.clone()),
        message: delivery.message.clone(),
        ..Publish::default()
    };
    let status = match client.call(publish).await {
        Ok(_) => Status::Active,
        Err(error) if error.is_fault() && error.status != 501 && claimed.attempt < MOST_ATTEMPTS => {
            return notifications.store.release(claimed, delay(claimed.attempt)).await;
        }
        Err(error) => {
            tracing::warn!(rule = delivery.rule_arn, topic = delivery.target.address, %error, "a notification could not be published");
            Status::Unreachable
        }
    };
    let claimed = claimed.clone();
    let write = notifications.store.write(move |tx| {
        tx.complete(&claimed)?;
        // One that was deleted meanwhile does not come back.
        let key = Target::key_of(&delivery.scope, &delivery.target.address);
        if let Some(mut target) = tx.get::<Target>(&key)?
            && target.status != status
        {
            target.status = status;
            tx.update(&target)?;
        }
        Ok::<_, store::Error>(())
    });
    write.await
}

fn delay(attempt: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_DELAY)
}
