//! Results of tests.

pub(super) mod cucumber;
pub(super) mod junit;
pub(super) mod nunit;
pub(super) mod testng;
pub(super) mod trx;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Cases that a report shows; all are counted. Those that failed come first.
/// Source: CodeBuild User Guide, "Test report statuses".
pub(crate) const MAX_CASES: usize = 500;
const MAX_NAME_CHARS: usize = 1000;
const MAX_MESSAGE_CHARS: usize = 5000;

/// How a case ended, as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CaseStatus {
    Succeeded,
    Failed,
    Error,
    Skipped,
    Unknown,
}

impl CaseStatus {
    pub const ALL: [Self; 5] = [Self::Succeeded, Self::Failed, Self::Error, Self::Skipped, Self::Unknown];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
            Self::Skipped => "SKIPPED",
            Self::Unknown => "UNKNOWN",
        }
    }

    pub(super) fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }
}

/// One test case of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCase {
    pub name: String,
    /// Of the test: its class, say.
    pub prefix: String,
    pub suite: String,
    pub status: CaseStatus,
    pub nanoseconds: i64,
    pub message: String,
    /// The file that it stands in.
    pub file: String,
}

/// How many cases ended how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestSummary {
    pub total: u64,
    /// Those that occur.
    pub counts: BTreeMap<CaseStatus, u64>,
    pub nanoseconds: i64,
}

impl TestSummary {
    pub fn count(&self, status: CaseStatus) -> u64 {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    pub fn has_failures(&self) -> bool {
        self.counts.iter().any(|(status, count)| status.is_bad() && *count > 0)
    }
}

/// The cases of a report's files. Memory is bounded, however many there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestResults {
    pub summary: TestSummary,
    bad: Vec<TestCase>,
    good: Vec<TestCase>,
    file: String,
}

impl TestResults {
    /// The cases that follow are of this file.
    pub fn of_file(&mut self, path: &str) {
        path.clone_into(&mut self.file);
    }

    pub(super) fn push(&mut self, case: Case) {
        let Case { name, prefix, suite, status, nanoseconds, message } = case;
        self.summary.total += 1;
        *self.summary.counts.entry(status).or_default() += 1;
        self.summary.nanoseconds = self.summary.nanoseconds.saturating_add(nanoseconds);
        let kept = if status.is_bad() { &mut self.bad } else { &mut self.good };
        if kept.len() < MAX_CASES {
            kept.push(TestCase {
                name: cut(&name, MAX_NAME_CHARS),
                prefix: cut(&prefix, MAX_NAME_CHARS),
                suite: cut(&suite, MAX_NAME_CHARS),
                status,
                nanoseconds,
                message: message.as_str().to_owned(),
                file: self.file.clone(),
            });
        }
    }

    /// Gives what the cases are called that have been kept of this file.
    pub(super) fn kept_of_file(&mut self) -> impl Iterator<Item = &mut TestCase> {
        self.bad.iter_mut().chain(&mut self.good).filter(|case| case.file == self.file)
    }

    /// The cases to be shown, at most five hundred.
    pub fn into_cases(self) -> Vec<TestCase> {
        let Self { mut bad, good, .. } = self;
        bad.extend(good);
        bad.truncate(MAX_CASES);
        bad
    }
}

/// A case while it is read.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub name: String,
    pub prefix: String,
    pub suite: String,
    pub status: CaseStatus,
    pub nanoseconds: i64,
    pub message: Message,
}

/// What a case says; only so much of it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    text: String,
    chars: usize,
}

impl Message {
    pub fn push(&mut self, text: &str) {
        for c in text.chars().take(MAX_MESSAGE_CHARS - self.chars) {
            self.text.push(c);
            self.chars += 1;
        }
    }

    /// On a line of its own.
    pub fn push_line(&mut self, text: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') && !text.is_empty() {
            self.push("\n");
        }
        self.push(text);
    }

    pub fn as_str(&self) -> &str {
        self.text.trim()
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// Seconds with a fraction, as `1.5`, `1,234.5` or nothing.
fn seconds(text: Option<&str>) -> i64 {
    let text = text.unwrap_or_default().trim().replace(',', "");
    nanoseconds(text.parse().unwrap_or(0.0), 1e9)
}

/// What is negative, endless or no number counts as nothing.
#[expect(clippy::cast_possible_truncation, reason = "the conversion saturates")]
fn nanoseconds(value: f64, unit: f64) -> i64 {
    if value.is_finite() { (value * unit).round().max(0.0) as i64 } else { 0 }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::{Content, Format};

    /// All cases of one file, as `status name|prefix|suite|milliseconds|message`.
    pub fn cases(format: Format, text: &str) -> Vec<String> {
        let mut content = Content::of(format, "/src");
        content.read(format, "out/file", &mut text.as_bytes()).unwrap();
        let Content::Tests(results) = content else { panic!("coverage") };
        let shown = |case: TestCase| {
            let TestCase { name, prefix, suite, status, nanoseconds, message, .. } = case;
            format!("{} {name}|{prefix}|{suite}|{}|{message}", status.as_str(), nanoseconds / 1_000_000)
        };
        results.into_cases().into_iter().map(shown).collect()
    }

    fn case(name: &str, status: CaseStatus) -> Case {
        let (prefix, suite) = (String::new(), String::new());
        Case { name: name.into(), prefix, suite, status, nanoseconds: 2, message: Message::default() }
    }

    #[test]
    fn failed_cases_come_first_and_all_are_counted() {
        let mut results = TestResults::default();
        for number in 0..600 {
            results.push(case(&number.to_string(), CaseStatus::Succeeded));
        }
        results.push(case("bad", CaseStatus::Error));
        assert_eq!((results.summary.total, results.summary.nanoseconds), (601, 1202));
        assert!(results.summary.has_failures());
        let cases = results.into_cases();
        assert_eq!(cases.len(), 500);
        assert_eq!((cases[0].name.as_str(), cases[499].name.as_str()), ("bad", "498"));
    }

    #[test]
    fn texts_are_cut_at_characters() {
        let mut message = Message::default();
        message.push_line(&"é".repeat(4999));
        message.push_line("ends");
        assert_eq!(message.text.chars().count(), 5000);
        assert!(message.text.ends_with('\n'));
        let mut results = TestResults::default();
        results.push(case(&"é".repeat(2000), CaseStatus::Skipped));
        assert_eq!(results.into_cases()[0].name.chars().count(), 1000);
    }

    #[test]
    fn odd_durations_count_as_nothing() {
        for (text, expected) in
            [("1.5", 1_500_000_000), ("1,234.5", 1_234_500_000_000), ("", 0), ("-1", 0), ("NaN", 0), ("x", 0)]
        {
            assert_eq!(seconds(Some(text)), expected, "{text}");
        }
        assert_eq!(seconds(Some("1e300")), i64::MAX);
    }
}
