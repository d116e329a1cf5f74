//! Takes events in: the rules decide, and what they decided is committed together with the place in the topic.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws::{Event, Scope, Timestamp};
use store::{Key, WriteTx};
use uuid::Uuid;

use super::rules::{Compiled, document, is_read};
use super::{Incoming, PAUSE, archives, incoming, lanes};
use crate::EventBridge;
use crate::records::{DEFAULT_BUS, Delivery, Matched, Observed, Status, TakenIn, Target};

const SUBSCRIBER: &str = "eventbridge";
/// Events that are judged and committed together at most.
const BATCH: usize = 64;
/// What is kept of a topic for those who ask what became of an event.
const KEPT_EVENTS: u64 = 10_000;
const KEPT_BYTES: u64 = 64 * 1024 * 1024;
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Deliveries that one event has at most are more than this; the rest goes with later ones.
const DELIVERIES_AT_ONCE: usize = 1_000;

pub(super) async fn run(eventbridge: Arc<EventBridge>, topic: &'static str) {
    loop {
        let Err(error) = follow(&eventbridge, topic).await;
        tracing::warn!(%error, topic, "events cannot be taken in");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow(
    eventbridge: &EventBridge,
    topic: &'static str,
) -> Result<std::convert::Infallible, store::Error> {
    let mut subscription = eventbridge.store.subscribe(topic, SUBSCRIBER).await?;
    loop {
        let mut batch = vec![subscription.next().await?];
        while batch.len() < BATCH
            && let Some(next) = subscription.try_next().await?
        {
            batch.push(next);
        }
        let Some(last) = batch.last().map(|delivery| delivery.seq) else { continue };
        let arrivals: Vec<Arrival> =
            batch.iter().filter_map(|delivery| Arrival::of(topic, delivery)).collect();
        let buses: HashSet<(Scope, String)> =
            arrivals.iter().map(|arrival| (arrival.scope.clone(), arrival.bus.clone())).collect();
        eventbridge.rules.refresh(&eventbridge.store, buses).await?;
        let judged: Vec<Judged> = arrivals.into_iter().map(|arrival| arrival.judge(eventbridge)).collect();
        let write = eventbridge.store.write(move |tx| {
            commit(tx, topic, &judged)?;
            tx.acknowledge(topic, SUBSCRIBER, last)
        });
        write.await?;
    }
}

/// An event at its bus.
struct Arrival {
    topic: &'static str,
    seq: u64,
    scope: Scope,
    bus: String,
    event: Event,
    bytes: u64,
    ingested: Timestamp,
    hops: u32,
    scheduled_by: Option<Uuid>,
    for_rules: Vec<String>,
}

impl Arrival {
    /// `None` for what is no event: it is passed over, as it would be forever.
    fn of(topic: &'static str, delivery: &store::Delivery) -> Option<Self> {
        let (seq, bytes) = (delivery.seq, delivery.payload.as_bytes().len() as u64);
        if topic == incoming::TOPIC {
            let Incoming { scope, bus, event, ingested, hops, scheduled_by, for_rules } =
                delivery.payload.parse().ok()?;
            return Some(Self {
                topic,
                seq,
                scope,
                bus,
                event,
                bytes,
                ingested,
                hops,
                scheduled_by,
                for_rules,
            });
        }
        let event: Event = delivery.payload.parse().ok()?;
        let ingested = Timestamp::from_millis(delivery.appended_at);
        let (scope, bus) = (event.scope()?, DEFAULT_BUS.to_owned());
        let (hops, scheduled_by, for_rules) = (0, None, Vec::new());
        Some(Self { topic, seq, scope, bus, event, bytes, ingested, hops, scheduled_by, for_rules })
    }

    fn judge(self, eventbridge: &EventBridge) -> Judged {
        let mut rules = match self.scheduled_by {
            Some(id) => eventbridge.rules.by_id(&self.scope, &self.bus, id).into_iter().collect(),
            None => eventbridge.rules.matching(&self.scope, &self.bus, &self.event),
        };
        if !self.for_rules.is_empty() {
            rules.retain(|compiled| self.for_rules.contains(&compiled.rule.arn()));
        }
        let now = Timestamp::now();
        let archives = rules.iter().filter_map(|compiled| compiled.rule.archive).collect();
        let targets = |compiled: &Arc<Compiled>| {
            let rule = compiled.rule.clone();
            rule.targets.clone().into_iter().map(move |target| (rule.clone(), target))
        };
        let deliveries = rules
            .iter()
            .flat_map(targets)
            .map(|(rule, target)| self.delivery(rule.id, &rule.name, &target, now))
            .collect();
        let matched =
            rules.iter().map(|compiled| Matched { rule: compiled.rule.id, name: compiled.rule.name.clone() });
        let observed = Observed {
            matched: matched.collect(),
            topic: self.topic.to_owned(),
            seq: self.seq,
            scope: self.scope,
            bus: self.bus,
            event: self.event,
            ingested: self.ingested,
            judged: now,
            scheduled_by: self.scheduled_by,
            bytes: self.bytes,
        };
        Judged { observed, archives, deliveries }
    }

    fn delivery(&self, rule: Uuid, rule_name: &str, target: &Target, now: Timestamp) -> Delivery {
        let name = |parts: &[&str]| {
            let mut hasher = blake3::Hasher::new();
            for part in parts {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
            }
            hasher.finalize()
        };
        let (rule_id, seq) = (rule.to_string(), self.seq.to_string());
        let id = name(&[self.topic, &seq, &rule_id, &target.id]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&id.as_bytes()[..16]);
        let lane = name(&[&rule_id, &target.id, &subject(&self.event)]);
        Delivery {
            id: uuid::Builder::from_random_bytes(bytes).into_uuid(),
            topic: self.topic.to_owned(),
            seq: self.seq,
            scope: self.scope.clone(),
            bus: self.bus.clone(),
            rule,
            rule_name: rule_name.to_owned(),
            target_id: target.id.clone(),
            target_arn: target.arn.clone(),
            lane: lane.to_hex().to_string(),
            event: Some(self.event.clone()),
            ingested: self.ingested,
            hops: self.hops,
            passed_on: false,
            status: Status::Pending,
            attempts: 0,
            trouble: None,
            dead_letter: None,
            changed: now,
        }
    }
}

/// What an event is about: the order of events about the same is kept. An event that names no resource is about itself.
fn subject(event: &Event) -> String {
    let Some(resource) = event.resources.first() else { return event.id.clone() };
    // A bucket is the resource of all its objects.
    match event.detail.pointer("/object/key").and_then(serde_json::Value::as_str) {
        Some(key) if event.source == "aws.s3" => format!("{resource}/{key}"),
        _ => resource.clone(),
    }
}

struct Judged {
    observed: Observed,
    archives: Vec<Uuid>,
    deliveries: Vec<Delivery>,
}

/// Events that were taken in before, by this or another node, are passed over.
fn commit(tx: &mut WriteTx<'_>, topic: &str, judged: &[Judged]) -> Result<(), store::Error> {
    let known = tx.get::<TakenIn>(&TakenIn::key_of(topic))?.map(store::Versioned::into_inner);
    let mut taken_in =
        known.unwrap_or_else(|| TakenIn { topic: topic.to_owned(), seq: 0, kept: 0, kept_bytes: 0 });
    for Judged { observed, archives: keeping, deliveries } in judged {
        if observed.seq <= taken_in.seq {
            continue;
        }
        taken_in.seq = observed.seq;
        if observed.matched.is_empty() && is_read(&document(&observed.event)) {
            // While a trail logs there are very many, and few rules want any: they would push all else out.
            continue;
        }
        for archive in keeping {
            archives::keep(tx, *archive, &observed.event, observed.ingested, (topic, observed.seq))?;
        }
        taken_in.kept += 1;
        taken_in.kept_bytes += observed.bytes;
        tx.put(observed)?;
        for delivery in deliveries {
            tx.put(delivery)?;
            lanes::enqueue(tx, delivery)?;
        }
    }
    let now = judged.last().map_or_else(Timestamp::default, |last| last.observed.judged);
    forget_oldest(tx, &mut taken_in, 2 * judged.len(), now)?;
    tx.put(&taken_in)?;
    Ok(())
}

/// Takes away what is over a bound, the oldest first; twice as many as came at most, so that it keeps up.
fn forget_oldest(
    tx: &mut WriteTx<'_>,
    taken_in: &mut TakenIn,
    most: usize,
    now: Timestamp,
) -> Result<(), store::Error> {
    let oldest = tx.scan::<Observed>(Key::of(&taken_in.topic), most)?.into_records();
    for observed in oldest {
        let fits = taken_in.kept <= KEPT_EVENTS && taken_in.kept_bytes <= KEPT_BYTES;
        if fits && now.since(observed.ingested) <= KEPT_FOR {
            return Ok(());
        }
        taken_in.kept = taken_in.kept.saturating_sub(1);
        taken_in.kept_bytes = taken_in.kept_bytes.saturating_sub(observed.bytes);
        tx.delete::<Observed>(&Observed::key_of(&observed.topic, observed.seq))?;
        let deliveries = Delivery::of_event(&observed.topic, observed.seq);
        for delivery in tx.scan::<Delivery>(deliveries, DELIVERIES_AT_ONCE)?.into_records() {
            // One that is pending goes when it has ended.
            if delivery.status != Status::Pending {
                tx.delete::<Delivery>(&store::Record::key(&delivery))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_a_subject_of_its_own() {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let event = |source: &str, resources: &[&str], detail| {
            let resources = resources.iter().map(|resource| (*resource).to_owned()).collect();
            Event::new(&scope, source, "t", Timestamp::default(), resources, detail)
        };
        let object = event("aws.s3", &["arn:aws:s3:::b"], json!({"object": {"key": "k"}}));
        assert_eq!(subject(&object), "arn:aws:s3:::b/k");
        assert_eq!(subject(&event("aws.codecommit", &["r", "s"], json!({}))), "r");
        let nothing = event("mine", &[], json!({}));
        assert_eq!(subject(&nothing), nothing.id);
    }
}
