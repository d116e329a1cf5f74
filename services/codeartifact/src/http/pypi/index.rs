//! The page of a project, in HTML and in JSON. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::names::Format;
use crate::packages::chain::Found;
use crate::records::Status;
use crate::versions::compare;

/// The level of the API that is served. Source: PEP 700.
const API_VERSION: &str = "1.1";
/// What is said of files of versions that are not listed.
const UNLISTED: &str = "This version is unlisted.";

/// In which form a page is served. Source: PEP 691, "Content-Types".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    Json,
    Html,
    /// As browsers and old clients know it.
    PlainHtml,
}

impl MediaType {
    pub const ALL: [Self; 3] = [Self::Json, Self::Html, Self::PlainHtml];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/vnd.pypi.simple.v1+json",
            Self::Html => "application/vnd.pypi.simple.v1+html",
            Self::PlainHtml => "text/html",
        }
    }

    /// What a client likes best of what there is; `None` if it accepts nothing of that.
    pub fn of(accept: Option<&str>) -> Option<Self> {
        let accept = accept.filter(|accept| !accept.trim().is_empty()).unwrap_or("*/*");
        let mut best: Option<(f32, Self)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let Some(media_type) = parts.next().and_then(Self::named) else { continue };
            let quality =
                parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok()).unwrap_or(1.0);
            if quality > 0.0 && best.is_none_or(|(known, _)| quality > known) {
                best = Some((quality, media_type));
            }
        }
        best.map(|(_, media_type)| media_type)
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "application/vnd.pypi.simple.v1+json" | "application/vnd.pypi.simple.latest+json" => {
                Some(Self::Json)
            }
            "application/vnd.pypi.simple.v1+html" | "application/vnd.pypi.simple.latest+html" => {
                Some(Self::Html)
            }
            "text/html" | "text/*" | "*/*" => Some(Self::PlainHtml),
            _ => None,
        }
    }
}

/// The versions that clients see, in their order. Unlisted ones are there for those who name them exactly: as yanked,
/// which is what Python calls that. Source: PEP 592.
pub fn shown(versions: &BTreeMap<String, Found>) -> Vec<&Found> {
    let is_shown = |found: &&Found| matches!(found.version.status, Status::Published | Status::Unlisted);
    let mut shown: Vec<&Found> = versions.values().filter(is_shown).collect();
    shown.sort_by(|a, b| compare(Format::Pypi, &a.version.version, &b.version.version));
    shown
}

/// The addresses of files are relative to the page, so that the credentials of the page are those of the files.
pub fn page(name: &str, versions: &[&Found], media_type: MediaType) -> String {
    match media_type {
        MediaType::Json => json_page(name, versions).to_string(),
        MediaType::Html | MediaType::PlainHtml => html_page(name, versions),
    }
}

/// A file as the page shows it.
struct File {
    version: String,
    name: String,
    sha256: String,
    md5: Option<String>,
    size: Option<u64>,
    uploaded: Timestamp,
    requires_python: Option<String>,
    /// The hash of the metadata that is served beside a wheel.
    metadata: Option<String>,
    is_unlisted: bool,
}

/// Those that the domain has, and those that are still outside.
fn files(versions: &[&Found]) -> Vec<File> {
    let mut files = Vec::new();
    for found in versions {
        let version = &found.version;
        let is_unlisted = version.status == Status::Unlisted;
        for (name, asset) in &version.contents.assets {
            let python = asset.python.clone().unwrap_or_default();
            files.push(File {
                version: version.version.clone(),
                name: name.clone(),
                sha256: asset.blob.to_string(),
                md5: Some(asset.md5.clone()),
                size: Some(asset.size),
                uploaded: asset.added,
                requires_python: python.requires_python,
                metadata: python.metadata.map(|text| hex::encode(Sha256::digest(text.as_bytes()))),
                is_unlisted,
            });
        }
        for (name, remote) in found.missing() {
            files.push(File {
                version: version.version.clone(),
                name: name.clone(),
                sha256: remote.sha256.clone().unwrap_or_default(),
                md5: None,
                size: remote.size,
                uploaded: remote.uploaded,
                requires_python: remote.python.as_ref().and_then(|python| python.requires_python.clone()),
                metadata: None,
                is_unlisted,
            });
        }
    }
    files
}

fn json_page(name: &str, versions: &[&Found]) -> Value {
    let numbers: Vec<&String> = versions.iter().map(|found| &found.version.version).collect();
    let files: Vec<Value> = files(versions).into_iter().map(json_file).collect();
    json!({ "meta": { "api-version": API_VERSION }, "name": name, "versions": numbers, "files": files })
}

fn json_file(file: File) -> Value {
    let metadata = file.metadata.map_or(Value::Bool(false), |hash| json!({ "sha256": hash }));
    let mut hashes = json!({ "sha256": file.sha256 });
    if let Some(md5) = file.md5 {
        hashes["md5"] = json!(md5);
    }
    let mut shown = json!({
        "filename": file.name,
        "url": format!("{}/{}", file.version, file.name),
        "hashes": hashes,
        "upload-time": file.uploaded.to_iso8601_millis(),
        "yanked": if file.is_unlisted { json!(UNLISTED) } else { json!(false) },
        // Not under its older name: some versions of pip fail on that in JSON. Source: PEP 714.
        "core-metadata": metadata,
    });
    if let Some(size) = file.size {
        shown["size"] = json!(size);
    }
    if let Some(requires) = file.requires_python {
        shown["requires-python"] = json!(requires);
    }
    shown
}

fn html_page(name: &str, versions: &[&Found]) -> String {
    let title = format!("Links for {}", escaped(name));
    let mut page = format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"{API_VERSION}\">\n\
         <title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    for file in files(versions) {
        let mut attributes = String::new();
        let mut add = |attribute: &str, value: &str| {
            // Writing to a text cannot fail.
            let _ = write!(attributes, " {attribute}=\"{}\"", escaped(value));
        };
        if let Some(requires) = &file.requires_python {
            add("data-requires-python", requires);
        }
        if let Some(hash) = &file.metadata {
            add("data-core-metadata", &format!("sha256={hash}"));
            add("data-dist-info-metadata", &format!("sha256={hash}"));
        }
        if file.is_unlisted {
            add("data-yanked", UNLISTED);
        }
        let (number, name, hash) = (escaped(&file.version), escaped(&file.name), file.sha256);
        let _ = writeln!(page, "<a href=\"{number}/{name}#sha256={hash}\"{attributes}>{name}</a><br>");
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_form_that_they_like_best() {
        let pip = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
        assert_eq!(MediaType::of(Some(pip)), Some(MediaType::Json));
        assert_eq!(MediaType::of(Some("application/vnd.pypi.simple.latest+html")), Some(MediaType::Html));
        for accept in [None, Some(""), Some("*/*"), Some("text/html"), Some("image/png, */*;q=0.1")] {
            assert_eq!(MediaType::of(accept), Some(MediaType::PlainHtml), "{accept:?}");
        }
        for accept in ["image/png", "application/vnd.pypi.simple.v2+json", "text/html;q=0"] {
            assert_eq!(MediaType::of(Some(accept)), None, "{accept}");
        }
    }

    #[test]
    fn what_authors_write_cannot_leave_its_attribute() {
        assert_eq!(escaped(">=3.9,<4\"&"), "&gt;=3.9,&lt;4&quot;&amp;");
    }
}
