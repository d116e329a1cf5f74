//! A package as the registrations of NuGet tell of it, and the hash of its archive as the catalog does.
//! Source: NuGet documentation, "Service index", "Package metadata", "Catalog resource".

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use aws::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value, json};

use super::fetch::LARGEST_PAGE;
use super::npm::Seen;
use super::{Origin, Trouble, fetch};
use crate::CodeArtifact;
use crate::names::Coordinates;
use crate::records::{Native, Nuget, RemoteFile, RemoteVersion};
use crate::versions::nuget;

/// Those with all versions first; the others are without what SemVer 2 brought, or not compressed.
const REGISTRATIONS: [&str; 4] = [
    "RegistrationsBaseUrl/3.6.0",
    "RegistrationsBaseUrl/3.4.0",
    "RegistrationsBaseUrl/Versioned",
    "RegistrationsBaseUrl",
];
/// Of the registration of one package that has its versions on pages of their own.
const MOST_PAGES: usize = 500;
/// Until all pages of a package are there.
const LONGEST: Duration = Duration::from_secs(120);
const JSON: &str = "application/json";
const LONGEST_VERSION: usize = 255;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The members of a catalog entry that are kept. What leads elsewhere is not.
const KEPT: [&str; 16] = [
    "id",
    "version",
    "authors",
    "description",
    "summary",
    "title",
    "projectUrl",
    "iconUrl",
    "licenseUrl",
    "licenseExpression",
    "language",
    "releaseNotes",
    "minClientVersion",
    "tags",
    "requireLicenseAcceptance",
    "dependencyGroups",
];

/// What an origin says of a package; nothing if it has none.
pub async fn ask(ca: &CodeArtifact, connection: &str, package: &Coordinates) -> Result<Seen, Trouble> {
    let asked = tokio::time::timeout(LONGEST, all_pages(ca, connection, package)).await;
    asked.unwrap_or_else(|_| Err(fetch::unreachable(connection, "it did not answer in time")))
}

async fn all_pages(ca: &CodeArtifact, connection: &str, package: &Coordinates) -> Result<Seen, Trouble> {
    let origin = ca.outside.origin(connection)?;
    let base = registrations(ca, connection, origin).await?;
    let mut left = LARGEST_PAGE;
    let url = format!("{base}{}/index.json", package.name);
    let Some(index) = document(ca, connection, &url, &mut left).await? else {
        return Ok((BTreeMap::new(), BTreeMap::new()));
    };
    let wrong = |what: &str| fetch::answered(connection, &format!("{what} for {url}"));
    let pages = index.get("items").and_then(Value::as_array).ok_or_else(|| wrong("no registration"))?;
    if pages.len() > MOST_PAGES {
        return Err(wrong("too many pages"));
    }
    let mut seen = BTreeMap::new();
    for page in pages {
        let mut add = |page: &Value| {
            let leaves = page.get("items")?.as_array()?;
            seen.extend(leaves.iter().filter_map(|leaf| version(origin, package, leaf)));
            Some(())
        };
        if add(page).is_some() {
            continue;
        }
        let address = page.get("@id").and_then(Value::as_str).filter(|address| origin.has(address));
        let address = address.ok_or_else(|| wrong("a page that is elsewhere"))?;
        let read = document(ca, connection, address, &mut left).await?;
        read.as_ref().and_then(add).ok_or_else(|| wrong("a page without versions"))?;
    }
    Ok((seen, BTreeMap::new()))
}

/// Where the origin has its registrations, with a slash at the end.
async fn registrations(ca: &CodeArtifact, connection: &str, origin: &Origin) -> Result<String, Trouble> {
    if let Some(known) = ca.outside.place(connection) {
        return Ok(known);
    }
    let mut left = LARGEST_PAGE;
    let index = document(ca, connection, &origin.url, &mut left).await?.unwrap_or_default();
    let found = base(origin, &index);
    let found = found.ok_or_else(|| {
        fetch::answered(
            connection,
            &format!("no service index with registrations of its own for {}", origin.url),
        )
    })?;
    ca.outside.note_place(connection, &found);
    Ok(found)
}

fn base(origin: &Origin, index: &Value) -> Option<String> {
    let resources = index.get("resources")?.as_array()?;
    let named = |name: &str| {
        let is_named = |resource: &&Value| match resource.get("@type") {
            Some(Value::Array(types)) => types.iter().any(|kind| kind == name),
            kind => kind.is_some_and(|kind| kind == name),
        };
        resources.iter().find(is_named)?.get("@id")?.as_str()
    };
    let url = REGISTRATIONS.into_iter().find_map(named).filter(|url| origin.has(url))?;
    Some(format!("{}/", url.trim_end_matches('/')))
}

/// A document, unpacked if it is packed; of all together no more than `left` bytes.
async fn document(
    ca: &CodeArtifact,
    connection: &str,
    url: &str,
    left: &mut usize,
) -> Result<Option<Value>, Trouble> {
    let page = ca.outside.page(connection, url, JSON).await?;
    let Some(body) = page.body else { return Ok(None) };
    let limit = *left;
    let read = tokio::task::spawn_blocking(move || read(&body, limit)).await;
    let read = read.map_err(|error| fetch::unreachable(connection, &error.to_string()))?;
    let (value, length) = read.map_err(|why| fetch::answered(connection, &format!("{why} for {url}")))?;
    *left -= length;
    Ok(Some(value))
}

/// Some answer packed whatever is asked for. Errors: what is wrong.
fn read(body: &Bytes, limit: usize) -> Result<(Value, usize), String> {
    let mut unpacked = Vec::new();
    let body = if body.starts_with(&GZIP) {
        let mut packed = MultiGzDecoder::new(body.as_ref()).take(limit as u64 + 1);
        packed.read_to_end(&mut unpacked).map_err(|error| format!("what cannot be unpacked ({error})"))?;
        unpacked.as_slice()
    } else {
        body.as_ref()
    };
    if body.len() > limit {
        return Err(format!("more than {LARGEST_PAGE} bytes"));
    }
    let value = serde_json::from_slice(body).map_err(|error| format!("no document of NuGet ({error})"))?;
    Ok((value, body.len()))
}

/// A version, unless it is of another package, its archive is elsewhere, or nothing tells the hash of that.
fn version(origin: &Origin, package: &Coordinates, leaf: &Value) -> Option<(String, RemoteVersion)> {
    let entry = leaf.get("catalogEntry")?.as_object()?;
    let text = |member: &str| entry.get(member).and_then(Value::as_str);
    let version = text("version").filter(|version| version.len() <= LONGEST_VERSION)?;
    nuget::parse(version)?;
    if text("id")?.to_lowercase() != package.name {
        return None;
    }
    let content = leaf.get("packageContent").and_then(Value::as_str).or(text("packageContent"))?;
    let own = |url: &str| origin.has(url).then(|| url.to_owned());
    let number = nuget::normal(version);
    let sha512 = hash(entry);
    let published = text("published").and_then(Timestamp::parse_iso8601).unwrap_or(Timestamp::from_millis(0));
    let told_at = if sha512.is_none() { Some(text("@id").and_then(own)?) } else { None };
    let file =
        RemoteFile { url: own(content)?, sha512, told_at, uploaded: published, ..RemoteFile::default() };
    let remote = RemoteVersion {
        published,
        is_yanked: entry.get("listed") == Some(&Value::Bool(false)),
        native: Some(Native::Nuget(Nuget { entry: kept(entry) })),
        files: BTreeMap::from([(format!("{}.{number}.nupkg", package.name), file)]),
    };
    Some((number, remote))
}

fn hash(entry: &Map<String, Value>) -> Option<String> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str);
    text("packageHashAlgorithm").filter(|algorithm| algorithm.eq_ignore_ascii_case("SHA512"))?;
    let bytes = STANDARD.decode(text("packageHash")?).ok()?;
    (bytes.len() == 64).then(|| hex::encode(bytes))
}

fn kept(entry: &Map<String, Value>) -> Value {
    let mut kept = entry.clone();
    kept.retain(|member, value| KEPT.contains(&member.as_str()) && !value.is_null());
    let groups = entry.get("dependencyGroups").and_then(Value::as_array).into_iter().flatten();
    let dependency = |dependency: &Value| {
        let id = dependency.get("id")?.as_str()?;
        let range = dependency.get("range").and_then(Value::as_str).unwrap_or("(, )");
        Some(json!({ "id": id, "range": range }))
    };
    let group = |group: &Value| {
        let dependencies = group.get("dependencies").and_then(Value::as_array).into_iter().flatten();
        let dependencies: Vec<Value> = dependencies.filter_map(dependency).collect();
        match group.get("targetFramework").and_then(Value::as_str) {
            Some(framework) => json!({ "targetFramework": framework, "dependencies": dependencies }),
            None => json!({ "dependencies": dependencies }),
        }
    };
    kept.insert("dependencyGroups".to_owned(), groups.map(group).collect());
    Value::Object(kept)
}

/// The SHA-512 of the archive of a version, by the entry of the catalog at that address.
pub async fn told(
    ca: &CodeArtifact,
    connection: &str,
    package: &Coordinates,
    number: &str,
    url: &str,
) -> Result<String, Trouble> {
    let mut left = LARGEST_PAGE;
    let entry = document(ca, connection, url, &mut left).await?;
    let entry = entry.as_ref().and_then(Value::as_object).filter(|entry| is_of(entry, package, number));
    entry.and_then(hash).ok_or_else(|| {
        fetch::answered(connection, &format!("no hash of {} {number} for {url}", package.name))
    })
}

fn is_of(entry: &Map<String, Value>, package: &Coordinates, number: &str) -> bool {
    let text = |member: &str| entry.get(member).and_then(Value::as_str);
    text("id").is_some_and(|id| id.to_lowercase() == package.name)
        && text("version").is_some_and(|version| nuget::normal(version) == number)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::names::Format;

    fn origin() -> Origin {
        Origin { url: "http://origin.test/v3/index.json".into(), file_hosts: Vec::new() }
    }

    #[test]
    fn registrations_are_found_in_the_service_index() {
        let found = |resources: Value| base(&origin(), &json!({ "resources": resources }));
        let at =
            |path: &str, kind: Value| json!({"@id": format!("http://origin.test/{path}"), "@type": kind});
        let plain = at("plain/", json!("RegistrationsBaseUrl"));
        let newest = at("newest", json!(["RegistrationsBaseUrl/3.6.0", "Other"]));
        assert_eq!(found(json!([plain, newest])).as_deref(), Some("http://origin.test/newest/"));
        assert_eq!(found(json!([plain])).as_deref(), Some("http://origin.test/plain/"));
        assert_eq!(found(json!([{"@id": "http://elsewhere.test/", "@type": "RegistrationsBaseUrl"}])), None);
        assert_eq!(base(&origin(), &Value::Null), None);
    }

    #[test]
    fn leaves_become_versions() {
        let package = Coordinates::normal(Format::Nuget, "", "Acme.Web");
        let leaf = |version: &str, changes: Value| {
            let mut entry = json!({
                "@id": format!("http://origin.test/catalog/{version}.json"), "id": "Acme.Web", "version": version,
                "published": "2026-01-02T03:04:05.6+00:00", "registration": "http://origin.test/r", "listed": true,
                "dependencyGroups": [{"@id": "x", "dependencies": [
                    {"id": "Acme.Core", "range": "[1, )", "registration": "http://origin.test/x"}]}],
            });
            entry.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            json!({"catalogEntry": entry, "packageContent": "http://origin.test/files/acme.nupkg"})
        };
        let read = |leaf: &Value| version(&origin(), &package, leaf);
        let (number, remote) = read(&leaf("1.0-Beta+5", json!({}))).unwrap();
        assert_eq!((number.as_str(), remote.is_yanked), ("1.0.0-beta", false));
        let file = &remote.files["acme.web.1.0.0-beta.nupkg"];
        assert_eq!(
            (file.sha512.as_deref(), file.told_at.as_deref()),
            (None, Some("http://origin.test/catalog/1.0-Beta+5.json"))
        );
        let Some(Native::Nuget(nuget)) = &remote.native else { panic!("no entry") };
        assert!(!nuget.entry.to_string().contains("origin.test"), "{}", nuget.entry);
        assert_eq!(nuget.entry["dependencyGroups"][0]["dependencies"][0]["id"], "Acme.Core");
        let told = json!({"packageHashAlgorithm": "SHA512", "packageHash": STANDARD.encode([7; 64]), "listed": false});
        let (_, remote) = read(&leaf("2.0", told)).unwrap();
        assert!(remote.is_yanked && remote.files["acme.web.2.0.0.nupkg"].sha512 == Some("07".repeat(64)));
        for changes in [
            json!({"id": "Other"}),
            json!({"version": "one"}),
            json!({"@id": "http://elsewhere.test/1.json"}),
            json!({"packageHashAlgorithm": "MD5", "packageHash": "AA==", "@id": null}),
        ] {
            assert!(read(&leaf("1.0", changes.clone())).is_none(), "{changes}");
        }
        let mut elsewhere = leaf("1.0", json!({}));
        elsewhere["packageContent"] = json!("http://elsewhere.test/acme.nupkg");
        assert!(read(&elsewhere).is_none());
    }

    #[test]
    fn what_is_packed_is_unpacked_within_bounds() {
        let packed = |text: &[u8]| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::best());
            packed.write_all(text).unwrap();
            Bytes::from(packed.finish().unwrap())
        };
        assert_eq!(read(&packed(b"{\"a\": 1}"), 100).unwrap(), (json!({"a": 1}), 8));
        assert_eq!(read(&Bytes::from_static(b"[]"), 2).unwrap().1, 2);
        let bomb = packed(&[b' '; 1_000_000]);
        assert!(bomb.len() < 10_000 && read(&bomb, 100_000).unwrap_err().contains("more than"));
        assert!(
            read(&bomb.slice(..20), 100_000).is_err() && read(&Bytes::from_static(b"<html>"), 100).is_err()
        );
    }
}
