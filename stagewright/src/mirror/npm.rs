//! Packages of npm: which version a range means, and what a version needs.
//! Source: npm's documentation, "package.json"; npm-pick-manifest.

use std::collections::{BTreeMap, BTreeSet};

use codeartifact::package_names::is_npm_name;
use nodejs_semver::{Range, Version};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A range or a tag of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub name: String,
    pub range: String,
    /// Whether installing goes on without it.
    pub is_optional: bool,
}

/// What a registry says of a package, or what of that goes into a bundle.
#[derive(Default, Deserialize)]
pub struct Packument {
    #[serde(default, rename = "dist-tags")]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub versions: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    pub time: BTreeMap<String, Value>,
}

impl Need {
    /// `range` may name another package: `npm:other@^1`. Errors: if it is not one that a registry has.
    pub fn of(name: &str, range: &str) -> Result<Self, String> {
        let (name, range) = match range.strip_prefix("npm:") {
            Some(alias) => match alias.rfind('@').filter(|at| *at > 0) {
                Some(at) => (alias.get(..at).unwrap_or_default(), alias.get(at + 1..).unwrap_or_default()),
                None => (alias, "*"),
            },
            None => (name, range),
        };
        if !is_npm_name(name) {
            return Err(format!("'{name}' is no name of a package of npm"));
        }
        let range = if range.trim().is_empty() { "*" } else { range.trim() };
        let is_tag = range.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if !is_tag && Range::parse(range).is_err() {
            return Err(format!("'{range}' of {name} is no range of versions in a registry"));
        }
        Ok(Self { name: name.to_owned(), range: range.to_owned(), is_optional: false })
    }
}

/// The name of a package without its scope.
pub fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

impl Packument {
    /// The version that npm would take: the one named `latest` if it is in the range, else the highest one in it, those
    /// that are not deprecated before others.
    pub fn pick(&self, range: &str) -> Option<&str> {
        if let Some(tagged) = self.tags.get(range) {
            return self.versions.get_key_value(tagged).map(|(version, _)| version.as_str());
        }
        if let Some((exact, _)) = self.versions.get_key_value(range.trim_start_matches(['=', 'v'])) {
            return Some(exact);
        }
        let range = Range::parse(range).ok()?;
        let latest = self.tags.get("latest");
        let fitting = self.versions.iter().filter_map(|(text, manifest)| {
            let version = Version::parse(text).ok().filter(|version| version.satisfies(&range))?;
            let is_deprecated = manifest.get("deprecated").is_some_and(|why| why != "" && why != false);
            Some((!is_deprecated, latest == Some(text), version, text.as_str()))
        });
        fitting.max_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2))).map(|(_, _, _, text)| text)
    }

    /// Whether any version fits all that a package may ask for: `*`.
    pub fn highest(&self) -> Option<&str> {
        let is_final = |version: &Version| !version.is_prerelease();
        let versions = self.versions.keys().filter_map(|text| Some((Version::parse(text).ok()?, text)));
        versions
            .max_by(|(a, _), (b, _)| (is_final(a), a).cmp(&(is_final(b), b)))
            .map(|(_, text)| text.as_str())
    }
}

/// What a version needs, and what of it no registry has.
pub fn needs(manifest: &Map<String, Value>) -> (BTreeSet<Need>, Vec<String>) {
    let bundled: BTreeSet<&str> = ["bundleDependencies", "bundledDependencies"]
        .into_iter()
        .filter_map(|member| manifest.get(member)?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let of = |member: &'static str| manifest.get(member).and_then(Value::as_object).into_iter().flatten();
    let is_optional_peer = |name: &String| {
        let meta = manifest.get("peerDependenciesMeta").and_then(|meta| meta.get(name)?.get("optional"));
        meta == Some(&Value::Bool(true))
    };
    // An optional one takes the place of another of the same name.
    let mut asked: BTreeMap<&String, (&Value, bool)> =
        of("dependencies").map(|(name, range)| (name, (range, false))).collect();
    asked.extend(of("optionalDependencies").map(|(name, range)| (name, (range, true))));
    let peers = of("peerDependencies").filter(|(name, _)| !is_optional_peer(name));
    let peers = peers.map(|(name, range)| (name, (range, false)));
    let (mut needs, mut others) = (BTreeSet::new(), Vec::new());
    for (name, (range, is_optional)) in asked.into_iter().chain(peers) {
        if bundled.contains(name.as_str()) {
            continue;
        }
        match Need::of(name, range.as_str().unwrap_or("*")) {
            Ok(need) => drop(needs.insert(Need { is_optional, ..need })),
            Err(why) => others.push(why),
        }
    }
    (needs, others)
}

impl Packument {
    /// Adds a version of a registry's; false if it was there.
    pub fn add(&mut self, packument: &Packument, version: &str) -> bool {
        let Some(manifest) = packument.versions.get(version) else { return false };
        self.tags.extend(packument.tags.clone());
        if let Some(time) = packument.time.get(version) {
            self.time.insert(version.to_owned(), time.clone());
        }
        self.versions.insert(version.to_owned(), manifest.clone()).is_none()
    }

    /// The document as a bundle has it: archives lie beside it.
    pub fn document(mut self, name: &str) -> Value {
        self.tags.retain(|_, version| self.versions.contains_key(version));
        for (version, manifest) in &mut self.versions {
            if let Some(dist) = manifest.get_mut("dist").and_then(Value::as_object_mut) {
                dist.insert("tarball".to_owned(), json!(archive(name, version)));
            }
        }
        if !self.tags.contains_key("latest")
            && let Some(highest) = self.highest().map(str::to_owned)
        {
            self.tags.insert("latest".to_owned(), highest);
        }
        json!({ "name": name, "dist-tags": self.tags, "versions": self.versions, "time": self.time })
    }
}

/// Where the archive of a version is, beside the document.
pub fn archive(name: &str, version: &str) -> String {
    format!("-/{}-{version}.tgz", base_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packument(versions: &[&str], latest: &str) -> Packument {
        let version = |text: &&str| ((*text).to_owned(), json!({"name": "a", "version": text, "dist": {}}));
        let versions: Map<String, Value> = versions.iter().map(version).collect();
        serde_json::from_value(json!({"dist-tags": {"latest": latest}, "versions": versions})).unwrap()
    }

    #[test]
    fn a_version_is_picked_as_npm_does() {
        let mut of = packument(&["1.0.0", "1.2.0", "1.10.0", "2.0.0", "3.0.0-rc.1"], "1.2.0");
        for (range, expected) in [
            ("^1", Some("1.2.0")),
            (">=1.2.1", Some("2.0.0")),
            ("latest", Some("1.2.0")),
            ("1.0.0", Some("1.0.0")),
            ("v1.0.0", Some("1.0.0")),
            ("~1.10 || ~1.0", Some("1.10.0")),
            ("1 - 2", Some("1.2.0")),
            ("^3.0.0-0", Some("3.0.0-rc.1")),
            ("^4", None),
            ("next", None),
        ] {
            assert_eq!(of.pick(range), expected, "{range}");
        }
        of.versions.get_mut("2.0.0").unwrap().insert("deprecated".into(), json!("broken"));
        assert_eq!(of.pick(">=1.10.0"), Some("1.10.0"));
    }

    #[test]
    fn needs_are_those_of_installing() {
        let manifest = json!({
            "dependencies": {"a": "^1", "b": "npm:@acme/c@2", "d": "github:x/y", "inside": "1", "maybe": "^1"},
            "optionalDependencies": {"e": "", "maybe": "^2"}, "peerDependencies": {"f": "*", "g": "*"},
            "peerDependenciesMeta": {"g": {"optional": true}}, "devDependencies": {"h": "1"},
            "bundleDependencies": ["inside"],
        });
        let (needs, others) = needs(manifest.as_object().unwrap());
        let shown: Vec<String> = needs.iter().map(|need| format!("{}@{}", need.name, need.range)).collect();
        assert_eq!(shown, ["@acme/c@2", "a@^1", "e@*", "f@*", "maybe@^2"]);
        let optional: Vec<&str> =
            needs.iter().filter(|need| need.is_optional).map(|need| need.name.as_str()).collect();
        assert_eq!(optional, ["e", "maybe"]);
        assert!(others.len() == 1 && others[0].contains("github:x/y"));
    }

    #[test]
    fn a_document_has_what_was_chosen() {
        let of = packument(&["1.0.0", "2.0.0", "3.0.0-rc.1"], "2.0.0");
        let mut chosen = Packument::default();
        assert!(chosen.add(&of, "1.0.0") && !chosen.add(&of, "1.0.0") && chosen.add(&of, "3.0.0-rc.1"));
        let document = chosen.document("@acme/a");
        assert_eq!(document["dist-tags"], json!({"latest": "1.0.0"}));
        assert_eq!(document["versions"]["1.0.0"]["dist"]["tarball"], "-/a-1.0.0.tgz");
        assert_eq!(document["versions"].as_object().unwrap().len(), 2);
    }
}
