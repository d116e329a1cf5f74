//! A package as a registry of npm shows it. Pure.

use std::collections::BTreeMap;

use aws::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Origin;
use crate::http::npm_manifest;
use crate::names::{Coordinates, Format};
use crate::records::{Native, Npm, RemoteFile, RemoteVersion};
use crate::versions;

/// The versions and tags of a package.
pub type Seen = (BTreeMap<String, RemoteVersion>, BTreeMap<String, String>);

#[derive(Deserialize)]
struct Packument {
    name: Option<String>,
    #[serde(default, rename = "dist-tags")]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    versions: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    time: BTreeMap<String, Value>,
}

pub fn url(origin: &Origin, package: &Coordinates) -> String {
    let name = match package.namespace() {
        Some(scope) => format!("@{scope}%2f{}", package.name),
        None => package.name.clone(),
    };
    format!("{}/{name}", origin.url)
}

/// Reads a packument. A version that cannot be verified, or whose file is elsewhere, is left out.
/// Errors: what is wrong with the document.
pub fn read(origin: &Origin, package: &Coordinates, body: &[u8]) -> Result<Seen, String> {
    let packument: Packument =
        serde_json::from_slice(body).map_err(|error| format!("no document of npm: {error}"))?;
    if packument.name.as_ref().is_some_and(|name| *name != package.shown()) {
        return Err(format!("a document of another package than {}", package.shown()));
    }
    let mut seen = BTreeMap::new();
    for (number, manifest) in packument.versions {
        let time = packument.time.get(&number).and_then(Value::as_str).and_then(Timestamp::parse_iso8601);
        if versions::normal(Format::Npm, &number).is_ok()
            && number.len() <= 255
            && let Some(version) = version(origin, package, &number, manifest, time)
        {
            seen.insert(number, version);
        }
    }
    Ok((seen, packument.tags))
}

fn version(
    origin: &Origin,
    package: &Coordinates,
    number: &str,
    manifest: Map<String, Value>,
    time: Option<Timestamp>,
) -> Option<RemoteVersion> {
    let says = |member: &str| manifest.get(member).and_then(Value::as_str);
    if says("name") != Some(&package.shown()) || says("version") != Some(number) {
        return None;
    }
    let dist = manifest.get("dist")?;
    let text = |member: &str| dist.get(member).and_then(Value::as_str).map(str::to_owned);
    // Where it is an address of its own, it stays that.
    let base = url::Url::parse(&format!("{}/", url(origin, package))).ok()?;
    let url = base.join(&text("tarball")?).ok().map(String::from).filter(|url| origin.has(url))?;
    let integrity = text("integrity").unwrap_or_default();
    let sha512 = integrity.split_ascii_whitespace().find_map(|hash| hash.strip_prefix("sha512-"));
    let sha512 = sha512.and_then(|hash| STANDARD.decode(hash.split('?').next()?).ok()).map(hex::encode);
    let sha1 = text("shasum").map(|hash| hash.to_ascii_lowercase());
    if sha512.is_none() && sha1.is_none() {
        return None;
    }
    let published = time.unwrap_or(Timestamp::from_millis(0));
    let deprecated = says("deprecated").filter(|why| !why.is_empty()).map(str::to_owned);
    let kept = npm_manifest::of_origin(manifest);
    let file = RemoteFile { url, sha512, sha1, uploaded: published, ..RemoteFile::default() };
    Some(RemoteVersion {
        published,
        is_yanked: false,
        native: Some(Native::Npm(Npm { manifest: kept, deprecated })),
        files: BTreeMap::from([(crate::http::NPM_TARBALL.to_owned(), file)]),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_verified_or_is_elsewhere_is_left_out() {
        let origin = Origin { url: "http://origin.test/npm".into(), file_hosts: Vec::new() };
        let package = Coordinates::normal(Format::Npm, "", "p");
        let version = |number: &str, tarball: &str, shasum: Option<&str>| json!({"name": "p", "version": number, "dist": {"tarball": tarball, "shasum": shasum}});
        let body = json!({"name": "p", "dist-tags": {"latest": "1.0.0"}, "versions": {
            "1.0.0": version("1.0.0", "http://origin.test/files/p-1.0.0.tgz", Some("AA")),
            "1.0.1": version("1.0.1", "http://elsewhere.test/p-1.0.1.tgz", Some("aa")),
            "1.0.2": version("1.0.2", "http://origin.test/p-1.0.2.tgz", None),
            "1.0.3": version("9.9.9", "http://origin.test/p-1.0.3.tgz", Some("aa")),
            "x": version("x", "http://origin.test/x.tgz", Some("aa")),
        }});
        let (seen, _) = read(&origin, &package, body.to_string().as_bytes()).unwrap();
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["1.0.0"]);
        assert_eq!(seen["1.0.0"].files["package.tgz"].sha1.as_deref(), Some("aa"));
        assert!(read(&origin, &package, b"<html>").is_err());
        assert!(read(&origin, &package, br#"{"name": "q"}"#).is_err());
    }
}
