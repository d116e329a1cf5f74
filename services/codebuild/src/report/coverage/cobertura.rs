//! Cobertura's XML, as coverage.py, gcovr, coverlet, istanbul and cargo-llvm-cov write it too.

use super::Coverage;
use crate::report::{
    Refusal,
    xml::{Bounded, Document, Element, Piece},
};

/// A file is what classes name as theirs, below the `source` if there is just one. Lines that stand in methods as well are
/// the same lines.
pub(in crate::report) fn read(file: &mut Bounded<'_>, coverage: &mut Coverage) -> Result<(), Refusal> {
    let (mut document, _) = Document::open(file, &["coverage"])?;
    let mut sources: Vec<String> = Vec::new();
    let mut source: Option<String> = None;
    let mut is_in_class = false;
    while let Some(piece) = document.next()? {
        match piece {
            Piece::Open(element) => match element.name.as_str() {
                "source" => source = Some(String::new()),
                "class" => {
                    is_in_class = true;
                    coverage.begin(&path_of(&element, &sources))?;
                }
                "line" if is_in_class => line(&element, coverage)?,
                _ => {}
            },
            Piece::Text(text) => {
                if let Some(source) = &mut source {
                    source.push_str(&text);
                }
            }
            Piece::Close(name) => match name.as_str() {
                "source" => sources.extend(source.take().filter(|_| sources.len() < 2)),
                "class" => is_in_class = false,
                _ => {}
            },
        }
    }
    Ok(())
}

fn path_of(class: &Element, sources: &[String]) -> String {
    // Tools of Windows write its separators.
    let path = class.text("filename").replace('\\', "/");
    match sources {
        [source] if !path.starts_with('/') && !source.trim().is_empty() => {
            format!("{}/{path}", source.trim().trim_end_matches('/'))
        }
        _ => path,
    }
}

fn line(element: &Element, coverage: &mut Coverage) -> Result<(), Refusal> {
    let Some(number) = element.line("number") else { return Ok(()) };
    coverage.line(number, element.number("hits").unwrap_or(0) > 0)?;
    match element.get("condition-coverage").and_then(branches) {
        Some((covered, all)) => coverage.conditions(number, covered, all),
        None => Ok(()),
    }
}

/// Of `50% (1/2)`.
fn branches(text: &str) -> Option<(u32, u32)> {
    let (covered, all) = text.split_once('(')?.1.strip_suffix(')')?.split_once('/')?;
    Some((covered.trim().parse().ok()?, all.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use crate::report::{Format, coverage::tests::files};

    #[test]
    fn coverage_py() {
        let text = r#"<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage version="7.4" timestamp="1709287080" lines-valid="4" lines-covered="3" line-rate="0.75" branches-covered="1" branches-valid="2" branch-rate="0.5" complexity="0">
  <sources><source>/codebuild/src/app</source></sources>
  <packages><package name="." line-rate="0.75"><classes><class name="a.py" filename="a.py" complexity="0"><methods/><lines>
    <line number="1" hits="1"/><line number="2" hits="1" branch="true" condition-coverage="50% (1/2)" missing-branches="4"/><line number="4" hits="0"/></lines></class></classes></package></packages>
</coverage>"#;
        assert_eq!(files(Format::CoberturaXml, &[text]), ["app/a.py 2/1 1/1"]);
    }

    #[test]
    fn classes_of_one_file_and_methods() {
        let text = r#"<coverage><sources><source>C:\a</source><source>C:\b</source></sources><packages><package><classes>
  <class name="A" filename="src\A.cs"><methods><method name="m"><lines><line number="1" hits="2"/></lines></method></methods><lines><line number="1" hits="2"/><line number="2" hits="0"/></lines></class>
  <class name="A/B" filename="src\A.cs"><lines><line number="2" hits="1"/><line number="3" hits="0" branch="True" condition-coverage="0% (0/4294967295)"/><line number="4" condition-coverage="odd" hits="-1"/></lines></class>
</classes></package></packages></coverage>"#;
        assert_eq!(files(Format::CoberturaXml, &[text]), ["src/A.cs 2/2 0/2147483647"]);
        assert!(files(Format::CoberturaXml, &["<coverage/>"]).is_empty());
    }
}
