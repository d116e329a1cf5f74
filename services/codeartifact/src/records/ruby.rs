use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an index of RubyGems tells of a version, out of the specification in its archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gem {
    pub name: String,
    /// Without the platform.
    pub number: String,
    /// `ruby` for all platforms.
    pub platform: String,
    pub summary: Option<String>,
    pub description: Option<String>,
    pub homepage: Option<String>,
    pub authors: Vec<String>,
    pub licenses: Vec<String>,
    pub ruby: Requirement,
    pub rubygems: Requirement,
    pub dependencies: Vec<GemDependency>,
    pub metadata: BTreeMap<String, String>,
}

/// All of these, each an operator and a version: `~>`, `2.0`. None for any version.
pub type Requirement = Vec<(String, String)>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GemDependency {
    pub name: String,
    /// Whether it is for development only.
    pub is_development: bool,
    pub requirement: Requirement,
}
