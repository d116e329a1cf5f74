//! `output.log`: what a reader of the build's log sees, without its secrets.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::{mask::Masker, timestamp::agent_line};

pub(super) struct Log {
    file: File,
    masker: Masker,
    /// Bytes that may still be written.
    remaining: u64,
    at_line_start: bool,
}

impl Log {
    pub fn open(path: &Path, secrets: &[String], limit_bytes: u64) -> io::Result<Self> {
        Ok(Self {
            file: OpenOptions::new().append(true).open(path)?,
            masker: Masker::new(secrets).map_err(io::Error::other)?,
            remaining: limit_bytes,
            at_line_start: true,
        })
    }

    /// Output of a command, as it comes.
    pub fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        let shown = self.masker.push(bytes);
        self.write(&shown)
    }

    /// The command has ended: what could have become a secret no longer can, and its last line is ended.
    pub fn end_of_command(&mut self) -> io::Result<()> {
        let shown = self.masker.flush();
        self.write(&shown)?;
        let end: &[u8] = if self.at_line_start { b"\n" } else { b"\n\n" };
        self.write(end)
    }

    /// A line of the build agent's own.
    pub fn agent(&mut self, text: &str) -> io::Result<()> {
        let mut shown = self.masker.flush();
        if !shown.last().map_or(self.at_line_start, |&byte| byte == b'\n') {
            shown.push(b'\n');
        }
        shown.extend(self.masker.push(agent_line(text).as_bytes()));
        shown.extend(self.masker.flush());
        self.write(&shown)
    }

    /// No more output comes: what was held back is shown.
    pub fn finish(&mut self) -> io::Result<()> {
        let shown = self.masker.flush();
        self.write(&shown)
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.remaining == 0 || bytes.is_empty() {
            return Ok(());
        }
        let kept =
            usize::try_from(self.remaining).map_or(bytes.len(), |remaining| remaining.min(bytes.len()));
        self.file.write_all(&bytes[..kept])?;
        self.remaining -= kept as u64;
        self.at_line_start = bytes[..kept].ends_with(b"\n");
        if self.remaining == 0 {
            self.file.write_all(
                agent_line("The log has reached its limit; further output is dropped").as_bytes(),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: u64, write: impl FnOnce(&mut Log)) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut log = Log::open(file.path(), &["hunter2".to_owned()], limit).unwrap();
        write(&mut log);
        std::fs::read_to_string(file.path()).unwrap()
    }

    #[test]
    fn command_output_is_masked_and_ended() {
        let text = written(1000, |log| {
            log.output(b"one hun").unwrap();
            log.output(b"ter2 two").unwrap();
            log.end_of_command().unwrap();
            log.output(b"three\n").unwrap();
            log.end_of_command().unwrap();
        });
        assert_eq!(text, "one *** two\n\nthree\n\n");
    }

    #[test]
    fn agent_line_stands_on_a_line_of_its_own_and_is_masked() {
        let text = written(1000, |log| {
            log.output(b"no line end").unwrap();
            log.agent("Running command login hunter2").unwrap();
        });
        let (first, second) = text.split_once('\n').unwrap();
        assert_eq!(first, "no line end");
        assert!(
            second.starts_with("[Container] ") && second.ends_with("Running command login ***\n"),
            "{second}"
        );
    }

    #[test]
    fn output_over_the_limit_is_dropped_and_said_once() {
        let text = written(4, |log| {
            log.output(b"123456").unwrap();
            log.output(b"789").unwrap();
        });
        assert!(text.starts_with("1234[Container]"), "{text}");
        assert_eq!(text.matches("limit").count(), 1);
        assert!(!text.contains("789"));
    }
}
