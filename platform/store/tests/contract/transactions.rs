use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use store::{Error, Key, Listener, Range, Store, WriteTx};

use crate::rig::{Build, Counter, Rig, SOON, soon};

/// What a service's own errors look like to the store.
#[derive(Debug, PartialEq)]
enum Refusal {
    NoSuchProject,
    Store(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Store(error.to_string())
    }
}

async fn value(store: &Store, name: &str) -> Option<u64> {
    let key = Key::of(name);
    store.read(move |tx| tx.get::<Counter>(&key)).await.unwrap().map(|counter| counter.value)
}

fn set(tx: &mut WriteTx<'_>, name: &str, value: u64) -> Result<(), Error> {
    tx.put(&Counter { name: name.to_owned(), value }).map(drop)
}

pub async fn an_error_undoes_the_whole_transaction(rig: &Rig) {
    let store = rig.open().await;
    let refused = store
        .write(|tx| {
            set(tx, "a", 1)?;
            tx.append("events", "a")?;
            tx.enqueue("work", "a", "a", None)?;
            Err::<(), _>(Refusal::NoSuchProject)
        })
        .await;
    assert_eq!(refused, Err(Refusal::NoSuchProject));
    assert_eq!(value(&store, "a").await, None);
    let left = store
        .read(|tx| Ok::<_, Error>((tx.queue_length("work")?, tx.outbox_backlog("events", "nobody")?)))
        .await
        .unwrap();
    assert_eq!(left, (0, 0));
}

pub async fn an_error_undoes_nothing_of_the_others(rig: &Rig) {
    let store = rig.open().await;
    let writes: Vec<_> = (0..60)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let written = store.write(move |tx| {
                    set(tx, &format!("c{number}"), number)?;
                    if number % 3 == 0 { Err(Refusal::NoSuchProject) } else { Ok(()) }
                });
                written.await
            })
        })
        .collect();
    for (number, write) in (0..).zip(writes) {
        let expected = if number % 3 == 0 { None } else { Some(number) };
        assert_eq!(write.await.unwrap().is_ok(), expected.is_some());
        assert_eq!(value(&store, &format!("c{number}")).await, expected);
    }
}

pub async fn a_panic_undoes_its_transaction_and_harms_no_other(rig: &Rig) {
    let store = rig.open().await;
    for _ in 0..20 {
        let others = tokio::spawn({
            let store = store.clone();
            async move { store.write(|tx| set(tx, "good", 1)).await }
        });
        let panicked = store.write(|tx| -> Result<(), Error> {
            set(tx, "bad", 1)?;
            panic!("on purpose")
        });
        let error = panicked.await.unwrap_err();
        assert!(matches!(&error, Error::Panicked { message } if &**message == "on purpose"), "{error}");
        others.await.unwrap().unwrap();
        let read = store.read(|_| -> Result<(), Error> { panic!("on purpose too") }).await;
        assert!(matches!(read, Err(Error::Panicked { .. })));
    }
    assert_eq!((value(&store, "bad").await, value(&store, "good").await), (None, Some(1)));
}

pub async fn a_transaction_sees_its_own_changes(rig: &Rig) {
    let store = rig.open().await;
    let seen = store
        .write(|tx| {
            tx.put(&Build::new("web", 1, "QUEUED"))?;
            tx.put(&Build::new("web", 2, "QUEUED"))?;
            tx.delete::<Build>(&Build::key_of("web", 1))?;
            let page = tx.scan_index::<Build>("status", Range::prefix(Key::of("QUEUED")), 9)?;
            Ok::<_, Error>((page.into_records(), tx.count::<Build>(Range::all())?))
        })
        .await
        .unwrap();
    assert_eq!(seen, (vec![Build::new("web", 2, "QUEUED")], 1));
}

pub async fn a_refusal_leaves_the_transaction_usable(rig: &Rig) {
    let store = rig.open().await;
    store.write(|tx| set(tx, "a", 1)).await.unwrap();
    let went_on = store
        .write(|tx| {
            let refused = tx.put_if(&Counter { name: "a".to_owned(), value: 2 }, None);
            assert!(matches!(refused, Err(Error::Conflict { .. })));
            set(tx, "b", 2)
        })
        .await;
    went_on.unwrap();
    assert_eq!((value(&store, "a").await, value(&store, "b").await), (Some(1), Some(2)));
}

pub async fn concurrent_increments_are_all_counted(rig: &Rig) {
    let store = rig.open().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..12 {
                    let increment = store.write(|tx| {
                        let now = tx.get::<Counter>(&Key::of("n"))?.map_or(0, |counter| counter.value);
                        set(tx, "n", now + 1)
                    });
                    increment.await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(value(&store, "n").await, Some(96));
}

/// Each transaction reads what the other writes: were they to run on the same state, both would find the range empty.
pub async fn transactions_take_place_one_after_the_other(rig: &Rig) {
    let store = rig.open().await;
    for round in 0..15_u64 {
        let claims: Vec<_> = (0..4_u64)
            .map(|who| {
                let store = store.clone();
                tokio::spawn(async move {
                    let claim = store.write(move |tx| {
                        let range = Range::prefix(Key::of(format!("round {round}")));
                        let free = tx.count::<Build>(range)? == 0;
                        if free {
                            tx.put(&Build::new(&format!("round {round}"), who, "MINE"))?;
                        }
                        Ok::<_, Error>(free)
                    });
                    claim.await.unwrap()
                })
            })
            .collect();
        let mut winners = 0;
        for claim in claims {
            winners += u32::from(claim.await.unwrap());
        }
        assert_eq!(winners, 1, "round {round}");
    }
}

pub async fn a_read_sees_one_state_while_others_write(rig: &Rig) {
    let store = rig.open().await;
    store
        .write(|tx| {
            set(tx, "left", 0)?;
            set(tx, "right", 0)
        })
        .await
        .unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, over) = (store.clone(), over.clone());
        async move {
            for round in 1..=40 {
                let both = store.write(move |tx| {
                    set(tx, "left", round)?;
                    set(tx, "right", round)
                });
                both.await.unwrap();
            }
            over.store(true, Ordering::Relaxed);
        }
    });
    let mut reads = 0;
    while !over.load(Ordering::Relaxed) {
        let (left, right) = store
            .read(|tx| {
                let left = tx.get::<Counter>(&Key::of("left"))?.unwrap().value;
                // Gives the writer time to commit in between.
                std::thread::yield_now();
                Ok::<_, Error>((left, tx.get::<Counter>(&Key::of("right"))?.unwrap().value))
            })
            .await
            .unwrap();
        assert_eq!(left, right);
        reads += 1;
    }
    writer.await.unwrap();
    assert!(reads > 0);
}

pub async fn a_read_waits_for_no_writer(rig: &Rig) {
    let store = rig.open().await;
    store.write(|tx| set(tx, "a", 1)).await.unwrap();
    let (entered, inside) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let left = std::sync::Mutex::new(left);
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            let write = store.write(move |tx| {
                set(tx, "a", 2)?;
                entered.send(()).unwrap();
                // Holds the transaction open until the read is done.
                left.lock().unwrap().recv_timeout(SOON).map_err(|_| Error::Closed)
            });
            write.await
        }
    });
    tokio::task::spawn_blocking(move || inside.recv_timeout(SOON).unwrap()).await.unwrap();
    assert_eq!(soon(value(&store, "a")).await, Some(1));
    leave.send(()).unwrap();
    writer.await.unwrap().unwrap();
    assert_eq!(value(&store, "a").await, Some(2));
}

pub async fn what_is_written_is_seen_by_the_next_read(rig: &Rig) {
    let store = rig.open().await;
    for number in 0..50 {
        store.write(move |tx| set(tx, "a", number)).await.unwrap();
        assert_eq!(value(&store, "a").await, Some(number));
    }
}

pub async fn a_closed_store_refuses(rig: &Rig) {
    let store = rig.open().await;
    let clone = store.clone();
    store.close().await;
    assert!(matches!(clone.write(|tx| set(tx, "a", 1)).await, Err(Error::Closed)));
    assert!(matches!(clone.read(|tx| tx.exists::<Counter>(&Key::of("a"))).await, Err(Error::Closed)));
    clone.close().await;
}

pub async fn abandoned_writes_are_carried_out(rig: &Rig) {
    let store = rig.open().await;
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let write = store.write(move |tx| {
        entered.send(()).unwrap();
        set(tx, "a", 1)
    });
    tokio::select! {
        _ = write => {}
        _ = inside.recv() => {}
    }
    let written = async {
        while value(&store, "a").await.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(written).await;
}

pub async fn who_listens_is_woken_by_what_is_committed(rig: &Rig) {
    let store = rig.open().await;
    let (mut mine, mut other) = (store.listen("mine"), store.listen("other"));
    // Once everybody may be woken for nothing: when a connection hears of other nodes from then on.
    let is_quiet = async |listener: &mut Listener| {
        tokio::time::timeout(Duration::from_millis(20), listener.raised()).await.is_err()
    };
    soon(async {
        loop {
            let undone = store.write(|tx| {
                tx.tell("mine");
                Err::<(), _>(Refusal::NoSuchProject)
            });
            assert_eq!(undone.await, Err(Refusal::NoSuchProject));
            if is_quiet(&mut mine).await {
                break;
            }
        }
    })
    .await;
    soon(async {
        loop {
            let told = store.write(|tx| {
                tx.tell("mine");
                set(tx, "a", 1)
            });
            told.await.unwrap();
            mine.raised().await;
            if is_quiet(&mut other).await {
                break;
            }
        }
    })
    .await;
}
