//! What commands write, from the environment's standard error, up to where a command's output ends.

use std::{io, os::fd::AsFd, time::Duration};

use aho_corasick::AhoCorasick;
use tokio::{io::AsyncReadExt, process::ChildStderr, time::timeout};

use super::log::Log;

/// What a pipe holds at most: after the end of a command no more of its output can be under way.
const PIPE_BYTES: usize = 64 * 1024;
/// How long an engine may take to pass on what was written before an exit code that it has passed on.
const PASSING_ON: Duration = Duration::from_secs(10);

pub(super) struct Output {
    pipe: ChildStderr,
    chunk: Vec<u8>,
    ended: bool,
    end: End,
}

/// How the end of a command's output is told.
enum End {
    /// The pipe is the commands' own: what it holds when the exit code is there is all.
    Pipe,
    /// The engine passes output and exit codes on by different ways: the loop has written a mark.
    Mark(MarkFinder),
}

impl Output {
    /// With a mark, if the loop writes one after each command. Errors: a mark that nothing can be made of.
    pub fn new(pipe: ChildStderr, mark: Option<&str>) -> io::Result<Self> {
        let end = match mark {
            Some(mark) => End::Mark(MarkFinder::new(mark)?),
            None => End::Pipe,
        };
        Ok(Self { pipe, chunk: vec![0; PIPE_BYTES], ended: false, end })
    }

    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Waits for output and logs it. May be dropped while it waits.
    pub async fn pass_on(&mut self, log: &mut Log) -> io::Result<()> {
        let length = self.pipe.read(&mut self.chunk).await?;
        self.take(length, log)
    }

    fn take(&mut self, length: usize, log: &mut Log) -> io::Result<()> {
        self.ended = length == 0;
        match &mut self.end {
            End::Pipe => log.output(&self.chunk[..length]),
            End::Mark(finder) if self.ended => log.output(&finder.rest()),
            End::Mark(finder) => log.output(&finder.push(&self.chunk[..length])),
        }
    }

    /// Logs what is left of the command whose exit code is there, and not what a process that it has left in the
    /// background goes on to write.
    pub async fn finish_command(&mut self, log: &mut Log) -> io::Result<()> {
        if matches!(self.end, End::Pipe) {
            return self.drain(log);
        }
        let marked = async {
            while !self.ended && !self.take_mark() {
                self.pass_on(log).await?;
            }
            Ok(())
        };
        // Without a mark the output is shown all the same, with the next command's.
        timeout(PASSING_ON, marked).await.unwrap_or(Ok(()))
    }

    fn take_mark(&mut self) -> bool {
        match &mut self.end {
            End::Pipe => true,
            End::Mark(finder) => std::mem::take(&mut finder.found),
        }
    }

    /// Drops what came before the first command: an engine's remarks.
    pub async fn forget_beginning(&mut self) -> io::Result<()> {
        let unmarked = async {
            while !self.ended && !self.take_mark() {
                let length = self.pipe.read(&mut self.chunk).await?;
                self.ended = length == 0;
                if let End::Mark(finder) = &mut self.end {
                    finder.push(&self.chunk[..length]);
                }
            }
            Ok(())
        };
        timeout(PASSING_ON, unmarked).await?
    }

    /// Everything up to the end, as a text.
    pub async fn complaint(&mut self) -> io::Result<String> {
        let mut text = Vec::new();
        (&mut self.pipe).take(PIPE_BYTES as u64).read_to_end(&mut text).await?;
        if let End::Mark(finder) = &mut self.end {
            text = finder.push(&text);
        }
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    fn drain(&mut self, log: &mut Log) -> io::Result<()> {
        let mut drained = 0;
        while drained < PIPE_BYTES {
            match rustix::io::read(self.pipe.as_fd(), &mut self.chunk) {
                Ok(length) => {
                    self.take(length, log)?;
                    drained += length;
                    if length == 0 {
                        break;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                // Nothing there. Read past Tokio, whose idea of readiness may be older than the exit code.
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Finds a mark in a stream, also where it is cut in two, and takes it out.
struct MarkFinder {
    mark: Vec<u8>,
    finder: AhoCorasick,
    /// The beginning of what may become the mark.
    held: Vec<u8>,
    found: bool,
}

impl MarkFinder {
    fn new(mark: &str) -> io::Result<Self> {
        let finder = AhoCorasick::new([mark]).map_err(io::Error::other)?;
        Ok(Self { mark: mark.as_bytes().to_vec(), finder, held: Vec::new(), found: false })
    }

    /// Takes the next bytes and gives those that are output.
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut pending = std::mem::take(&mut self.held);
        pending.extend_from_slice(bytes);
        let mut output = Vec::with_capacity(pending.len());
        let mut from = 0;
        for found in self.finder.find_iter(&pending) {
            output.extend_from_slice(&pending[from..found.start()]);
            from = found.end();
            self.found = true;
        }
        let rest = &pending[from..];
        let longest = rest.len().min(self.mark.len().saturating_sub(1));
        let held = (1..=longest).rev().find(|&length| rest.ends_with(&self.mark[..length])).unwrap_or(0);
        output.extend_from_slice(&rest[..rest.len() - held]);
        self.held = rest[rest.len() - held..].to_vec();
        output
    }

    /// Nothing comes any more: what was held back is output.
    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_found_and_taken_out_wherever_the_stream_is_cut() {
        let stream = b"one <MARK>two <<MARK><MA three";
        for cut in 0..=stream.len() {
            let mut finder = MarkFinder::new("<MARK>").unwrap();
            let mut output = finder.push(&stream[..cut]);
            output.extend(finder.push(&stream[cut..]));
            output.extend(finder.rest());
            assert_eq!(String::from_utf8(output).unwrap(), "one two <<MA three", "cut at {cut}");
            assert!(finder.found);
        }
    }

    #[test]
    fn only_what_may_become_the_mark_is_held_back() {
        let mut finder = MarkFinder::new("<MARK>").unwrap();
        assert_eq!(finder.push(b"abc<MA"), b"abc");
        assert!(!finder.found);
        assert_eq!(finder.push(b"x"), b"<MAx");
        assert_eq!(finder.push(b"<"), b"");
        assert_eq!(finder.rest(), b"<");
    }
}
