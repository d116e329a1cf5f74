//! The reports of the shards of a fan-out as one. Pure.
//! Source: CodeBuild User Guide, "Merge individual test reports".

use std::collections::BTreeMap;

use super::{
    coverage::{Counts, FileCoverage, MAX_FILES},
    results::{MAX_CASES, TestCase, TestSummary},
};

/// Test results of shards. Memory is bounded, however many there are.
#[derive(Debug, Default)]
pub(crate) struct MergedTests {
    summary: TestSummary,
    bad: Vec<TestCase>,
    good: Vec<TestCase>,
}

impl MergedTests {
    /// Counts add up; shards run side by side, so the longest one is how long it took.
    pub fn count(&mut self, shard: &TestSummary) {
        self.summary.total += shard.total;
        for (status, count) in &shard.counts {
            *self.summary.counts.entry(*status).or_default() += count;
        }
        self.summary.nanoseconds = self.summary.nanoseconds.max(shard.nanoseconds);
    }

    pub fn add(&mut self, cases: impl IntoIterator<Item = TestCase>) {
        for case in cases {
            let kept = if case.status.is_bad() { &mut self.bad } else { &mut self.good };
            if kept.len() < MAX_CASES {
                kept.push(case);
            }
        }
    }

    /// The summary, and the cases to be shown.
    pub fn into_parts(self) -> (TestSummary, Vec<TestCase>) {
        let Self { summary, mut bad, good } = self;
        bad.extend(good);
        bad.truncate(MAX_CASES);
        (summary, bad)
    }
}

/// Coverage of shards: of a file, what the shard has that covers it best, by lines and then by branches.
#[derive(Debug, Default)]
pub(crate) struct MergedCoverage {
    files: BTreeMap<String, Counts>,
    /// There were more files than are kept.
    pub is_truncated: bool,
}

impl MergedCoverage {
    pub fn add(&mut self, files: impl IntoIterator<Item = FileCoverage>) {
        for FileCoverage { path, counts } in files {
            if self.files.len() >= MAX_FILES && !self.files.contains_key(&path) {
                self.is_truncated = true;
                continue;
            }
            let best = self.files.entry(path).or_insert(counts);
            let by_lines = counts.line_percentage().total_cmp(&best.line_percentage());
            if by_lines.then(counts.branch_percentage().total_cmp(&best.branch_percentage())).is_gt() {
                *best = counts;
            }
        }
    }

    /// The sum, and the files by their paths.
    pub fn into_parts(self) -> (Counts, Vec<FileCoverage>) {
        let sum = self.files.values().fold(Counts::default(), |sum, counts| sum.and(*counts));
        let files = self.files.into_iter().map(|(path, counts)| FileCoverage { path, counts });
        (sum, files.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results::CaseStatus;

    #[test]
    fn counts_add_up_and_failures_come_first() {
        let case = |name: usize, status| TestCase {
            name: name.to_string(),
            prefix: String::new(),
            suite: String::new(),
            status,
            nanoseconds: 1,
            message: String::new(),
            file: "a".into(),
        };
        let mut merged = MergedTests::default();
        for (nanoseconds, status) in
            [(5, CaseStatus::Succeeded), (9, CaseStatus::Failed), (7, CaseStatus::Succeeded)]
        {
            merged.count(&TestSummary { total: 400, counts: [(status, 400)].into(), nanoseconds });
            merged.add((0..400).map(|name| case(name, status)));
        }
        let (summary, cases) = merged.into_parts();
        assert_eq!((summary.total, summary.nanoseconds), (1200, 9));
        assert_eq!((summary.count(CaseStatus::Succeeded), summary.count(CaseStatus::Failed)), (800, 400));
        assert_eq!(cases.len(), MAX_CASES);
        assert!(cases[..400].iter().all(|case| case.status == CaseStatus::Failed));
    }

    #[test]
    fn the_shard_that_covers_a_file_best_counts() {
        let file = |path: &str, covered, branches| FileCoverage {
            path: path.into(),
            counts: Counts {
                lines_covered: covered,
                lines_missed: 10 - covered,
                branches_covered: branches,
                branches_missed: 4 - branches,
            },
        };
        let mut merged = MergedCoverage::default();
        merged.add([file("b", 5, 1), file("a", 3, 0)]);
        merged.add([file("b", 5, 2), file("a", 2, 4)]);
        let (sum, files) = merged.into_parts();
        assert_eq!(files, [file("a", 3, 0), file("b", 5, 2)]);
        assert_eq!((sum.lines_covered, sum.branches_covered), (8, 2));
    }
}
