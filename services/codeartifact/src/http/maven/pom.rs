//! The description of a version: its POM. Pure. Source: Maven, "POM Reference".

use aws::protocol::xml::{self, Element};

use crate::names::Coordinates;
use crate::records::{Dependency, Metadata};

const MOST_DEPENDENCIES: usize = 5_000;
const LONGEST_TEXT: usize = 10_000;

/// What a POM says of itself. What follows from its parent or from properties is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct Pom {
    pub group: Option<String>,
    pub artifact: Option<String>,
    pub version: Option<String>,
    pub metadata: Metadata,
}

/// Reads a POM. Errors: what is wrong with it.
pub fn read(body: &[u8]) -> Result<Pom, String> {
    let root = match std::str::from_utf8(body) {
        Ok(_) => xml::parse(body),
        // Old ones are written in Latin-1, in which every byte is a letter.
        Err(_) => xml::parse(body.iter().copied().map(char::from).collect::<String>().as_bytes()),
    };
    let root = root.map_err(|error| error.0)?;
    if root.name != "project" {
        return Err(format!("Its root is <{}> and not <project>", root.name));
    }
    let parent = root.child("parent");
    let inherited = |name: &str| text(&root, name).or_else(|| text(parent?, name));
    let artifact = text(&root, "artifactId");
    Ok(Pom {
        group: inherited("groupId").filter(|text| is_plain(text)),
        version: inherited("version").filter(|text| is_plain(text)),
        metadata: metadata(&root, artifact.clone()),
        artifact: artifact.filter(|text| is_plain(text)),
    })
}

impl Pom {
    /// Whether it can be that of a version; `version` is `1.0-SNAPSHOT` for all builds of that.
    pub fn is_of(&self, package: &Coordinates, version: &str) -> bool {
        let is = |said: &Option<String>, expected: &str| said.as_ref().is_none_or(|said| said == expected);
        is(&self.group, &package.namespace) && is(&self.artifact, &package.name) && is(&self.version, version)
    }
}

fn metadata(root: &Element, artifact: Option<String>) -> Metadata {
    let licenses = root.child("licenses").into_iter().flat_map(|licenses| &licenses.children);
    let dependencies = root.child("dependencies").into_iter().flat_map(|dependencies| &dependencies.children);
    Metadata {
        display_name: text(root, "name").filter(|text| is_plain(text)).or(artifact),
        summary: text(root, "description"),
        home_page: text(root, "url").filter(|text| is_plain(text)),
        source_code: root.child("scm").and_then(|scm| text(scm, "url")).filter(|text| is_plain(text)),
        licenses: licenses.filter_map(|license| text(license, "name")).collect(),
        readme: None,
        dependencies: dependencies.take(MOST_DEPENDENCIES).filter_map(dependency).collect(),
    }
}

fn dependency(element: &Element) -> Option<Dependency> {
    Some(Dependency {
        namespace: Some(text(element, "groupId")?),
        package: text(element, "artifactId")?,
        kind: text(element, "scope").unwrap_or_else(|| "compile".to_owned()),
        requirement: text(element, "version").unwrap_or_default(),
    })
}

fn text(element: &Element, name: &str) -> Option<String> {
    let text = element.child(name)?.text.trim();
    (!text.is_empty()).then(|| text.chars().take(LONGEST_TEXT).collect())
}

/// Without properties.
fn is_plain(text: &str) -> bool {
    !text.contains("${")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Format;

    #[test]
    fn a_pom_tells_of_its_version() {
        let pom = read(
            b"<?xml version='1.0'?><project xmlns='http://maven.apache.org/POM/4.0.0'>
              <parent><groupId>com.acme</groupId><artifactId>parent</artifactId><version>2</version></parent>
              <artifactId>app</artifactId><version>${revision}</version><description> What \xfc is </description>
              <licenses><license><name>MIT</name></license></licenses>
              <dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>[1,2)</version>
              <scope>test</scope></dependency></dependencies></project>",
        )
        .unwrap();
        let package = Coordinates::normal(Format::Maven, "com.acme", "app");
        assert!(pom.is_of(&package, "anything"));
        assert!(!pom.is_of(&Coordinates::normal(Format::Maven, "com.acme", "other"), "1"));
        assert!(!pom.is_of(&Coordinates::normal(Format::Maven, "com", "app"), "1"));
        assert_eq!(pom.metadata.summary.as_deref(), Some("What \u{fc} is"));
        assert_eq!((pom.metadata.licenses[0].as_str(), pom.metadata.dependencies.len()), ("MIT", 1));
        assert_eq!(pom.metadata.dependencies[0].kind, "test");
    }

    #[test]
    fn what_is_no_pom_is_refused() {
        for body in ["", "<html></html>", "<project>", "PK"] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
