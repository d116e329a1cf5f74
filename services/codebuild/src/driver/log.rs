//! A build's output on its way to CloudWatch Logs, a line an event, as the build's role.

use std::time::Duration;

use aws::{Client, LogOffset, Timestamp};
use logs_model::{InputLogEvent, PutLogEvents};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{records::LogStream, role::Role};

/// Longer lines are cut. An event may have 1 MiB; a line of this length is nothing that anybody reads.
const MAX_LINE_BYTES: usize = 256 * 1024;
/// Of one call, with 26 bytes for each event. Source: CloudWatch Logs API Reference, PutLogEvents.
const MAX_BATCH_BYTES: usize = 1_048_576;
const MAX_BATCH_EVENTS: usize = 10_000;
const EVENT_BYTES: usize = 26;
const ATTEMPTS: u32 = 5;

/// Lines that have not been put yet. Holds two batches at most, and the beginning of a line.
///
/// A crash may come between a put and the commit of its offset. So each batch says which part of `output.log` it is,
/// and the stream takes each part once. Lines are cut at the same places whenever they are read.
pub(super) struct LogWriter<'a> {
    role: &'a Role,
    /// None if the project wants no log.
    stream: Option<LogStream>,
    /// What the stream knows the output by.
    build: Uuid,
    batch: Batch,
    line: Vec<u8>,
    /// A full batch that is being put while the next one is gathered, and the offset up to which it reaches.
    under_way: Option<(JoinHandle<()>, u64)>,
    /// Offset in `output.log` up to which everything has been put.
    put: u64,
}

/// Whole lines, one behind the other in `output.log`.
struct Batch {
    from: u64,
    events: Vec<InputLogEvent>,
    /// Where each of them ends.
    ends: Vec<u64>,
    /// As CloudWatch Logs counts.
    bytes: usize,
}

impl<'a> LogWriter<'a> {
    pub fn new(role: &'a Role, build: Uuid, stream: Option<LogStream>, offset: u64) -> Self {
        Self {
            role,
            stream,
            build,
            batch: Batch::beginning(offset),
            line: Vec::new(),
            under_way: None,
            put: offset,
        }
    }

    /// Whether there are whole lines to put.
    pub fn has_lines(&self) -> bool {
        self.batch.end() > self.put
    }

    /// Where to go on after a crash: behind the last line that was put.
    pub fn offset(&self) -> u64 {
        self.put
    }

    /// Takes the next bytes of the log; puts batches that are full.
    pub async fn write(&mut self, bytes: &[u8]) {
        let at = Timestamp::now().as_millis();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(line_length(rest, self.line.len()));
            rest = after;
            let ends = piece.ends_with(b"\n") || self.line.len() + piece.len() == MAX_LINE_BYTES;
            if ends && self.line.is_empty() {
                self.take(piece, at).await;
                continue;
            }
            self.line.extend_from_slice(piece);
            if ends {
                self.end_line(at).await;
            }
        }
    }

    /// Puts all lines, also the last one if it has no end.
    pub async fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_line(Timestamp::now().as_millis()).await;
        }
        self.put().await;
    }

    async fn end_line(&mut self, at: i64) {
        let line = std::mem::take(&mut self.line);
        self.take(&line, at).await;
    }

    /// The line end is part of the message, as CodeBuild has it.
    async fn take(&mut self, line: &[u8], at: i64) {
        let message = match str::from_utf8(line) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(line).into_owned(),
        };
        if !self.batch.has_room_for(&message) {
            self.hand_over().await;
        }
        self.batch.push(InputLogEvent { timestamp: at, message }, line.len());
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
        let end = self.batch.end();
        let batch = std::mem::replace(&mut self.batch, Batch::beginning(end));
        let Some(stream) = self.stream.as_ref().filter(|_| !batch.events.is_empty()) else {
            self.put = end;
            return;
        };
        match persistently(|| self.role.client()).await {
            Ok(client) => {
                let call = call(client, stream.clone(), self.build, batch);
                self.under_way = Some((tokio::spawn(call), end));
            }
            Err(error) => {
                dropped(&error, stream);
                self.put = end;
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

impl Batch {
    fn beginning(from: u64) -> Self {
        Self { from, events: Vec::new(), ends: Vec::new(), bytes: 0 }
    }

    fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or(self.from)
    }

    fn has_room_for(&self, message: &str) -> bool {
        self.bytes + message.len() + EVENT_BYTES <= MAX_BATCH_BYTES && self.events.len() < MAX_BATCH_EVENTS
    }

    /// `length` is that of the line in the file; the message may have another one.
    fn push(&mut self, event: InputLogEvent, length: usize) {
        self.bytes += event.message.len() + EVENT_BYTES;
        self.ends.push(self.end() + length as u64);
        self.events.push(event);
    }

    /// Leaves away what comes before an offset.
    fn go_on_from(&mut self, offset: u64) {
        let before = self.ends.partition_point(|end| *end <= offset);
        self.events.drain(..before);
        self.ends.drain(..before);
        self.from = offset;
    }
}

/// How many of the next bytes belong to a line that has `length` bytes already.
fn line_length(bytes: &[u8], length: usize) -> usize {
    let room = bytes.len().min(MAX_LINE_BYTES - length);
    let end = bytes.iter().take(room).position(|byte| *byte == b'\n');
    end.map_or(room, |end| end + 1)
}

async fn call(client: Client, to: LogStream, build: Uuid, mut batch: Batch) {
    loop {
        let offset = LogOffset { source: build, from: batch.from, to: batch.end() };
        let put = PutLogEvents {
            log_group_name: to.group.clone(),
            log_stream_name: to.stream.clone(),
            log_events: std::mem::take(&mut batch.events),
            sequence_token: Some(offset.to_string()),
            ..PutLogEvents::default()
        };
        let answer = match persistently(|| client.call(put.clone())).await {
            Ok(answer) => answer,
            Err(error) => return dropped(&error, &to),
        };
        let known = answer.next_sequence_token.and_then(|token| token.parse::<LogOffset>().ok());
        match known {
            Some(LogOffset { to, .. }) if to > batch.from && to < batch.end() => {
                batch.events = put.log_events;
                batch.go_on_from(to);
            }
            Some(_) | None => return,
        }
    }
}

fn dropped(error: &aws::Error, stream: &LogStream) {
    tracing::warn!(%error, log.stream = stream.stream, "output of a build was dropped");
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text that comes in pieces.
    fn lines(pieces: &[&[u8]]) -> Vec<usize> {
        let (mut lines, mut length) = (Vec::new(), 0);
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let taken = line_length(rest, length);
                length += taken;
                if rest[taken - 1] == b'\n' || length == MAX_LINE_BYTES {
                    lines.push(std::mem::take(&mut length));
                }
                rest = &rest[taken..];
            }
        }
        lines
    }

    #[test]
    fn lines_are_cut_at_the_same_places_however_they_come() {
        let mut text = vec![b'x'; 3 * MAX_LINE_BYTES + 5];
        text[9] = b'\n';
        text[MAX_LINE_BYTES + 9] = b'\n';
        let whole = lines(&[&text]);
        assert_eq!(whole, [10, MAX_LINE_BYTES, MAX_LINE_BYTES]);
        for at in [1, 9, 10, MAX_LINE_BYTES, 2 * MAX_LINE_BYTES + 10] {
            let (before, after) = text.split_at(at);
            assert_eq!(lines(&[before, after]), whole, "{at}");
        }
    }

    #[test]
    fn a_batch_goes_on_behind_what_was_put() {
        let mut batch = Batch::beginning(100);
        for message in ["a\n", "bb\n", "c\n"] {
            batch.push(InputLogEvent { timestamp: 1, message: message.to_owned() }, message.len());
        }
        batch.go_on_from(105);
        assert_eq!((batch.from, batch.end()), (105, 107));
        assert_eq!(batch.events.len(), 1);
    }
}
