//! The index: a file for each crate, with a line for each version. Pure.
//! Source: The Cargo Book, "Registry Index".

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::names::Format;
use crate::packages::chain::Found;
use crate::records::{Dependency, Metadata, Native, Status};
use crate::versions::compare;

/// The name of the one asset of a version.
pub fn asset(name: &str, version: &str) -> String {
    format!("{name}-{version}.crate")
}

/// Whether a path is that of a crate's file: `1/a`, `2/ab`, `3/a/abc`, `ca/rg/cargo`.
pub fn is_path(path: &[&str]) -> bool {
    let lower = |text: &str| text.to_lowercase();
    match path {
        ["1", name] => name.len() == 1,
        ["2", name] => name.len() == 2,
        ["3", first, name] => name.len() == 3 && name.get(..1).map(lower) == Some(lower(first)),
        [first, second, name] => {
            name.len() > 3
                && name.get(..2).map(lower) == Some(lower(first))
                && name.get(2..4).map(lower) == Some(lower(second))
        }
        _ => false,
    }
}

/// The lines of the versions that clients may see, in their order; unlisted ones as yanked.
pub fn lines(versions: &BTreeMap<String, Found>) -> String {
    let is_shown = |found: &&Found| matches!(found.version.status, Status::Published | Status::Unlisted);
    let mut shown: Vec<&Found> = versions.values().filter(is_shown).collect();
    shown.sort_by(|a, b| compare(Format::Cargo, &a.version.version, &b.version.version));
    shown.into_iter().filter_map(line).map(|line| format!("{line}\n")).collect()
}

/// Of one that the domain has, or that is still outside.
fn line(found: &Found) -> Option<Value> {
    let version = &found.version;
    let Some(Native::Cargo(cargo)) = &version.contents.native else { return None };
    let name = asset(&version.coordinates.name, &version.version);
    let own = version.contents.assets.get(&name).map(|asset| asset.blob.to_string());
    let outside = || found.remote.as_ref()?.1.files.get(&name)?.sha256.clone();
    let cksum = own.or_else(outside)?;
    let mut line = cargo.line.as_object()?.clone();
    line.insert("cksum".to_owned(), json!(cksum));
    line.insert("yanked".to_owned(), json!(version.status == Status::Unlisted));
    Some(Value::Object(line))
}

/// What a line of an index tells of its version.
pub fn metadata(line: &Value) -> Metadata {
    let dependencies = line.get("deps").and_then(Value::as_array).into_iter().flatten();
    let dependencies = dependencies.filter_map(|dependency| {
        let text = |member: &str| dependency.get(member).and_then(Value::as_str);
        let package = text("package").or_else(|| text("name"))?.to_lowercase();
        let kind = text("kind").unwrap_or("normal").to_owned();
        Some(Dependency { namespace: None, package, kind, requirement: text("req")?.to_owned() })
    });
    Metadata {
        display_name: line.get("name").and_then(Value::as_str).map(str::to_owned),
        dependencies: dependencies.collect(),
        ..Metadata::default()
    }
}

/// The line of a version out of what `cargo publish` says of it.
pub fn of_publication(said: &Map<String, Value>) -> Value {
    let member = |name: &str| said.get(name).cloned().unwrap_or(Value::Null);
    let dependencies = said.get("deps").and_then(Value::as_array).into_iter().flatten();
    let (mut features, mut features2) = (Map::new(), Map::new());
    for (name, enables) in said.get("features").and_then(Value::as_object).into_iter().flatten() {
        let is_new = |value: &Value| {
            value.as_str().is_some_and(|text| text.starts_with("dep:") || text.contains("?/"))
        };
        let place = if enables.as_array().is_some_and(|list| list.iter().any(is_new)) {
            &mut features2
        } else {
            &mut features
        };
        place.insert(name.clone(), enables.clone());
    }
    let mut line = Map::new();
    line.insert("name".to_owned(), member("name"));
    line.insert("vers".to_owned(), member("vers"));
    line.insert("deps".to_owned(), dependencies.map(dependency).collect());
    line.insert("features".to_owned(), Value::Object(features));
    if !features2.is_empty() {
        // Older versions of cargo do not know what stands there, and pass such a line over.
        line.insert("features2".to_owned(), Value::Object(features2));
        line.insert("v".to_owned(), json!(2));
    }
    line.insert("links".to_owned(), member("links"));
    line.insert("rust_version".to_owned(), member("rust_version"));
    Value::Object(line)
}

/// A dependency that has another name in the manifest is told of by that, beside its own.
fn dependency(said: &Value) -> Value {
    let member = |name: &str| said.get(name).cloned().unwrap_or(Value::Null);
    let renamed = said.get("explicit_name_in_toml").filter(|name| name.is_string());
    json!({
        "name": renamed.cloned().unwrap_or_else(|| member("name")),
        "req": member("version_req"),
        "features": said.get("features").cloned().unwrap_or_else(|| json!([])),
        "optional": member("optional"),
        "default_features": member("default_features"),
        "target": member("target"),
        "kind": said.get("kind").cloned().unwrap_or_else(|| json!("normal")),
        "registry": member("registry"),
        "package": if renamed.is_some() { member("name") } else { Value::Null },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_has_one_path() {
        for path in [
            &["1", "a"][..],
            &["2", "ab"],
            &["3", "a", "abc"],
            &["ca", "rg", "cargo"],
            &["Ca", "rg", "cargo"],
        ] {
            assert!(is_path(path), "{path:?}");
        }
        for path in [
            &["1", "ab"][..],
            &["3", "b", "abc"],
            &["ca", "rg", "crates"],
            &["x"],
            &["ca", "rg", "cargo", "x"],
        ] {
            assert!(!is_path(path), "{path:?}");
        }
    }

    #[test]
    fn a_line_is_made_of_what_cargo_says() {
        let said = json!({
            "name": "p", "vers": "1.0.0", "features": {"a": ["dep:x"], "b": ["a"]}, "rust_version": "1.70",
            "deps": [{"name": "real", "version_req": "^1", "explicit_name_in_toml": "alias", "kind": "dev",
                      "optional": false, "default_features": true, "features": [], "target": null, "registry": null}],
        });
        let line = of_publication(said.as_object().unwrap());
        assert_eq!((&line["features"], &line["features2"]), (&json!({"b": ["a"]}), &json!({"a": ["dep:x"]})));
        let dependency = &line["deps"][0];
        assert_eq!((&dependency["name"], &dependency["package"]), (&json!("alias"), &json!("real")));
        assert_eq!((&dependency["req"], &line["v"]), (&json!("^1"), &json!(2)));
    }
}
