//! Which builds wait for a worker, and who has which: in memory, and as far as it must outlast the server, in the folders.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use uuid::Uuid;

use super::{
    Census, Claim, Leased, Refused, Stream, TAKEN_WITHIN,
    transfer::{check_events, unknown},
};
use crate::{
    attachment::MAX_EVENT_BYTES,
    event::{Context, Event, Status},
    folder::Folder,
    plan::{Plan, Pool},
    remove::remove_file,
    timestamp::{agent_line, now_millis},
};

/// Names of workers that are remembered at one time.
const MOST_WORKERS: usize = 10_000;
/// Whoever has said nothing for so long is no worker any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// All of them.
pub(super) struct Offers {
    builds: PathBuf,
    pub lease: Duration,
    table: Mutex<Table>,
    /// Changes with each offer.
    pub offered: watch::Sender<u64>,
    pub closing: watch::Sender<bool>,
}

#[derive(Default)]
struct Table {
    waiting: HashMap<Uuid, Offer>,
    /// Taken out of the line to be ended, until their end is written.
    ending: HashSet<Uuid>,
    leased: HashMap<Uuid, Arc<Held>>,
    /// By pool and name, with when they have asked for something last.
    workers: HashMap<(Pool, String), Instant>,
    count: u64,
}

/// A build that waits.
pub(super) struct Offer {
    plan: Plan,
    output_base: u64,
    since: Instant,
    /// Its place in the line.
    number: u64,
}

/// Where a build is.
pub(super) enum Place {
    Waiting,
    Leased(Arc<Held>),
}

/// A build that a worker has.
pub(super) struct Held {
    /// Whose workers it is with.
    pool: Pool,
    pub stop: watch::Sender<bool>,
    pub state: Arc<AsyncMutex<Holding>>,
}

pub(super) struct Holding {
    lease: Lease,
    /// Until it has begun, if this server has made the offer.
    offer: Option<Offer>,
    /// The lease stands in the folder.
    is_taken: bool,
    until: Instant,
    /// For those who have waited for the lock.
    is_over: bool,
}

/// `lease.json`
#[derive(Clone, Serialize, Deserialize)]
struct Lease {
    worker: String,
    #[serde(default)]
    pool: Pool,
    /// The hash of the token that the worker shows.
    proof: String,
    /// What of `output.log` was there before the worker.
    output_base: u64,
    /// What is kept of its log.
    log_bytes: u64,
}

impl Offer {
    pub fn new(plan: Plan, output_base: u64) -> Self {
        Self { plan, output_base, since: Instant::now(), number: 0 }
    }

    fn is_late(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since).as_secs() >= self.plan.timeout_seconds
    }

    fn is_for(&self, pool: &Pool) -> bool {
        self.plan.pool.as_ref() == Some(pool)
    }

    /// The plan with the time that is left, as whoever runs it has it: on its own machine.
    fn plan(&self, now: Instant) -> Plan {
        let mut plan = Plan { pool: None, ..self.plan.clone() };
        let waited = now.saturating_duration_since(self.since).as_secs();
        plan.timeout_seconds = plan.timeout_seconds.saturating_sub(waited).max(1);
        plan
    }
}

impl Held {
    fn new(lease: Lease, offer: Option<Offer>, until: Instant, stop: bool) -> Arc<Self> {
        let (is_taken, pool) = (offer.is_none(), lease.pool.clone());
        let state = Holding { lease, offer, is_taken, until, is_over: false };
        let state = Arc::new(AsyncMutex::new(state));
        Arc::new(Self { pool, stop: watch::channel(stop).0, state })
    }

    pub fn is_to_stop(&self) -> bool {
        *self.stop.borrow()
    }
}

impl Holding {
    pub fn live(&mut self, lease: Duration) {
        self.until = Instant::now() + lease;
    }

    /// From here on the lease outlasts this server.
    pub fn take(&mut self, folder: &Folder) -> io::Result<()> {
        if !self.is_taken {
            folder.replace(&folder.lease(), &serde_json::to_vec(&self.lease)?)?;
            // After a failure of power it would begin again.
            File::open(folder.lease())?.sync_data()?;
            File::open(folder.path())?.sync_all()?;
            self.is_taken = true;
        }
        Ok(())
    }
}

impl Offers {
    pub fn new(builds: PathBuf, lease: Duration) -> Self {
        let (offered, closing) = (watch::channel(0).0, watch::channel(false).0);
        Self { builds, lease, table: Mutex::default(), offered, closing }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn folder(&self, id: Uuid) -> Folder {
        Folder::new(self.builds.join(id.to_string()))
    }

    /// Leases of an earlier server begin anew.
    pub fn recover(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.builds)? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse::<Uuid>().ok()) else { continue };
            let folder = self.folder(id);
            if !folder.is_leased()? || folder.final_status()?.is_some() {
                continue;
            }
            keep_whole_lines(&folder.events())?;
            let Ok(lease) = serde_json::from_slice::<Lease>(&fs::read(folder.lease())?) else {
                // A failure of power came before its sync: nobody can have begun by it.
                self.end_fault(id, "Who had leased the build could not be read after a restart")?;
                continue;
            };
            let stop = folder.stop_request().try_exists()?;
            let held = Held::new(lease, None, Instant::now() + self.lease, stop);
            self.table().leased.insert(id, held);
        }
        Ok(())
    }

    /// A new one, whose files are `packed`. Nothing happens if the build was offered before: it runs once.
    pub fn put(&self, mut offer: Offer, packed: &Path) -> io::Result<()> {
        let id = offer.plan.id;
        let folder = self.folder(id);
        let mut table = self.table();
        if table.knows(id) || folder.is_leased()? || folder.final_status()?.is_some() {
            return remove_file(packed);
        }
        fs::rename(packed, folder.carried())?;
        table.count += 1;
        offer.number = table.count;
        table.waiting.insert(id, offer);
        drop(table);
        self.offered.send_modify(|count| *count += 1);
        Ok(())
    }

    /// One that was leased and has not begun.
    fn put_back(&self, offer: Offer) {
        let mut table = self.table();
        table.leased.remove(&offer.plan.id);
        table.waiting.insert(offer.plan.id, offer);
        drop(table);
        self.offered.send_modify(|count| *count += 1);
    }

    pub fn place(&self, id: Uuid) -> Option<Place> {
        let table = self.table();
        match table.leased.get(&id) {
            Some(held) => Some(Place::Leased(held.clone())),
            None => table.waiting.contains_key(&id).then_some(Place::Waiting),
        }
    }

    pub fn knows(&self, id: Uuid) -> bool {
        self.table().knows(id)
    }

    /// Whether a build waits for these workers, or is with them.
    pub fn is_for(&self, id: Uuid, pool: &Pool) -> bool {
        let table = self.table();
        table.waiting.get(&id).is_some_and(|offer| offer.is_for(pool))
            || table.leased.get(&id).is_some_and(|held| held.pool == *pool)
    }

    pub fn census(&self) -> BTreeMap<Pool, Census> {
        let table = self.table();
        let mut census = BTreeMap::<Pool, Census>::new();
        for (pool, _) in table.workers.keys() {
            census.entry(pool.clone()).or_default().workers += 1;
        }
        for held in table.leased.values() {
            census.entry(held.pool.clone()).or_default().leased += 1;
        }
        for pool in table.waiting.values().filter_map(|offer| offer.plan.pool.as_ref()) {
            census.entry(pool.clone()).or_default().offered += 1;
        }
        census
    }

    /// Only in memory: a worker that never hears of it has nothing.
    pub fn lease(
        &self,
        (worker, pool): (&str, &Pool),
        proof: &str,
        wanted: Option<Uuid>,
        now: Instant,
    ) -> Option<Leased> {
        let mut table = self.table();
        table.saw(worker, pool, now);
        let is_wanted = |offer: &&Offer| wanted.is_none_or(|id| id == offer.plan.id) && offer.is_for(pool);
        let first = table.waiting.values().filter(is_wanted).min_by_key(|offer| offer.number);
        let id = first?.plan.id;
        let offer = table.waiting.remove(&id)?;
        let lease = Lease {
            worker: worker.to_owned(),
            pool: pool.clone(),
            proof: proof.to_owned(),
            output_base: offer.output_base,
            log_bytes: offer.plan.limits.log_bytes,
        };
        let plan = offer.plan(now);
        // Whoever asks for a stop writes that down before he looks where the build is.
        let stop = self.folder(id).stop_request().exists();
        let held = Held::new(lease, Some(offer), now + TAKEN_WITHIN.min(self.lease), stop);
        table.leased.insert(id, held);
        Some(Leased { plan, lease: self.lease })
    }

    /// The build of a claim, for whoever holds it and nobody else; a sign of life.
    pub async fn holding(&self, claim: &Claim) -> Result<(Arc<Held>, OwnedMutexGuard<Holding>), Refused> {
        let held = self.table().leased.get(&claim.id).cloned().ok_or(Refused::NotYours)?;
        let mut state = held.state.clone().lock_owned().await;
        let is_proved: bool = state.lease.proof.as_bytes().ct_eq(claim.proof.as_bytes()).into();
        if state.is_over || !is_proved || held.pool != claim.pool {
            return Err(Refused::NotYours);
        }
        if state.is_taken {
            state.live(self.lease);
        }
        self.table().saw(&state.lease.worker, &held.pool, Instant::now());
        Ok((held, state))
    }

    /// Gives how many bytes of the stream stand here afterwards.
    pub fn append(
        &self,
        id: Uuid,
        state: &mut Holding,
        (stream, offset): (Stream, u64),
        bytes: &Bytes,
    ) -> Result<u64, Refused> {
        if !state.is_taken {
            return Err(Refused::NotYours);
        }
        let folder = self.folder(id);
        let (path, base) = match stream {
            Stream::Output => (folder.output_log(), state.lease.output_base),
            Stream::Events => (folder.events(), 0),
            Stream::Result => (folder.result(), 0),
        };
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        if stream == Stream::Result && offset == 0 {
            file.set_len(0)?;
        }
        let stands = file.metadata()?.len();
        let length = stands.saturating_sub(base);
        let new = unknown(length, offset, bytes).ok_or(Refused::Gap { length })?;
        if new.is_empty() {
            return Ok(length);
        }
        let after = length + new.len() as u64;
        if after > stream.limit(state.lease.log_bytes) {
            return Err(Refused::TooMuch);
        }
        let is_final = match stream {
            Stream::Events => check_events(&new, now_millis()).ok_or(Refused::NoEvents)?,
            Stream::Output | Stream::Result => false,
        };
        if stream != Stream::Result {
            // It has begun: nobody else may begin it, and nobody needs what it began with.
            state.offer = None;
            remove_file(&folder.carried())?;
        }
        if let Err(error) = file.write_all(&new) {
            // Part of a line would be in the way of the whole.
            file.set_len(stands)?;
            return Err(error.into());
        }
        if is_final {
            file.sync_data()?;
            File::open(folder.output_log())?.sync_data()?;
            self.over(id, state);
        }
        Ok(after)
    }

    pub fn give_up(&self, id: Uuid, state: &mut Holding, again: bool, why: &str) -> io::Result<()> {
        match state.offer.take().filter(|_| again) {
            Some(offer) => {
                remove_file(&self.folder(id).lease())?;
                state.is_over = true;
                self.put_back(offer);
                Ok(())
            }
            None => {
                self.end_fault(id, why)?;
                self.over(id, state);
                Ok(())
            }
        }
    }

    /// Nobody has it who could end it.
    pub fn stop_offer(&self, id: Uuid) -> io::Result<()> {
        self.end_offer(id, Status::Stopped, untaken(Status::Stopped))
    }

    /// As [`Offers::stop_offer`], for one that was leased a moment ago.
    pub fn stop_untaken(&self, id: Uuid, state: &mut Holding) -> io::Result<()> {
        if !state.is_taken && !state.is_over {
            self.end_unrun(id, Status::Stopped, untaken(Status::Stopped))?;
            self.over(id, state);
        }
        Ok(())
    }

    /// Ends one that is leased: one that has not begun as `status` says, with the context at its first phase; another as a
    /// fault with the context.
    pub fn end_leased(
        &self,
        id: Uuid,
        state: &mut Holding,
        status: Status,
        context: Context,
    ) -> io::Result<()> {
        if state.is_over {
            return Ok(());
        }
        match state.offer {
            Some(_) => self.end_unrun(id, status, context)?,
            None => self.end_begun(id, context)?,
        }
        self.over(id, state);
        Ok(())
    }

    /// Ends builds whose worker is lost, and those that nobody has taken in their time; offers again what was leased and not
    /// taken.
    pub fn look_after(&self, now: Instant) {
        let leases: Vec<_> = self.table().leased.iter().map(|(id, held)| (*id, held.clone())).collect();
        for (id, held) in leases {
            // One that is locked lives: its worker is being listened to.
            let Ok(mut state) = held.state.try_lock() else { continue };
            if state.until <= now && !state.is_over {
                // What cannot be written now is tried again with the next look.
                let _again = self.end_lease(id, &mut state);
            }
        }
        let offers: Vec<_> =
            self.table().waiting.values().map(|offer| (offer.plan.id, offer.is_late(now))).collect();
        for (id, is_late) in offers {
            let is_to_stop = self.folder(id).stop_request().exists();
            if is_late || is_to_stop {
                let status = if is_to_stop { Status::Stopped } else { Status::TimedOut };
                let _again = self.end_offer(id, status, untaken(status));
            }
        }
        self.table().workers.retain(|_, seen| now.saturating_duration_since(*seen) < FORGOTTEN_AFTER);
    }

    fn end_lease(&self, id: Uuid, state: &mut Holding) -> io::Result<()> {
        if !state.is_taken {
            if let Some(offer) = state.offer.take() {
                state.is_over = true;
                self.put_back(offer);
            }
            return Ok(());
        }
        let why = format!(
            "The worker {} was lost: it has given no sign of life for {} s",
            state.lease.worker,
            self.lease.as_secs()
        );
        self.end_fault(id, &why)?;
        self.over(id, state);
        Ok(())
    }

    fn over(&self, id: Uuid, state: &mut Holding) {
        state.is_over = true;
        state.offer = None;
        self.table().leased.remove(&id);
    }

    /// Of one that waits; it waits on if this fails.
    pub fn end_offer(&self, id: Uuid, status: Status, context: Context) -> io::Result<()> {
        let mut table = self.table();
        let Some(offer) = table.waiting.remove(&id) else { return Ok(()) };
        table.ending.insert(id);
        drop(table);
        let ended = self.end_unrun(id, status, context);
        let mut table = self.table();
        table.ending.remove(&id);
        if ended.is_err() {
            table.waiting.insert(id, offer);
        }
        ended
    }

    /// As a supervisor ends a build that is stopped or out of time before its first command.
    fn end_unrun(&self, id: Uuid, status: Status, context: Context) -> io::Result<()> {
        let note = match status {
            Status::Stopped | Status::TimedOut => "No worker has taken the build".to_owned(),
            Status::Succeeded | Status::Failed | Status::Fault => context.message.clone(),
        };
        self.write_end(id, &note, &Event::unrun(status, context, now_millis()))
    }

    pub fn end_fault(&self, id: Uuid, why: &str) -> io::Result<()> {
        self.end_begun(id, Context::new("INTERNAL_SERVICE_ERROR", why))
    }

    /// As a fault.
    fn end_begun(&self, id: Uuid, context: Context) -> io::Result<()> {
        let (note, at) = (context.message.clone(), now_millis());
        let end = Event::Finished { status: Status::Fault, upload_artifacts: false, context, at };
        self.write_end(id, &note, &[end])
    }

    fn write_end(&self, id: Uuid, note: &str, events: &[Event]) -> io::Result<()> {
        let folder = self.folder(id);
        remove_file(&folder.carried())?;
        remove_file(&folder.result())?;
        folder.append_output(&format!("\n{}", agent_line(note)))?;
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        let mut file = OpenOptions::new().append(true).open(folder.events())?;
        let stands = file.metadata()?.len();
        if let Err(error) = file.write_all(&lines) {
            file.set_len(stands)?;
            return Err(error);
        }
        file.sync_data()
    }
}

impl Table {
    fn knows(&self, id: Uuid) -> bool {
        self.waiting.contains_key(&id) || self.leased.contains_key(&id) || self.ending.contains(&id)
    }

    fn saw(&mut self, worker: &str, pool: &Pool, now: Instant) {
        let worker = (pool.clone(), worker.to_owned());
        if self.workers.len() < MOST_WORKERS || self.workers.contains_key(&worker) {
            self.workers.insert(worker, now);
        }
    }
}

/// What the first phase of a build says that nobody has taken.
fn untaken(status: Status) -> Context {
    match status {
        Status::TimedOut => Context::timed_out(),
        Status::Stopped | Status::Succeeded | Status::Failed | Status::Fault => Context::default(),
    }
}

/// After a crash the last line may lack its end; its worker sends it again.
fn keep_whole_lines(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let before = file.metadata()?.len().saturating_sub(MAX_EVENT_BYTES as u64);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(before))?;
    (&file).take(MAX_EVENT_BYTES as u64).read_to_end(&mut end)?;
    let whole = end.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    match whole < end.len() {
        true => file.set_len(before + whole as u64),
        false => Ok(()),
    }
}

/// Off the runtime's threads.
pub async fn blocking<T: Send + 'static, E: From<io::Error> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
}
