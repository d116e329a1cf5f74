//! What is read out of a `package.json` as it is published. Pure.
//! Source: npm documentation, "package.json".

use serde_json::{Map, Value};

use crate::records::{Dependency, Metadata};

/// A readme beyond this is left out. In bytes.
const LONGEST_README: usize = 512 * 1024;
/// More dependencies are not told of by the API.
const MOST_DEPENDENCIES: usize = 5_000;
const LONGEST_NAME: usize = 255;

/// The members of a manifest that tell of dependencies, and what the API calls them.
const DEPENDENCIES: [(&str, &str); 4] = [
    ("dependencies", "regular"),
    ("devDependencies", "dev"),
    ("peerDependencies", "peer"),
    ("optionalDependencies", "optional"),
];

/// What the API tells of a version.
pub fn metadata(name: &str, manifest: &Value, readme: Option<&str>) -> Metadata {
    let text = |member: &str| manifest.get(member).and_then(Value::as_str).map(str::to_owned);
    let own_readme = manifest.get("readme").and_then(Value::as_str);
    let readme = own_readme.or(readme).filter(|readme| !readme.is_empty() && readme.len() <= LONGEST_README);
    Metadata {
        display_name: Some(name.to_owned()),
        summary: text("description"),
        home_page: text("homepage"),
        source_code: repository(manifest),
        licenses: licenses(manifest),
        readme: readme.map(str::to_owned),
        dependencies: dependencies(manifest),
    }
}

fn repository(manifest: &Value) -> Option<String> {
    let repository = manifest.get("repository")?;
    repository.as_str().or_else(|| repository.get("url")?.as_str()).map(str::to_owned)
}

/// One as a text; old manifests have a list of objects.
fn licenses(manifest: &Value) -> Vec<String> {
    let name = |value: &Value| value.as_str().or_else(|| value.get("type")?.as_str()).map(str::to_owned);
    match (manifest.get("license"), manifest.get("licenses")) {
        (Some(license), _) => name(license).into_iter().collect(),
        (None, Some(Value::Array(licenses))) => licenses.iter().filter_map(name).collect(),
        (None, _) => Vec::new(),
    }
}

fn dependencies(manifest: &Value) -> Vec<Dependency> {
    let of_kind = |(member, kind): &(&str, &str)| {
        let entries: Vec<Dependency> = manifest
            .get(*member)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, requirement)| dependency(name, requirement, kind))
            .collect();
        entries
    };
    DEPENDENCIES.iter().flat_map(of_kind).take(MOST_DEPENDENCIES).collect()
}

fn dependency(name: &str, requirement: &Value, kind: &str) -> Option<Dependency> {
    let scoped = name.strip_prefix('@').and_then(|scoped| scoped.split_once('/'));
    let (namespace, package) = scoped.map_or((None, name), |(scope, name)| (Some(scope), name));
    let fits = |text: &str| {
        let odd = |letter: char| letter.is_whitespace() || matches!(letter, '#' | '/');
        !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(odd)
    };
    (fits(package) && namespace.is_none_or(fits)).then(|| Dependency {
        namespace: namespace.map(str::to_owned),
        package: package.to_owned(),
        kind: kind.to_owned(),
        requirement: requirement.as_str().unwrap_or_default().to_owned(),
    })
}

/// The manifest as it is kept: without what is told once for all versions, and with what installing needs to know.
pub fn kept(mut manifest: Map<String, Value>, shasum: &str, integrity: &str) -> Value {
    for member in ["readme", "readmeFilename", "_attachments", "deprecated"] {
        manifest.remove(member);
    }
    if has_install_script(&manifest) {
        // Without it, clients that see only the abbreviated form run no script.
        manifest.insert("hasInstallScript".to_owned(), Value::Bool(true));
    }
    let mut dist = match manifest.remove("dist") {
        Some(Value::Object(dist)) => dist,
        Some(_) | None => Map::new(),
    };
    dist.remove("tarball");
    dist.insert("shasum".to_owned(), Value::from(shasum));
    dist.insert("integrity".to_owned(), Value::from(integrity));
    manifest.insert("dist".to_owned(), Value::Object(dist));
    Value::Object(manifest)
}

/// The same of a manifest as another registry shows it.
pub fn of_origin(mut manifest: Map<String, Value>) -> Value {
    for member in ["readme", "readmeFilename", "_attachments", "deprecated"] {
        manifest.remove(member);
    }
    if let Some(dist) = manifest.get_mut("dist").and_then(Value::as_object_mut) {
        dist.remove("tarball");
    }
    if has_install_script(&manifest) {
        manifest.insert("hasInstallScript".to_owned(), Value::Bool(true));
    }
    Value::Object(manifest)
}

fn has_install_script(manifest: &Map<String, Value>) -> bool {
    let scripts = manifest.get("scripts").and_then(Value::as_object);
    let has = |name: &str| scripts.is_some_and(|scripts| scripts.contains_key(name));
    ["preinstall", "install", "postinstall"].into_iter().any(has)
        || manifest.get("gypfile").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_manifest_tells_of_its_package() {
        let manifest = json!({
            "description": "d", "repository": {"type": "git", "url": "git+ssh://x"}, "license": "MIT",
            "dependencies": {"@acme/web": "^1", "left-pad": "1.x"}, "peerDependencies": {"react": ">=18"},
            "scripts": {"postinstall": "node x"}, "readme": "# hello", "dist": {"tarball": "http://x", "fileCount": 2},
        });
        let metadata = metadata("p", &manifest, None);
        assert_eq!(metadata.source_code.as_deref(), Some("git+ssh://x"));
        assert_eq!(metadata.readme.as_deref(), Some("# hello"));
        let kinds: Vec<_> =
            metadata.dependencies.iter().map(|found| (found.package.as_str(), found.kind.as_str())).collect();
        assert_eq!(kinds, [("web", "regular"), ("left-pad", "regular"), ("react", "peer")]);
        assert_eq!(metadata.dependencies[0].namespace.as_deref(), Some("acme"));
        let kept = kept(manifest.as_object().unwrap().clone(), "aa", "sha512-bb");
        assert_eq!(kept["dist"], json!({"fileCount": 2, "shasum": "aa", "integrity": "sha512-bb"}));
        assert_eq!((kept.get("readme"), &kept["hasInstallScript"]), (None, &json!(true)));
    }
}
