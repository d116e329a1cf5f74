//! NUnit's XML of versions 2 and 3, which differ in their names.

use super::{Case, CaseStatus, Message, TestResults, seconds};
use crate::report::{
    Refusal,
    xml::{Bounded, Document, Element, Piece},
};

/// The suite of a case is the innermost one. Its message is that of its failure or of its reason, then the stack trace.
pub(in crate::report) fn read(
    file: &mut Bounded<'_>,
    results: &mut TestResults,
    root: &str,
) -> Result<(), Refusal> {
    let (mut document, _) = Document::open(file, &[root])?;
    let mut suites = Vec::new();
    let mut case: Option<Case> = None;
    let mut telling = false;
    while let Some(piece) = document.next()? {
        match (piece, &mut case) {
            (Piece::Open(element), None) => match element.name.as_str() {
                "test-suite" => suites.push(element.text("name")),
                "test-case" => case = Some(begun(&element, suites.last().cloned().unwrap_or_default())),
                _ => {}
            },
            (Piece::Open(element), Some(case)) => {
                telling = matches!(element.name.as_str(), "message" | "stack-trace");
                if telling {
                    case.message.push("\n");
                }
            }
            (Piece::Text(text), Some(case)) if telling => case.message.push(&text),
            (Piece::Close(name), Some(_)) if name == "test-case" => {
                if let Some(case) = case.take() {
                    results.push(case);
                }
            }
            (Piece::Close(_), Some(_)) => telling = false,
            (Piece::Close(name), None) if name == "test-suite" => drop(suites.pop()),
            (Piece::Text(_) | Piece::Close(_), _) => {}
        }
    }
    Ok(())
}

fn begun(element: &Element, suite: String) -> Case {
    Case {
        name: element.text("name"),
        prefix: element.text("classname"),
        suite,
        status: status(element),
        nanoseconds: seconds(element.get("duration").or_else(|| element.get("time"))),
        message: Message::default(),
    }
}

fn status(element: &Element) -> CaseStatus {
    let is = |name: &str, value: &str| element.get(name).is_some_and(|text| text.eq_ignore_ascii_case(value));
    match element.get("result").unwrap_or_default() {
        "Passed" | "Success" => CaseStatus::Succeeded,
        "Failed" if is("label", "Error") || is("label", "Cancelled") => CaseStatus::Error,
        "Failed" | "Failure" => CaseStatus::Failed,
        "Error" | "NotRunnable" | "Cancelled" => CaseStatus::Error,
        "Skipped" | "Ignored" => CaseStatus::Skipped,
        // Before 2.5 there was no result.
        "" if is("executed", "False") => CaseStatus::Skipped,
        "" if is("success", "True") => CaseStatus::Succeeded,
        "" if is("success", "False") => CaseStatus::Failed,
        _ => CaseStatus::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use crate::report::{Format, results::tests::cases};

    #[test]
    fn version_2() {
        let text = r#"<?xml version="1.0" encoding="utf-8" standalone="no"?>
<test-results name="mock.dll" total="4" errors="1" failures="1" not-run="1" date="2024-03-01">
  <environment nunit-version="2.6.4"/>
  <test-suite type="Assembly" name="mock.dll" executed="True" result="Failure">
    <failure><message>of the suite</message></failure>
    <results><test-suite type="TestFixture" name="MockTestFixture" executed="True" result="Failure"><results>
      <test-case name="NUnit.Tests.Ok" executed="True" result="Success" success="True" time="0.016" asserts="1" />
      <test-case name="NUnit.Tests.Bad" executed="True" result="Failure" success="False" time="0.018"><failure>
        <message><![CDATA[Intentional failure]]></message><stack-trace><![CDATA[at NUnit.Tests.Bad()]]></stack-trace></failure></test-case>
      <test-case name="NUnit.Tests.Broken" executed="True" result="Error" success="False" time="0.1"><failure><message>boom</message></failure></test-case>
      <test-case name="NUnit.Tests.Off" executed="False" result="Ignored"><reason><message>ignoring</message></reason></test-case>
      <test-case name="NUnit.Tests.Perhaps" executed="True" result="Inconclusive"/>
      <test-case name="Old" executed="True" success="True"/>
    </results></test-suite></results>
  </test-suite>
</test-results>"#;
        assert_eq!(
            cases(Format::NunitXml, text),
            [
                "FAILED NUnit.Tests.Bad||MockTestFixture|18|Intentional failure\nat NUnit.Tests.Bad()",
                "ERROR NUnit.Tests.Broken||MockTestFixture|100|boom",
                "SUCCEEDED NUnit.Tests.Ok||MockTestFixture|16|",
                "SKIPPED NUnit.Tests.Off||MockTestFixture|0|ignoring",
                "UNKNOWN NUnit.Tests.Perhaps||MockTestFixture|0|",
                "SUCCEEDED Old||MockTestFixture|0|",
            ]
        );
    }

    #[test]
    fn version_3() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?>
<test-run id="2" testcasecount="4" result="Failed" total="4"><command-line><![CDATA[nunit3-console]]></command-line>
  <test-suite type="Assembly" id="0-1" name="a.dll"><test-suite type="TestFixture" name="Calc" fullname="My.Calc">
    <test-case id="0-2" name="Adds(1,2)" fullname="My.Calc.Adds(1,2)" methodname="Adds" classname="My.Calc" result="Passed" duration="0.012543"/>
    <test-case id="0-3" name="Divides" classname="My.Calc" result="Failed" label="Error" duration="0.5"><properties/><failure><message><![CDATA[System.DivideByZeroException]]></message><stack-trace>at My.Calc</stack-trace></failure><output>noise</output></test-case>
    <test-case id="0-4" name="Later" classname="My.Calc" result="Skipped" label="Ignored" duration="0.0"><reason><message>later</message></reason></test-case>
    <test-case id="0-5" name="Wrong" classname="My.Calc" result="Failed" duration="0.001"/>
    <test-case id="0-6" name="Warned" classname="My.Calc" result="Warning" duration="0.001"/>
  </test-suite></test-suite></test-run>"#;
        assert_eq!(
            cases(Format::Nunit3Xml, text),
            [
                "ERROR Divides|My.Calc|Calc|500|System.DivideByZeroException\nat My.Calc",
                "FAILED Wrong|My.Calc|Calc|1|",
                "SUCCEEDED Adds(1,2)|My.Calc|Calc|12|",
                "SKIPPED Later|My.Calc|Calc|0|later",
                "UNKNOWN Warned|My.Calc|Calc|1|",
            ]
        );
    }
}
