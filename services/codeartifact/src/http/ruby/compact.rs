//! The compact index: a file for each gem, and one for all. Pure. Source: RubyGems guides, "Compact Index API".

use std::fmt::Write as _;

use crate::http::ruby::gem::shown;
use crate::packages::chain::Found;
use crate::records::{Gem, Native, Version};

/// The gem that a version is.
pub fn gem(version: &Version) -> Option<&Gem> {
    match &version.contents.native {
        Some(Native::Ruby(gem)) => Some(gem),
        _ => None,
    }
}

/// Of the archive that the domain has, or that is still outside.
fn checksum(found: &Found) -> Option<String> {
    let own = found.version.contents.assets.values().next().map(|asset| asset.blob.to_string());
    own.or_else(|| found.missing().find_map(|(_, file)| file.sha256.clone()))
}

/// The lines of the versions of a gem.
pub fn info(versions: &[Found]) -> String {
    let mut out = String::from("---\n");
    for found in versions {
        let (Some(gem), Some(checksum)) = (gem(&found.version), checksum(found)) else { continue };
        let dependencies = gem.dependencies.iter().filter(|dependency| !dependency.is_development);
        let dependencies: Vec<String> = dependencies
            .map(|dependency| format!("{}:{}", dependency.name, shown(&dependency.requirement, "&")))
            .collect();
        // Writing to a text cannot fail.
        let _ = write!(out, "{} {}|checksum:{checksum}", found.version.version, dependencies.join(","));
        for (name, requirement) in [("ruby", &gem.ruby), ("rubygems", &gem.rubygems)] {
            if !requirement.is_empty() {
                let _ = write!(out, ",{name}:{}", shown(requirement, "&"));
            }
        }
        out.push('\n');
    }
    out
}
