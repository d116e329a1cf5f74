//! Wrong files, each with its story and the report of it.

mod buildspecs;
mod checks;
mod cloud_formation;
mod hostile;
mod pipelines;
mod reading;
mod syntax;

use aws::Region;
use expect_test::Expect;

use super::{Examined, Kind, Source, examine};

fn region() -> Region {
    super::DEFAULT_REGION.parse().unwrap()
}

fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned(), logical_id: None }
}

fn report_of(source: Source) -> String {
    let Examined { kind, findings, .. } = examine(source, None, Some(&region()));
    format!("{}\n{findings}", kind.map_or("unknown", Kind::as_str))
}

/// The report on a file of this name and text.
fn reported(name: &str, text: &str, expected: Expect) {
    expected.assert_eq(&report_of(source(name, text)));
}
