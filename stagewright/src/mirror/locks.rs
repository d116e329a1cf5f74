//! Lock files: what they name is taken exactly.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codeartifact::package_names::{is_crate_name, is_npm_name};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Hash, Pin, Wanted, pypi};

impl Wanted {
    /// Adds what a lock file names; which it is follows from its name. Returns what of it no registry has.
    /// Errors: what is wrong with it.
    pub fn lock(&mut self, file_name: &str, text: &str) -> Result<Vec<String>, String> {
        let is_of_python = file_name.ends_with(".txt");
        match file_name {
            "package-lock.json" | "npm-shrinkwrap.json" => self.package_lock(text),
            "Cargo.lock" => self.cargo_lock(text),
            _ if is_of_python => self.requirements(text),
            _ => Err("it is none of package-lock.json, npm-shrinkwrap.json, Cargo.lock, requirements….txt"
                .to_owned()),
        }
    }

    /// Source: npm's documentation, "package-lock.json".
    fn package_lock(&mut self, text: &str) -> Result<Vec<String>, String> {
        let lock: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut others = Vec::new();
        if let Some(packages) = lock.get("packages").and_then(Value::as_object) {
            for (path, entry) in packages {
                let Some((_, name)) = path.rsplit_once("node_modules/") else { continue };
                self.npm_entry(name, entry, &mut others)?;
            }
        } else if let Some(dependencies) = lock.get("dependencies").and_then(Value::as_object) {
            let mut open: Vec<(&String, &Value)> = dependencies.iter().collect();
            while let Some((name, entry)) = open.pop() {
                self.npm_entry(name, entry, &mut others)?;
                open.extend(entry.get("dependencies").and_then(Value::as_object).into_iter().flatten());
            }
        }
        Ok(others)
    }

    fn npm_entry(&mut self, name: &str, entry: &Value, others: &mut Vec<String>) -> Result<(), String> {
        let text = |member: &str| entry.get(member).and_then(Value::as_str);
        let is = |member: &str| entry.get(member) == Some(&Value::Bool(true));
        if is("link") || is("inBundle") || is("bundled") {
            return Ok(());
        }
        // Without an address it is from the registry, too: `omit-lockfile-registry-resolved`.
        let is_elsewhere = text("resolved").is_some_and(|url| !url.starts_with("http"));
        let said = text("version").unwrap_or_default();
        // An alias in the first form of lock files.
        let (name, version) = match said.strip_prefix("npm:").and_then(|alias| alias.rsplit_once('@')) {
            Some(alias) => alias,
            None => (text("name").unwrap_or(name), said),
        };
        if is_elsewhere || nodejs_semver::Version::parse(version).is_err() {
            others.push(format!("{name} {version} is not from a registry"));
            return Ok(());
        }
        if !is_npm_name(name) {
            return Err(format!("'{name}' is no name of a package of npm"));
        }
        let hashes = text("integrity").unwrap_or_default().split_ascii_whitespace().filter_map(integrity);
        self.npm_pins.insert(Pin {
            name: name.to_owned(),
            version: version.to_owned(),
            hashes: hashes.collect(),
        });
        Ok(())
    }

    fn cargo_lock(&mut self, text: &str) -> Result<Vec<String>, String> {
        #[derive(Deserialize)]
        struct Lock {
            #[serde(default)]
            package: Vec<Package>,
        }
        #[derive(Deserialize)]
        struct Package {
            name: String,
            version: String,
            source: Option<String>,
            checksum: Option<String>,
        }
        let lock: Lock = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut others = Vec::new();
        for package in lock.package {
            let Some(source) = package.source else { continue };
            if !source.starts_with("registry+") && !source.starts_with("sparse+") {
                others.push(format!("{} {} is from {source}", package.name, package.version));
                continue;
            }
            if !is_crate_name(&package.name) || semver::Version::parse(&package.version).is_err() {
                return Err(format!("'{} {}' is no version of a crate", package.name, package.version));
            }
            let hashes = package.checksum.map(|hash| Hash::Sha256(hash.to_ascii_lowercase()));
            let hashes = hashes.into_iter().collect();
            self.cargo_pins.insert(Pin { name: package.name, version: package.version, hashes });
        }
        Ok(others)
    }

    /// A line with hashes is taken exactly, as pip does it; another one is a requirement.
    /// Source: pip's documentation, "Requirements File Format", "Secure installs".
    fn requirements(&mut self, text: &str) -> Result<Vec<String>, String> {
        let mut others = Vec::new();
        for line in logical_lines(text) {
            let mut options = line.split(" --");
            let requirement = options.next().unwrap_or_default().trim();
            if requirement.starts_with('-') {
                others.push(format!("'{line}' is passed over"));
                continue;
            }
            let sha256 = options.filter_map(|option| {
                let hash =
                    option.strip_prefix("hash")?.trim_start_matches(['=', ' ']).strip_prefix("sha256:")?;
                Some(Hash::Sha256(hash.trim().to_ascii_lowercase()))
            });
            let hashes: BTreeSet<Hash> = sha256.collect();
            let parsed = match pypi::Requirement::parse(requirement) {
                Ok(parsed) => parsed,
                Err(why) => {
                    others.push(why);
                    continue;
                }
            };
            let exact = parsed
                .need
                .specifiers
                .trim()
                .strip_prefix("==")
                .map(|text| text.trim_start_matches('=').trim());
            match exact.filter(|version| !hashes.is_empty() && !version.contains([',', '*'])) {
                Some(version) => {
                    let (name, version) = (parsed.need.name.clone(), version.to_owned());
                    self.pypi_pins.insert(Pin { name, version, hashes });
                }
                None => drop(self.pypi.insert(parsed)),
            }
        }
        Ok(others)
    }
}

/// Lines that end with a backslash go on; comments are none.
fn logical_lines(text: &str) -> Vec<String> {
    let (mut lines, mut current) = (Vec::new(), String::new());
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with('#');
        let line = if is_comment { "" } else { line.split(" #").next().unwrap_or_default() };
        match line.trim_end().strip_suffix('\\') {
            Some(begun) => {
                current.push_str(begun);
                current.push(' ');
            }
            None => {
                current.push_str(line);
                lines.push(std::mem::take(&mut current).trim().to_owned());
            }
        }
    }
    lines.push(current.trim().to_owned());
    lines.retain(|line| !line.is_empty());
    lines
}

/// `sha512-…`, as Subresource Integrity has it. The others are too weak or not known.
pub fn integrity(text: &str) -> Option<Hash> {
    let (algorithm, digest) = text.split_once('-')?;
    let digits = hex::encode(STANDARD.decode(digest.split('?').next()?).ok()?);
    match algorithm {
        "sha512" => Some(Hash::Sha512(digits)),
        "sha256" => Some(Hash::Sha256(digits)),
        "sha1" => Some(Hash::Sha1(digits)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pins: &BTreeSet<Pin>) -> Vec<String> {
        pins.iter().map(|pin| format!("{} {} {}", pin.name, pin.version, pin.hashes.len())).collect()
    }

    #[test]
    fn a_lock_of_npm_names_what_a_registry_has() {
        let mut wanted = Wanted::default();
        let text = r#"{"lockfileVersion": 3, "packages": {"": {"name": "app"},
            "node_modules/a": {"version": "1.0.0", "resolved": "https://r.test/a.tgz", "integrity": "sha512-AAAA"},
            "node_modules/a/node_modules/@s/b": {"version": "2.0.0"},
            "node_modules/alias": {"name": "c", "version": "3.0.0", "resolved": "http://r.test/c.tgz"},
            "node_modules/link": {"link": true, "resolved": "packages/link"},
            "node_modules/inside": {"version": "1.0.0", "inBundle": true},
            "node_modules/git": {"version": "1.0.0", "resolved": "git+ssh://x"}}}"#;
        let others = wanted.lock("package-lock.json", text).unwrap();
        assert_eq!(shown(&wanted.npm_pins), ["@s/b 2.0.0 0", "a 1.0.0 1", "c 3.0.0 0"]);
        assert_eq!(others, ["git 1.0.0 is not from a registry"]);
        let first = r#"{"dependencies": {"d": {"version": "1.0.0", "dependencies": {"e": {"version": "npm:f@2.0.0"}}}}}"#;
        let mut wanted = Wanted::default();
        wanted.lock("package-lock.json", first).unwrap();
        assert_eq!(shown(&wanted.npm_pins), ["d 1.0.0 0", "f 2.0.0 0"]);
        let bad = r#"{"packages": {"node_modules/../x": {"version": "1.0.0"}}}"#;
        assert!(wanted.lock("package-lock.json", bad).is_err() && wanted.lock("yarn.lock", "").is_err());
    }

    #[test]
    fn a_lock_of_cargo_names_what_a_registry_has() {
        let mut wanted = Wanted::default();
        let text = "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n\
                    [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://r.test\"\nchecksum = \"AA\"\n\
                    [[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"git+https://g.test\"\n";
        assert_eq!(wanted.lock("Cargo.lock", text).unwrap(), ["b 1.0.0 is from git+https://g.test"]);
        assert_eq!(shown(&wanted.cargo_pins), ["a 1.0.0 1"]);
    }

    #[test]
    fn lines_with_hashes_are_taken_exactly() {
        let mut wanted = Wanted::default();
        let text = "# comment\n-i https://index.test\nA_b==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:BB\n\
                    c>=2 ; python_version > '3' # why\nd==1.*\nhttps://elsewhere.test/e.whl\n";
        let others = wanted.lock("requirements-dev.txt", text).unwrap();
        assert_eq!(shown(&wanted.pypi_pins), ["a-b 1.0 2"]);
        let names: Vec<&str> = wanted.pypi.iter().map(|one| one.need.name.as_str()).collect();
        assert_eq!((names, others.len()), (vec!["c", "d"], 2));
    }
}
