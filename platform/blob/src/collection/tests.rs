//! Writers and the collector step by step, in any order, with crashes between any two steps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use store::{Key, ReadTx, Record, Store};

use super::collector::Item;
use super::records::{Note, millis};
use super::*;
use crate::{BlobId, Blobs, Config};

/// A record that names a blob.
#[derive(Serialize, Deserialize)]
struct Named {
    slot: u64,
    blob: Digest,
}

impl Record for Named {
    const KIND: &'static str = "test/named";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Key::of("slot").and_u64(self.slot)
    }
}

struct Records;

impl References for Records {
    fn names(&self, tx: &mut ReadTx<'_>, blob: Digest) -> Result<bool, store::Error> {
        Ok(tx.scan::<Named>(Key::of("slot"), 100)?.records.iter().any(|named| named.blob == blob))
    }
}

struct Rig {
    store: Store,
    blobs: Blobs,
    collector: Collector,
    _dir: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(store::Config::Sqlite { dir: dir.path().join("store") }).await.unwrap();
        let blobs = Blobs::open(Config::Folder { dir: dir.path().join("blobs") }).await.unwrap();
        let collector = Collector::new(store.clone(), blobs.clone(), vec![Arc::new(Records)]);
        Self { store, blobs, collector, _dir: dir }
    }

    async fn put(&self, content: u8) -> (Ticket, BlobId) {
        let ticket = ticket(&self.store).await.unwrap();
        (ticket, self.blobs.put_bytes(bytes_of(content)).await.unwrap())
    }

    async fn name(&self, slot: u64, ticket: Ticket, blob: Digest) -> Result<(), NamingError> {
        self.store
            .write(move |tx| {
                name(tx, &ticket, blob)?;
                tx.put(&Named { slot, blob })?;
                Ok(())
            })
            .await
    }

    async fn unname(&self, slot: u64) {
        let key = Key::of("slot").and_u64(slot);
        self.store.write(move |tx| tx.delete::<Named>(&key)).await.unwrap();
    }

    async fn is_there(&self, blob: Digest) -> bool {
        self.blobs.head(blob).await.unwrap().is_some()
    }

    /// Passes on one day after the other.
    async fn pass_days(&self, days: std::ops::Range<u32>) {
        for day in days {
            self.collector.pass(in_days(day)).await.unwrap();
        }
    }

    async fn notes(&self) -> Vec<Note> {
        let read = self.store.read(|tx| tx.scan::<Note>(store::Range::all(), 100)).await;
        read.map_err(|error: store::Error| error).unwrap().into_records()
    }
}

fn bytes_of(content: u8) -> Bytes {
    Bytes::from(vec![content; 10])
}

fn in_days(days: u32) -> SystemTime {
    SystemTime::now() + Duration::from_secs(24 * 3600) * days + Duration::from_secs(60)
}

#[tokio::test]
async fn what_nothing_names_goes_and_the_rest_stays() {
    let rig = Rig::new().await;
    let (ticket, kept) = rig.put(1).await;
    rig.name(1, ticket, kept.digest).await.unwrap();
    let (_, garbage) = rig.put(2).await;
    rig.pass_days(0..2).await;
    assert!(rig.is_there(garbage.digest).await, "within its grace");
    rig.pass_days(2..4).await;
    assert!(!rig.is_there(garbage.digest).await);
    assert!(rig.is_there(kept.digest).await);
    let mut text = String::new();
    let mut registry = prometheus_client::registry::Registry::default();
    rig.collector.register(&mut registry);
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(
        text.contains("blob_collected_bytes_total 10\n") && text.contains("blob_stored_bytes 10\n"),
        "{text}"
    );
    rig.pass_days(4..12).await;
    assert!(rig.notes().await.is_empty(), "what was collected is forgotten in the end");
}

#[tokio::test]
async fn a_blob_that_is_named_again_is_spared() {
    let rig = Rig::new().await;
    let (ticket, blob) = rig.put(1).await;
    rig.pass_days(1..2).await;
    assert_eq!(rig.notes().await.len(), 1);
    rig.name(1, ticket, blob.digest).await.unwrap();
    rig.pass_days(3..9).await;
    assert!(rig.is_there(blob.digest).await);
    assert!(rig.notes().await.is_empty());
}

#[tokio::test]
async fn a_writer_that_was_overtaken_is_refused_and_succeeds_with_a_new_ticket() {
    let rig = Rig::new().await;
    let (slow, blob) = rig.put(1).await;
    rig.pass_days(1..4).await;
    assert!(!rig.is_there(blob.digest).await);
    assert!(matches!(rig.name(1, slow, blob.digest).await, Err(NamingError::Collected(_))));
    let (fresh, blob) = rig.put(1).await;
    rig.name(1, fresh, blob.digest).await.unwrap();
    assert!(rig.is_there(blob.digest).await);
}

#[tokio::test]
async fn a_ticket_has_its_time() {
    let rig = Rig::new().await;
    let (ticket, blob) = rig.put(1).await;
    let old = Ticket { drawn_at: SystemTime::now() - LONGEST_WAY - Duration::from_secs(1), ..ticket };
    assert!(matches!(rig.name(1, old, blob.digest).await, Err(NamingError::Late(_))));
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_made_up_for() {
    let rig = Rig::new().await;
    for steps in 1..=2 {
        let (_, blob) = rig.put(steps).await;
        let item = || vec![Item { blob: blob.digest, modified: Some(millis(SystemTime::now())) }];
        assert!(rig.collector.mark(item(), in_days(1)).await.unwrap().is_empty(), "condemned first");
        let doomed = rig.collector.mark(item(), in_days(3)).await.unwrap();
        assert_eq!(doomed, [blob.digest]);
        if steps == 2 {
            rig.collector.erase(&doomed, in_days(3)).await.unwrap();
        }
        // Here the node dies. Until another one takes up the pass, nobody may name the blob.
        let (ticket, again) = rig.put(steps).await;
        assert!(matches!(rig.name(1, ticket, again.digest).await, Err(NamingError::Collected(_))));
        rig.blobs.delete(again).await.unwrap();
        rig.pass_days(4..5).await;
        let note = rig.notes().await.into_iter().find(|note| note.blob == blob.digest).unwrap();
        assert!(matches!(note.fate, Fate::Collected { .. }), "{note:?}");
        let (ticket, again) = rig.put(steps).await;
        rig.name(1, ticket, again.digest).await.unwrap();
        rig.unname(1).await;
    }
}

/// One step of somebody. Contents, writers and slots are few, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Draw {
        writer: u8,
    },
    Put {
        writer: u8,
        content: u8,
    },
    Name {
        writer: u8,
        slot: u64,
    },
    Unname {
        slot: u64,
    },
    Mark,
    Erase,
    Confirm,
    /// The collector's node dies, and another one begins from what is durable.
    Crash,
    Days {
        days: u32,
    },
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..2_u8).prop_map(|writer| Step::Draw { writer }),
        3 => (0..2_u8, 0..2_u8).prop_map(|(writer, content)| Step::Put { writer, content }),
        3 => (0..2_u8, 0..2_u64).prop_map(|(writer, slot)| Step::Name { writer, slot }),
        2 => (0..2_u64).prop_map(|slot| Step::Unname { slot }),
        4 => Just(Step::Mark),
        2 => Just(Step::Erase),
        3 => Just(Step::Confirm),
        1 => Just(Step::Crash),
        4 => (1..3_u32).prop_map(|days| Step::Days { days }),
    ]
}

#[derive(Default)]
struct Writer {
    ticket: Option<Ticket>,
    put: Option<BlobId>,
}

/// Answers how often a record came to name a blob and how many blobs were erased.
async fn play(steps: &[Step]) -> (u32, u32) {
    let rig = Rig::new().await;
    let mut writers: BTreeMap<u8, Writer> = BTreeMap::new();
    let mut doomed: Vec<Digest> = Vec::new();
    let (mut named, mut erased, mut day) = (0, 0, 0);
    for step in steps {
        match *step {
            Step::Draw { writer } => {
                let drawn = ticket(&rig.store).await.unwrap();
                writers.insert(writer, Writer { ticket: Some(drawn), put: None });
            }
            Step::Put { writer, content } => {
                let writer = writers.entry(writer).or_default();
                if writer.ticket.is_none() {
                    writer.ticket = Some(ticket(&rig.store).await.unwrap());
                }
                writer.put = Some(rig.blobs.put_bytes(bytes_of(content)).await.unwrap());
            }
            Step::Name { writer, slot } => {
                let Writer { ticket, put } = writers.remove(&writer).unwrap_or_default();
                if let (Some(ticket), Some(blob)) = (ticket, put) {
                    named += u32::from(rig.name(slot, ticket, blob.digest).await.is_ok());
                }
            }
            Step::Unname { slot } => rig.unname(slot).await,
            Step::Mark => {
                // What the listing said may be old news by now: all contents, as if put long ago.
                let item = |content| Item { blob: BlobId::of(&bytes_of(content)).digest, modified: Some(0) };
                doomed = rig.collector.mark((0..2).map(item).collect(), in_days(day)).await.unwrap();
            }
            Step::Erase => {
                for blob in &doomed {
                    erased += u32::from(rig.is_there(*blob).await);
                }
                rig.collector.erase(&doomed, in_days(day)).await.unwrap();
            }
            // Only what was erased is confirmed: a pass stops at the first failure.
            Step::Confirm => {
                rig.collector.erase(&doomed, in_days(day)).await.unwrap();
                rig.collector.confirm(std::mem::take(&mut doomed), in_days(day)).await.unwrap();
            }
            Step::Crash => doomed.clear(),
            Step::Days { days } => day += days,
        }
        let records = rig.store.read(|tx| tx.scan::<Named>(Key::of("slot"), 100)).await;
        for record in records.map_err(|error: store::Error| error).unwrap().into_records() {
            assert!(rig.is_there(record.blob).await, "a named blob is gone after {step:?}");
        }
    }
    (named, erased)
}

#[test]
fn no_order_of_steps_deletes_what_a_record_names() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (named, erased) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 80, ..ProptestConfig::default() });
    runner
        .run(&proptest::collection::vec(steps(), 20..60), |steps| {
            let (of_named, of_erased) = runtime.block_on(play(&steps));
            named.set(named.get() + of_named);
            erased.set(erased.get() + of_erased);
            Ok(())
        })
        .unwrap();
    let (named, erased) = (named.get(), erased.get());
    assert!(named > 20 && erased > 20, "too little happened: {named} named, {erased} erased");
}
