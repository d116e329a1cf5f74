//! A project as an index of Python shows it, in JSON. Pure. Source: PEP 691, PEP 700.

use std::collections::BTreeMap;

use aws::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Origin;
use crate::http::python_file_version;
use crate::names::Coordinates;
use crate::package_names::python_name;
use crate::records::{PythonFile, RemoteFile, RemoteVersion};

pub const MEDIA_TYPE: &str = "application/vnd.pypi.simple.v1+json";

#[derive(Deserialize)]
struct Page {
    name: String,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(default, rename = "requires-python")]
    requires_python: Option<String>,
    #[serde(default)]
    yanked: Value,
    size: Option<u64>,
    #[serde(rename = "upload-time")]
    upload_time: Option<String>,
}

pub fn url(origin: &Origin, package: &Coordinates) -> String {
    format!("{}/{}/", origin.url, package.name)
}

/// Reads the page of a project. Files that cannot be verified, are elsewhere, or are of no version, are left out.
/// Errors: what is wrong with the page.
pub fn read(
    origin: &Origin,
    package: &Coordinates,
    body: &[u8],
) -> Result<BTreeMap<String, RemoteVersion>, String> {
    let page: Page = serde_json::from_slice(body).map_err(|error| format!("no page of an index: {error}"))?;
    if python_name(&page.name) != package.name {
        return Err(format!("a page of another project than {}", package.name));
    }
    let base = Url::parse(&url(origin, package)).map_err(|error| format!("a page at no address: {error}"))?;
    let mut seen: BTreeMap<String, RemoteVersion> = BTreeMap::new();
    for file in page.files {
        let Some(number) = python_file_version(&file.filename, &package.name) else { continue };
        let Some(address) = base.join(&file.url).ok().map(String::from).filter(|url| origin.has(url)) else {
            continue;
        };
        let Some(sha256) = file.hashes.get("sha256").map(|hash| hash.to_ascii_lowercase()) else { continue };
        let uploaded = file.upload_time.as_deref().and_then(Timestamp::parse_iso8601);
        let uploaded = uploaded.unwrap_or(Timestamp::from_millis(0));
        let is_yanked = !matches!(file.yanked, Value::Bool(false) | Value::Null);
        let version = seen.entry(number).or_insert_with(|| RemoteVersion {
            published: uploaded,
            is_yanked: true,
            native: None,
            files: BTreeMap::new(),
        });
        // A version is yanked when all its files are.
        version.is_yanked &= is_yanked;
        version.published = version.published.min(uploaded);
        let python = PythonFile { requires_python: file.requires_python, metadata: None };
        let remote = RemoteFile {
            url: address,
            sha256: Some(sha256),
            size: file.size,
            python: Some(python),
            uploaded,
            ..RemoteFile::default()
        };
        version.files.insert(file.filename, remote);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::Format;

    #[test]
    fn files_are_found_by_version() {
        let origin =
            Origin { url: "http://origin.test/simple".into(), file_hosts: vec!["files.test".into()] };
        let package = Coordinates::normal(Format::Pypi, "", "p");
        let file = |name: &str, url: &str, hash: &str, yanked: Value| json!({"filename": name, "url": url, "hashes": {hash: "AA"}, "yanked": yanked});
        let body = json!({"meta": {"api-version": "1.0"}, "name": "P", "files": [
            file("p-1.0-py3-none-any.whl", "../../files/p-1.0-py3-none-any.whl", "sha256", json!(false)),
            file("p-1.0.tar.gz", "https://files.test/p-1.0.tar.gz", "sha256", json!("bad")),
            file("p-1.1.tar.gz", "https://elsewhere.test/p-1.1.tar.gz", "sha256", json!(false)),
            file("p-1.2.tar.gz", "p-1.2.tar.gz", "md5", json!(false)),
            file("q-1.3.tar.gz", "q-1.3.tar.gz", "sha256", json!(false)),
            file("p-2.0.tar.gz", "p-2.0.tar.gz", "sha256", json!("")),
        ]});
        let seen = read(&origin, &package, body.to_string().as_bytes()).unwrap();
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["1.0", "2.0"]);
        assert!(!seen["1.0"].is_yanked && seen["2.0"].is_yanked);
        let urls: Vec<&str> = seen["1.0"].files.values().map(|file| file.url.as_str()).collect();
        assert_eq!(
            urls,
            ["http://origin.test/files/p-1.0-py3-none-any.whl", "https://files.test/p-1.0.tar.gz"]
        );
        assert!(read(&origin, &package, b"<!DOCTYPE html>").is_err());
    }
}
