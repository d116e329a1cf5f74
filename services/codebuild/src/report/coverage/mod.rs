//! Coverage of code by tests: lines and branches, file by file.

pub(super) mod clover;
pub(super) mod cobertura;
pub(super) mod jacoco;
pub(super) mod lcov;
pub(super) mod simplecov;

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

use serde::{Deserialize, Serialize};

use super::Refusal;

/// Of one report.
pub(super) const MAX_FILES: usize = 50_000;
/// Lines and branches that are told one by one, of one report.
const MAX_LINES: usize = 4_000_000;
const MAX_PATH_BYTES: usize = 1024;

/// How many lines and branches tests came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub lines_covered: u32,
    pub lines_missed: u32,
    pub branches_covered: u32,
    pub branches_missed: u32,
}

impl Counts {
    /// 0 to 100; 0 of nothing.
    pub fn line_percentage(self) -> f64 {
        percentage(self.lines_covered, self.lines_missed)
    }

    pub fn branch_percentage(self) -> f64 {
        percentage(self.branches_covered, self.branches_missed)
    }

    /// Numbers that the API cannot show stay at the greatest that it can.
    pub fn and(self, other: Self) -> Self {
        let sum = |a: u32, b: u32| a.saturating_add(b).min(i32::MAX.unsigned_abs());
        Self {
            lines_covered: sum(self.lines_covered, other.lines_covered),
            lines_missed: sum(self.lines_missed, other.lines_missed),
            branches_covered: sum(self.branches_covered, other.branches_covered),
            branches_missed: sum(self.branches_missed, other.branches_missed),
        }
    }
}

fn percentage(covered: u32, missed: u32) -> f64 {
    match f64::from(covered) + f64::from(missed) {
        0.0 => 0.0,
        all => f64::from(covered) * 100.0 / all,
    }
}

/// One file of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCoverage {
    /// Relative to the build's source folder if it is below it.
    pub path: String,
    pub counts: Counts,
}

/// The covered files of a report. A line that one of several runs came through is covered.
#[derive(Debug)]
pub(crate) struct Coverage {
    source: String,
    files: Vec<(String, Lines)>,
    places: HashMap<String, usize>,
    current: usize,
    told: usize,
}

/// What is known of a file.
#[derive(Debug, Default)]
struct Lines {
    /// Line to whether it is covered.
    lines: BTreeMap<u32, bool>,
    /// Line to how many of its branches are covered, and how many there are.
    conditions: BTreeMap<u32, (u32, u32)>,
    /// Branches that are told one by one, by the hash of what they are called.
    branches: BTreeMap<u64, bool>,
    /// What the tool has counted itself.
    counted: Counts,
}

impl Coverage {
    pub fn below(source: &str) -> Self {
        let source = format!("{}/", source.trim_end_matches('/'));
        Self { source, files: Vec::new(), places: HashMap::new(), current: 0, told: 0 }
    }

    /// What follows is of this file.
    pub fn begin(&mut self, path: &str) -> Result<(), Refusal> {
        let path = path.strip_prefix(&self.source).unwrap_or(path);
        let path = path.strip_prefix("./").unwrap_or(path);
        if path.is_empty() || path.len() > MAX_PATH_BYTES {
            return Err(Refusal::new(format!(
                "the path of a covered file must have 1 to {MAX_PATH_BYTES} bytes"
            )));
        }
        if let Some(place) = self.places.get(path) {
            self.current = *place;
            return Ok(());
        }
        if self.files.len() == MAX_FILES {
            return Err(Refusal::new(format!("the report covers more than {MAX_FILES} files")));
        }
        self.current = self.files.len();
        self.places.insert(path.to_owned(), self.current);
        self.files.push((path.to_owned(), Lines::default()));
        Ok(())
    }

    pub fn line(&mut self, line: u32, is_covered: bool) -> Result<(), Refusal> {
        self.tell()?;
        if let Some(lines) = self.lines() {
            *lines.lines.entry(line).or_default() |= is_covered;
        }
        Ok(())
    }

    /// The branches of a line, by their number.
    pub fn conditions(&mut self, line: u32, covered: u32, all: u32) -> Result<(), Refusal> {
        self.tell()?;
        if let Some(lines) = self.lines() {
            let known = lines.conditions.entry(line).or_default();
            *known = (known.0.max(covered.min(all)), known.1.max(all));
        }
        Ok(())
    }

    /// A branch by what it is called in its file.
    pub fn branch(&mut self, name: impl Hash, is_covered: bool) -> Result<(), Refusal> {
        self.tell()?;
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        if let Some(lines) = self.lines() {
            *lines.branches.entry(hasher.finish()).or_default() |= is_covered;
        }
        Ok(())
    }

    /// What the tool has counted, in addition.
    pub fn count(&mut self, counts: Counts) {
        if let Some(lines) = self.lines() {
            lines.counted = lines.counted.and(counts);
        }
    }

    /// Files in the order of their paths, and the sum of all.
    pub fn into_files(self) -> (Vec<FileCoverage>, Counts) {
        let mut files: Vec<FileCoverage> = self
            .files
            .into_iter()
            .map(|(path, lines)| FileCoverage { path, counts: lines.counts() })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let sum = files.iter().fold(Counts::default(), |sum, file| sum.and(file.counts));
        (files, sum)
    }

    fn lines(&mut self) -> Option<&mut Lines> {
        self.files.get_mut(self.current).map(|(_, lines)| lines)
    }

    fn tell(&mut self) -> Result<(), Refusal> {
        self.told += 1;
        match self.told > MAX_LINES {
            true => {
                Err(Refusal::new(format!("the report tells of more than {MAX_LINES} lines and branches")))
            }
            false => Ok(()),
        }
    }
}

impl Lines {
    fn counts(self) -> Counts {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let lines_covered = count(self.lines.values().filter(|is_covered| **is_covered).count());
        let branches_covered = count(self.branches.values().filter(|is_covered| **is_covered).count());
        let told = Counts {
            lines_covered,
            lines_missed: count(self.lines.len()) - lines_covered,
            branches_covered,
            branches_missed: count(self.branches.len()) - branches_covered,
        };
        let conditions = self.conditions.into_values().fold(Counts::default(), |sum, (covered, all)| {
            sum.and(Counts { branches_covered: covered, branches_missed: all - covered, ..Counts::default() })
        });
        self.counted.and(told).and(conditions)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::{Content, Format};

    /// All files of one report, as `path lines covered/missed branches covered/missed`.
    pub fn files(format: Format, texts: &[&str]) -> Vec<String> {
        let mut content = Content::of(format, "/codebuild/src");
        for text in texts {
            content.read(format, "file", &mut text.as_bytes()).unwrap();
        }
        let Content::Coverage(coverage) = content else { panic!("tests") };
        let shown = |FileCoverage { path, counts }: FileCoverage| {
            let Counts { lines_covered, lines_missed, branches_covered, branches_missed } = counts;
            format!("{path} {lines_covered}/{lines_missed} {branches_covered}/{branches_missed}")
        };
        coverage.into_files().0.into_iter().map(shown).collect()
    }

    #[test]
    fn runs_add_up_to_what_any_of_them_covers() {
        let mut coverage = Coverage::below("/src/");
        for (path, hits) in
            [("/src/a.rs", [true, false]), ("./a.rs", [false, false]), ("/other/b", [true, true])]
        {
            coverage.begin(path).unwrap();
            for (line, is_covered) in (1..).zip(hits) {
                coverage.line(line, is_covered).unwrap();
            }
            coverage.conditions(1, 1, 2).unwrap();
        }
        coverage.count(Counts { lines_covered: u32::MAX, ..Counts::default() });
        let (files, sum) = coverage.into_files();
        assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["/other/b", "a.rs"]);
        let counts = Counts { lines_covered: 1, lines_missed: 1, branches_covered: 1, branches_missed: 1 };
        assert_eq!((files[1].counts, counts.line_percentage()), (counts, 50.0));
        assert_eq!(sum.lines_covered, i32::MAX.unsigned_abs());
        assert_eq!(Counts::default().branch_percentage(), 0.0);
    }

    #[test]
    fn files_and_lines_are_bounded() {
        let mut coverage = Coverage::below("/src");
        for number in 0..MAX_FILES {
            coverage.begin(&number.to_string()).unwrap();
        }
        assert!(coverage.begin("one more").is_err());
        assert!(coverage.begin("7").is_ok());
        assert!(coverage.begin(&"x".repeat(2000)).is_err());
        coverage.told = MAX_LINES;
        assert!(coverage.line(1, true).is_err());
    }
}
