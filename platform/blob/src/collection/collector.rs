//! The collector: a pass over all blobs, now and then, on one node at a time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use store::{Claimed, Key, Range, ReadTx, Store, WriteTx};

use super::decide::{Seen, Verdict, decide};
use super::meters::Meters;
use super::records::{Fate, Note, Sequence, millis};
use super::{GRACE, References};
use crate::{Blobs, Digest, Error, Head};

const QUEUE: &str = "blob/collection";
const ENTRY: &str = "pass";
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// A pass that stops giving signs of life is taken over after this time.
const LEASE: Duration = Duration::from_secs(5 * 60);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(60);
/// How many blobs are looked at in one transaction.
const AT_ONCE: usize = 50;
/// Between two transactions, so that a pass takes a small part of the store's time.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes away what no record names.
pub struct Collector {
    store: Store,
    blobs: Blobs,
    references: Arc<[Arc<dyn References>]>,
    meters: Meters,
}

/// What a pass looks at: a blob that is there, or the note of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub blob: Digest,
    /// In milliseconds since 1970; `None` if the bytes are not there.
    pub modified: Option<i64>,
}

impl Collector {
    /// `references` are all services whose records name blobs: what none of them names is deleted.
    pub fn new(store: Store, blobs: Blobs, references: Vec<Arc<dyn References>>) -> Self {
        Self { store, blobs, references: references.into(), meters: Meters::default() }
    }

    /// Registers what is counted.
    pub fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        self.meters.register(registry);
    }

    /// Collects, for as long as it is polled. Each node may run it.
    pub async fn run(&self, worker: &str) {
        loop {
            if let Err(error) = self.next_pass(worker).await {
                tracing::warn!(%error, "Unreferenced blobs were not collected; it will be tried again.");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn next_pass(&self, worker: &str) -> Result<(), Error> {
        self.store.write(|tx| tx.enqueue(QUEUE, ENTRY, &(), None)).await?;
        let claimed = self.store.claim(QUEUE, worker, LEASE).await?;
        self.pass_while_held(SystemTime::now(), Some(&claimed)).await?;
        let next = millis(SystemTime::now() + INTERVAL);
        self.store
            .write(move |tx| {
                tx.complete(&claimed)?;
                tx.enqueue(QUEUE, ENTRY, &(), Some(next))?;
                Ok(())
            })
            .await
    }

    /// One pass over all blobs, then over all notes, as of a time. It may be interrupted at any point, and repeated.
    pub async fn pass(&self, now: SystemTime) -> Result<(), Error> {
        self.pass_while_held(now, None).await
    }

    async fn pass_while_held(&self, now: SystemTime, held: Option<&Claimed>) -> Result<(), Error> {
        let (mut count, mut bytes) = (0, 0);
        let mut chunks = self.blobs.list().chunks(AT_ONCE);
        while let Some(chunk) = chunks.next().await {
            let heads: Vec<Head> = chunk.into_iter().collect::<Result<_, _>>()?;
            count += heads.len() as u64;
            bytes += heads.iter().map(|head| head.id.size).sum::<u64>();
            let item = |head: &Head| Item { blob: head.id.digest, modified: Some(millis(head.modified)) };
            self.breathe(held).await?;
            self.collect(heads.iter().map(item).collect(), now).await?;
        }
        self.meters.hold(count, bytes);
        self.settle_notes(now, held).await
    }

    /// Notes of blobs that were not among those listed: of a pass that was interrupted, and old ones.
    async fn settle_notes(&self, now: SystemTime, held: Option<&Claimed>) -> Result<(), Error> {
        let mut after: Option<Key> = None;
        loop {
            let range = Range::all().after(after);
            let page = self
                .store
                .read::<_, _, store::Error>(move |tx| tx.scan::<Note>(range.clone(), AT_ONCE))
                .await?;
            after = page.next.clone();
            let mut items = Vec::new();
            for note in page.into_records() {
                let modified = self.blobs.head(note.blob).await?.map(|head| millis(head.modified));
                items.push(Item { blob: note.blob, modified });
            }
            self.breathe(held).await?;
            self.collect(items, now).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn collect(&self, items: Vec<Item>, now: SystemTime) -> Result<(), Error> {
        let doomed = self.mark(items, now).await?;
        self.erase(&doomed, now).await?;
        self.confirm(doomed, now).await
    }

    /// Carries out the verdicts as far as they are notes. Answers the blobs to be erased.
    pub(super) async fn mark(&self, items: Vec<Item>, now: SystemTime) -> Result<Vec<Digest>, store::Error> {
        let now = millis(now);
        let items = Arc::new(items);
        let (looked_at, references) = (items.clone(), self.references.clone());
        // Most of the time there is nothing to be written.
        let any = self
            .store
            .read(move |tx| {
                for item in looked_at.iter() {
                    if judge(tx, &references, *item, now)?.0 != Verdict::Keep {
                        return Ok::<_, store::Error>(true);
                    }
                }
                Ok(false)
            })
            .await?;
        if !any {
            return Ok(Vec::new());
        }
        let references = self.references.clone();
        self.store.write(move |tx| carry_out(tx, &references, &items, now)).await
    }

    /// Deletes the bytes of blobs that are noted as collecting.
    pub(super) async fn erase(&self, doomed: &[Digest], now: SystemTime) -> Result<(), Error> {
        for blob in doomed {
            let size = self.blobs.head(blob).await?.map_or(0, |head| head.id.size);
            if self.blobs.delete_if_older(blob, now - GRACE).await? {
                tracing::debug!(%blob, size_bytes = size, "An unreferenced blob was collected.");
                self.meters.collected(size);
            }
        }
        Ok(())
    }

    /// Notes that their bytes are gone: from now on they can be put and named again.
    pub(super) async fn confirm(&self, erased: Vec<Digest>, now: SystemTime) -> Result<(), Error> {
        if erased.is_empty() {
            return Ok(());
        }
        let at = millis(now);
        self.store
            .write(move |tx| {
                let number = Sequence::draw(tx)?;
                for blob in &erased {
                    // Another collector may have got further with it, if this one was taken for dead.
                    let noted = tx.get::<Note>(&Note::key_of(*blob))?;
                    if noted.is_some_and(|note| note.fate == Fate::Collecting) {
                        tx.put(&Note { blob: *blob, fate: Fate::Collected { at }, number })?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// A pause, and the assurance that no other node has taken the pass over.
    async fn breathe(&self, held: Option<&Claimed>) -> Result<(), Error> {
        let Some(claimed) = held else { return Ok(()) };
        tokio::time::sleep(PAUSE).await;
        Ok(self.store.heartbeat(claimed, LEASE).await?)
    }
}

fn judge(
    tx: &mut ReadTx<'_>,
    references: &[Arc<dyn References>],
    item: Item,
    now: i64,
) -> Result<(Verdict, u64), store::Error> {
    let note = tx.get::<Note>(&Note::key_of(item.blob))?.map(store::Versioned::into_inner);
    let mut named = false;
    for service in references {
        named = named || service.names(tx, item.blob)?;
    }
    let fate = note.as_ref().map(|note| note.fate);
    let verdict = decide(Seen { modified: item.modified, named, fate }, now);
    Ok((verdict, note.map_or(0, |note| note.number)))
}

fn carry_out(
    tx: &mut WriteTx<'_>,
    references: &[Arc<dyn References>],
    items: &[Item],
    now: i64,
) -> Result<Vec<Digest>, store::Error> {
    let mut doomed = Vec::new();
    for item in items {
        let blob = item.blob;
        let (verdict, number) = judge(tx, references, *item, now)?;
        match verdict {
            Verdict::Keep => {}
            Verdict::Condemn => {
                tx.put(&Note { blob, fate: Fate::Condemned { since: now }, number })?;
            }
            Verdict::Spare | Verdict::Forget => {
                tx.delete::<Note>(&Note::key_of(blob))?;
            }
            Verdict::Collect => doomed.push(blob),
        }
    }
    if !doomed.is_empty() {
        let number = Sequence::draw(tx)?;
        for blob in &doomed {
            tx.put(&Note { blob: *blob, fate: Fate::Collecting, number })?;
        }
    }
    Ok(doomed)
}
