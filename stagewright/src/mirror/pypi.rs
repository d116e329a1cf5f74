//! Projects of Python: which version a specifier means, which files it has, and what it needs.
//! Source: Python Packaging User Guide, "Version specifiers", "Dependency specifiers"; PEP 691.

use std::collections::{BTreeMap, BTreeSet};

use codeartifact::package_names::python_name;
use pep440_rs::{Version, VersionSpecifiers};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::markers::{self, Known};
use super::python::Python;

/// A project with specifiers of versions. Extras are names in normal form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// In normal form.
    pub name: String,
    pub specifiers: String,
    pub extras: BTreeSet<String>,
    /// Whether it is needed in some environments only.
    pub is_optional: bool,
}

/// A need that may depend on the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    pub need: Need,
    pub marker: String,
}

/// The page of a project.
#[derive(Deserialize)]
pub struct Page {
    pub name: String,
    pub files: Vec<File>,
}

/// A file, as the page tells of it; members that are not known stay.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct File {
    pub filename: String,
    pub url: String,
    pub hashes: BTreeMap<String, String>,
    #[serde(default, rename = "requires-python", skip_serializing_if = "Option::is_none")]
    pub requires_python: Option<String>,
    #[serde(default)]
    pub yanked: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(default, rename = "upload-time", skip_serializing_if = "Option::is_none")]
    pub upload_time: Option<String>,
}

/// Which files are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Parts of the platform tags of wheels: `x86_64`. None: all.
    pub platforms: Vec<String>,
    /// The version of Python that is meant.
    pub python: Option<Python>,
}

impl Requirement {
    /// Errors: what is wrong, or that it names no version in an index.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (spec, marker) = text.split_once(';').unwrap_or((text, ""));
        let spec = spec.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let end = spec.find(|c| !is_name(c)).unwrap_or(spec.len());
        let (name, mut rest) =
            (spec.get(..end).unwrap_or_default(), spec.get(end..).unwrap_or_default().trim());
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(format!("'{spec}' begins with no name of a project"));
        }
        let mut extras = BTreeSet::new();
        if let Some(inside) = rest.strip_prefix('[') {
            let (listed, after) = inside.split_once(']').ok_or_else(|| format!("'{spec}' lacks a ]"))?;
            extras = listed.split(',').map(python_name).filter(|extra| !extra.is_empty()).collect();
            rest = after.trim();
        }
        if rest.starts_with('@') {
            return Err(format!("{name} is needed from an address, not from an index"));
        }
        let specifiers = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
        let parsed: Result<VersionSpecifiers, _> = specifiers.parse();
        parsed.map_err(|_| format!("'{specifiers}' of {name} is no specifier of versions"))?;
        let marker = marker.trim().to_owned();
        let (name, specifiers) = (python_name(name), specifiers.to_owned());
        Ok(Self { need: Need { name, specifiers, extras, is_optional: false }, marker })
    }

    /// What is needed with these extras, if it is or may be.
    pub fn met(self, extras: &BTreeSet<String>, python: Option<&Python>) -> Option<Need> {
        match markers::apply(&self.marker, extras, python) {
            Known::No => None,
            known => Some(Need { is_optional: known == Known::Unknown, ..self.need }),
        }
    }
}

impl Page {
    /// The files by version; those whose names are none of a distribution are left out.
    pub fn by_version(self, project: &str) -> BTreeMap<Version, Vec<File>> {
        let mut versions: BTreeMap<Version, Vec<File>> = BTreeMap::new();
        for file in self.files {
            let number = codeartifact::python_file_version(&file.filename, project);
            if let Some(version) = number.and_then(|number| number.parse().ok()) {
                versions.entry(version).or_default().push(file);
            }
        }
        versions
    }
}

impl File {
    pub fn is_yanked(&self) -> bool {
        !matches!(self.yanked, Value::Bool(false) | Value::Null)
    }

    fn fits(&self, filter: &Filter) -> bool {
        let Some(stem) = self.filename.strip_suffix(".whl") else { return true };
        let mut tags = stem.rsplit('-');
        let [platform, abi, python] = std::array::from_fn(|_| tags.next().unwrap_or_default());
        let is_named = |named: &String| platform.contains(named.as_str());
        let fits = platform == "any" || filter.platforms.is_empty() || filter.platforms.iter().any(is_named);
        fits && filter.python.as_ref().is_none_or(|meant| meant.has(python, abi))
    }

    fn runs(&self, filter: &Filter) -> bool {
        let specifiers =
            self.requires_python.as_ref().and_then(|text| text.parse::<VersionSpecifiers>().ok());
        match (&filter.python, specifiers) {
            (Some(python), Some(specifiers)) => specifiers.contains(&python.full),
            _ => true,
        }
    }

    /// As a bundle has it: beside the page. An index knows weaker hashes only of what it has seen itself.
    pub fn beside(mut self) -> Self {
        self.hashes.retain(|algorithm, _| algorithm == "sha256");
        self.url.clone_from(&self.filename);
        self
    }
}

/// The version that pip would take: the highest that fits and is not yanked; pre-releases only where they are asked for, or
/// where there is nothing else. One that is named exactly may be yanked.
pub fn pick(
    versions: &BTreeMap<Version, Vec<File>>,
    specifiers: &str,
    filter: &Filter,
) -> Option<(Version, Vec<File>)> {
    let parsed: VersionSpecifiers = specifiers.parse().ok()?;
    let names_prerelease = parsed.iter().any(|one| one.version().any_prerelease());
    let is_exact = parsed
        .iter()
        .any(|one| matches!(one.operator(), pep440_rs::Operator::Equal | pep440_rs::Operator::ExactEqual));
    let fitting = || versions.iter().filter(|(version, _)| parsed.contains(version));
    let offered = |(version, files): (&Version, &Vec<File>)| {
        let is_wanted =
            |file: &&File| (is_exact || !file.is_yanked()) && file.fits(filter) && file.runs(filter);
        let files: Vec<File> = files.iter().filter(is_wanted).cloned().collect();
        (!files.is_empty()).then(|| (version.clone(), files))
    };
    let finals = fitting().rev().filter(|(version, _)| names_prerelease || !version.any_prerelease());
    finals.filter_map(offered).next().or_else(|| fitting().rev().filter_map(offered).next())
}

/// The files of a version that a lock file means: all for the platforms, or those with the hashes that it names.
pub fn pinned(
    versions: &BTreeMap<Version, Vec<File>>,
    version: &str,
    sha256: &BTreeSet<&str>,
    filter: &Filter,
) -> Vec<File> {
    let files = version.parse().ok().and_then(|version: Version| versions.get(&version));
    let is_meant = |file: &&File| {
        let hash = file.hashes.get("sha256").map(String::as_str);
        file.fits(filter) && (sha256.is_empty() || hash.is_some_and(|hash| sha256.contains(hash)))
    };
    files.into_iter().flatten().filter(is_meant).cloned().collect()
}

/// What a version needs, by the metadata of a wheel, with these extras; and what of it no index has.
pub fn needs(
    metadata: &str,
    extras: &BTreeSet<String>,
    python: Option<&Python>,
) -> (BTreeSet<Need>, Vec<String>) {
    let (mut needs, mut others) = (BTreeSet::new(), Vec::new());
    let head = metadata.lines().take_while(|line| !line.trim().is_empty());
    for line in head.filter_map(|line| line.strip_prefix("Requires-Dist:")) {
        match Requirement::parse(line) {
            Ok(requirement) => needs.extend(requirement.met(extras, python)),
            Err(why) => others.push(why),
        }
    }
    (needs, others)
}

/// The page as a bundle has it.
pub fn document(name: &str, files: &BTreeMap<String, File>) -> Value {
    json!({ "meta": { "api-version": "1.1" }, "name": name, "files": files.values().collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(files: &[(&str, Value, Option<&str>)]) -> BTreeMap<Version, Vec<File>> {
        let file = |(name, yanked, python): &(&str, Value, Option<&str>)| {
            json!({"filename": name, "url": name, "hashes": {"sha256": name}, "yanked": yanked,
                   "requires-python": python})
        };
        let files: Vec<Value> = files.iter().map(file).collect();
        serde_json::from_value::<Page>(json!({"name": "p", "files": files})).unwrap().by_version("p")
    }

    #[test]
    fn a_version_is_picked_as_pip_does() {
        let all = versions(&[
            ("p-1.0.tar.gz", json!(false), None),
            ("p-1.9-py3-none-any.whl", json!(false), None),
            ("p-1.10-cp311-cp311-win_amd64.whl", json!(false), Some(">=3.9")),
            ("p-1.10-cp311-cp311-manylinux_2_17_x86_64.whl", json!(false), Some(">=3.9")),
            ("p-1.11-py3-none-any.whl", json!("broken"), None),
            ("p-2.0rc1-py3-none-any.whl", json!(false), None),
        ]);
        let newest = versions(&[
            ("p-1.0.tar.gz", json!(false), None),
            ("p-1.1.tar.gz", json!(false), Some(">=3.11.4")),
            ("p-1.1-cp311-cp311-win32.whl", json!(false), Some(">=3.11.4")),
            ("p-1.1-cp39-abi3-win32.whl", json!(false), Some(">=3.11.4")),
            ("p-1.1-cp312-cp312-win32.whl", json!(false), Some(">=3.11.4")),
        ]);
        for (python, expected) in [("3.11", ("1.1", 3)), ("3.11.4", ("1.1", 3)), ("3.11.3", ("1.0", 1))] {
            let filter = Filter { python: Some(python.parse().unwrap()), ..Filter::default() };
            let (version, files) = pick(&newest, "", &filter).unwrap();
            assert_eq!((version.to_string().as_str(), files.len()), expected, "{python}");
        }
        let old = Filter { python: Some("3.8".parse().unwrap()), ..Filter::default() };
        let linux = Filter { platforms: vec!["x86_64".to_owned()], ..Filter::default() };
        let picked = |specifiers: &str, filter: &Filter| {
            pick(&all, specifiers, filter).map(|(version, files)| (version.to_string(), files.len()))
        };
        let expected = |version: &str, files| Some((version.to_owned(), files));
        assert_eq!(picked("", &Filter::default()), expected("1.10", 2));
        assert_eq!(picked(">=1", &linux), expected("1.10", 1));
        assert_eq!(picked("", &old), expected("1.9", 1));
        assert_eq!(picked("==1.11", &Filter::default()), expected("1.11", 1));
        assert_eq!(picked(">=2.0rc1", &Filter::default()), expected("2.0rc1", 1));
        assert_eq!(picked(">1.11", &Filter::default()), expected("2.0rc1", 1));
        assert_eq!(picked("<1", &Filter::default()), None);
        let hashes = BTreeSet::from(["p-1.10-cp311-cp311-win_amd64.whl"]);
        assert_eq!(pinned(&all, "1.10", &hashes, &Filter::default()).len(), 1);
        assert_eq!(pinned(&all, "1.10", &hashes, &linux).len(), 0);
        assert_eq!(pinned(&all, "1.10.0", &BTreeSet::new(), &Filter::default()).len(), 2);
    }

    #[test]
    fn needs_follow_from_metadata() {
        let metadata = "Name: p\nRequires-Dist: Zope.Interface (>=5)\nRequires-Dist: q[x] ~= 1.0 ; extra == 'more'\n\
                        Requires-Dist: w; os_name == 'nt'\nRequires-Dist: r @ https://elsewhere.test/r.whl\n\nRequires-Dist: none\n";
        let names = |extras: &[&str]| {
            let extras = extras.iter().map(|extra| (*extra).to_owned()).collect();
            let (needs, others) = needs(metadata, &extras, None);
            assert_eq!(others.len(), 1);
            needs.into_iter().map(|need| (need.name, need.specifiers, need.is_optional)).collect::<Vec<_>>()
        };
        let need =
            |name: &str, specifiers: &str, is_optional| (name.to_owned(), specifiers.to_owned(), is_optional);
        let (zope, windows) = (need("zope-interface", ">=5", false), need("w", "", true));
        assert_eq!(names(&[]), [windows.clone(), zope.clone()]);
        // An extra that was asked for is as much needed as the rest.
        assert_eq!(names(&["more"]), [need("q", "~= 1.0", false), windows, zope]);
    }
}
