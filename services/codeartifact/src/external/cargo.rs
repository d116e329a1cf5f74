//! A crate as a sparse index of cargo shows it. Source: The Cargo Book, "Registry Index".

use std::collections::BTreeMap;

use aws::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::npm::Seen;
use super::{Origin, Trouble, fetch};
use crate::CodeArtifact;
use crate::http::cargo_index;
use crate::names::{Coordinates, Format};
use crate::package_names::crate_folder;
use crate::records::{Cargo, Native, RemoteFile, RemoteVersion};
use crate::versions;

const MARKERS: [&str; 5] = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];

#[derive(Deserialize)]
struct Config {
    dl: String,
}

/// Of the file of a crate.
pub fn url(origin: &Origin, package: &Coordinates) -> String {
    let name = &package.name;
    format!("{}/{}/{name}", origin.url, crate_folder(name))
}

/// Where the index says that crates are.
pub async fn downloads(ca: &CodeArtifact, connection: &str, origin: &Origin) -> Result<String, Trouble> {
    if let Some(known) = ca.outside.place(connection) {
        return Ok(known);
    }
    let url = format!("{}/config.json", origin.url);
    let page = ca.outside.page(connection, &url, "application/json").await?;
    let config = page.body.and_then(|body| serde_json::from_slice::<Config>(&body).ok());
    let config = config
        .ok_or_else(|| fetch::answered(connection, &format!("no configuration of an index for {url}")))?;
    // That of a bundle does not know where it will be.
    let is_address = config.dl.contains("://");
    let downloads = if is_address { config.dl } else { format!("{}/{}", origin.url, config.dl) };
    ca.outside.note_place(connection, &downloads);
    Ok(downloads)
}

/// Reads the file of a crate. A version that cannot be verified, or whose archive is elsewhere, is left out.
/// Errors: what is wrong with the file.
pub fn read(origin: &Origin, downloads: &str, package: &Coordinates, body: &[u8]) -> Result<Seen, String> {
    let text = std::str::from_utf8(body).map_err(|_| "a file of an index that is not UTF-8".to_owned())?;
    let mut seen = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("no file of an index: {error}"))?;
        let says = |member: &str| line.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        if !says("name").eq_ignore_ascii_case(&package.name) {
            return Err(format!("a file of another crate than {}", package.name));
        }
        let (number, cksum) = (says("vers"), says("cksum").to_ascii_lowercase());
        let is_hash = cksum.len() == 64 && cksum.bytes().all(|byte| byte.is_ascii_hexdigit());
        let url = archive(downloads, &says("name"), &number, &cksum);
        if versions::normal(Format::Cargo, &number).is_ok()
            && number.len() <= 255
            && is_hash
            && origin.has(&url)
        {
            let version = version(package, &number, url, cksum, line);
            seen.insert(number, version);
        }
    }
    Ok((seen, BTreeMap::new()))
}

fn version(
    package: &Coordinates,
    number: &str,
    url: String,
    cksum: String,
    mut line: Map<String, Value>,
) -> RemoteVersion {
    line.remove("cksum");
    let is_yanked = line.remove("yanked") == Some(Value::Bool(true));
    let published = line.get("pubtime").and_then(Value::as_str).and_then(Timestamp::parse_iso8601);
    let published = published.unwrap_or(Timestamp::from_millis(0));
    let file = RemoteFile { url, sha256: Some(cksum), uploaded: published, ..RemoteFile::default() };
    RemoteVersion {
        published,
        is_yanked,
        native: Some(Native::Cargo(Cargo { line: Value::Object(line) })),
        files: BTreeMap::from([(cargo_index::asset(&package.name, number), file)]),
    }
}

fn archive(downloads: &str, name: &str, version: &str, cksum: &str) -> String {
    if !MARKERS.iter().any(|marker| downloads.contains(marker)) {
        return format!("{}/{name}/{version}/download", downloads.trim_end_matches('/'));
    }
    let values = [name, version, &crate_folder(name), &crate_folder(&name.to_lowercase()), cksum];
    MARKERS.iter().zip(values).fold(downloads.to_owned(), |url, (marker, value)| url.replace(marker, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_become_versions() {
        let origin = Origin { url: "http://origin.test/index".into(), file_hosts: vec!["files.test".into()] };
        let package = Coordinates::normal(Format::Cargo, "", "Web_App");
        assert_eq!(url(&origin, &package), "http://origin.test/index/we/b_/web_app");
        let line = |vers: &str, cksum: &str, yanked| {
            json!({"name": "Web_App", "vers": vers, "deps": [], "cksum": cksum, "features": {}, "yanked": yanked}).to_string()
        };
        let hash = "ab".repeat(32);
        let body =
            [line("1.0.0", &hash, false), line("1.1.0", &hash, true), line("1.2.0", "x", false)].join("\n");
        let read = |downloads: &str| read(&origin, downloads, &package, body.as_bytes()).unwrap().0;
        let seen = read("http://files.test/crates");
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["1.0.0", "1.1.0"]);
        assert!(!seen["1.0.0"].is_yanked && seen["1.1.0"].is_yanked);
        let file = &seen["1.0.0"].files["web_app-1.0.0.crate"];
        assert_eq!(file.url, "http://files.test/crates/Web_App/1.0.0/download");
        let other = read("http://origin.test/{lowerprefix}/{crate}-{version}.crate?{sha256-checksum}");
        let file = &other["1.0.0"].files["web_app-1.0.0.crate"];
        assert_eq!(file.url, format!("http://origin.test/we/b_/Web_App-1.0.0.crate?{hash}"));
        assert!(read("http://elsewhere.test/").is_empty());
        assert!(super::read(&origin, "", &package, b"<html>").is_err());
        assert!(super::read(&origin, "", &package, br#"{"name": "other"}"#).is_err());
    }
}
