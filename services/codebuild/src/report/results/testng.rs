//! TestNG's `testng-results.xml`.

use super::{Case, CaseStatus, Message, TestResults, nanoseconds};
use crate::report::{
    Refusal,
    xml::{Bounded, Document, Element, Piece},
};

/// A case is a method that is no configuration; its prefix is the class, its suite the `test` that it stands in.
pub(in crate::report) fn read(file: &mut Bounded<'_>, results: &mut TestResults) -> Result<(), Refusal> {
    let (mut document, _) = Document::open(file, &["testng-results"])?;
    let (mut test, mut class) = (String::new(), String::new());
    let mut case: Option<Case> = None;
    let mut telling = false;
    while let Some(piece) = document.next()? {
        match (piece, &mut case) {
            (Piece::Open(element), None) => match element.name.as_str() {
                "test" => test = element.text("name"),
                "class" => class = element.text("name"),
                "test-method" if element.get("is-config") != Some("true") => {
                    case = Some(begun(&element, &test, &class));
                }
                _ => {}
            },
            (Piece::Open(element), Some(case)) => match element.name.as_str() {
                "exception" => case.message.push(element.get("class").unwrap_or_default()),
                "message" | "full-stacktrace" | "short-stacktrace" => {
                    case.message.push("\n");
                    telling = true;
                }
                _ => {}
            },
            (Piece::Text(text), Some(case)) if telling => case.message.push(text.trim_matches(['\n', '\r'])),
            (Piece::Close(name), Some(_)) if name == "test-method" => {
                if let Some(case) = case.take() {
                    results.push(case);
                }
            }
            (Piece::Close(_), Some(_)) => telling = false,
            (Piece::Text(_) | Piece::Close(_), _) => {}
        }
    }
    Ok(())
}

fn begun(element: &Element, test: &str, class: &str) -> Case {
    let milliseconds = element.get("duration-ms").and_then(|text| text.trim().parse().ok()).unwrap_or(0.0);
    Case {
        name: element.text("name"),
        prefix: class.to_owned(),
        suite: test.to_owned(),
        status: match element.get("status").unwrap_or_default() {
            "PASS" => CaseStatus::Succeeded,
            "FAIL" | "SUCCESS_PERCENTAGE_FAILURE" => CaseStatus::Failed,
            "SKIP" => CaseStatus::Skipped,
            _ => CaseStatus::Unknown,
        },
        nanoseconds: nanoseconds(milliseconds, 1e6),
        message: Message::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::{Format, results::tests::cases};

    #[test]
    fn methods_without_configurations() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<testng-results ignored="0" total="3" passed="1" failed="1" skipped="1">
  <reporter-output></reporter-output>
  <suite started-at="2024-03-01T10:00:00" name="Suite1" duration-ms="50">
    <groups></groups>
    <test name="Regression" duration-ms="50">
      <class name="com.example.LoginTest">
        <test-method is-config="true" signature="setUp()" name="setUp" duration-ms="5" status="PASS"></test-method>
        <test-method signature="ok()" name="ok" duration-ms="12" status="PASS"><params><param index="0"><value><![CDATA[x]]></value></param></params></test-method>
        <test-method name="bad" duration-ms="30" status="FAIL">
          <exception class="java.lang.AssertionError">
            <message><![CDATA[expected [1] but found [2]]]></message>
            <full-stacktrace><![CDATA[java.lang.AssertionError
	at com.example]]></full-stacktrace>
          </exception>
        </test-method>
        <test-method name="late" duration-ms="0" status="SKIP"/>
        <test-method name="odd" duration-ms="x" status="STARTED"/>
      </class>
    </test>
  </suite>
</testng-results>"#;
        assert_eq!(
            cases(Format::TestngXml, text),
            [
                "FAILED bad|com.example.LoginTest|Regression|30|java.lang.AssertionError\nexpected [1] but found [2]\njava.lang.AssertionError\n\tat com.example",
                "SUCCEEDED ok|com.example.LoginTest|Regression|12|",
                "SKIPPED late|com.example.LoginTest|Regression|0|",
                "UNKNOWN odd|com.example.LoginTest|Regression|0|",
            ]
        );
    }
}
