//! Visual Studio's TRX.

use std::collections::BTreeMap;

use super::{Case, CaseStatus, Message, TestResults, nanoseconds};
use crate::report::{
    Refusal,
    xml::{Bounded, Document, Element, Piece},
};

/// Of the results that are kept: their classes are told only afterwards.
const MAX_DEFINITIONS: usize = 100_000;

/// The prefix of a case is its class, which stands with the definition of the test. Of tests that ran with several rows
/// of data, the rows count.
pub(in crate::report) fn read(file: &mut Bounded<'_>, results: &mut TestResults) -> Result<(), Refusal> {
    let (mut document, _) = Document::open(file, &["TestRun"])?;
    // One within another, with the ids of their tests.
    let mut open: Vec<(Case, bool)> = Vec::new();
    let mut telling = false;
    let mut definition = None;
    let mut classes: BTreeMap<String, String> = BTreeMap::new();
    while let Some(piece) = document.next()? {
        match piece {
            Piece::Open(element) if is_result(&element.name) => {
                if let Some((_, has_rows)) = open.last_mut() {
                    *has_rows = true;
                }
                open.push((begun(&element), false));
            }
            Piece::Open(element) => match element.name.as_str() {
                "Message" | "StackTrace" => {
                    telling = true;
                    if let Some((case, _)) = open.last_mut() {
                        case.message.push("\n");
                    }
                }
                "UnitTest" => definition = element.get("id").map(str::to_owned),
                "TestMethod" if classes.len() < MAX_DEFINITIONS => {
                    if let (Some(id), Some(class)) = (definition.take(), element.get("className")) {
                        // With the assembly, in older versions.
                        let class = class.split(',').next().unwrap_or_default().trim().to_owned();
                        classes.insert(id, class);
                    }
                }
                _ => {}
            },
            Piece::Text(text) if telling => {
                if let Some((case, _)) = open.last_mut() {
                    case.message.push(&text);
                }
            }
            Piece::Close(name) if is_result(&name) => {
                if let Some((case, false)) = open.pop() {
                    results.push(case);
                }
            }
            Piece::Close(_) => telling = false,
            Piece::Text(_) => {}
        }
    }
    for case in results.kept_of_file() {
        case.prefix = classes.get(&case.prefix).cloned().unwrap_or_default();
    }
    Ok(())
}

fn is_result(name: &str) -> bool {
    matches!(
        name,
        "UnitTestResult"
            | "ManualTestResult"
            | "GenericTestResult"
            | "WebTestResult"
            | "TestResultAggregation"
    )
}

/// Until the definitions are known, its prefix is the id of the test.
fn begun(element: &Element) -> Case {
    Case {
        name: element.text("testName"),
        prefix: element.text("testId"),
        suite: String::new(),
        status: match element.get("outcome").unwrap_or_default() {
            "Passed" => CaseStatus::Succeeded,
            "Failed" => CaseStatus::Failed,
            "Error" | "Timeout" | "Aborted" => CaseStatus::Error,
            "NotExecuted" => CaseStatus::Skipped,
            _ => CaseStatus::Unknown,
        },
        nanoseconds: duration(element.get("duration").unwrap_or_default()),
        message: Message::default(),
    }
}

/// `hh:mm:ss.fffffff`, perhaps with days before it.
fn duration(text: &str) -> i64 {
    let mut seconds = 0.0;
    for (index, part) in text.split(':').enumerate() {
        let (days, part) = match (index, part.split_once('.')) {
            (0, Some((days, hours))) => (days.parse().unwrap_or(0.0), hours),
            _ => (0.0, part),
        };
        seconds = seconds * 60.0 + days * 24.0 + part.parse::<f64>().unwrap_or(0.0);
    }
    nanoseconds(seconds, 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, results::tests::cases};

    #[test]
    fn results_and_their_definitions() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".to_owned()
            + r#"<TestRun id="1" name="u@h" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
  <Times creation="2024-03-01T10:00:00"/>
  <Results>
    <UnitTestResult executionId="e1" testId="t1" testName="Adds" computerName="h" duration="00:00:01.5000000" outcome="Passed"><Output><StdOut>hi</StdOut></Output></UnitTestResult>
    <UnitTestResult testId="t2" testName="Fails" duration="00:01:00" outcome="Failed"><Output><ErrorInfo><Message>Assert.Equal() Failure
Expected: 1</Message><StackTrace>   at X</StackTrace></ErrorInfo></Output></UnitTestResult>
    <UnitTestResult testId="t3" testName="Off" outcome="NotExecuted"/>
    <UnitTestResult testId="t4" testName="Rows" duration="00:00:02" outcome="Failed" resultType="DataDrivenTest"><InnerResults>
      <UnitTestResult testId="t4" testName="Rows (1)" outcome="Passed"/><UnitTestResult testId="t4" testName="Rows (2)" outcome="Timeout"/></InnerResults></UnitTestResult>
  </Results>
  <TestDefinitions>
    <UnitTest name="Adds" storage="a.dll" id="t1"><Execution id="e1"/><TestMethod codeBase="a.dll" className="My.Calc, a, Version=1" name="Adds"/></UnitTest>
    <UnitTest name="Rows" id="t4"><TestMethod className="My.Rows" name="Rows"/></UnitTest>
  </TestDefinitions>
  <ResultSummary outcome="Failed"/>
</TestRun>"#;
        assert_eq!(
            cases(Format::VisualStudioTrx, &text),
            [
                "FAILED Fails|||60000|Assert.Equal() Failure\nExpected: 1\n   at X",
                "ERROR Rows (2)|My.Rows||0|",
                "SUCCEEDED Adds|My.Calc||1500|",
                "SKIPPED Off|||0|",
                "SUCCEEDED Rows (1)|My.Rows||0|",
            ]
        );
    }

    #[test]
    fn durations() {
        for (text, seconds) in
            [("00:00:01.25", 1.25), ("1.00:00:00", 86_400.0), ("01:01:01", 3661.0), ("", 0.0), ("x", 0.0)]
        {
            assert_eq!(duration(text), nanoseconds(seconds, 1e9), "{text}");
        }
    }
}
