//! `stagewright doctor --origins`: addresses for `[origins]`, as the machine's own npm, pip, cargo and mvn have them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::package_tools::origins::{self, Origin};

/// No configuration file is larger, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// How one kind of file is read.
type Read = fn(&str) -> Option<Origin>;

/// Prints a section for the server's configuration; for each connection the first of those that count.
pub fn print(as_json: bool) {
    let mut proposed: BTreeMap<&str, (Origin, String)> = BTreeMap::new();
    for (origin, from) in found() {
        proposed.entry(origin.connection).or_insert((origin, from));
    }
    if as_json {
        let shown: Vec<_> = proposed
            .values()
            .map(|(origin, from)| json!({"connection": origin.connection, "url": origin.url, "from": from}))
            .collect();
        println!("{}", json!({ "origins": shown }));
    } else if proposed.is_empty() {
        println!("npm, pip, cargo and mvn of this machine have no addresses of their own.");
    } else {
        println!("[origins]");
        for (origin, from) in proposed.values() {
            println!("# from {from}\n\"{}\" = \"{}\"", origin.connection, origin.url);
        }
    }
}

/// Variables win over files, files of the user over those of the machine.
fn found() -> Vec<(Origin, String)> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let folder = |name: &str, usual: &str| {
        let set = std::env::var_os(name).filter(|value| !value.is_empty());
        set.map_or_else(|| home.join(usual), PathBuf::from)
    };
    let mut found = Vec::new();
    let variables = [
        ("npm_config_registry", "public:npmjs"),
        ("NPM_CONFIG_REGISTRY", "public:npmjs"),
        ("PIP_INDEX_URL", "public:pypi"),
    ];
    for (name, connection) in variables {
        let said = std::env::var(name).ok().and_then(|url| origins::of(connection, &url));
        found.extend(said.map(|origin| (origin, name.to_owned())));
    }
    let config = folder("XDG_CONFIG_HOME", ".config");
    let cargo = folder("CARGO_HOME", ".cargo");
    let files: [(PathBuf, Read); 9] = [
        (folder("NPM_CONFIG_USERCONFIG", ".npmrc"), origins::of_npmrc),
        ("/etc/npmrc".into(), origins::of_npmrc),
        (folder("PIP_CONFIG_FILE", ".pip/pip.conf"), origins::of_pip),
        (config.join("pip/pip.conf"), origins::of_pip),
        ("/etc/pip.conf".into(), origins::of_pip),
        (cargo.join("config.toml"), origins::of_cargo),
        (cargo.join("config"), origins::of_cargo),
        (home.join(".m2/settings.xml"), origins::of_maven),
        ("/etc/maven/settings.xml".into(), origins::of_maven),
    ];
    for (path, read) in files {
        let said = text(&path).and_then(|text| read(&text));
        found.extend(said.map(|origin| (origin, path.display().to_string())));
    }
    found
}

fn text(path: &Path) -> Option<String> {
    let is_small = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= LARGEST);
    if is_small { std::fs::read_to_string(path).ok() } else { None }
}
