//! Documents of a bundle, held against the names under which the manifest has them: whoever made one must not reach other
//! packages with it than those that it tells of.

use std::collections::{BTreeMap, BTreeSet};

use codeartifact::maven_files;
use codeartifact::package_names::{is_crate_name, is_npm_name, is_python_name, python_name};
use pep440_rs::Version;
use serde_json::{Map, Value};

use super::cargo::{self, Lines};
use super::npm::Packument;
use super::pypi::{File, Page};

/// The document of a package of npm. Errors: what is wrong.
pub fn npm(name: &str, document: &[u8]) -> Result<Packument, String> {
    if !is_npm_name(name) {
        return Err(no_name(name));
    }
    let packument: Packument = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    for (number, manifest) in &packument.versions {
        let says = |member: &str| manifest.get(member).and_then(Value::as_str);
        let is_number = nodejs_semver::Version::parse(number).is_ok();
        if says("name") != Some(name) || says("version") != Some(number) || !is_number {
            return Err(format!("version '{number}' of {name} has the manifest of another"));
        }
    }
    Ok(packument)
}

/// The files of a project of Python by version. Errors: what is wrong.
pub fn pypi(name: &str, document: &[u8]) -> Result<BTreeMap<Version, Vec<File>>, String> {
    if !is_python_name(name) {
        return Err(no_name(name));
    }
    let page: Page = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    if python_name(&page.name) != name {
        return Err(format!("the page of {name} is that of another project"));
    }
    let count = page.files.len();
    let versions = page.by_version(name);
    if versions.values().map(Vec::len).sum::<usize>() != count {
        return Err(format!("the page of {name} has a file of another project"));
    }
    Ok(versions)
}

/// The lines of a crate. Errors: what is wrong.
pub fn cargo(name: &str, document: &[u8]) -> Result<Lines, String> {
    if !is_crate_name(name) {
        return Err(no_name(name));
    }
    let text = std::str::from_utf8(document).map_err(|error| error.to_string())?;
    let lines = cargo::lines(text).map_err(|error| error.to_string())?;
    let is_other = |line: &&Map<String, Value>| line.get("name").and_then(Value::as_str) != Some(name);
    match lines.values().find(is_other) {
        Some(_) => Err(format!("a line of {name} is that of another crate")),
        None => Ok(lines),
    }
}

/// The files of a package of Maven by version.
#[derive(Debug, PartialEq, Eq)]
pub struct MavenPackage {
    pub group: String,
    pub artifact: String,
    pub versions: BTreeMap<String, BTreeSet<String>>,
}

/// Finds the files of a package, `com.acme:app`, among the paths of a bundle. Errors: what is wrong.
pub fn maven<'p>(name: &str, paths: impl Iterator<Item = &'p str>) -> Result<MavenPackage, String> {
    let (group, artifact) = name.split_once(':').ok_or_else(|| no_name(name))?;
    let prefix = format!("maven/{}/", maven_files::folder(group, artifact));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in paths.filter(|path| path.starts_with(&prefix)) {
        let Some(found) = path.strip_prefix("maven/").and_then(maven_files::version_of) else { continue };
        // Another package may lie in a folder of this one.
        if found.group == group && found.artifact == artifact && !maven_files::is_snapshot(&found.version) {
            let file = path.rsplit('/').next().unwrap_or_default().to_owned();
            versions.entry(found.version).or_default().insert(file);
        }
    }
    match versions.is_empty() {
        true => Err(format!("the bundle has no file of {name}")),
        false => Ok(MavenPackage { group: group.to_owned(), artifact: artifact.to_owned(), versions }),
    }
}

fn no_name(name: &str) -> String {
    format!("'{name}' is no name of a package")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_of_other_packages_are_refused() {
        let packument = |name: &str, version: &str| {
            json!({"versions": {"1.0.0": {"name": name, "version": version}}}).to_string().into_bytes()
        };
        assert!(npm("@acme/a", &packument("@acme/a", "1.0.0")).is_ok());
        for (name, document) in [
            ("a", packument("b", "1.0.0")),
            ("a", packument("a", "2.0.0")),
            ("../a", packument("../a", "1.0.0")),
            ("a", br#"{"versions": {"x": {"name": "a", "version": "x"}}}"#.to_vec()),
        ] {
            assert!(npm(name, &document).is_err(), "{name}");
        }
        let page = |name: &str, file: &str| {
            json!({"name": name, "files": [{"filename": file, "url": file, "hashes": {}}]})
                .to_string()
                .into_bytes()
        };
        assert!(pypi("a-b", &page("A_b", "a_b-1.0.tar.gz")).is_ok());
        for (name, page) in [
            ("a", page("b", "a-1.0.tar.gz")),
            ("a", page("a", "b-1.0.tar.gz")),
            ("A", page("A", "a-1.0.tar.gz")),
            ("a/../b", page("a/../b", "b-1.0.tar.gz")),
        ] {
            assert!(pypi(name, &page).is_err(), "{name}");
        }
        let line = |name: &str| json!({"name": name, "vers": "1.0.0"}).to_string().into_bytes();
        assert!(cargo("Serde", &line("Serde")).is_ok());
        for (name, document) in
            [("serde", line("libc")), ("a/1.0.0/yank?", line("a/1.0.0/yank?")), ("a", b"<html>".to_vec())]
        {
            assert!(cargo(name, &document).is_err(), "{name}");
        }
    }

    #[test]
    fn files_of_maven_are_those_of_the_package() {
        let paths = [
            "maven/com/acme/app/maven-metadata.xml",
            "maven/com/acme/app/1.0/app-1.0.jar",
            "maven/com/acme/app/1.0/app-1.0.jar.sha256",
            "maven/com/acme/app/1.0/other-1.0.jar",
            "maven/com/acme/app/core/1.0/core-1.0.jar",
            "npm/app/index.json",
        ];
        let found = maven("com.acme:app", paths.into_iter()).unwrap();
        assert_eq!(found.versions, BTreeMap::from([("1.0".into(), BTreeSet::from(["app-1.0.jar".into()]))]));
        for name in ["com.acme", "com.acme:other", "../x:app", "com/acme:app"] {
            assert!(maven(name, paths.into_iter()).is_err(), "{name}");
        }
    }
}
