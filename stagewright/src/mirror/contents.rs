//! Documents of a bundle, held against the names under which the manifest has them: whoever made one must not reach other
//! packages with it than those that it tells of.

use std::collections::BTreeMap;

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
}
