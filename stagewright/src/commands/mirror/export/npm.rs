use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::source::wrong;
use super::{Error, Export, warn};
use crate::mirror::locks::integrity;
use crate::mirror::npm::{self, Need, Packument};
use crate::mirror::open::Open;
use crate::mirror::{Hash, Pin};

/// Package by package, so that no more than one document is in memory beside what was chosen of the others.
pub async fn export(export: &mut Export, needs: BTreeSet<Need>, pins: BTreeSet<Pin>) -> Result<(), Error> {
    if needs.is_empty() && pins.is_empty() {
        return Ok(());
    }
    let endpoint = export.source.endpoint("npm").await?;
    let mut chosen: BTreeMap<String, Packument> = BTreeMap::new();
    let mut by_name: BTreeMap<String, Vec<Pin>> = BTreeMap::new();
    for pin in pins {
        by_name.entry(pin.name.clone()).or_default().push(pin);
    }
    for (name, pins) in by_name {
        let packument = packument(export, &endpoint, &name).await?.ok_or_else(|| none(&name))?;
        for pin in pins {
            let chosen = chosen.entry(name.clone()).or_default();
            take(export, &endpoint, &packument, chosen, &pin).await?;
        }
    }
    let mut open = Open::new(needs);
    while let Some(name) = open.package() {
        let packument = packument(export, &endpoint, &name).await?;
        if packument.is_none() && open.demands(&name) {
            return Err(none(&name));
        }
        for need in open.take(&name) {
            let picked =
                packument.as_ref().and_then(|known| Some((known, known.pick(&need.range)?.to_owned())));
            let Some((packument, version)) = picked else {
                let what = format!("npm: no version of {} fits '{}'", need.name, need.range);
                if need.is_optional {
                    warn(&format!("{what}: it is optional, and left out"));
                    continue;
                }
                return Err(Error::Package(what));
            };
            let chosen = chosen.entry(need.name.clone()).or_default();
            let pin = Pin { name: need.name.clone(), version, hashes: BTreeSet::new() };
            take(export, &endpoint, packument, chosen, &pin).await?;
            let (more, others) = packument.versions.get(&pin.version).map(npm::needs).unwrap_or_default();
            others.iter().for_each(|why| warn(&format!("npm: {} {}: {why}", pin.name, pin.version)));
            open.add(more);
        }
    }
    for (name, chosen) in chosen {
        export.note("npm", &name, chosen.versions.keys().cloned().collect());
        let document = serde_json::to_vec(&chosen.document(&name)).map_err(std::io::Error::from)?;
        export.writer.put(&format!("npm/{name}/index.json"), &document)?;
    }
    Ok(())
}

fn none(name: &str) -> Error {
    Error::Package(format!("npm: the repository has no package {name}"))
}

async fn packument(export: &Export, endpoint: &str, name: &str) -> Result<Option<Packument>, Error> {
    let url = format!("{endpoint}{}", name.replace('/', "%2f"));
    let read = export.source.document(&url, "application/json").await?;
    let read = read.map(|read| serde_json::from_slice(&read)).transpose();
    read.map_err(|error| wrong(&url, &error.to_string()))
}

/// Takes a version with its archive. Errors: if there is none, or its bytes are others.
async fn take(
    export: &mut Export,
    endpoint: &str,
    packument: &Packument,
    chosen: &mut Packument,
    pin: &Pin,
) -> Result<(), Error> {
    let Pin { name, version, .. } = pin;
    let none = || Error::Package(format!("npm: the repository has no version {version} of {name}"));
    let manifest = packument.versions.get(version).ok_or_else(none)?;
    let text = |member: &str| manifest.get("dist").and_then(|dist| dist.get(member)).and_then(Value::as_str);
    let mut hashes = pin.hashes.clone();
    hashes.extend(text("integrity").unwrap_or_default().split_ascii_whitespace().filter_map(integrity));
    hashes.extend(text("shasum").map(|hash| Hash::Sha1(hash.to_ascii_lowercase())));
    let archive = npm::archive(name, version);
    let path = format!("npm/{name}/{archive}");
    export.copy(&path, &format!("{endpoint}{name}/{archive}"), &hashes).await?;
    chosen.add(packument, version);
    Ok(())
}
