//! What is counted of the store, and looked up every few seconds.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::sql::{self, unsigned};
use crate::{Error, ReadTx, Store};

const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Meters {
    transactions: Counter,
    group_sizes: Histogram,
    commit_seconds: Histogram,
    backlog: Arc<Mutex<Backlog>>,
}

/// What waits: in queues, and for subscribers of the outbox.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backlog {
    queues: Vec<Queue>,
    subscribers: Vec<Subscriber>,
}

#[derive(Clone, Debug)]
struct Queue {
    name: String,
    /// Entries that a worker holds, that could be claimed, and that are due later.
    held: u64,
    due: u64,
    later: u64,
    /// For how long the oldest entry has been due; 0 if none is.
    oldest_millis: i64,
}

#[derive(Clone, Debug)]
struct Subscriber {
    topic: String,
    name: String,
    entries: u64,
    /// 0 if there are none.
    oldest_millis: i64,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            transactions: Counter::default(),
            // From 1 to 256, the most that one commit is shared by.
            group_sizes: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            // From 0.1 ms to 3.3 s.
            commit_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 16)),
            backlog: Arc::default(),
        }
    }
}

impl Meters {
    /// Counts one durable commit for a number of transactions.
    pub fn committed(&self, transactions: usize, took: Duration) {
        let number = u32::try_from(transactions).unwrap_or(u32::MAX);
        self.transactions.inc_by(u64::from(number));
        self.group_sizes.observe(f64::from(number));
        self.commit_seconds.observe(took.as_secs_f64());
    }
}

impl Store {
    /// Registers what is counted: `store_…`, `queue_…`, `outbox_…`.
    pub fn register(&self, registry: &mut Registry) {
        let meters = &self.aftermath().meters;
        let store = registry.sub_registry_with_prefix("store");
        store.register("transactions", "Writing transactions committed", meters.transactions.clone());
        let help = "Writing transactions that shared one durable commit";
        store.register("commit_group_transactions", help, meters.group_sizes.clone());
        let help = "Time to make a commit durable, the sync of the disk included";
        store.register_with_unit("commit", help, Unit::Seconds, meters.commit_seconds.clone());
        registry.register_collector(Box::new(BacklogCollector(meters.backlog.clone())));
    }

    /// Looks at queues and subscribers every few seconds, so that the numbers registered are fresh, for as long as it is
    /// polled.
    pub async fn watch_backlog(&self) {
        loop {
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "the method is that of one lifetime of a transaction, the closure of every one"
            )]
            let backlog = self.read(|tx| tx.backlog()).await;
            match backlog {
                Ok(backlog) => {
                    let place = &self.aftermath().meters.backlog;
                    *place.lock().unwrap_or_else(PoisonError::into_inner) = backlog;
                }
                Err(Error::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "The queues could not be looked at; it will be tried again.");
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl ReadTx<'_> {
    fn backlog(&mut self) -> Result<Backlog, Error> {
        let queues = "SELECT queue,
                          CAST(SUM(CASE WHEN due > clock_millis() AND token <> 0 THEN 1 ELSE 0 END) AS BIGINT),
                          CAST(SUM(CASE WHEN due <= clock_millis() THEN 1 ELSE 0 END) AS BIGINT),
                          CAST(SUM(CASE WHEN due > clock_millis() AND token = 0 THEN 1 ELSE 0 END) AS BIGINT),
                          clock_millis() - MIN(due)
                      FROM queue_entry GROUP BY queue ORDER BY queue";
        let subscribers =
            "SELECT s.topic, s.name, COUNT(o.seq), COALESCE(clock_millis() - MIN(o.appended_at), 0)
                           FROM subscriber s LEFT JOIN outbox o ON o.topic = s.topic AND o.seq > s.position
                           GROUP BY s.topic, s.name ORDER BY s.topic, s.name";
        self.attempt(|connection| {
            let queues = sql::rows(connection, queues, &[], |row| {
                Ok(Queue {
                    name: row.text(0)?.to_owned(),
                    held: unsigned(row.integer(1)?),
                    due: unsigned(row.integer(2)?),
                    later: unsigned(row.integer(3)?),
                    oldest_millis: row.integer(4)?.max(0),
                })
            })?;
            let subscribers = sql::rows(connection, subscribers, &[], |row| {
                Ok(Subscriber {
                    topic: row.text(0)?.to_owned(),
                    name: row.text(1)?.to_owned(),
                    entries: unsigned(row.integer(2)?),
                    oldest_millis: row.integer(3)?.max(0),
                })
            })?;
            Ok(Backlog { queues, subscribers })
        })
    }
}

#[derive(Debug)]
struct BacklogCollector(Arc<Mutex<Backlog>>);

impl Subscriber {
    fn labels(&self) -> [(&str, &str); 2] {
        [("topic", &self.topic), ("subscriber", &self.name)]
    }
}

impl Collector for BacklogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Backlog { queues, subscribers } = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let states = queues.iter().flat_map(|queue| {
            let counts = [("held", queue.held), ("due", queue.due), ("later", queue.later)];
            counts.map(|(state, count)| ([("queue", queue.name.as_str()), ("state", state)], number(count)))
        });
        gauges(
            &mut encoder,
            "queue_entries",
            "Entries of a queue: held by a worker, due, due later",
            None,
            states,
        )?;
        let ages =
            queues.iter().map(|queue| ([("queue", queue.name.as_str())], seconds(queue.oldest_millis)));
        let help = "For how long the oldest entry of a queue has been due";
        gauges(&mut encoder, "queue_oldest_due", help, Some(&Unit::Seconds), ages)?;
        let entries = subscribers.iter().map(|of| (of.labels(), number(of.entries)));
        let help = "Entries of a topic that a subscriber has not acknowledged";
        gauges(&mut encoder, "outbox_backlog_entries", help, None, entries)?;
        let ages = subscribers.iter().map(|of| (of.labels(), seconds(of.oldest_millis)));
        let help = "Age of the oldest entry that a subscriber has not acknowledged";
        gauges(&mut encoder, "outbox_lag", help, Some(&Unit::Seconds), ages)
    }
}

fn gauges<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    values: impl Iterator<Item = (L, f64)>,
) -> fmt::Result {
    let kind = ConstGauge::new(0.0_f64).metric_type();
    let mut family = encoder.encode_descriptor(name, help, unit, kind)?;
    for (labels, value) in values {
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "entries are few")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "ages are short")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
