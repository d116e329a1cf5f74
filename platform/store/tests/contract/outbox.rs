use std::sync::{Arc, Mutex};
use std::time::Duration;

use store::{Delivery, Error, Key, Options, Range, Store, Subscription};

use crate::rig::{Counter, Rig, soon};

async fn append(store: &Store, topic: &'static str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.write(move |tx| tx.append(topic, &number)).await.unwrap();
    }
}

async fn next(subscription: &mut Subscription) -> Delivery {
    soon(subscription.next()).await.unwrap()
}

async fn take(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        numbers.push(next(subscription).await.payload.parse().unwrap());
    }
    numbers
}

async fn backlog(store: &Store, subscriber: &'static str) -> u64 {
    store.read(move |tx| tx.outbox_backlog("events", subscriber)).await.unwrap()
}

fn keep_nothing() -> Options {
    Options { outbox_retention: Duration::ZERO, ..Options::default() }
}

/// Entries are trimmed once they are older than the retention, by a clock of milliseconds.
async fn trimmed(store: &Store) -> u64 {
    tokio::time::sleep(Duration::from_millis(5)).await;
    store.trim_outbox().await.unwrap()
}

pub async fn entries_arrive_in_order(rig: &Rig) {
    let store = rig.open().await;
    append(&store, "events", 0..300).await;
    store.write(|tx| (300..700_u64).try_for_each(|number| tx.append("events", &number))).await.unwrap();
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    let mut last = 0;
    for expected in 0..700_u64 {
        let delivery = next(&mut subscription).await;
        assert_eq!(delivery.payload.parse::<u64>().unwrap(), expected);
        assert!(delivery.seq > last, "numbers grow");
        assert!(delivery.appended_at > 1_600_000_000_000, "in milliseconds");
        last = delivery.seq;
    }
    assert!(subscription.try_next().await.unwrap().is_none());
}

pub async fn a_waiting_subscriber_is_woken(rig: &Rig) {
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    for number in 0..20 {
        let waiting = tokio::spawn(async move {
            let taken = take(&mut subscription, 1).await;
            (taken, subscription)
        });
        tokio::task::yield_now().await;
        append(&store, "events", number..number + 1).await;
        let (taken, same) = waiting.await.unwrap();
        assert_eq!(taken, [number]);
        subscription = same;
    }
}

pub async fn what_was_not_acknowledged_comes_again(rig: &Rig) {
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    append(&store, "events", 0..5).await;
    let first = next(&mut subscription).await;
    let second = next(&mut subscription).await;
    take(&mut subscription, 1).await;
    subscription.acknowledge(second.seq).await.unwrap();
    // Out of order, and again: the cursor never goes back.
    subscription.acknowledge(first.seq).await.unwrap();
    subscription.acknowledge(second.seq).await.unwrap();
    drop(subscription);

    let store = rig.reopen(store).await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    let third = next(&mut subscription).await;
    assert_eq!(third.payload.parse::<u64>().unwrap(), 2);
    assert!(third.seq > second.seq);
    assert_eq!(take(&mut subscription, 2).await, [3, 4]);
    assert_eq!(backlog(&store, "reader").await, 3);
}

pub async fn an_undone_append_is_not_delivered(rig: &Rig) {
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    let undone = store
        .write(|tx| {
            tx.append("events", &0_u64)?;
            Err::<(), _>(Error::InvalidKey)
        })
        .await;
    assert!(matches!(undone, Err(Error::InvalidKey)));
    append(&store, "events", 1..2).await;
    assert_eq!(take(&mut subscription, 1).await, [1]);
}

pub async fn every_subscriber_gets_every_entry(rig: &Rig) {
    let store = rig.open().await;
    let mut left = store.subscribe("events", "left").await.unwrap();
    append(&store, "events", 0..3).await;
    let mut right = store.subscribe("events", "right").await.unwrap();
    assert_eq!(take(&mut left, 3).await, [0, 1, 2]);
    assert_eq!(take(&mut right, 3).await, [0, 1, 2]);
}

pub async fn topics_are_apart(rig: &Rig) {
    let store = rig.open().await;
    let mut events = store.subscribe("events", "reader").await.unwrap();
    let mut audit = store.subscribe("audit", "reader").await.unwrap();
    append(&store, "audit", 7..8).await;
    append(&store, "events", 1..2).await;
    assert_eq!(take(&mut events, 1).await, [1]);
    assert_eq!(take(&mut audit, 1).await, [7]);
}

/// Each transaction counts up one of four counters and appends what it counted: so the entries of a counter must
/// arrive in order, without a gap.
pub async fn entries_of_concurrent_writers_are_neither_lost_nor_out_of_order(rig: &Rig) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 20;
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    let count = store.write(move |tx| {
                        let name = format!("counter {}", writer % 4);
                        let value =
                            tx.get::<Counter>(&Key::of(&name))?.map_or(0, |counter| counter.value) + 1;
                        let counter = Counter { name, value };
                        tx.put(&counter)?;
                        tx.append("events", &counter)
                    });
                    count.await.unwrap();
                }
            })
        })
        .collect();
    let mut counted = std::collections::BTreeMap::<String, u64>::new();
    for _ in 0..WRITERS * EACH {
        let counter: Counter = next(&mut subscription).await.payload.parse().unwrap();
        let last = counted.entry(counter.name.clone()).or_default();
        assert_eq!(counter.value, *last + 1, "{}", counter.name);
        *last = counter.value;
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

pub async fn an_acknowledgement_belongs_to_its_transaction(rig: &Rig) {
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    append(&store, "events", 0..2).await;
    let seq = next(&mut subscription).await.seq;
    let undone = store
        .write(move |tx| {
            tx.acknowledge("events", "reader", seq)?;
            Err::<(), _>(Error::InvalidKey)
        })
        .await;
    assert!(undone.is_err());
    assert_eq!(backlog(&store, "reader").await, 2);
    store.write(move |tx| tx.acknowledge("events", "reader", seq)).await.unwrap();
    assert_eq!(backlog(&store, "reader").await, 1);
}

pub async fn acknowledged_entries_are_trimmed(rig: &Rig) {
    let store = rig.open_with(keep_nothing()).await;
    let mut fast = store.subscribe("events", "fast").await.unwrap();
    let mut slow = store.subscribe("events", "slow").await.unwrap();
    append(&store, "events", 0..10).await;
    let mut last = 0;
    for _ in 0..10 {
        last = next(&mut fast).await.seq;
    }
    fast.acknowledge(last).await.unwrap();
    assert_eq!(trimmed(&store).await, 0, "the slow one has read none");
    for _ in 0..4 {
        last = next(&mut slow).await.seq;
    }
    slow.acknowledge(last).await.unwrap();
    assert_eq!(trimmed(&store).await, 4);
    assert_eq!(trimmed(&store).await, 0);
    assert_eq!(take(&mut slow, 6).await, [4, 5, 6, 7, 8, 9]);
}

pub async fn retention_keeps_acknowledged_entries(rig: &Rig) {
    let store = rig.open().await;
    append(&store, "events", 0..3).await;
    assert_eq!(trimmed(&store).await, 0);
    let mut late = store.subscribe("events", "late").await.unwrap();
    assert_eq!(take(&mut late, 3).await, [0, 1, 2]);
}

pub async fn an_unsubscribed_name_holds_nothing_back(rig: &Rig) {
    let store = rig.open_with(keep_nothing()).await;
    store.subscribe("events", "gone").await.unwrap();
    append(&store, "events", 0..3).await;
    assert_eq!(trimmed(&store).await, 0);
    assert!(store.write(|tx| tx.unsubscribe("events", "gone")).await.unwrap());
    assert!(!store.write(|tx| tx.unsubscribe("events", "gone")).await.unwrap());
    assert_eq!(trimmed(&store).await, 3);
}

pub async fn a_follower_sees_what_comes_from_now_on(rig: &Rig) {
    let store = rig.open().await;
    append(&store, "events", 0..3).await;
    let mut follower = store.follow("events").await.unwrap();
    append(&store, "events", 3..5).await;
    let delivery = next(&mut follower).await;
    assert_eq!(delivery.payload.parse::<u64>().unwrap(), 3);
    follower.acknowledge(delivery.seq).await.unwrap();
    assert_eq!(take(&mut follower, 1).await, [4]);
    let records = store.read(|tx| tx.count::<Counter>(Range::all())).await.unwrap();
    assert_eq!(records, 0);
}

pub async fn waiting_ends_when_the_store_is_closed(rig: &Rig) {
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    let waiting = tokio::spawn(async move { subscription.next().await.map(|delivery| delivery.seq) });
    let claiming = tokio::spawn({
        let store = store.clone();
        async move { store.claim("work", "me", Duration::from_secs(60)).await.map(|claimed| claimed.id) }
    });
    tokio::task::yield_now().await;
    store.close().await;
    assert!(matches!(soon(waiting).await.unwrap(), Err(Error::Closed)));
    assert!(matches!(soon(claiming).await.unwrap(), Err(Error::Closed)));
}

pub async fn an_observer_is_told_of_what_was_committed(rig: &Rig) {
    let store = rig.open().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    store.observe("events", move |payload| told.lock().unwrap().push(payload.parse::<u64>().unwrap()));
    store.observe("events", |_| panic!("an observer's mistake harms nobody"));
    append(&store, "events", 1..3).await;
    append(&store, "others", 3..4).await;
    let undone = store.write(|tx| {
        tx.append("events", &4)?;
        Err::<(), _>(Error::Closed)
    });
    assert!(undone.await.is_err());
    append(&store, "events", 5..6).await;
    // It is told before the writer is answered.
    assert_eq!(*seen.lock().unwrap(), [1, 2, 5]);
}
