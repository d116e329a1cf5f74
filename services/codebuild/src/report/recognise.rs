//! Of which format a file is, by its name and its beginning. Pure.
//!
//! AWS documents that reports are discovered, not how: here by what each format's tools write first.

use std::io::{BufRead, Read};
use std::path::Path;

use super::{
    Format,
    xml::{Bounded, Document, Element, Piece},
};

/// Bytes of a file that are looked at.
const BEGINNING: u64 = 64 * 1024;
/// Elements after the root that are looked at.
const ELEMENTS: usize = 3;
const ROOTS: [&str; 8] = [
    "testsuites",
    "testsuite",
    "test-results",
    "test-run",
    "testng-results",
    "TestRun",
    "coverage",
    "report",
];

/// Whether a file of this name is looked at.
pub(crate) fn may_be_report(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["xml", "trx", "json", "info"].iter().any(|known| extension == *known))
}

/// None for what is no report.
pub(crate) fn recognise(path: &Path, file: &mut dyn BufRead) -> Option<Format> {
    let mut beginning = file.take(BEGINNING);
    match path.extension()?.to_str()? {
        "xml" | "trx" => of_root(&mut beginning),
        "json" if path.file_name()? == ".resultset.json" => Some(Format::SimpleCov),
        "json" => {
            let text = text(&mut beginning)?;
            let is_cucumber =
                text.starts_with('[') && text.contains("\"elements\"") && text.contains("\"keyword\"");
            is_cucumber.then_some(Format::CucumberJson)
        }
        "info" => {
            let text = text(&mut beginning)?;
            (text.starts_with("TN:") || text.starts_with("SF:")).then_some(Format::Lcov)
        }
        _ => None,
    }
}

fn text(beginning: &mut dyn Read) -> Option<String> {
    let mut bytes = Vec::new();
    beginning.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_start().to_owned())
}

fn of_root(beginning: &mut dyn BufRead) -> Option<Format> {
    let mut bounded = Bounded::new(beginning);
    let (mut document, root) = Document::open(&mut bounded, &ROOTS).ok()?;
    let has = |name: &str| root.get(name).is_some();
    match root.name.as_str() {
        "testsuites" | "testsuite" => Some(Format::JunitXml),
        "test-results" => Some(Format::NunitXml),
        "test-run" => Some(Format::Nunit3Xml),
        "testng-results" => Some(Format::TestngXml),
        "TestRun" => Some(Format::VisualStudioTrx),
        "coverage" if has("line-rate") => Some(Format::CoberturaXml),
        "coverage" if has("clover") || has("generated") => Some(Format::CloverXml),
        "report" if has("name") => {
            let of_jacoco = |element: &Element| {
                ["sessioninfo", "group", "package", "counter"].contains(&element.name.as_str())
            };
            let mut opened = 0;
            while let Ok(Some(piece)) = document.next() {
                match piece {
                    Piece::Open(element) if of_jacoco(&element) => return Some(Format::JacocoXml),
                    Piece::Open(_) if opened < ELEMENTS => opened += 1,
                    Piece::Open(_) => break,
                    Piece::Text(_) | Piece::Close(_) => {}
                }
            }
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_by_its_beginning() {
        let of = |name: &str, text: &str| recognise(Path::new(name), &mut text.as_bytes());
        for (name, text, format) in [
            ("a.xml", "<?xml version='1.0'?>\n<testsuites><testsuite/></testsuites>", Format::JunitXml),
            ("a.xml", "<testsuite name='unfinished'>", Format::JunitXml),
            ("a.xml", "<test-results total='1'>", Format::NunitXml),
            ("a.xml", "<test-run id='2'>", Format::Nunit3Xml),
            ("a.xml", "<testng-results>", Format::TestngXml),
            (
                "a.trx",
                "<TestRun xmlns='http://microsoft.com/schemas/VisualStudio/TeamTest/2010'>",
                Format::VisualStudioTrx,
            ),
            ("a.xml", "<coverage generated='1' clover='4'>", Format::CloverXml),
            ("a.xml", "<coverage line-rate='0.5'>", Format::CoberturaXml),
            ("a.xml", "<report name='x'><sessioninfo id='1'/></report>", Format::JacocoXml),
            ("coverage/.resultset.json", "{}", Format::SimpleCov),
            ("a.json", "[{\"keyword\": \"Feature\", \"elements\": []}]", Format::CucumberJson),
            ("lcov.info", "TN:\nSF:a.c\n", Format::Lcov),
        ] {
            assert!(may_be_report(Path::new(name)));
            assert_eq!(of(name, text), Some(format), "{text}");
        }
        for (name, text) in [
            ("pom.xml", "<project/>"),
            ("a.xml", "<report><title/></report>"),
            ("a.xml", "<coverage/>"),
            ("a.xml", "no XML"),
            ("package.json", "{\"keyword\": 1}"),
            ("a.info", "hello"),
        ] {
            assert_eq!(of(name, text), None, "{text}");
        }
        assert!(!may_be_report(Path::new("src/main.rs")));
    }
}
