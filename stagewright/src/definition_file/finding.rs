//! What is wrong with a file, and how it is told.

use std::fmt::{self, Display};

use document::{Node, Place, Value};
use serde_json::json;

use super::excerpt;
use super::source::Source;

/// Where something stands, and how many columns of the line it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub place: Place,
    pub width: usize,
}

/// More are counted and not told: a large file can be wrong at every place.
const MAX_TOLD: usize = 500;
/// Longer messages and paths are cut: names in them are the file's.
const MAX_CHARS: usize = 2000;

pub const START: Spot = Spot { place: Place { line: 1, column: 1 }, width: 1 };

impl From<Place> for Spot {
    fn from(place: Place) -> Self {
        Self { place, width: 1 }
    }
}

impl From<&Node> for Spot {
    fn from(node: &Node) -> Self {
        let width = if matches!(node.value, Value::Scalar { .. }) { node.width } else { 1 };
        Self { place: node.place, width }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    /// The file can be used; a part of it does nothing, or cannot be checked.
    Warning,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub severity: Severity,
    pub spot: Spot,
    /// In the words of the API, positions from 0: `pipeline.stages[1].actions[0].name`; of a buildspec its keys. Empty
    /// if it is about the whole file.
    pub path: String,
    pub message: String,
    pub help: Option<String>,
}

impl Finding {
    /// Says what would be right.
    pub fn help(&mut self, help: impl Into<Option<String>>) {
        self.help = help.into();
    }
}

/// Everything that was found in one file. Displayed as compilers do it: place and message, the line, what would be right.
pub struct Findings {
    source: Source,
    found: Vec<Finding>,
    /// What came after the most that are told; only the last of it is kept.
    untold: usize,
    last_untold: Option<Finding>,
    /// Why the file could not be read at all.
    unreadable: Option<String>,
}

impl Findings {
    pub fn new(source: Source) -> Self {
        Self { source, found: Vec::new(), untold: 0, last_untold: None, unreadable: None }
    }

    pub fn unreadable(file: &str, why: impl Display) -> Self {
        let source = Source { name: file.to_owned(), text: String::new(), logical_id: None };
        Self { unreadable: Some(why.to_string()), ..Self::new(source) }
    }

    pub fn error(&mut self, spot: Spot, path: &str, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Error, spot, path, message.into())
    }

    pub fn warning(&mut self, spot: Spot, path: &str, message: impl Into<String>) -> &mut Finding {
        self.add(Severity::Warning, spot, path, message.into())
    }

    fn add(&mut self, severity: Severity, spot: Spot, path: &str, message: String) -> &mut Finding {
        let cut = |text: &str| text.chars().take(MAX_CHARS).collect();
        let finding = Finding { severity, spot, path: cut(path), message: cut(&message), help: None };
        if self.is_full() {
            self.untold += 1;
            return self.last_untold.insert(finding);
        }
        self.found.push(finding);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Whether nothing more will be told.
    pub fn is_full(&self) -> bool {
        self.found.len() >= MAX_TOLD
    }

    /// How many more there are than are told.
    pub fn untold(&self) -> usize {
        self.untold
    }

    pub fn file(&self) -> &str {
        &self.source.name
    }

    pub fn text(&self) -> &str {
        &self.source.text
    }

    pub fn logical_id(&self) -> Option<&str> {
        self.source.logical_id.as_deref()
    }

    pub fn has_errors(&self) -> bool {
        self.unreadable.is_some() || self.found.iter().any(|finding| finding.severity == Severity::Error)
    }

    pub fn is_unreadable(&self) -> bool {
        self.unreadable.is_some()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.found.iter()
    }

    /// Into the order of the file.
    pub fn sort(&mut self) {
        self.found.sort_by_key(|finding| (finding.spot.place, finding.severity));
    }

    /// Makes errors of warnings.
    pub fn escalate(&mut self) {
        for finding in &mut self.found {
            finding.severity = Severity::Error;
        }
    }

    /// The report, in colour if asked.
    pub fn report(&self, colour: bool) -> Report<'_> {
        Report { findings: self, colour }
    }

    pub fn to_json(&self) -> serde_json::Value {
        if let Some(why) = &self.unreadable {
            return json!([{"severity": "error", "line": null, "column": null, "path": "", "message": why, "help": null}]);
        }
        let one = |finding: &Finding| {
            json!({
                "severity": finding.severity.as_str(),
                "line": finding.spot.place.line,
                "column": finding.spot.place.column,
                "path": finding.path,
                "message": finding.message,
                "help": finding.help,
            })
        };
        self.found.iter().map(one).collect()
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Findings")
            .field("file", &self.file())
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

impl Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report(false).fmt(f)
    }
}

impl std::error::Error for Findings {}

/// Findings on their way to a terminal.
pub struct Report<'a> {
    findings: &'a Findings,
    colour: bool,
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paint = Paint { colour: self.colour };
        let file = excerpt::printable(self.findings.file());
        if let Some(why) = &self.findings.unreadable {
            return writeln!(f, "{file}: {}: {}", paint.word(Severity::Error), excerpt::printable(why));
        }
        let lines: Vec<&str> = self.findings.text().lines().collect();
        for finding in &self.findings.found {
            let Place { line, column } = finding.spot.place;
            let (word, message) = (paint.word(finding.severity), excerpt::printable(&finding.message));
            writeln!(
                f,
                "{}: {word}: {}",
                paint.bold(&format!("{file}:{line}:{column}")),
                paint.bold(&message)
            )?;
            let written = lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
            let (shown, underline) = excerpt::of(written, column, finding.spot.width);
            let margin = line.to_string().len();
            writeln!(f, "{:margin$} {}", "", paint.blue("|"))?;
            let gap = if shown.is_empty() { "" } else { " " };
            writeln!(f, "{} {}{gap}{shown}", paint.blue(&line.to_string()), paint.blue("|"))?;
            writeln!(f, "{:margin$} {} {}", "", paint.blue("|"), paint.of(finding.severity, &underline))?;
            if let Some(help) = &finding.help {
                let help = excerpt::printable(help);
                writeln!(f, "{:margin$} {} {}: {help}", "", paint.blue("="), paint.bold("help"))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn of(&self, severity: Severity, text: &str) -> String {
        match severity {
            Severity::Error => self.with("1;31", text),
            Severity::Warning => self.with("1;33", text),
        }
    }

    fn word(&self, severity: Severity) -> String {
        self.of(severity, severity.as_str())
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn blue(&self, text: &str) -> String {
        self.with("1;34", text)
    }
}
