//! What lies in a repository of Maven, as files in folders: for whoever carries one to another place.
//! Source: Maven, "Repository Layout", "Repository Metadata".

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use aws::Timestamp;

use crate::http::zipped::{self, Found};
use crate::http::{maven_metadata, maven_path as path, maven_plugins as plugins};
use crate::names::{Coordinates, Format};
use crate::versions;

/// A version of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub group: String,
    pub artifact: String,
    pub version: String,
}

/// What a file of a repository belongs to, by its path: one of a snapshot belongs to that. `None` for metadata, checksums,
/// and whatever else lies about.
pub fn version_of(path: &str) -> Option<Version> {
    let path::Path { place: path::Place::File(file), checksum: None } = path::parse(path).ok()? else {
        return None;
    };
    let Coordinates { namespace, name, .. } = file.package;
    Some(Version { group: namespace, artifact: name, version: file.folder })
}

/// Whether a version is that of a snapshot, which goes on changing.
pub fn is_snapshot(version: &str) -> bool {
    version.ends_with(versions::maven::SNAPSHOT)
}

/// The folder of a package.
pub fn folder(group: &str, artifact: &str) -> String {
    format!("{}/{artifact}", group.replace('.', "/"))
}

/// What a plugin is called on the command line, by its archive. `None` for what is no plugin.
pub fn plugin_prefix(archive: File) -> Option<String> {
    match zipped::extract(archive, plugins::is_description, plugins::LONGEST).ok()? {
        Found::File(content) => plugins::read(&content).map(|plugin| plugin.prefix),
        Found::Nothing | Found::TooLarge => None,
    }
}

/// The metadata of a package with these versions, or of a group with these plugins, by artifact; or of what is both.
pub fn metadata(
    group: &str,
    artifact: &str,
    versions: &BTreeSet<String>,
    plugins: &BTreeMap<String, String>,
) -> String {
    let package = Coordinates::normal(Format::Maven, group, artifact);
    let mut versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    versions.sort_by(|a, b| versions::compare(Format::Maven, a, b));
    let prefix = |prefix: &String| maven_metadata::Prefix { prefix: prefix.clone(), name: None };
    let plugins = plugins.iter().map(|(artifact, called)| (artifact.clone(), prefix(called))).collect();
    maven_metadata::of_package(&package, &versions, Timestamp::from_millis(0), &plugins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_versions() {
        let of = |path: &str| version_of(path).map(|found| (found.group, found.artifact, found.version));
        let told = |version: &str| Some(("com.acme".to_owned(), "app".to_owned(), version.to_owned()));
        assert_eq!(of("com/acme/app/1.0/app-1.0-sources.jar"), told("1.0"));
        assert_eq!(of("com/acme/app/1-SNAPSHOT/app-1-SNAPSHOT.jar"), told("1-SNAPSHOT"));
        for path in [
            "com/acme/app/1.0/app-1.0.jar.sha1",
            "com/acme/app/1.0/_remote.repositories",
            "com/acme/app/maven-metadata-central.xml",
            "com/acme/../app/1.0/app-1.0.jar",
            "archetype-catalog.xml",
        ] {
            assert_eq!(of(path), None, "{path}");
        }
        assert_eq!(folder("com.acme", "app"), "com/acme/app");
    }
}
