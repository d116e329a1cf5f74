use std::collections::{BTreeMap, BTreeSet};

use codeartifact::package_names::is_crate_name;
use semver::Version;
use serde_json::Value;

use super::source::wrong;
use super::{Error, Export, warn};
use crate::mirror::cargo::{self, Lines, Need};
use crate::mirror::open::Open;
use crate::mirror::{Hash, Pin};

const DEFAULT: &str = "default";

/// What was chosen, and with which features.
#[derive(Default)]
struct Chosen {
    lines: BTreeMap<String, Lines>,
    features: BTreeMap<(String, Version), BTreeSet<String>>,
}

/// Crate by crate, as for npm. A version that is wanted with more features later is looked at again.
pub async fn export(export: &mut Export, needs: BTreeSet<Need>, pins: BTreeSet<Pin>) -> Result<(), Error> {
    if needs.is_empty() && pins.is_empty() {
        return Ok(());
    }
    let endpoint = export.source.endpoint("cargo").await?;
    let mut chosen = Chosen::default();
    for pin in pins {
        let lines = lines(export, &endpoint, &pin.name).await?;
        let version = Version::parse(&pin.version).ok().filter(|version| lines.contains_key(version));
        let Some(version) = version else {
            let Pin { name, version, .. } = &pin;
            return Err(Error::Package(format!("cargo: the repository has no version {version} of {name}")));
        };
        take(export, &endpoint, &mut chosen, &lines, &pin.name, &version, pin.hashes).await?;
    }
    let mut open = Open::new(needs);
    while let Some(name) = open.package() {
        let lines = lines(export, &endpoint, &name).await?;
        for need in open.take(&name) {
            let Some(version) = cargo::pick(&lines, &need.req).cloned() else {
                return Err(Error::Package(format!(
                    "cargo: no version of {} fits '{}'",
                    need.name, need.req
                )));
            };
            take(export, &endpoint, &mut chosen, &lines, &need.name, &version, BTreeSet::new()).await?;
            let features = chosen.features.entry((need.name.clone(), version.clone())).or_default();
            features.extend(need.features);
            if need.default_features {
                features.insert(DEFAULT.to_owned());
            }
            let (more, others) =
                lines.get(&version).map(|line| cargo::needs(line, features)).unwrap_or_default();
            others.iter().for_each(|why| warn(&format!("cargo: {} {version}: {why}", need.name)));
            open.add(more);
        }
    }
    for (name, lines) in chosen.lines {
        export.note("cargo", &name, lines.keys().map(ToString::to_string).collect());
        let mut file = String::new();
        for line in lines.into_values() {
            file.push_str(&Value::Object(line).to_string());
            file.push('\n');
        }
        export.writer.put(&format!("cargo/{}", cargo::path(&name)), file.as_bytes())?;
    }
    let config = br#"{"dl":"crates/{crate}/{crate}-{version}.crate"}"#;
    Ok(export.writer.put("cargo/config.json", config)?)
}

async fn lines(export: &Export, endpoint: &str, name: &str) -> Result<Lines, Error> {
    let url = format!("{endpoint}{}", cargo::path(name));
    let read = export.source.document(&url, "text/plain").await?;
    let none = || Error::Package(format!("cargo: the repository has no crate {name}"));
    let text = String::from_utf8(read.ok_or_else(none)?).map_err(|error| wrong(&url, &error.to_string()))?;
    cargo::lines(&text).map_err(|error| wrong(&url, &error.to_string()))
}

/// Takes a version with its archive. Errors: if its bytes are others.
async fn take(
    export: &mut Export,
    endpoint: &str,
    chosen: &mut Chosen,
    lines: &Lines,
    name: &str,
    version: &Version,
    mut hashes: BTreeSet<Hash>,
) -> Result<(), Error> {
    let Some(line) = lines.get(version) else { return Ok(()) };
    let says = |member: &str| line.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    // The index has the name as its author writes it.
    let (name, cksum) = (Some(says("name")).filter(|known| known.eq_ignore_ascii_case(name)), says("cksum"));
    let name =
        name.filter(|name| is_crate_name(name)).ok_or_else(|| wrong(endpoint, "a line of another crate"))?;
    hashes.insert(Hash::Sha256(cksum.to_ascii_lowercase()));
    let path = format!("cargo/crates/{name}/{name}-{version}.crate");
    export.copy(&path, &format!("{endpoint}api/v1/crates/{name}/{version}/download"), &hashes).await?;
    chosen.lines.entry(name).or_default().insert(version.clone(), line.clone());
    Ok(())
}
