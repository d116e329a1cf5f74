//! The document of a package: all its versions that clients may see. Pure.
//! Source: npm's registry documentation, "package-metadata".

use std::cmp::Ordering;
use std::collections::BTreeMap;

use aws::Timestamp;
use serde_json::{Map, Value, json};

use crate::names::{Coordinates, Format};
use crate::packages::chain::{Found, Link};
use crate::records::{Native, Version};
use crate::versions::compare;

/// What the abbreviated form keeps of a manifest.
const ABBREVIATED: [&str; 20] = [
    "name",
    "version",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "bin",
    "directories",
    "dist",
    "engines",
    "funding",
    "os",
    "cpu",
    "libc",
    "hasInstallScript",
    "_hasShrinkwrap",
];

/// The names for versions along the chain. For one name, that of the repository farthest up counts: so a version that is
/// published here does not take `latest` from a package of others. Names of versions that are not listed are left out;
/// without `latest`, the highest version is that.
/// Source: CodeArtifact User Guide, "npm tags and upstream repositories".
pub fn tags(links: &[Link], versions: &BTreeMap<String, Found>) -> BTreeMap<String, String> {
    let is_listed =
        |version: &String| versions.get(version).is_some_and(|found| found.version.status.is_listed());
    let mut tags = BTreeMap::new();
    for link in links {
        let own = link.package.iter().flat_map(|package| &package.tags);
        let outside = link.external.iter().flat_map(|external| &external.tags);
        let listed = own.chain(outside).filter(|(_, version)| is_listed(version));
        tags.extend(listed.map(|(tag, version)| (tag.clone(), version.clone())));
    }
    if !tags.contains_key("latest")
        && let Some(highest) = highest(versions)
    {
        tags.insert("latest".to_owned(), highest);
    }
    tags
}

/// One that is no prerelease, if there is any.
fn highest(versions: &BTreeMap<String, Found>) -> Option<String> {
    let listed = versions.iter().filter(|(_, found)| found.version.status.is_listed());
    let is_final =
        |version: &str| semver::Version::parse(version).is_ok_and(|version| version.pre.is_empty());
    let rank = |a: &String, b: &String| match (is_final(a), is_final(b)) {
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (true, true) | (false, false) => compare(Format::Npm, a, b),
    };
    listed.map(|(version, _)| version).max_by(|a, b| rank(a, b)).cloned()
}

/// `base` is the address of the registry. `None` without a version that clients may see.
pub fn of(
    package: &Coordinates,
    versions: &BTreeMap<String, Found>,
    tags: &BTreeMap<String, String>,
    base: &str,
    is_abbreviated: bool,
) -> Option<Value> {
    let mut listed: Vec<&Found> =
        versions.values().filter(|found| found.version.status.is_listed()).collect();
    listed.sort_by(|a, b| compare(Format::Npm, &a.version.version, &b.version.version));
    let newest = listed.iter().map(|found| published(found)).max()?;
    let oldest = listed.iter().map(|found| published(found)).min()?;
    let mut shown = Map::new();
    for version in listed.iter().map(|found| &found.version) {
        if let Some(manifest) = manifest(version, base) {
            let manifest = if is_abbreviated { abbreviated(manifest) } else { manifest };
            shown.insert(version.version.clone(), manifest);
        }
    }
    let name = package.shown();
    let modified = newest.to_iso8601_millis();
    if is_abbreviated {
        return Some(json!({ "name": name, "modified": modified, "dist-tags": tags, "versions": shown }));
    }
    let mut time = Map::new();
    time.insert("created".to_owned(), Value::from(oldest.to_iso8601_millis()));
    time.insert("modified".to_owned(), Value::from(modified));
    for found in &listed {
        time.insert(found.version.version.clone(), Value::from(published(found).to_iso8601_millis()));
    }
    let latest = tags.get("latest").and_then(|latest| versions.get(latest)).map(|found| &found.version);
    let mut document = json!({
        "_id": name, "name": name, "dist-tags": tags, "versions": shown, "time": time,
    });
    if let (Some(latest), Some(document)) = (latest, document.as_object_mut()) {
        describe(document, latest);
    }
    Some(document)
}

/// Of what came from outside the time of its origin, where that is known: it did not become newer by coming in.
fn published(found: &Found) -> Timestamp {
    let outside = found.remote.as_ref().map(|(_, remote)| remote.published);
    outside.filter(|at| at.as_millis() > 0).unwrap_or(found.version.published)
}

/// What is told once, as the version says that is named `latest`.
fn describe(document: &mut Map<String, Value>, latest: &Version) {
    let Some(Native::Npm(npm)) = &latest.contents.native else { return };
    let told =
        ["description", "homepage", "keywords", "repository", "author", "bugs", "license", "maintainers"];
    for member in told {
        if let Some(value) = npm.manifest.get(member) {
            document.insert(member.to_owned(), value.clone());
        }
    }
    if let Some(readme) = &latest.contents.metadata.readme {
        document.insert("readme".to_owned(), Value::from(readme.as_str()));
    }
}

/// The manifest of a version as clients see it, with the address of its bytes at this registry.
pub fn manifest(version: &Version, base: &str) -> Option<Value> {
    let Some(Native::Npm(npm)) = &version.contents.native else { return None };
    let mut manifest = npm.manifest.clone();
    let package = &version.coordinates;
    let tarball = format!("{base}{}/-/{}-{}.tgz", package.shown(), package.name, version.version);
    manifest.get_mut("dist")?.as_object_mut()?.insert("tarball".to_owned(), Value::from(tarball));
    if let Some(why) = &npm.deprecated {
        manifest.as_object_mut()?.insert("deprecated".to_owned(), Value::from(why.as_str()));
    }
    Some(manifest)
}

fn abbreviated(manifest: Value) -> Value {
    let Value::Object(manifest) = manifest else { return manifest };
    let is_kept = |member: &String| ABBREVIATED.contains(&member.as_str()) || member == "deprecated";
    Value::Object(manifest.into_iter().filter(|(member, _)| is_kept(member)).collect())
}
