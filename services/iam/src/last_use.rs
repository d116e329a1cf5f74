//! When access keys and roles were last used, kept to the minute: written behind, never on the way of a call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws::{Ctx, Principal, Timestamp};
use store::{Key, Range, Store};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::records::{AccessKey, BY_ID, LastUse, Role};

/// A use is noted again only after this time.
const GRAIN: Duration = Duration::from_secs(60);
/// Uses that wait to be written; more are dropped, the next use of the key notes them again.
const WAITING: usize = 256;
/// Keys remembered as noted.
const CAPACITY: usize = 10_000;

/// Notes uses.
pub struct LastUses {
    noted: Mutex<HashMap<String, Timestamp>>,
    sender: Sender<Message>,
}

enum Message {
    Used { owner: Owner, last_use: LastUse },
    Flush(oneshot::Sender<()>),
}

#[derive(Clone)]
enum Owner {
    Key(String),
    /// By unique id.
    Role(String),
}

impl LastUses {
    /// Starts the task that writes. It ends when this value is dropped.
    pub fn start(store: Store) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(write_behind(store, receiver));
        LastUses { noted: Mutex::default(), sender }
    }

    /// Notes that the caller's key, or its role, was used for a service.
    pub fn note(&self, ctx: &Ctx, service: &str) {
        let owner = match (&ctx.caller.principal, &ctx.caller.access_key_id) {
            (Principal::AssumedRole { role_id, .. }, _) => Owner::Role(role_id.clone()),
            (Principal::User { .. }, Some(id)) if ctx.caller.session.is_none() => Owner::Key(id.clone()),
            _ => return,
        };
        let (Owner::Key(id) | Owner::Role(id)) = &owner;
        if !self.is_due(id, ctx.now()) {
            return;
        }
        let last_use =
            LastUse { at: ctx.now(), service: service.to_owned(), region: ctx.scope.region.to_string() };
        // A full queue drops the note: it says "used lately" again a minute later.
        if self.sender.try_send(Message::Used { owner: owner.clone(), last_use }).is_err() {
            self.lock().remove(id);
        }
    }

    /// Waits until everything noted so far is written.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Message::Flush(done)).await.is_ok() {
            // An error means that the task is gone, and with it everything that waited.
            let _ = wait.await;
        }
    }

    fn is_due(&self, id: &str, now: Timestamp) -> bool {
        let mut noted = self.lock();
        if noted.get(id).is_some_and(|before| now.since(*before) < GRAIN) {
            return false;
        }
        if noted.len() >= CAPACITY {
            noted.clear();
        }
        noted.insert(id.to_owned(), now);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Timestamp>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write_behind(store: Store, mut receiver: Receiver<Message>) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, WAITING).await > 0 {
        let mut flushed = Vec::new();
        let mut uses = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Used { owner, last_use } => uses.push((owner, last_use)),
                Message::Flush(done) => flushed.push(done),
            }
        }
        if !uses.is_empty() {
            let uses = Arc::new(uses);
            let written: Result<(), Error> = store
                .write(move |tx| {
                    for (owner, last_use) in uses.iter() {
                        write_use(tx, owner, last_use)?;
                    }
                    Ok(())
                })
                .await;
            if let Err(error) = written {
                tracing::warn!(%error, "The last uses of keys could not be written; the next uses will be.");
            }
        }
        for done in flushed {
            // Whoever asked may have stopped waiting.
            let _ = done.send(());
        }
    }
}

fn write_use(tx: &mut store::WriteTx<'_>, owner: &Owner, last_use: &LastUse) -> Result<(), Error> {
    match owner {
        Owner::Key(id) => {
            if let Some(mut key) = tx.get::<AccessKey>(&AccessKey::key_of(id))? {
                key.last_used = Some(last_use.clone());
                tx.put(&key.record)?;
            }
        }
        Owner::Role(id) => {
            let page = tx.scan_index::<Role>(BY_ID, Range::prefix(Key::of(id)), 1)?;
            for mut role in page.into_records() {
                role.last_used = Some((last_use.at, last_use.region.clone()));
                tx.put(&role)?;
            }
        }
    }
    Ok(())
}
