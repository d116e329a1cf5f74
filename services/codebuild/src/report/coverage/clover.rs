//! Clover's XML, as OpenClover, PHPUnit and istanbul write it.

use super::{Counts, Coverage};
use crate::report::{
    Refusal,
    xml::{Bounded, Document, Element, Piece},
};

/// Lines are statements and conditions. What `truecount` and `falsecount` mean differs from tool to tool, so branches are
/// taken from the `metrics` of the file if it has them.
pub(in crate::report) fn read(file: &mut Bounded<'_>, coverage: &mut Coverage) -> Result<(), Refusal> {
    let (mut document, _) = Document::open(file, &["coverage"])?;
    let mut path: Vec<String> = Vec::new();
    let mut conditions: Vec<(u32, u32, u32)> = Vec::new();
    let mut has_metrics = false;
    while let Some(piece) = document.next()? {
        match piece {
            Piece::Open(element) => {
                let parent = path.last().map(String::as_str);
                match (element.name.as_str(), parent) {
                    ("file", _) => {
                        (has_metrics, conditions) = (false, Vec::new());
                        coverage
                            .begin(element.get("path").or_else(|| element.get("name")).unwrap_or_default())?;
                    }
                    ("line", Some("file")) => line(&element, coverage, &mut conditions)?,
                    ("metrics", Some("file")) => {
                        has_metrics |= metrics(&element, coverage);
                    }
                    _ => {}
                }
                path.push(element.name);
            }
            Piece::Close(name) => {
                path.pop();
                if name == "file" && !has_metrics {
                    for (line, covered, all) in conditions.drain(..) {
                        coverage.conditions(line, covered, all)?;
                    }
                }
            }
            Piece::Text(_) => {}
        }
    }
    Ok(())
}

fn line(
    element: &Element,
    coverage: &mut Coverage,
    conditions: &mut Vec<(u32, u32, u32)>,
) -> Result<(), Refusal> {
    let Some(number) = element.line("num") else { return Ok(()) };
    let hits = |name: &str| element.number(name).unwrap_or(0);
    match element.get("type") {
        Some("cond") => {
            let (taken, not_taken) = (hits("truecount"), hits("falsecount"));
            conditions.push((number, u32::from(taken > 0) + u32::from(not_taken > 0), 2));
            coverage.line(number, taken + not_taken > 0 || hits("count") > 0)
        }
        Some("stmt") => coverage.line(number, hits("count") > 0),
        Some(_) | None => Ok(()),
    }
}

fn metrics(element: &Element, coverage: &mut Coverage) -> bool {
    let number = |name: &str| element.line(name);
    let (Some(all), Some(covered)) = (number("conditionals"), number("coveredconditionals")) else {
        return false;
    };
    let branches_covered = covered.min(all);
    coverage.count(Counts { branches_covered, branches_missed: all - branches_covered, ..Counts::default() });
    true
}

#[cfg(test)]
mod tests {
    use crate::report::{Format, coverage::tests::files};

    #[test]
    fn phpunit_istanbul_and_openclover() {
        let phpunit = r#"<?xml version="1.0" encoding="UTF-8"?>
<coverage generated="1709287080"><project timestamp="1709287080">
  <file name="/codebuild/src/lib/A.php"><class name="A" namespace="global"><metrics complexity="2" methods="1" conditionals="9" coveredconditionals="9"/></class>
    <line num="5" type="method" name="f" visibility="public" complexity="1" crap="1" count="2"/>
    <line num="7" type="stmt" count="2"/><line num="8" type="stmt" count="0"/>
    <metrics loc="20" ncloc="18" classes="1" methods="1" coveredmethods="1" conditionals="0" coveredconditionals="0" statements="2" coveredstatements="1"/>
  </file>
  <metrics files="1"/></project></coverage>"#;
        let istanbul = r#"<coverage generated="1" clover="3.2.0"><project><metrics statements="2"/><package name="src">
  <file name="b.js" path="/codebuild/src/src/b.js"><metrics statements="3" coveredstatements="2" conditionals="4" coveredconditionals="3" methods="1" coveredmethods="1"/>
    <line num="1" count="1" type="stmt"/><line num="2" count="3" type="cond" truecount="3" falsecount="1"/><line num="3" count="0" type="stmt"/></file></package></project></coverage>"#;
        let openclover = r#"<coverage clover="4.4"><project><package name="p"><file name="C.java" path="C.java">
    <line num="1" type="cond" truecount="0" falsecount="4"/><line num="2" type="cond" truecount="0" falsecount="0"/><line num="x" type="stmt"/></file></package></project></coverage>"#;
        assert_eq!(
            files(Format::CloverXml, &[phpunit, istanbul, openclover]),
            ["C.java 1/1 1/3", "lib/A.php 1/1 0/0", "src/b.js 2/1 3/1"]
        );
    }
}
