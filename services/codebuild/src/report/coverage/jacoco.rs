//! JaCoCo's XML.

use super::{Counts, Coverage};
use crate::report::{
    Refusal,
    xml::{Bounded, Document, Element, Piece},
};

/// The counters of source files; those of classes and packages are sums of the same.
pub(in crate::report) fn read(file: &mut Bounded<'_>, coverage: &mut Coverage) -> Result<(), Refusal> {
    let (mut document, _) = Document::open(file, &["report"])?;
    let mut package = String::new();
    let mut is_in_file = false;
    while let Some(piece) = document.next()? {
        match piece {
            Piece::Open(element) => match element.name.as_str() {
                "package" => package = element.text("name"),
                "sourcefile" => {
                    is_in_file = true;
                    let name = element.text("name");
                    coverage.begin(&if package.is_empty() { name } else { format!("{package}/{name}") })?;
                }
                "counter" if is_in_file => coverage.count(counts(&element)),
                _ => {}
            },
            Piece::Close(name) if name == "sourcefile" => is_in_file = false,
            Piece::Close(_) | Piece::Text(_) => {}
        }
    }
    Ok(())
}

fn counts(counter: &Element) -> Counts {
    let number = |name: &str| counter.line(name).unwrap_or(0);
    let (covered, missed) = (number("covered"), number("missed"));
    match counter.get("type") {
        Some("LINE") => Counts { lines_covered: covered, lines_missed: missed, ..Counts::default() },
        Some("BRANCH") => Counts { branches_covered: covered, branches_missed: missed, ..Counts::default() },
        Some(_) | None => Counts::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::{Format, coverage::tests::files};

    #[test]
    fn counters_of_source_files() {
        let text = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="demo"><sessioninfo id="h" start="1" dump="2"/>
<group name="g"><package name="com/example"><class name="com/example/A" sourcefilename="A.java"><method name="&lt;init&gt;" desc="()V" line="3"><counter type="LINE" missed="0" covered="1"/></method><counter type="LINE" missed="1" covered="3"/></class>
<sourcefile name="A.java"><line nr="3" mi="0" ci="3" mb="0" cb="0"/><counter type="INSTRUCTION" missed="4" covered="20"/><counter type="BRANCH" missed="1" covered="3"/><counter type="LINE" missed="1" covered="3"/></sourcefile>
<counter type="LINE" missed="1" covered="3"/></package></group><package name=""><sourcefile name="B.kt"><counter type="LINE" missed="2" covered="0"/></sourcefile></package><counter type="LINE" missed="3" covered="3"/></report>"#;
        assert_eq!(files(Format::JacocoXml, &[text]), ["B.kt 0/2 0/0", "com/example/A.java 3/1 3/1"]);
    }
}
