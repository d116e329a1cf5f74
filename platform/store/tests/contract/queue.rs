use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use store::{Claimed, Error, Store};

use crate::rig::{Rig, soon};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

async fn enqueue(store: &Store, id: &'static str, not_before: Option<i64>) -> bool {
    store.write(move |tx| tx.enqueue("work", id, &format!("payload of {id}"), not_before)).await.unwrap()
}

async fn claim(store: &Store, lease: Duration) -> Claimed {
    soon(store.claim("work", "me", lease)).await.unwrap()
}

async fn complete(store: &Store, claimed: &Claimed) -> Result<(), Error> {
    let claimed = claimed.clone();
    store.write(move |tx| tx.complete(&claimed)).await
}

async fn length(store: &Store) -> u64 {
    store.read(|tx| tx.queue_length("work")).await.unwrap()
}

pub async fn entries_are_claimed_in_the_order_in_which_they_are_due(rig: &Rig) {
    let store = rig.open().await;
    enqueue(&store, "due second", Some(2_000)).await;
    enqueue(&store, "due first", Some(1_000)).await;
    enqueue(&store, "due at once", None).await;
    enqueue(&store, "and after it", None).await;
    for (id, expected) in ["due first", "due second", "due at once", "and after it"].iter().zip(1..) {
        let claimed = claim(&store, LONG).await;
        assert_eq!(claimed.id, *id, "claim {expected}");
        assert_eq!(claimed.payload.parse::<String>().unwrap(), format!("payload of {id}"));
        assert_eq!((claimed.attempt, claimed.queue.as_str()), (1, "work"));
    }
    assert!(store.try_claim("work", "me", LONG).await.unwrap().is_none());
}

pub async fn several_entries_are_claimed_at_once(rig: &Rig) {
    let store = rig.open().await;
    for id in ["a", "b", "c"] {
        enqueue(&store, id, None).await;
    }
    enqueue(&store, "later", Some(now() + 600_000)).await;
    let ids = |all: &[Claimed]| all.iter().map(|claimed| claimed.id.clone()).collect::<Vec<_>>();
    let first = soon(store.claim_up_to(2, "work", "me", LONG)).await.unwrap();
    assert_eq!(ids(&first), ["a", "b"]);
    assert_ne!(first[0].token, first[1].token);
    assert!(first.iter().all(|claimed| claimed.payload.parse::<String>().unwrap().ends_with(&claimed.id)));
    let rest = soon(store.claim_up_to(9, "work", "other", LONG)).await.unwrap();
    assert_eq!(ids(&rest), ["c"], "neither those that are held nor one that is not due");
    for claimed in first.iter().chain(&rest) {
        complete(&store, claimed).await.unwrap();
    }
    assert_eq!(length(&store).await, 1);
}

pub async fn an_entry_is_there_once(rig: &Rig) {
    let store = rig.open().await;
    assert!(enqueue(&store, "a", None).await);
    assert!(!enqueue(&store, "a", None).await, "still waiting");
    let claimed = claim(&store, LONG).await;
    assert!(!enqueue(&store, "a", None).await, "still being worked on");
    complete(&store, &claimed).await.unwrap();
    assert!(enqueue(&store, "a", None).await, "done, so it may come again");
    assert_eq!(length(&store).await, 1);
}

pub async fn an_entry_is_not_claimed_before_its_time(rig: &Rig) {
    let store = rig.open().await;
    let due = now() + 400;
    enqueue(&store, "later", Some(due)).await;
    assert!(store.try_claim("work", "me", LONG).await.unwrap().is_none());
    assert_eq!(claim(&store, LONG).await.id, "later");
    assert!(now() >= due);
}

pub async fn a_waiting_worker_is_woken(rig: &Rig) {
    let store = rig.open().await;
    for id in ["a", "b", "c", "d"] {
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { claim(&store, LONG).await }
        });
        tokio::task::yield_now().await;
        enqueue(&store, id, None).await;
        assert_eq!(waiting.await.unwrap().id, id);
    }
}

pub async fn an_entry_whose_lease_ended_is_claimed_again(rig: &Rig) {
    let store = rig.open().await;
    enqueue(&store, "a", None).await;
    let begun = Instant::now();
    let first = claim(&store, SHORT).await;
    let second = claim(&store, LONG).await;
    assert!(begun.elapsed() >= SHORT);
    assert_eq!((second.id.as_str(), second.attempt), ("a", 2));
    assert_ne!(first.token, second.token);
    for lost in [
        complete(&store, &first).await,
        store.heartbeat(&first, LONG).await,
        store.release(&first, Duration::ZERO).await,
    ] {
        assert!(matches!(lost, Err(Error::LeaseLost { .. })), "{lost:?}");
    }
    complete(&store, &second).await.unwrap();
    assert!(matches!(complete(&store, &second).await, Err(Error::LeaseLost { .. })));
    assert_eq!(length(&store).await, 0);
}

pub async fn a_heartbeat_keeps_the_lease(rig: &Rig) {
    let store = rig.open().await;
    enqueue(&store, "a", None).await;
    let claimed = claim(&store, SHORT).await;
    store.heartbeat(&claimed, LONG).await.unwrap();
    let other = tokio::time::timeout(SHORT * 3, store.claim("work", "other", LONG)).await;
    assert!(other.is_err(), "the lease was prolonged");
    complete(&store, &claimed).await.unwrap();
}

pub async fn a_released_entry_is_claimable_again(rig: &Rig) {
    let store = rig.open().await;
    enqueue(&store, "a", None).await;
    let first = claim(&store, LONG).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { claim(&store, LONG).await }
    });
    let begun = Instant::now();
    store.release(&first, SHORT).await.unwrap();
    let second = waiting.await.unwrap();
    assert!(begun.elapsed() >= SHORT - Duration::from_millis(20), "not before the delay");
    assert_eq!((second.id.as_str(), second.attempt), ("a", 2));
    assert!(matches!(complete(&store, &first).await, Err(Error::LeaseLost { .. })));
}

pub async fn a_cancelled_entry_is_gone(rig: &Rig) {
    let store = rig.open().await;
    enqueue(&store, "a", None).await;
    enqueue(&store, "b", None).await;
    assert!(store.read(|tx| tx.is_queued("work", "a")).await.unwrap());
    assert!(store.write(|tx| tx.dequeue("work", "a")).await.unwrap());
    assert!(!store.write(|tx| tx.dequeue("work", "a")).await.unwrap());
    let claimed = claim(&store, LONG).await;
    assert_eq!(claimed.id, "b");
    store.write(|tx| tx.dequeue("work", "b")).await.unwrap();
    assert!(matches!(store.heartbeat(&claimed, LONG).await, Err(Error::LeaseLost { .. })));
}

pub async fn an_entry_undone_with_its_transaction_is_never_claimed(rig: &Rig) {
    let store = rig.open().await;
    let undone = store
        .write(|tx| {
            tx.enqueue("work", "undone", "", None)?;
            Err::<(), _>(Error::InvalidKey)
        })
        .await;
    assert!(undone.is_err());
    enqueue(&store, "kept", None).await;
    assert_eq!(claim(&store, LONG).await.id, "kept");

    // The same for what ends an entry.
    let claimed = store.try_claim("work", "me", LONG).await.unwrap();
    assert!(claimed.is_none());
    assert_eq!(length(&store).await, 1);
}

pub async fn many_workers_claim_each_entry_once(rig: &Rig) {
    const ENTRIES: u64 = 60;
    let store = rig.open().await;
    let (done, mut claims) = tokio::sync::mpsc::unbounded_channel();
    let workers: Vec<_> = (0..6)
        .map(|worker| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                loop {
                    let claimed = store.claim("work", &format!("worker {worker}"), LONG).await.unwrap();
                    complete(&store, &claimed).await.unwrap();
                    done.send(claimed).unwrap();
                }
            })
        })
        .collect();
    for number in 0..ENTRIES {
        store.write(move |tx| tx.enqueue("work", &number.to_string(), &number, None)).await.unwrap();
    }
    let mut seen = BTreeSet::new();
    for _ in 0..ENTRIES {
        let claimed = soon(claims.recv()).await.unwrap();
        assert_eq!(claimed.attempt, 1);
        assert!(seen.insert(claimed.id.clone()), "{} again", claimed.id);
    }
    for worker in workers {
        worker.abort();
    }
    assert_eq!(length(&store).await, 0);
}

pub async fn a_claim_that_nobody_waits_for_is_given_back(rig: &Rig) {
    let store = rig.open().await;
    for round in 0..30_u64 {
        let id = format!("entry {round}");
        let enqueued = id.clone();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.claim("work", "impatient", LONG).await }
        });
        store.write(move |tx| tx.enqueue("work", &enqueued, "", None)).await.unwrap();
        // At whatever point the claim is by now.
        waiting.abort();
        let claimed = match waiting.await {
            Ok(claimed) => claimed.unwrap(),
            Err(_) => claim(&store, LONG).await,
        };
        assert_eq!(claimed.id, id);
        complete(&store, &claimed).await.unwrap();
    }
}

pub async fn queues_are_apart_and_survive_a_restart(rig: &Rig) {
    let store = rig.open().await;
    enqueue(&store, "a", None).await;
    enqueue(&store, "b", None).await;
    let claimed = claim(&store, SHORT).await;
    assert!(store.try_claim("other work", "me", LONG).await.unwrap().is_none());
    let store = rig.reopen(store).await;
    assert_eq!(claim(&store, LONG).await.id, "b");
    let again = claim(&store, LONG).await;
    assert_eq!((again.id.as_str(), again.attempt), ("a", 2), "its worker is gone");
    assert!(matches!(complete(&store, &claimed).await, Err(Error::LeaseLost { .. })));
}

pub async fn what_waits_and_what_was_committed_is_shown_in_numbers(rig: &Rig) {
    let store = rig.open().await;
    let mut registry = Registry::default();
    store.register(&mut registry);
    for (id, not_before) in
        [("first", Some(1_000)), ("second", Some(2_000)), ("later", Some(now() + 600_000))]
    {
        enqueue(&store, id, not_before).await;
    }
    claim(&store, LONG).await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    for number in 0..3 {
        store.write(move |tx| tx.append("events", &number)).await.unwrap();
    }
    let first = soon(subscription.next()).await.unwrap();
    subscription.acknowledge(first.seq).await.unwrap();

    let watching = tokio::spawn({
        let store = store.clone();
        async move { store.watch_backlog().await }
    });
    let text = soon(async {
        loop {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            if text.contains("queue_entries{") {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let text = text.await;
    for line in [
        "queue_entries{queue=\"work\",state=\"held\"} 1.0",
        "queue_entries{queue=\"work\",state=\"due\"} 1.0",
        "queue_entries{queue=\"work\",state=\"later\"} 1.0",
        "outbox_backlog_entries{topic=\"events\",subscriber=\"reader\"} 2.0",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in {text}");
    }
    let value = |name: &str| -> f64 {
        let line =
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    // Due since 1970: the second entry, as the first is held.
    assert!(value("queue_oldest_due_seconds{queue=\"work\"}") > 1e9);
    assert!((0.0..600.0).contains(&value("outbox_lag_seconds{")));
    // Three entries, a claim, a subscription, three appended, an acknowledgement.
    assert!(value("store_transactions_total") >= 9.0);
    assert!(value("store_commit_seconds_sum") > 0.0);
    assert!(value("store_commit_seconds_count") <= value("store_transactions_total"));
    store.close().await;
    soon(watching).await.unwrap();
}
