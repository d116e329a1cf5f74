//! What a worker sends of a build, and what of it is taken. Pure.

use bytes::Bytes;

use crate::{event::Event, folder::FINAL_EVENT_BYTES};

/// What a worker appends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// What its supervisor wrote to `output.log`.
    Output,
    /// Whole lines of its `events.jsonl`.
    Events,
    /// The archive of the build's files after its commands. What begins at 0 replaces what came before.
    Result,
}

/// All events of a build. Each of its commands makes a few hundred bytes beside itself.
const EVENTS_BYTES: u64 = 256 << 20;
/// The archive: no more than what may be unpacked of it.
const RESULT_BYTES: u64 = 16 << 30;
/// What a supervisor writes after the log has reached its limit.
const LAST_WORDS_BYTES: u64 = 4096;
/// How far the clocks of server and worker may be apart: more than signatures allow.
const CLOCKS_APART_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// No build lasts longer.
const LONGEST_BUILD_MILLIS: i64 = 30 * CLOCKS_APART_MILLIS;

impl Stream {
    /// In requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Events => "events",
            Self::Result => "result",
        }
    }

    /// The most bytes of it, for a build of which so many bytes of log are kept.
    pub(super) fn limit(self, log_bytes: u64) -> u64 {
        match self {
            Self::Output => log_bytes.saturating_add(LAST_WORDS_BYTES),
            Self::Events => EVENTS_BYTES,
            Self::Result => RESULT_BYTES,
        }
    }
}

/// What of `bytes`, which begin at `offset`, is new where `here` bytes stand. None: something between is missing.
pub(super) fn unknown(here: u64, offset: u64, bytes: &Bytes) -> Option<Bytes> {
    if bytes.is_empty() {
        return Some(Bytes::new());
    }
    let known = here.checked_sub(offset)?;
    let known = usize::try_from(known).unwrap_or(usize::MAX).min(bytes.len());
    Some(bytes.slice(known..))
}

/// Whether these are lines that a supervisor writes of a build without sessions, at about this time. `Some(true)`: the last
/// one is the final event.
pub(super) fn check_events(lines: &[u8], now_millis: i64) -> Option<bool> {
    let mut is_over = false;
    let Some(lines) = lines.strip_suffix(b"\n") else { return lines.is_empty().then_some(false) };
    for line in lines.split(|&byte| byte == b'\n') {
        let event: Event = serde_json::from_slice(line).ok()?;
        let known = !is_over && !matches!(event, Event::RunStarted { .. } | Event::RunEnded { .. });
        let range = now_millis - LONGEST_BUILD_MILLIS..now_millis + CLOCKS_APART_MILLIS;
        // Of the end of the file no more than that is looked at for how the build ended.
        let is_too_long = event.is_final() && line.len() as u64 >= FINAL_EVENT_BYTES;
        if !known || is_too_long || event.at().is_some_and(|at| !range.contains(&at)) {
            return None;
        }
        is_over = event.is_final();
    }
    Some(is_over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Context, Status};

    #[test]
    fn what_is_known_is_skipped_and_a_gap_is_told() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        assert_eq!(unknown(0, 0, &bytes("abc")), Some(bytes("abc")));
        assert_eq!(unknown(2, 0, &bytes("abc")), Some(bytes("c")));
        assert_eq!(unknown(9, 0, &bytes("abc")), Some(bytes("")));
        assert_eq!(unknown(9, 8, &bytes("abc")), Some(bytes("bc")));
        assert_eq!(unknown(1, 2, &bytes("abc")), None);
        assert_eq!(unknown(1, 2, &bytes("")), Some(bytes("")), "a sign of life");
    }

    #[test]
    fn events_are_those_of_supervisors() {
        let line = |event: &Event| serde_json::to_string(event).unwrap() + "\n";
        let started = line(&Event::Started { at: 1 });
        let over = line(&Event::Finished {
            status: Status::Failed,
            upload_artifacts: false,
            context: Context::default(),
            at: 2,
        });
        let check = |text: &str| check_events(text.as_bytes(), 3);
        assert_eq!(check(""), Some(false));
        assert_eq!(check(&started), Some(false));
        assert_eq!(check(&(started.clone() + &over)), Some(true));
        assert_eq!(check(&(over.clone() + &started)), None, "nothing follows the final event");
        assert_eq!(check(started.trim_end()), None, "half a line");
        let endless = line(&Event::Finished {
            status: Status::Failed,
            upload_artifacts: false,
            context: Context::new("CODE", "x".repeat(64 * 1024)),
            at: 2,
        });
        assert_eq!(check(&endless), None, "nobody would find it again");
        assert_eq!(check("{}\n"), None);
        assert_eq!(check("\n"), None);
        assert_eq!(check(&line(&Event::Started { at: i64::MAX })), None);
        assert_eq!(check(&line(&Event::RunStarted { id: uuid::Uuid::nil(), at: 1 })), None);
    }
}
