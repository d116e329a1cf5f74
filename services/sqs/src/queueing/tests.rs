//! Queues against a real store, with a clock of their own.

use std::collections::BTreeMap;

use aws::Timestamp;
use store::{Config, Store};
use uuid::Uuid;

use super::*;
use crate::records::{Content, Parcel, Settings};

struct Bench {
    store: Store,
    queue: Queue,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn with(name: &str) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Config::Sqlite { dir: folder.path().to_owned() }).await.unwrap();
        let name = QueueName::in_arn(&format!("arn:aws:sqs:us-east-1:123456789012:{name}")).unwrap();
        let settings = Settings { managed_encryption: false, ..Settings::default() };
        let time = Timestamp::from_millis(0);
        let (id, messages) = (Uuid::new_v4(), Uuid::new_v4());
        let tags = BTreeMap::new();
        let queue = Queue { id, name, messages, settings, tags, created: time, modified: time, purged: None };
        Bench { store, queue, _folder: folder }
    }

    async fn send(&self, body: &str, group: Option<&str>, deduplication: &str, now: i64) -> Uuid {
        let parcel = Parcel { body: body.to_owned(), attributes: BTreeMap::new(), trace_header: None };
        let id = Uuid::new_v4();
        let arrival = Arrival {
            id,
            sent: now,
            visible_at: now,
            sender: "AIDA".to_owned(),
            group: group.map(str::to_owned),
            deduplication_id: group.map(|_| deduplication.to_owned()),
            dead_letter_source: None,
        };
        let content = Content::of(id, &parcel, None).unwrap();
        let queue = self.queue.clone();
        let write = self.store.write(move |tx| send(tx, &queue, arrival.clone(), &content));
        write.await.unwrap().0
    }

    async fn receive(&self, most: usize, now: i64) -> Vec<Uuid> {
        let queue = self.queue.clone();
        let wanted = Wanted { most, visibility_timeout: 30 };
        let received = self.store.write(move |tx| receive(tx, &queue, wanted, now)).await.unwrap();
        received.into_iter().map(|received| received.message.id).collect()
    }
}

#[tokio::test]
async fn a_duplicate_is_taken_again_after_five_minutes() {
    let bench = Bench::with("q.fifo").await;
    let first = bench.send("x", Some("g"), "d", 0).await;
    assert_eq!(bench.send("x", Some("g"), "d", 299_999).await, first);
    let second = bench.send("x", Some("g"), "d", 300_000).await;
    assert_ne!(second, first);
    assert_eq!(bench.receive(10, 300_000).await, [first, second]);
}

#[tokio::test]
async fn what_is_older_than_the_retention_is_gone() {
    let mut bench = Bench::with("q").await;
    bench.queue.settings.message_retention_period = 60;
    bench.send("old", None, "", 0).await;
    let young = bench.send("young", None, "", 1_000).await;
    assert_eq!(bench.receive(10, 60_000).await, [young]);
    let queue = bench.queue.clone();
    let left = bench.store.read(move |tx| counts(tx, &queue, 60_000)).await.unwrap();
    assert_eq!((left.visible, left.in_flight, left.delayed), (0, 1, 0));
}

#[tokio::test]
async fn a_group_is_ready_again_when_its_visibility_timeout_ends() {
    let bench = Bench::with("q.fifo").await;
    let first = bench.send("1", Some("g"), "1", 0).await;
    let second = bench.send("2", Some("g"), "2", 0).await;
    assert_eq!(bench.receive(1, 0).await, [first]);
    assert_eq!(bench.receive(1, 29_999).await, [] as [Uuid; 0]);
    let queue = bench.queue.clone();
    assert_eq!(bench.store.read(move |tx| next_visible(tx, &queue)).await.unwrap(), Some(30_000));
    assert_eq!(bench.receive(10, 30_000).await, [first, second]);
}
