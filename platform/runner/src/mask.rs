//! Hides secrets in a stream of bytes, also where one is cut in two by the edge of a chunk.

use std::io;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

/// What a secret is replaced by, as CodeBuild does.
const MASK: &[u8] = b"***";

/// A text without the secrets in it. Errors only if the secrets together are too many to be looked for.
pub fn mask(secrets: &[String], text: &str) -> io::Result<String> {
    let mut masker = Masker::new(secrets).map_err(io::Error::other)?;
    let mut shown = masker.push(text.as_bytes());
    shown.extend(masker.flush());
    Ok(String::from_utf8_lossy(&shown).into_owned())
}

/// Holds back only the bytes that could still become a secret, so a live reader sees everything else at once.
pub(crate) struct Masker {
    /// Absent when there is nothing to hide.
    finder: Option<AhoCorasick>,
    secrets: Vec<Vec<u8>>,
    /// Invariant: shorter than the longest secret, unless a match overlapped it.
    held: Vec<u8>,
}

impl Masker {
    /// Empty secrets are ignored. Errors only if the secrets together are too many for the automaton.
    pub fn new(secrets: &[String]) -> Result<Self, BuildError> {
        let mut secrets: Vec<Vec<u8>> = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .map(|secret| secret.as_bytes().to_vec())
            .collect();
        secrets.sort();
        secrets.dedup();
        let finder = match secrets.is_empty() {
            true => None,
            false => Some(AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&secrets)?),
        };
        Ok(Self { finder, secrets, held: Vec::new() })
    }

    /// Takes the next bytes and gives those that may be shown.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let hold_from = self.hold_from();
        self.release(hold_from)
    }

    /// Gives what was held back: no more bytes follow that belong to it.
    pub fn flush(&mut self) -> Vec<u8> {
        self.release(self.held.len())
    }

    /// Replaces every secret that starts before `hold_from`, and keeps what stands after.
    fn release(&mut self, hold_from: usize) -> Vec<u8> {
        let Some(finder) = &self.finder else { return std::mem::take(&mut self.held) };
        let mut shown = Vec::with_capacity(hold_from);
        let mut position = 0;
        for found in finder.find_iter(&self.held).take_while(|found| found.start() < hold_from) {
            shown.extend_from_slice(&self.held[position..found.start()]);
            shown.extend_from_slice(MASK);
            position = found.end();
        }
        if position < hold_from {
            shown.extend_from_slice(&self.held[position..hold_from]);
            position = hold_from;
        }
        self.held.drain(..position);
        shown
    }

    /// Where the longest end of the held bytes begins that is the beginning of a secret.
    fn hold_from(&self) -> usize {
        let longest = self.secrets.iter().map(Vec::len).max().unwrap_or(0);
        let held = self.held.len();
        let earliest = held.saturating_sub(longest.saturating_sub(1));
        (earliest..held)
            .find(|&start| {
                let end = &self.held[start..];
                self.secrets.iter().any(|secret| secret.len() > end.len() && secret.starts_with(end))
            })
            .unwrap_or(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masker(secrets: &[&str]) -> Masker {
        let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        Masker::new(&secrets).unwrap()
    }

    /// Every way to cut `text` in two must give the same as `text` in one.
    fn check(secrets: &[&str], text: &str, expected: &str) {
        for cut in 0..=text.len() {
            let mut masker = masker(secrets);
            let mut shown = masker.push(&text.as_bytes()[..cut]);
            shown.extend(masker.push(&text.as_bytes()[cut..]));
            shown.extend(masker.flush());
            assert_eq!(String::from_utf8(shown).unwrap(), expected, "cut at {cut}");
        }
        let mut masker = masker(secrets);
        let mut shown: Vec<u8> = text.bytes().flat_map(|byte| masker.push(&[byte])).collect();
        shown.extend(masker.flush());
        assert_eq!(String::from_utf8(shown).unwrap(), expected, "byte by byte");
    }

    #[test]
    fn secret_is_hidden_wherever_the_chunk_ends() {
        check(
            &["hunter2"],
            "password=hunter2; again hunter2hunter2 hunter",
            "password=***; again ****** hunter",
        );
    }

    #[test]
    fn longest_of_overlapping_secrets_wins() {
        check(&["abc", "abcdef"], "abcdef abcde abc", "*** ***de ***");
    }

    #[test]
    fn secret_that_begins_inside_another_is_not_shown_in_part() {
        check(&["xab", "abcd"], "xabcd abcd", "***cd ***");
    }

    #[test]
    fn a_text_is_masked_to_its_end() {
        let secrets = ["hunter2".to_owned()];
        assert_eq!(mask(&secrets, "my-hunter2, hunter").unwrap(), "my-***, hunter");
    }

    #[test]
    fn nothing_to_hide_passes_at_once() {
        let mut masker = masker(&[""]);
        assert_eq!(masker.push(b"plain"), b"plain");
        assert!(masker.flush().is_empty());
    }

    #[test]
    fn only_a_possible_beginning_is_held_back() {
        let mut masker = masker(&["secret"]);
        assert_eq!(masker.push(b"a line\nsec"), b"a line\n");
        assert_eq!(masker.push(b"ond"), b"second");
    }
}
