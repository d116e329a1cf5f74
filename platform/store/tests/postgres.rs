//! What holds for PostgreSQL beyond the contract: several nodes, broken connections.
//!
//! Runs as the PostgreSQL half of the contract suite does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "contract/rig.rs"]
mod rig;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rig::{Counter, Rig, SOON, soon};
use store::{Error, Key, Store, WriteTx};

const LONG: Duration = Duration::from_secs(600);

fn set(tx: &mut WriteTx<'_>, name: &str, value: u64) -> Result<(), Error> {
    tx.put(&Counter { name: name.to_owned(), value }).map(drop)
}

async fn value(store: &Store, name: &str) -> Option<u64> {
    let key = Key::of(name);
    store.read(move |tx| tx.get::<Counter>(&key)).await.unwrap().map(|counter| counter.value)
}

/// Runs statements as an operator would, on a connection of its own; answers the first column of the last result.
fn operate(rig: &Rig, sql: &str) -> Vec<String> {
    let (url, sql) = (rig.postgres_url(), sql.to_owned());
    let operate = move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        let messages = client.simple_query(&sql).unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        rows.collect()
    };
    std::thread::spawn(operate).join().unwrap()
}

/// Breaks all connections of the stores of this rig, which carry the name of its schema; answers how many there were.
fn terminate_connections(rig: &Rig) -> usize {
    let terminate = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = '{}' AND pid <> pg_backend_pid()",
        rig.schema()
    );
    operate(rig, &terminate).len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_wake_each_other() {
    let Some(rig) = Rig::postgres().await else { return };
    let (here, there) = (rig.open().await, rig.open().await);
    let mut subscription = there.subscribe("events", "reader").await.unwrap();
    for number in 0..10_u64 {
        let waiting = tokio::spawn(async move {
            let delivery = soon(subscription.next()).await.unwrap();
            (delivery, subscription)
        });
        let claiming = tokio::spawn({
            let there = there.clone();
            async move { soon(there.claim("work", "there", LONG)).await.unwrap() }
        });
        // Time to begin to wait, so that what follows is more often than not a wake-up.
        tokio::time::sleep(Duration::from_millis(30)).await;
        here.write(move |tx| {
            tx.enqueue("work", &number.to_string(), &number, None)?;
            tx.append("events", &number)
        })
        .await
        .unwrap();
        assert_eq!(claiming.await.unwrap().id, number.to_string());
        let (delivery, same) = waiting.await.unwrap();
        assert_eq!(delivery.payload.parse::<u64>().unwrap(), number);
        subscription = same;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_share_increments_and_claims() {
    let Some(rig) = Rig::postgres().await else { return };
    let stores = [rig.open().await, rig.open().await, rig.open().await];
    let tasks: Vec<_> = stores
        .iter()
        .cloned()
        .map(|store| {
            tokio::spawn(async move {
                for _ in 0..20 {
                    let increment = store.write(|tx| {
                        let now = tx.get::<Counter>(&Key::of("n"))?.map_or(0, |counter| counter.value);
                        tx.enqueue("work", &now.to_string(), &now, None)?;
                        set(tx, "n", now + 1)
                    });
                    increment.await.unwrap();
                }
                let mut claimed = Vec::new();
                while let Some(entry) = store.try_claim("work", "me", LONG).await.unwrap() {
                    claimed.push(entry.id);
                }
                claimed
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap());
    }
    let total = claimed.len();
    claimed.sort();
    claimed.dedup();
    assert_eq!((claimed.len(), total), (60, 60));
    assert_eq!(value(&stores[0], "n").await, Some(60));
}

/// A transaction that began earlier commits later: its entry must not be passed over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_waits_for_those_before_it() {
    let Some(rig) = Rig::postgres().await else { return };
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    let (entered, inside) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let left = std::sync::Mutex::new(left);
    let slow = tokio::spawn({
        let store = store.clone();
        async move {
            let write = store.write(move |tx| {
                tx.append("events", "slow")?;
                entered.send(()).unwrap();
                left.lock().unwrap().recv_timeout(SOON).map_err(|_| Error::Closed)
            });
            write.await
        }
    });
    tokio::task::spawn_blocking(move || inside.recv_timeout(SOON).unwrap()).await.unwrap();
    store.write(|tx| tx.append("events", "fast")).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(early.is_err(), "{early:?}");
    leave.send(()).unwrap();
    slow.await.unwrap().unwrap();
    for expected in ["slow", "fast"] {
        let delivery = soon(subscription.next()).await.unwrap();
        assert_eq!(delivery.payload.parse::<String>().unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_connections_are_made_again() {
    let Some(rig) = Rig::postgres().await else { return };
    let store = rig.open().await;
    store.write(|tx| set(tx, "n", 0)).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        let claim = async move {
            loop {
                match store.claim("work", "me", LONG).await {
                    // The connection broke while a look that found nothing was committed: workers look again.
                    Err(Error::CommitUnknown { .. }) => {}
                    claimed => return claimed.unwrap(),
                }
            }
        };
        soon(claim)
    });
    for round in 1..=5 {
        assert!(terminate_connections(&rig) > 0, "there were none to break");
        store.write(move |tx| set(tx, "n", round)).await.unwrap();
        terminate_connections(&rig);
        assert_eq!(value(&store, "n").await, Some(round));
    }
    store.write(|tx| tx.enqueue("work", "a", "", None)).await.unwrap();
    assert_eq!(waiting.await.unwrap().id, "a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_in_a_transaction_runs_it_again() {
    let Some(rig) = Rig::postgres().await else { return };
    let rig = Arc::new(rig);
    let store = rig.open().await;
    let runs = Arc::new(AtomicU32::new(0));
    let (breaking, counting) = (rig.clone(), runs.clone());
    store
        .write(move |tx| {
            set(tx, "n", 1)?;
            if counting.fetch_add(1, Ordering::Relaxed) == 0 {
                terminate_connections(&breaking);
            }
            set(tx, "m", 1)
        })
        .await
        .unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!((value(&store, "n").await, value(&store, "m").await), (Some(1), Some(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_connection_breaks_is_not_taken_for_done() {
    let Some(rig) = Rig::postgres().await else { return };
    let rig = Arc::new(rig);
    let store = rig.open().await;
    let runs = Arc::new(AtomicU32::new(0));
    let (breaking, counting) = (rig.clone(), runs.clone());
    let outcome = store
        .write(move |tx| {
            set(tx, "n", 1)?;
            counting.fetch_add(1, Ordering::Relaxed);
            terminate_connections(&breaking);
            Ok::<_, Error>(())
        })
        .await;
    assert!(matches!(outcome, Err(Error::CommitUnknown { .. })), "{outcome:?}");
    assert_eq!(runs.load(Ordering::Relaxed), 1, "run again, it might take place twice");
    assert_eq!(value(&store, "n").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_server_is_an_error() {
    let url = "postgres://nobody@127.0.0.1:1/none".to_owned();
    let refused = soon(Store::open(store::Config::Postgres { url })).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    let unreadable = Store::open(store::Config::Postgres { url: "postgres://:secret@:::".to_owned() }).await;
    assert!(!unreadable.unwrap_err().to_string().contains("secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused() {
    let Some(rig) = Rig::postgres().await else { return };
    rig.open().await.close().await;
    operate(&rig, "UPDATE schema_version SET version = 99");
    let refused = Store::open(rig.config()).await;
    assert!(matches!(refused, Err(Error::NewerSchema { found: 99, .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_restored_from_another_cluster_goes_on() {
    let Some(rig) = Rig::postgres().await else { return };
    let store = rig.open().await;
    store.subscribe("events", "reader").await.unwrap();
    store.close().await;
    // As if acknowledged in a cluster that had seen far more transactions.
    operate(&rig, "UPDATE subscriber SET position = 1::bigint << 60");
    let store = rig.open().await;
    let mut subscription = store.subscribe("events", "reader").await.unwrap();
    store.write(|tx| tx.append("events", "new")).await.unwrap();
    assert_eq!(soon(subscription.next()).await.unwrap().payload.parse::<String>().unwrap(), "new");
}
