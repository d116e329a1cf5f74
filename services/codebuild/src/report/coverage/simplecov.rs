//! SimpleCov's own JSON: `.resultset.json`, which has runs by name, and `coverage.json` of newer versions.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::Coverage;
use crate::report::{Refusal, json, xml::Bounded};

/// A line is null where there is nothing to run; branches are named by what they are called in Ruby's own coverage.
pub(in crate::report) fn read(file: &mut Bounded<'_>, coverage: &mut Coverage) -> Result<(), Refusal> {
    json::read(file, Runs(coverage))
}

/// Reads a map, handing each value on.
macro_rules! reads_map {
    ($name:ident, $what:literal) => {
        impl<'de> DeserializeSeed<'de> for $name<'_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $name<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($what)
            }

            fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
                while let Some(key) = map.next_key::<String>()? {
                    self.entry(&key, &mut map)?;
                }
                Ok(())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
                self.list(seq)
            }
        }
    };
}

/// The document: runs by name, or one run that is not named.
struct Runs<'a>(&'a mut Coverage);

impl Runs<'_> {
    fn entry<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "coverage" => map.next_value_seed(Files(self.0)),
            "meta" | "groups" | "timestamp" => map.next_value::<IgnoredAny>().map(drop),
            _ => map.next_value_seed(Run(self.0)),
        }
    }

    fn list<'de, A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom("found a list of runs"))
    }
}

struct Run<'a>(&'a mut Coverage);

impl Run<'_> {
    fn entry<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "coverage" => map.next_value_seed(Files(self.0)),
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }

    fn list<'de, A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom("found a list, as simplecov-json writes"))
    }
}

struct Files<'a>(&'a mut Coverage);

impl Files<'_> {
    fn entry<'de, A: MapAccess<'de>>(&mut self, path: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.begin(path).map_err(A::Error::custom)?;
        map.next_value_seed(File(self.0))
    }

    fn list<'de, A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom("found a list of files"))
    }
}

/// A file: `lines` and `branches`, or in old versions the lines alone.
struct File<'a>(&'a mut Coverage);

impl File<'_> {
    fn entry<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "lines" => map.next_value_seed(File(self.0)),
            "branches" => map.next_value_seed(Branches(self.0)),
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }

    fn list<'de, A: SeqAccess<'de>>(self, mut lines: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(line) = lines.next_element::<Hits>()? {
            number += 1;
            if let Hits::Number(hits) = line {
                self.0.line(number, hits > 0).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// `{"[:if, 0, …]": {"[:then, 1, …]": 3, …}}`, or a list with `coverage` in each.
struct Branches<'a>(&'a mut Coverage);

impl Branches<'_> {
    fn entry<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        map.next_value_seed(Arms { coverage: self.0, of: key })
    }

    fn list<'de, A: SeqAccess<'de>>(self, mut branches: A) -> Result<(), A::Error> {
        while let Some(branch) = branches.next_element::<Branch>()? {
            if let Hits::Number(hits) = branch.coverage {
                let name = (branch.kind, branch.start_line, branch.end_line);
                self.0.branch(name, hits > 0).map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

struct Arms<'a> {
    coverage: &'a mut Coverage,
    of: &'a str,
}

impl Arms<'_> {
    fn entry<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match map.next_value()? {
            Hits::Number(hits) => self.coverage.branch((self.of, key), hits > 0).map_err(A::Error::custom),
            Hits::Ignored(_) => Ok(()),
        }
    }

    fn list<'de, A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom("found a list of branches in a condition"))
    }
}

reads_map!(Runs, "runs of SimpleCov");
reads_map!(Run, "a run of SimpleCov");
reads_map!(Files, "files with their coverage");
reads_map!(File, "lines and branches of a file");
reads_map!(Branches, "branches of a file");
reads_map!(Arms, "the branches of one condition");

/// How often a line ran; null and "ignored" are no lines.
#[derive(Deserialize)]
#[serde(untagged)]
enum Hits {
    Number(u64),
    Ignored(IgnoredAny),
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    start_line: u32,
    #[serde(default)]
    end_line: u32,
    coverage: Hits,
}

#[cfg(test)]
mod tests {
    use crate::report::{Content, Format, coverage::tests::files};

    #[test]
    fn runs_and_old_forms() {
        let resultset = r#"{"RSpec":{"coverage":{"/codebuild/src/lib/a.rb":{"lines":[1,null,0,"ignored",2],"branches":{"[:if, 0, 3, 4, 5, 7]":{"[:then, 1, 3, 4, 3, 9]":0,"[:else, 2, 5, 4, 5, 9]":2}}}},"timestamp":1709287080},
          "Minitest":{"coverage":{"/codebuild/src/lib/a.rb":{"lines":[0,null,1,null,0]},"/codebuild/src/old.rb":[null,1,0]},"timestamp":1}}"#;
        let json = r#"{"meta":{"simplecov_version":"0.22.0"},"coverage":{"/codebuild/src/c.rb":{"lines":[1,0],"branches":[{"type":"then","start_line":1,"end_line":1,"coverage":1,"inline":false},{"type":"else","start_line":1,"end_line":1,"coverage":0}]}},"groups":{}}"#;
        assert_eq!(
            files(Format::SimpleCov, &[resultset, json]),
            ["c.rb 1/1 1/1", "lib/a.rb 3/0 1/1", "old.rb 1/1 0/0"]
        );
    }

    #[test]
    fn simplecov_json_is_refused() {
        let text = r#"{"timestamp":1,"command_name":"RSpec","files":[{"filename":"/a.rb","covered_percent":100.0}],"metrics":{}}"#;
        for text in [text, "[]", "1", "{\"RSpec\":{\"coverage\":[1]}}", "{\"RSpec\":"] {
            let mut content = Content::of(Format::SimpleCov, "/");
            assert!(content.read(Format::SimpleCov, "f", &mut text.as_bytes()).is_err(), "{text}");
        }
    }
}
