//! What the archive of a package says of it: its `.nuspec`. Pure. Source: NuGet documentation, ".nuspec reference".

use aws::protocol::xml::{self, Element};
use serde_json::{Map, Value, json};

use crate::records::{Dependency, Metadata};

/// In bytes.
pub const LONGEST: u64 = 1024 * 1024;
const MOST_DEPENDENCIES: usize = 5_000;
const LONGEST_TEXT: usize = 35_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub id: String,
    pub version: String,
    /// The members of the catalog entry.
    pub entry: Value,
    pub metadata: Metadata,
}

/// Whether it is there that an archive has its manifest.
pub fn is_path(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".nuspec") && !path.contains('/')
}

/// Reads a manifest. Errors: what is wrong with it.
pub fn read(body: &[u8]) -> Result<Manifest, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let root = xml::parse(body).map_err(|error| error.0)?;
    let said = root.child("metadata").filter(|_| root.name == "package");
    let said = said.ok_or_else(|| "It is not <package><metadata>".to_owned())?;
    let id = text(said, "id").ok_or_else(|| "It has no id".to_owned())?;
    let version = text(said, "version").ok_or_else(|| "It has no version".to_owned())?;
    let groups = groups(said);
    let mut entry = Map::new();
    entry.insert("id".to_owned(), json!(id));
    entry.insert("version".to_owned(), json!(version));
    for (member, element) in [
        ("authors", "authors"),
        ("description", "description"),
        ("summary", "summary"),
        ("title", "title"),
        ("projectUrl", "projectUrl"),
        ("iconUrl", "iconUrl"),
        ("licenseUrl", "licenseUrl"),
        ("language", "language"),
        ("releaseNotes", "releaseNotes"),
    ] {
        if let Some(text) = text(said, element) {
            entry.insert(member.to_owned(), json!(text));
        }
    }
    let attribute = |name: &str| said.attribute(name).map(str::to_owned);
    if let Some(oldest) = attribute("minClientVersion") {
        entry.insert("minClientVersion".to_owned(), json!(oldest));
    }
    let expression = said.child("license").filter(|license| license.attribute("type") == Some("expression"));
    let expression = expression.map(|license| license.text.trim().to_owned());
    if let Some(expression) = &expression {
        entry.insert("licenseExpression".to_owned(), json!(expression));
    }
    let tags = text(said, "tags").unwrap_or_default();
    entry.insert("tags".to_owned(), tags.split_whitespace().collect());
    let must_accept = text(said, "requireLicenseAcceptance").is_some_and(|said| said == "true");
    entry.insert("requireLicenseAcceptance".to_owned(), json!(must_accept));
    entry.insert("dependencyGroups".to_owned(), groups.iter().map(Group::shown).collect());
    let metadata = Metadata {
        display_name: Some(id.clone()),
        summary: text(said, "summary").or_else(|| text(said, "description")),
        home_page: text(said, "projectUrl"),
        source_code: said.child("repository").and_then(|it| it.attribute("url")).map(str::to_owned),
        licenses: expression.or_else(|| text(said, "licenseUrl")).into_iter().collect(),
        readme: None,
        dependencies: groups.into_iter().flat_map(|group| group.dependencies).collect(),
    };
    Ok(Manifest { id, version, entry: Value::Object(entry), metadata })
}

/// The dependencies for one framework, or for all.
struct Group {
    framework: Option<String>,
    dependencies: Vec<Dependency>,
}

impl Group {
    fn shown(&self) -> Value {
        let dependencies = self.dependencies.iter();
        let dependencies: Vec<Value> = dependencies
            .map(|dependency| json!({ "id": dependency.package, "range": dependency.requirement }))
            .collect();
        match &self.framework {
            Some(framework) => json!({ "targetFramework": framework, "dependencies": dependencies }),
            None => json!({ "dependencies": dependencies }),
        }
    }
}

fn groups(said: &Element) -> Vec<Group> {
    let all = said.child("dependencies").into_iter().flat_map(|dependencies| &dependencies.children);
    let (groups, plain): (Vec<&Element>, Vec<&Element>) = all.partition(|child| child.name == "group");
    let mut left = MOST_DEPENDENCIES;
    let mut read = |framework: Option<&str>, elements: &mut dyn Iterator<Item = &Element>| {
        let dependencies: Vec<Dependency> = elements.filter_map(dependency).take(left).collect();
        left -= dependencies.len();
        Group { framework: framework.map(str::to_owned), dependencies }
    };
    let mut found: Vec<Group> = groups
        .into_iter()
        .map(|group| read(group.attribute("targetFramework"), &mut group.children.iter()))
        .collect();
    if !plain.is_empty() {
        found.push(read(None, &mut plain.into_iter()));
    }
    found
}

fn dependency(element: &Element) -> Option<Dependency> {
    let package = element.attribute("id")?.to_owned();
    let requirement = element.attribute("version").unwrap_or_default();
    // A version alone is the lowest one.
    let requirement = match requirement.chars().next() {
        Some('[' | '(') => requirement.to_owned(),
        Some(_) => format!("[{requirement}, )"),
        None => "(, )".to_owned(),
    };
    Some(Dependency { namespace: None, package, kind: "dependency".to_owned(), requirement })
}

fn text(element: &Element, name: &str) -> Option<String> {
    let text = element.child(name)?.text.trim();
    (!text.is_empty()).then(|| text.chars().take(LONGEST_TEXT).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_tells_of_its_package() {
        let manifest = read(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><package xmlns=\"http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd\">
              <metadata minClientVersion=\"2.12\"><id>Acme.Web</id><version>1.0.0-Beta+5</version><authors>Us</authors>
              <description>What it is</description><license type=\"expression\">MIT</license><tags>a  b</tags>
              <dependencies><group targetFramework=\"net8.0\"><dependency id=\"Acme.Core\" version=\"1.2\"/></group>
              <group targetFramework=\"net9.0\"/><dependency id=\"Old\" version=\"[1,2)\"/></dependencies></metadata></package>",
        )
        .unwrap();
        assert_eq!((manifest.id.as_str(), manifest.version.as_str()), ("Acme.Web", "1.0.0-Beta+5"));
        let groups = &manifest.entry["dependencyGroups"];
        assert_eq!(groups[0]["dependencies"][0], json!({ "id": "Acme.Core", "range": "[1.2, )" }));
        assert_eq!(
            (&groups[1]["targetFramework"], &groups[2]["dependencies"][0]["range"]),
            (&json!("net9.0"), &json!("[1,2)"))
        );
        assert_eq!((&manifest.entry["tags"], manifest.metadata.licenses.len()), (&json!(["a", "b"]), 1));
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for body in ["", "<package/>", "<package><metadata><id>a</id></metadata></package>", "<metadata/>"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(is_path("Acme.nuspec") && !is_path("lib/Acme.nuspec") && !is_path("nuspec"));
    }
}
