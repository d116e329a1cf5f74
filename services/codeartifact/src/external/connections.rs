//! The public sources that repositories can be connected with, by AWS's names.
//! Source: CodeArtifact User Guide, "Supported external connection repositories".

use crate::names::Format;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub name: &'static str,
    pub format: Format,
}

const ALL: [Connection; 10] = [
    Connection { name: "public:npmjs", format: Format::Npm },
    Connection { name: "public:pypi", format: Format::Pypi },
    Connection { name: "public:nuget-org", format: Format::Nuget },
    Connection { name: "public:maven-central", format: Format::Maven },
    Connection { name: "public:maven-googleandroid", format: Format::Maven },
    Connection { name: "public:maven-gradleplugins", format: Format::Maven },
    Connection { name: "public:maven-commonsware", format: Format::Maven },
    Connection { name: "public:maven-clojars", format: Format::Maven },
    Connection { name: "public:ruby-gems-org", format: Format::Ruby },
    Connection { name: "public:crates-io", format: Format::Cargo },
];

impl Connection {
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|connection| connection.name == name)
    }
}
