//! `maven-metadata.xml`: of packages, of snapshots, and of the plugins of a group. Pure.
//! Source: Maven, "Repository Metadata".

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws::Timestamp;
use aws::protocol::xml::{self, Element};

use crate::names::Coordinates;
use crate::versions::maven;

/// What a document says. What it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub group: Option<String>,
    pub artifact: Option<String>,
    pub versions: Vec<String>,
    /// `20210728.194552-1`, of the newest build of a snapshot that has files.
    pub build: Option<String>,
    /// The prefixes of plugins, by artifact.
    pub plugins: BTreeMap<String, Prefix>,
}

/// What a plugin is called on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    pub prefix: String,
    pub name: Option<String>,
}

/// Reads a document. Errors: what is wrong with it.
pub fn read(body: &[u8]) -> Result<Said, String> {
    let root = xml::parse(body).map_err(|error| format!("no metadata of Maven: {}", error.0))?;
    if root.name != "metadata" {
        return Err(format!("no metadata of Maven, but <{}>", root.name));
    }
    let versioning = root.child("versioning");
    let listed = versioning.and_then(|versioning| versioning.child("versions"));
    let listed = listed.into_iter().flat_map(|versions| &versions.children);
    let plugins = root.child("plugins").into_iter().flat_map(|plugins| &plugins.children);
    Ok(Said {
        group: text(&root, "groupId"),
        artifact: text(&root, "artifactId"),
        versions: listed.map(|version| version.text.trim().to_owned()).collect(),
        build: versioning.and_then(build),
        plugins: plugins
            .filter_map(|plugin| {
                let prefix = Prefix { prefix: text(plugin, "prefix")?, name: text(plugin, "name") };
                Some((text(plugin, "artifactId")?, prefix))
            })
            .collect(),
    })
}

/// The build that a document is about, which must list a file of it.
fn build(versioning: &Element) -> Option<String> {
    let snapshot = versioning.child("snapshot")?;
    let build = format!("{}-{}", text(snapshot, "timestamp")?, text(snapshot, "buildNumber")?);
    let files = &versioning.child("snapshotVersions")?.children;
    let is_of_it =
        |file: &Element| text(file, "value").is_some_and(|value| value.ends_with(&format!("-{build}")));
    files.iter().any(is_of_it).then_some(build)
}

fn text(element: &Element, name: &str) -> Option<String> {
    let text = element.child(name)?.text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The document of a package, or of a group with plugins, or of what is both. The versions are in their order.
pub fn of_package(
    package: &Coordinates,
    versions: &[&str],
    updated: Timestamp,
    plugins: &BTreeMap<String, Prefix>,
) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n");
    if let Some(latest) = versions.last() {
        let release = versions.iter().rev().find(|version| !version.ends_with(maven::SNAPSHOT));
        line(&mut out, 1, "groupId", &package.namespace);
        line(&mut out, 1, "artifactId", &package.name);
        out.push_str("  <versioning>\n");
        line(&mut out, 2, "latest", latest);
        if let Some(release) = release {
            line(&mut out, 2, "release", release);
        }
        out.push_str("    <versions>\n");
        versions.iter().for_each(|version| line(&mut out, 3, "version", version));
        out.push_str("    </versions>\n");
        // What is only known by its name has no time.
        if updated.as_millis() > 0 {
            line(&mut out, 2, "lastUpdated", &updated.format("%Y%m%d%H%M%S"));
        }
        out.push_str("  </versioning>\n");
    }
    if !plugins.is_empty() {
        out.push_str("  <plugins>\n");
        for (artifact, Prefix { prefix, name }) in plugins {
            out.push_str("    <plugin>\n");
            line(&mut out, 3, "name", name.as_deref().unwrap_or(artifact));
            line(&mut out, 3, "prefix", prefix);
            line(&mut out, 3, "artifactId", artifact);
            out.push_str("    </plugin>\n");
        }
        out.push_str("  </plugins>\n");
    }
    out.push_str("</metadata>\n");
    out
}

/// The document of a snapshot whose newest build, `1.0-20210728.194552-1`, has these files.
pub fn of_snapshot<'f>(
    package: &Coordinates,
    snapshot: &str,
    build: &str,
    files: impl Iterator<Item = &'f str>,
    updated: Timestamp,
) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata modelVersion=\"1.1.0\">\n");
    line(&mut out, 1, "groupId", &package.namespace);
    line(&mut out, 1, "artifactId", &package.name);
    line(&mut out, 1, "version", snapshot);
    out.push_str("  <versioning>\n");
    if let Some((stamp, number)) = maven::stamp_of_build(build) {
        out.push_str("    <snapshot>\n");
        line(&mut out, 3, "timestamp", stamp);
        line(&mut out, 3, "buildNumber", &number.to_string());
        out.push_str("    </snapshot>\n");
    }
    let updated = updated.format("%Y%m%d%H%M%S");
    line(&mut out, 2, "lastUpdated", &updated);
    out.push_str("    <snapshotVersions>\n");
    let prefix = format!("{}-{build}", package.name);
    for (classifier, extension) in files.filter_map(|file| kind(file.strip_prefix(&prefix)?)) {
        out.push_str("      <snapshotVersion>\n");
        if let Some(classifier) = classifier {
            line(&mut out, 4, "classifier", classifier);
        }
        line(&mut out, 4, "extension", extension);
        line(&mut out, 4, "value", build);
        line(&mut out, 4, "updated", &updated);
        out.push_str("      </snapshotVersion>\n");
    }
    out.push_str("    </snapshotVersions>\n  </versioning>\n</metadata>\n");
    out
}

/// `-sources.jar` → classifier and extension.
fn kind(rest: &str) -> Option<(Option<&str>, &str)> {
    match rest.strip_prefix('-') {
        Some(rest) => rest.split_once('.').map(|(classifier, extension)| (Some(classifier), extension)),
        None => rest.strip_prefix('.').map(|extension| (None, extension)),
    }
}

fn line(out: &mut String, depth: usize, name: &str, value: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(out, "{:indent$}<{name}>{}</{name}>", "", xml::text(value), indent = depth * 2);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Format;

    fn package() -> Coordinates {
        Coordinates::normal(Format::Maven, "com.acme", "app")
    }

    #[test]
    fn what_is_written_is_read_again() {
        let prefix = Prefix { prefix: "app".into(), name: Some("An <app>".into()) };
        let plugins = BTreeMap::from([("app-maven-plugin".to_owned(), prefix)]);
        let at = Timestamp::from_millis(1_600_000_000_000);
        let document = of_package(&package(), &["1.0", "1.1", "2-SNAPSHOT"], at, &plugins);
        let said = read(document.as_bytes()).unwrap();
        assert_eq!((said.group.as_deref(), said.artifact.as_deref()), (Some("com.acme"), Some("app")));
        assert_eq!(
            (said.versions, said.plugins),
            (vec!["1.0".into(), "1.1".into(), "2-SNAPSHOT".into()], plugins)
        );
        for part in ["<latest>2-SNAPSHOT<", "<release>1.1<", "<lastUpdated>20200913122640<"] {
            assert!(document.contains(part), "{part}");
        }
    }

    #[test]
    fn a_snapshot_is_its_newest_build() {
        let build = "1.0-20210728.194552-3";
        let files =
            [format!("app-{build}.jar"), format!("app-{build}-sources.jar"), format!("app-{build}.pom")];
        let at = Timestamp::from_millis(1_600_000_000_000);
        let files = files.iter().map(String::as_str);
        let document = of_snapshot(&package(), "1.0-SNAPSHOT", build, files, at);
        assert_eq!(read(document.as_bytes()).unwrap().build.as_deref(), Some("20210728.194552-3"));
        assert!(document.contains("<classifier>sources</classifier>\n        <extension>jar</extension>"));
        // Without a file of the build, it is none.
        let empty = document.replace("<value>1.0-20210728.194552-3<", "<value>1.0-20210728.194552-2<");
        assert_eq!(read(empty.as_bytes()).unwrap().build, None);
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for body in ["", "<html/>", "<metadata>", "<!DOCTYPE metadata><metadata/>"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        assert_eq!(read(b"<metadata/>").unwrap(), Said::default());
    }
}
