//! What package managers send to publish what a bundle has.
//! Source: npm's registry API; PyPI's upload API; The Cargo Book, "Registry Web API".

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nodejs_semver::Version;
use serde_json::{Map, Value, json};

use super::npm::Packument;
use super::pypi::File;

/// The versions of a package in the order in which they are published: the one that is named `latest` comes last, so that a
/// package which is only half there offers none of the others under that name.
pub fn npm_order(packument: &Packument) -> Vec<&String> {
    let latest = packument.tags.get("latest");
    let mut versions: Vec<&String> = packument.versions.keys().collect();
    versions.sort_by_key(|text| (latest == Some(*text), Version::parse(text.as_str()).ok()));
    versions
}

/// The document that publishes one version, under those of the names to move that are its own. One without a name of its own
/// tells what `latest` is besides: a registry calls it that otherwise.
pub fn npm(
    name: &str,
    version: &str,
    packument: &Packument,
    moved: &BTreeMap<&str, &str>,
    latest: &str,
    archive: &[u8],
) -> Value {
    let mut manifest = packument.versions.get(version).cloned().unwrap_or_default();
    if let Some(dist) = manifest.get_mut("dist").and_then(Value::as_object_mut) {
        dist.remove("tarball");
    }
    let mut tags: BTreeMap<&str, &str> = moved.clone();
    tags.retain(|_, tagged| *tagged == version);
    if tags.is_empty() {
        tags.insert("latest", latest);
    }
    let file = json!({ "data": STANDARD.encode(archive), "length": archive.len() });
    json!({
        "name": name, "dist-tags": tags, "versions": { version: manifest },
        "_attachments": { format!("{name}-{version}.tgz"): file },
    })
}

/// What comes before and after the bytes of a file in a form with this boundary.
pub fn pypi(name: &str, version: &str, file: &File, boundary: &str) -> (String, String) {
    let kind = if file.filename.ends_with(".whl") { "bdist_wheel" } else { "sdist" };
    let none = String::new();
    let fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", name),
        ("version", version),
        ("filetype", kind),
        ("pyversion", if kind == "sdist" { "source" } else { "py3" }),
        ("sha256_digest", file.hashes.get("sha256").unwrap_or(&none)),
        ("requires_python", file.requires_python.as_ref().unwrap_or(&none)),
    ];
    let mut head = String::new();
    for (field, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        // A line break would begin another field.
        let value = value.replace(['\r', '\n'], " ");
        head.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
        ));
    }
    head.push_str(&format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\r\n",
        file.filename.replace(['"', '\r', '\n'], "_")
    ));
    (head, format!("\r\n--{boundary}--\r\n"))
}

/// The body that publishes a version, out of its line in an index.
pub fn cargo(line: &Map<String, Value>, archive: &[u8]) -> Vec<u8> {
    let member = |name: &str| line.get(name).cloned().unwrap_or(Value::Null);
    let deps = line.get("deps").and_then(Value::as_array).into_iter().flatten().map(dependency);
    let mut features = Map::new();
    for member in ["features", "features2"] {
        features.extend(line.get(member).and_then(Value::as_object).cloned().unwrap_or_default());
    }
    let said = json!({
        "name": member("name"), "vers": member("vers"), "deps": deps.collect::<Vec<_>>(), "features": features,
        "links": member("links"), "rust_version": member("rust_version"), "authors": [], "keywords": [], "categories": [],
        "badges": {}, "description": null, "documentation": null, "homepage": null, "readme": null,
        "readme_file": null, "license": null, "license_file": null, "repository": null,
    });
    let said = said.to_string();
    let mut body = Vec::new();
    for part in [said.as_bytes(), archive] {
        body.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        body.extend_from_slice(part);
    }
    body
}

/// An index has the name in the manifest as `name`, and that of the crate as `package` where it is another one.
fn dependency(line: &Value) -> Value {
    let member = |name: &str| line.get(name).cloned().unwrap_or(Value::Null);
    let package = line.get("package").filter(|name| name.is_string());
    let or = |value: Value, other: Value| if value.is_null() { other } else { value };
    json!({
        "name": package.cloned().unwrap_or_else(|| member("name")),
        "explicit_name_in_toml": if package.is_some() { member("name") } else { Value::Null },
        "version_req": member("req"), "features": or(member("features"), json!([])),
        "optional": or(member("optional"), json!(false)),
        "default_features": or(member("default_features"), json!(true)),
        "target": member("target"), "kind": or(member("kind"), json!("normal")), "registry": member("registry"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_comes_last() {
        let manifest = |number: &str| json!({"version": number});
        let packument = json!({"dist-tags": {"latest": "1.9.0", "old": "1.10.0"},
            "versions": {"1.10.0": manifest("1.10.0"), "1.9.0": manifest("1.9.0"), "1.2.0": manifest("1.2.0")}});
        let packument: Packument = serde_json::from_value(packument).unwrap();
        assert_eq!(npm_order(&packument), ["1.2.0", "1.10.0", "1.9.0"]);
        let moved = BTreeMap::from([("latest", "1.9.0"), ("old", "1.10.0")]);
        let document = npm("@a/b", "1.10.0", &packument, &moved, "1.9.0", b"x");
        assert_eq!(document["dist-tags"], json!({"old": "1.10.0"}));
        let nameless = npm("@a/b", "1.2.0", &packument, &moved, "1.9.0", b"x");
        assert_eq!(nameless["dist-tags"], json!({"latest": "1.9.0"}));
        assert_eq!(document["_attachments"]["@a/b-1.10.0.tgz"]["length"], 1);
    }

    #[test]
    fn a_form_has_no_fields_that_a_page_adds() {
        let file = json!({"filename": "p-1.tar.gz", "url": "", "hashes": {"sha256": "aa"},
            "requires-python": ">=3\r\n--b\r\nContent-Disposition: form-data; name=\"x\""});
        let (head, tail) = pypi("p", "1", &serde_json::from_value(file).unwrap(), "b");
        assert_eq!(head.matches("\r\n--b\r\n").count(), 9);
        assert!(head.contains("name=\"filetype\"\r\n\r\nsdist\r\n") && tail == "\r\n--b--\r\n");
    }

    #[test]
    fn a_renamed_dependency_keeps_both_names() {
        let line = json!({"name": "a", "vers": "1.0.0", "features": {"x": []}, "features2": {"y": ["dep:z"]},
            "deps": [{"name": "alias", "package": "real", "req": "^1"}]});
        let body = cargo(line.as_object().unwrap(), b"archive");
        let length = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
        let said: Value = serde_json::from_slice(&body[4..4 + length]).unwrap();
        assert_eq!(
            (&said["deps"][0]["name"], &said["deps"][0]["explicit_name_in_toml"]),
            (&json!("real"), &json!("alias"))
        );
        assert_eq!(said["features"], json!({"x": [], "y": ["dep:z"]}));
        assert!(body.ends_with(b"\x07\0\0\0archive"));
    }
}
