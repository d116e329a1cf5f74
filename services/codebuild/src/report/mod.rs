//! Reports: what test runners and coverage tools write, read into one form.
//!
//! Pure: bytes go in, cases or files come out. Files are the build's and may be hostile, so they are read as streams,
//! and everything that is kept of them is bounded; what breaks a bound is refused in words that its author understands.
//! How the formats map to AWS's members is documented nowhere: the modules say what was chosen.

pub(crate) mod coverage;
mod json;
pub(crate) mod merged;
pub(crate) mod recognise;
pub(crate) mod results;
mod xml;

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use coverage::Coverage;
use results::TestResults;

/// Of one file. Results with the output of whole test runs are far smaller.
pub(crate) const MAX_FILE_BYTES: u64 = 256 << 20;

/// A format that buildspecs can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    #[default]
    JunitXml,
    CucumberJson,
    NunitXml,
    Nunit3Xml,
    TestngXml,
    VisualStudioTrx,
    CloverXml,
    CoberturaXml,
    JacocoXml,
    SimpleCov,
    Lcov,
}

impl Format {
    /// By their names, which are those of AWS's guide.
    pub const ALL: [(&'static str, Format); 11] = [
        ("JUNITXML", Self::JunitXml),
        ("CUCUMBERJSON", Self::CucumberJson),
        ("NUNITXML", Self::NunitXml),
        ("NUNIT3XML", Self::Nunit3Xml),
        ("TESTNGXML", Self::TestngXml),
        ("VISUALSTUDIOTRX", Self::VisualStudioTrx),
        ("CLOVERXML", Self::CloverXml),
        ("COBERTURAXML", Self::CoberturaXml),
        ("JACOCOXML", Self::JacocoXml),
        ("SIMPLECOV", Self::SimpleCov),
        ("LCOV", Self::Lcov),
    ];

    /// Case does not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, format)| *format)
    }

    /// `JUNITXML`
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// The kind of the report groups that take it.
    pub fn kind(self) -> Kind {
        match self {
            Self::JunitXml
            | Self::CucumberJson
            | Self::NunitXml
            | Self::Nunit3Xml
            | Self::TestngXml
            | Self::VisualStudioTrx => Kind::Test,
            Self::CloverXml | Self::CoberturaXml | Self::JacocoXml | Self::SimpleCov | Self::Lcov => {
                Kind::CodeCoverage
            }
        }
    }
}

/// What a report group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Test,
    CodeCoverage,
}

/// Why a file is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub String);

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What the files of one report hold.
#[derive(Debug)]
pub(crate) enum Content {
    Tests(TestResults),
    Coverage(Coverage),
}

impl Content {
    /// Empty. `source` is the build's source folder, which paths of covered files are shown relative to.
    pub fn of(format: Format, source: &str) -> Self {
        match format.kind() {
            Kind::CodeCoverage => Self::Coverage(Coverage::below(source)),
            Kind::Test => Self::Tests(TestResults::default()),
        }
    }

    /// Adds what a file holds. `path` is how the file is called. A file that is refused may have been added in part.
    pub fn read(&mut self, format: Format, path: &str, file: &mut dyn BufRead) -> Result<(), Refusal> {
        let mut file = xml::Bounded::new(file);
        match self {
            Self::Tests(results) => {
                results.of_file(path);
                match format {
                    Format::CucumberJson => results::cucumber::read(&mut file, results),
                    Format::NunitXml => results::nunit::read(&mut file, results, "test-results"),
                    Format::Nunit3Xml => results::nunit::read(&mut file, results, "test-run"),
                    Format::TestngXml => results::testng::read(&mut file, results),
                    Format::VisualStudioTrx => results::trx::read(&mut file, results),
                    Format::JunitXml
                    | Format::CloverXml
                    | Format::CoberturaXml
                    | Format::JacocoXml
                    | Format::SimpleCov
                    | Format::Lcov => results::junit::read(&mut file, results),
                }
            }
            Self::Coverage(coverage) => match format {
                Format::CloverXml => coverage::clover::read(&mut file, coverage),
                Format::CoberturaXml => coverage::cobertura::read(&mut file, coverage),
                Format::JacocoXml => coverage::jacoco::read(&mut file, coverage),
                Format::SimpleCov => coverage::simplecov::read(&mut file, coverage),
                Format::Lcov
                | Format::JunitXml
                | Format::CucumberJson
                | Format::NunitXml
                | Format::Nunit3Xml
                | Format::TestngXml
                | Format::VisualStudioTrx => coverage::lcov::read(&mut file, coverage),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read, repeat};

    use super::*;

    fn refusal(format: Format, text: impl AsRef<[u8]>) -> String {
        let mut text = text.as_ref();
        Content::of(format, "/src").read(format, "file", &mut text).unwrap_err().to_string()
    }

    #[test]
    fn names_of_formats() {
        assert_eq!(Format::parse("JunitXml"), Some(Format::JunitXml));
        assert_eq!(Format::parse("junit"), None);
        assert_eq!(Format::parse("lcov").map(Format::kind), Some(Kind::CodeCoverage));
    }

    const XML: [Format; 8] = [
        Format::JunitXml,
        Format::NunitXml,
        Format::Nunit3Xml,
        Format::TestngXml,
        Format::VisualStudioTrx,
        Format::CloverXml,
        Format::CoberturaXml,
        Format::JacocoXml,
    ];

    #[test]
    fn what_is_no_xml_is_refused_by_all_xml_formats() {
        for format in XML {
            for text in ["", "   ", "{\"a\": 1}", "<html><body/></html>", "plain"] {
                assert!(
                    refusal(format, text).contains("expected"),
                    "{format:?} {text:?}: {}",
                    refusal(format, text)
                );
            }
            for text in ["<testsuite", "<a></b>", "<testsuites><testsuite>", "<coverage>", "\u{feff}<"] {
                assert!(!refusal(format, text).is_empty(), "{format:?} {text:?}");
            }
            assert!(refusal(format, b"<a b='\xff\xfe'/>").contains("UTF-8"), "{format:?}");
            assert!(refusal(format, b"\xff\xfe<\0a\0/\0>\0").contains("UTF-8"), "{format:?}");
        }
    }

    #[test]
    fn entities_are_refused_before_they_grow() {
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]>\
                    <testsuite><testcase name=\"&lol2;\"/></testsuite>";
        for format in XML {
            assert_eq!(
                refusal(format, bomb),
                "the document declares entities, which are not read",
                "{format:?}"
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("<testsuites>{}", "<testsuite>".repeat(100_000));
        assert_eq!(refusal(Format::JunitXml, deep), "elements are nested more than 200 deep");
        let deep = format!("[{}", "{\"elements\":[".repeat(100_000));
        assert!(refusal(Format::CucumberJson, deep).contains("EOF"), "passed over, not entered");
        let deep = format!("{{\"RSpec\": {{\"coverage\": {}", "{\"a\":".repeat(1_000_000));
        assert!(!refusal(Format::SimpleCov, deep).is_empty());
    }

    #[test]
    fn one_endless_text_is_refused_early() {
        for format in [Format::JunitXml, Format::CoberturaXml] {
            let begin: &[u8] = b"<coverage><testsuite><testcase name='";
            let begin = if format == Format::JunitXml { &begin[10..] } else { begin };
            let mut endless = BufReader::with_capacity(64 << 10, begin.chain(repeat(b'a')));
            let refused = Content::of(format, "/").read(format, "file", &mut endless).unwrap_err();
            assert_eq!(refused.to_string(), "one tag or text has more than 16777216 bytes");
        }
        let mut endless = BufReader::new(repeat(b'1'));
        let refused = Content::of(Format::Lcov, "/").read(Format::Lcov, "file", &mut endless).unwrap_err();
        assert_eq!(refused.to_string(), "a line has more than 65536 bytes");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let mut endless = BufReader::with_capacity(1 << 20, repeat(b'a'));
        let mut bounded = xml::Bounded::new(&mut endless);
        let error = loop {
            match bounded.fill_buf() {
                Ok(bytes) => {
                    let length = bytes.len();
                    bounded.consume(length);
                    bounded.begin();
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.to_string(), "the file has more than 268435456 bytes");
    }
}
