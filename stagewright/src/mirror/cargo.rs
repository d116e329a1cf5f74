//! Crates: which version a requirement means, and what a version needs with which features.
//! Source: The Cargo Book, "Registry Index", "Features", "Dependency Resolution".

use std::collections::{BTreeMap, BTreeSet};

use codeartifact::package_names::{crate_folder, is_crate_name};
use semver::{Version, VersionReq};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A requirement of a crate, with features.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub name: String,
    pub req: String,
    pub features: BTreeSet<String>,
    pub default_features: bool,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    deps: Vec<Dependency>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    features2: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    default_features: Option<bool>,
    kind: Option<String>,
    registry: Option<String>,
    package: Option<String>,
}

impl Need {
    /// Errors: if the name or the requirement is none.
    pub fn of(
        name: &str,
        req: &str,
        features: BTreeSet<String>,
        default_features: bool,
    ) -> Result<Self, String> {
        if !is_crate_name(name) {
            return Err(format!("'{name}' is no name of a crate"));
        }
        VersionReq::parse(req).map_err(|_| format!("'{req}' of {name} is no requirement of a version"))?;
        Ok(Self { name: name.to_owned(), req: req.to_owned(), features, default_features })
    }
}

/// Where an index has a crate: `1/a`, `3/a/abc`, `ca/rg/cargo`. The name is of ASCII.
pub fn path(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    format!("{}/{lower}", crate_folder(&lower))
}

/// The lines of a crate.
pub type Lines = BTreeMap<Version, Map<String, Value>>;

/// The lines of a crate, by version. Errors: if the text is no file of an index.
pub fn lines(text: &str) -> Result<Lines, serde_json::Error> {
    let mut lines = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line: Map<String, Value> = serde_json::from_str(line)?;
        let number = line.get("vers").and_then(Value::as_str).and_then(|text| Version::parse(text).ok());
        if let Some(number) = number {
            lines.insert(number, line);
        }
    }
    Ok(lines)
}

/// The highest version that fits and is not yanked.
pub fn pick<'a>(lines: &'a Lines, req: &str) -> Option<&'a Version> {
    let req = VersionReq::parse(req).ok()?;
    let is_yanked = |line: &Map<String, Value>| line.get("yanked") == Some(&Value::Bool(true));
    let fitting = lines.iter().filter(|(version, line)| req.matches(version) && !is_yanked(line));
    fitting.map(|(version, _)| version).next_back()
}

/// What a version needs when it is built with these features, on whatever platform; and what other registries have.
/// `default` is one of them where it is asked for.
pub fn needs(line: &Map<String, Value>, asked: &BTreeSet<String>) -> (BTreeSet<Need>, Vec<String>) {
    let Ok(line) = serde_json::from_value::<Line>(Value::Object(line.clone())) else {
        return (BTreeSet::new(), vec!["its line in the index cannot be read".to_owned()]);
    };
    let enabled = enabled(&line, asked);
    let (mut needs, mut others) = (BTreeSet::new(), Vec::new());
    for dependency in line.deps {
        let is_dev = dependency.kind.as_deref() == Some("dev");
        if is_dev || (dependency.optional && !enabled.dependencies.contains(&dependency.name)) {
            continue;
        }
        let package = dependency.package.as_ref().unwrap_or(&dependency.name);
        if let Some(registry) = &dependency.registry {
            others.push(format!("{package} is of another registry, {registry}"));
            continue;
        }
        let of_features = enabled.features.get(&dependency.name).into_iter().flatten();
        let features = dependency.features.iter().chain(of_features).cloned().collect();
        match Need::of(package, &dependency.req, features, dependency.default_features.unwrap_or(true)) {
            Ok(need) => drop(needs.insert(need)),
            Err(why) => others.push(why),
        }
    }
    (needs, others)
}

/// What features turn on.
#[derive(Default)]
struct Enabled {
    dependencies: BTreeSet<String>,
    /// By the dependency that they are of.
    features: BTreeMap<String, BTreeSet<String>>,
}

fn enabled(line: &Line, asked: &BTreeSet<String>) -> Enabled {
    let of = |name: &str| {
        let more = line.features2.as_ref().and_then(|more| more.get(name));
        [line.features.get(name), more].into_iter().flatten().flatten()
    };
    let (mut enabled, mut seen) = (Enabled::default(), BTreeSet::new());
    let mut open: Vec<String> = asked.iter().cloned().collect();
    while let Some(feature) = open.pop() {
        if !seen.insert(feature.clone()) {
            continue;
        }
        if let Some(dependency) = feature.strip_prefix("dep:") {
            enabled.dependencies.insert(dependency.to_owned());
        } else if let Some((dependency, of_dependency)) = feature.split_once('/') {
            let name = dependency.trim_end_matches('?');
            if name == dependency {
                enabled.dependencies.insert(name.to_owned());
                open.push(name.to_owned());
            }
            // With a question mark only if something else turns it on: then the feature is there already.
            enabled.features.entry(name.to_owned()).or_default().insert(of_dependency.to_owned());
        } else {
            // An optional dependency is a feature of its own name.
            enabled.dependencies.insert(feature.clone());
            open.extend(of(&feature).cloned());
        }
    }
    enabled
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_highest_that_fits_is_picked() {
        let line =
            |number: &str, yanked: bool| json!({"name": "a", "vers": number, "yanked": yanked}).to_string();
        let text =
            [line("1.0.0", false), line("1.10.0", false), line("1.11.0", true), line("2.0.0-rc.1", false)];
        let lines = lines(&text.join("\n")).unwrap();
        for (req, expected) in
            [("1", Some("1.10.0")), ("=1.0.0", Some("1.0.0")), ("*", Some("1.10.0")), ("2", None)]
        {
            assert_eq!(pick(&lines, req).map(ToString::to_string).as_deref(), expected, "{req}");
        }
        assert_eq!(["a", "ab", "Abc", "Cargo"].map(path), ["1/a", "2/ab", "3/a/abc", "ca/rg/cargo"]);
    }

    #[test]
    fn needs_follow_from_features() {
        let dependency = |name: &str, optional: bool| json!({"name": name, "req": "^1", "optional": optional, "features": [], "default_features": true, "kind": "normal"});
        let mut dev = dependency("dev", false);
        dev["kind"] = json!("dev");
        let mut renamed = dependency("alias", false);
        renamed["package"] = json!("real");
        let line = json!({
            "deps": [dependency("always", false), dependency("derive", true), dependency("extra", true), dev, renamed],
            "features": {"default": ["std"], "std": ["always/std"]},
            "features2": {"macros": ["dep:derive"], "full": ["macros", "extra?/x", "always?/y"]},
        });
        let line = line.as_object().unwrap();
        let needs = |features: &[&str]| {
            let asked = features.iter().map(|feature| (*feature).to_owned()).collect();
            let shown = |need: Need| {
                format!("{} {}", need.name, need.features.into_iter().collect::<Vec<_>>().join(","))
            };
            needs(line, &asked).0.into_iter().map(shown).collect::<Vec<_>>()
        };
        assert_eq!(needs(&[]), ["always ", "real "]);
        assert_eq!(needs(&["default"]), ["always std", "real "]);
        assert_eq!(needs(&["full"]), ["always y", "derive ", "real "]);
        assert_eq!(needs(&["extra"]), ["always ", "extra ", "real "]);
    }
}
