//! A build's output on its way to CloudWatch Logs, a line an event, as the build's role.

use std::time::Duration;

use aws::{Client, Timestamp};
use logs_model::{InputLogEvent, PutLogEvents};
use tokio::task::JoinHandle;

use crate::{records::LogStream, role::Role};

/// Longer lines are cut. An event may have 1 MiB; a line of this length is nothing that anybody reads.
const MAX_LINE_BYTES: usize = 256 * 1024;
/// Of one call, with 26 bytes for each event. Source: CloudWatch Logs API Reference, PutLogEvents.
const MAX_BATCH_BYTES: usize = 1_048_576;
const MAX_BATCH_EVENTS: usize = 10_000;
const EVENT_BYTES: usize = 26;
const ATTEMPTS: u32 = 5;

/// Lines that have not been put yet. Holds two batches at most, and the beginning of a line.
pub(super) struct LogWriter<'a> {
    role: &'a Role,
    /// None if the project wants no log.
    stream: Option<LogStream>,
    events: Vec<InputLogEvent>,
    bytes: usize,
    line: Vec<u8>,
    /// A full batch that is being put while the next one is gathered, and the offset up to which it reaches.
    under_way: Option<(JoinHandle<()>, u64)>,
    /// Offset in `output.log` up to which everything has been put.
    put: u64,
    /// Offset up to which everything stands in `events`; what comes after is in `line`.
    taken: u64,
}

impl<'a> LogWriter<'a> {
    pub fn new(role: &'a Role, stream: Option<LogStream>, offset: u64) -> Self {
        Self {
            role,
            stream,
            events: Vec::new(),
            bytes: 0,
            line: Vec::new(),
            under_way: None,
            put: offset,
            taken: offset,
        }
    }

    /// Whether there are whole lines to put.
    pub fn has_lines(&self) -> bool {
        self.taken > self.put
    }

    /// Where to go on after a crash: behind the last line that was put.
    pub fn offset(&self) -> u64 {
        self.put
    }

    /// Takes the next bytes of the log; puts batches that are full.
    pub async fn write(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() >= MAX_LINE_BYTES {
                self.end_line().await;
            }
        }
    }

    /// Puts all lines, also the last one if it has no end.
    pub async fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_line().await;
        }
        self.put().await;
    }

    async fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        // The line end is part of the message, as CodeBuild has it.
        let message = String::from_utf8_lossy(&line).into_owned();
        let bytes = message.len() + EVENT_BYTES;
        if self.bytes + bytes > MAX_BATCH_BYTES || self.events.len() == MAX_BATCH_EVENTS {
            self.hand_over().await;
        }
        self.bytes += bytes;
        self.taken += line.len() as u64;
        self.events.push(InputLogEvent { timestamp: Timestamp::now().as_millis(), message });
    }

    /// Puts all whole lines. A log that cannot be written does not fail a build: what is refused again and again is
    /// dropped, and the server's own log says so.
    pub async fn put(&mut self) {
        self.hand_over().await;
        self.arrive().await;
    }

    /// Lets the lines be put, once those before them have been.
    async fn hand_over(&mut self) {
        self.arrive().await;
        let events = std::mem::take(&mut self.events);
        self.bytes = 0;
        let Some(stream) = self.stream.as_ref().filter(|_| !events.is_empty()) else {
            self.put = self.taken;
            return;
        };
        let put = PutLogEvents {
            log_group_name: stream.group.clone(),
            log_stream_name: stream.stream.clone(),
            log_events: events,
            ..PutLogEvents::default()
        };
        match persistently(|| self.role.client()).await {
            Ok(client) => self.under_way = Some((tokio::spawn(call(client, put)), self.taken)),
            Err(error) => {
                dropped(&error, &put);
                self.put = self.taken;
            }
        }
    }

    /// Waits for the batch that is under way.
    async fn arrive(&mut self) {
        if let Some((batch, end)) = self.under_way.take() {
            if let Err(error) = batch.await {
                tracing::error!(%error, "output of a build was dropped");
            }
            self.put = end;
        }
    }
}

async fn call(client: Client, put: PutLogEvents) {
    if let Err(error) = persistently(|| client.call(put.clone())).await {
        dropped(&error, &put);
    }
}

fn dropped(error: &aws::Error, put: &PutLogEvents) {
    tracing::warn!(%error, log.stream = put.log_stream_name, "output of a build was dropped");
}

/// Asks again after a fault, a few times.
async fn persistently<T, F>(ask: impl Fn() -> F) -> Result<T, aws::Error>
where
    F: Future<Output = Result<T, aws::Error>>,
{
    let mut attempt = 1;
    loop {
        match ask().await {
            Err(error) if error.is_fault() && attempt < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}
