//! JUnit's XML, as Ant, Surefire, Gradle, pytest, jest-junit, PHPUnit, GoogleTest and many others write it.

use super::{Case, CaseStatus, Message, TestResults, seconds};
use crate::report::{
    Refusal,
    xml::{Bounded, Document, Element, Piece},
};

/// A case is what its children say: with none it passed. Its suite is the innermost one.
pub(in crate::report) fn read(file: &mut Bounded<'_>, results: &mut TestResults) -> Result<(), Refusal> {
    let (mut document, root) = Document::open(file, &["testsuites", "testsuite"])?;
    let mut suites = vec![root.text("name")];
    let mut reading: Option<Reading> = None;
    while let Some(piece) = document.next()? {
        match (piece, &mut reading) {
            (Piece::Open(element), Some(reading)) => reading.open(&element),
            (Piece::Open(element), None) => match element.name.as_str() {
                "testsuite" => suites.push(element.text("name")),
                "testcase" => {
                    let suite = suites.last().cloned().unwrap_or_default();
                    reading = Some(Reading::of(&element, suite));
                }
                _ => {}
            },
            (Piece::Text(text), Some(reading)) => reading.text(&text),
            (Piece::Close(name), Some(_)) if name == "testcase" => {
                if let Some(reading) = reading.take() {
                    results.push(reading.end());
                }
            }
            (Piece::Close(name), Some(reading)) => reading.close(&name),
            (Piece::Close(name), None) if name == "testsuite" => drop(suites.pop()),
            (Piece::Text(_) | Piece::Close(_), None) => {}
        }
    }
    Ok(())
}

/// A case that has begun.
struct Reading {
    case: Case,
    /// The attribute `message` of the child that decides, and its text.
    summary: String,
    detail: Message,
    /// That child while it is open.
    telling: Option<String>,
}

impl Reading {
    fn of(element: &Element, suite: String) -> Self {
        // GoogleTest's `status` and `result` say what others say with a child.
        let is_off = element.get("status") == Some("notrun")
            || matches!(element.get("result"), Some("suppressed" | "skipped"));
        let case = Case {
            name: element.text("name"),
            prefix: element.text("classname"),
            suite,
            status: if is_off { CaseStatus::Skipped } else { CaseStatus::Succeeded },
            nanoseconds: seconds(element.get("time")),
            message: Message::default(),
        };
        Self { case, summary: String::new(), detail: Message::default(), telling: None }
    }

    fn open(&mut self, element: &Element) {
        let status = match element.name.as_str() {
            "failure" => CaseStatus::Failed,
            "error" => CaseStatus::Error,
            "skipped" => CaseStatus::Skipped,
            // Flaky tests passed in the end; output is no message.
            _ => return,
        };
        // The first that went wrong decides.
        if !self.case.status.is_bad() {
            self.case.status = status;
            self.summary = element.text("message");
            self.detail = Message::default();
            self.telling = Some(element.name.clone());
        }
    }

    fn text(&mut self, text: &str) {
        if self.telling.is_some() {
            self.detail.push(text);
        }
    }

    fn close(&mut self, name: &str) {
        if self.telling.as_deref() == Some(name) {
            self.telling = None;
        }
    }

    fn end(self) -> Case {
        let mut message = Message::default();
        // Often the text begins with the summary.
        if !self.detail.as_str().starts_with(self.summary.trim()) {
            message.push(self.summary.trim());
        }
        message.push_line(self.detail.as_str());
        Case { message, ..self.case }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::{Format, results::tests::cases};

    #[test]
    fn pytest() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.051" timestamp="2024-03-01T10:00:00" hostname="h">
<testcase classname="tests.test_a" name="test_ok" time="0.001" /><testcase classname="tests.test_a" name="test_bad[1&lt;2]" time="0.5"><failure message="assert 1 == 2">def test_bad():
&gt;       assert 1 == 2
E       assert 1 == 2</failure></testcase><testcase classname="tests.test_a" name="test_skip" time="0.000"><skipped type="pytest.skip" message="not today">/src/a.py:3: not today</skipped></testcase><testcase classname="tests.test_a" name="test_setup" time="0.002"><error message="failed on setup with &quot;x&quot;">trace</error></testcase></testsuite></testsuites>"#;
        assert_eq!(
            cases(Format::JunitXml, text),
            [
                "FAILED test_bad[1<2]|tests.test_a|pytest|500|assert 1 == 2\ndef test_bad():\n>       assert 1 == 2\nE       assert 1 == 2",
                "ERROR test_setup|tests.test_a|pytest|2|failed on setup with \"x\"\ntrace",
                "SUCCEEDED test_ok|tests.test_a|pytest|1|",
                "SKIPPED test_skip|tests.test_a|pytest|0|not today\n/src/a.py:3: not today",
            ]
        );
    }

    #[test]
    fn surefire_with_flaky_tests_and_output() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0" name="com.example.AppTest" time="1,200.25" tests="3">
  <properties><property name="java.version" value="17"/></properties>
  <testcase name="flaky" classname="com.example.AppTest" time="1,200.2">
    <flakyFailure message="once" type="x">trace</flakyFailure>
    <system-out><![CDATA[<failure> in output ]]></system-out>
  </testcase>
  <testcase name="again" classname="com.example.AppTest" time="0.1">
    <failure message="boom" type="java.lang.AssertionError"><![CDATA[java.lang.AssertionError: boom
	at com.example]]></failure>
    <rerunFailure message="boom again" type="x">trace</rerunFailure>
    <error message="in tear-down"/>
  </testcase>
  <testcase name="ignored" classname="com.example.AppTest" time="0"><skipped/></testcase>
</testsuite>"#;
        assert_eq!(
            cases(Format::JunitXml, text),
            [
                "FAILED again|com.example.AppTest|com.example.AppTest|100|boom\njava.lang.AssertionError: boom\n\tat com.example",
                "SUCCEEDED flaky|com.example.AppTest|com.example.AppTest|1200200|",
                "SKIPPED ignored|com.example.AppTest|com.example.AppTest|0|",
            ]
        );
    }

    #[test]
    fn nested_suites_prefixes_and_odd_characters() {
        let text = "\u{feff}<?xml version='1.0'?><j:testsuites xmlns:j='urn:j'><j:testsuite name='outer'><j:testsuite name='inner'>\
                    <j:testcase name='a&#10;b' classname='c'/></j:testsuite><j:testcase name='d'><j:failure>&nbsp;&#27;[31mred\
                    </j:failure></j:testcase><j:testcase status='notrun' name='DISABLED_e'/></j:testsuite></j:testsuites>";
        assert_eq!(
            cases(Format::JunitXml, text),
            [
                "FAILED d||outer|0|&nbsp;\u{1b}[31mred",
                "SUCCEEDED a\nb|c|inner|0|",
                "SKIPPED DISABLED_e||outer|0|",
            ]
        );
        assert!(cases(Format::JunitXml, "<testsuites/>").is_empty());
    }
}
