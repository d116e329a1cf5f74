use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use url::Url;

use super::source::wrong;
use super::{Error, Export, warn};
use crate::mirror::open::Open;
use crate::mirror::pypi::{self, File, Page, Requirement};
use crate::mirror::{Hash, Pin};

const PAGE: &str = "application/vnd.pypi.simple.v1+json";
const LARGEST_METADATA: usize = 4 * 1024 * 1024;

/// The files of a project that go into the bundle, by name, and the numbers of their versions.
#[derive(Default)]
struct Chosen {
    files: BTreeMap<String, File>,
    versions: BTreeSet<Version>,
    /// What the metadata of all wheels of a version says that were taken so far.
    metadata: BTreeMap<Version, String>,
}

/// Project by project, as for npm.
pub async fn export(
    export: &mut Export,
    needs: BTreeSet<Requirement>,
    pins: BTreeSet<Pin>,
) -> Result<(), Error> {
    if needs.is_empty() && pins.is_empty() {
        return Ok(());
    }
    let endpoint = export.source.endpoint("pypi").await?;
    let mut chosen: BTreeMap<String, Chosen> = BTreeMap::new();
    for pin in pins {
        let page = versions(export, &endpoint, &pin.name).await?;
        let (url, versions) = page.ok_or_else(|| none(&pin.name))?;
        let hashes = pin.hashes.iter().filter_map(|hash| match hash {
            Hash::Sha256(digits) => Some(digits.as_str()),
            Hash::Sha1(_) | Hash::Sha512(_) => None,
        });
        let files = pypi::pinned(&versions, &pin.version, &hashes.collect(), &export.filter);
        let version = pin.version.parse().ok().filter(|_| !files.is_empty());
        let Some(version) = version else {
            let Pin { name, version, .. } = &pin;
            return Err(Error::Package(format!(
                "pypi: no file of {name} {version} has a hash that is named"
            )));
        };
        take(export, &url, chosen.entry(pin.name).or_default(), version, files).await?;
    }
    let (python, extras) = (export.filter.python.clone(), BTreeSet::new());
    let mut open = Open::new(needs.into_iter().filter_map(|need| need.met(&extras, python.as_ref())));
    while let Some(name) = open.package() {
        let page = versions(export, &endpoint, &name).await?;
        if page.is_none() && open.demands(&name) {
            return Err(none(&name));
        }
        for need in open.take(&name) {
            let picked = page.as_ref().and_then(|(url, versions)| {
                Some((url, pypi::pick(versions, &need.specifiers, &export.filter)?))
            });
            let Some((url, (version, files))) = picked else {
                let what = format!("pypi: no file of {} fits '{}'", need.name, need.specifiers);
                if need.is_optional {
                    warn(&format!("{what}: only some environments need it, and it is left out"));
                    continue;
                }
                return Err(Error::Package(what));
            };
            let chosen = chosen.entry(need.name.clone()).or_default();
            take(export, url, chosen, version.clone(), files).await?;
            let metadata = chosen.metadata.get(&version).map(String::as_str).unwrap_or_default();
            let (more, others) = pypi::needs(metadata, &need.extras, python.as_ref());
            others.iter().for_each(|why| warn(&format!("pypi: {} {version}: {why}", need.name)));
            open.add(more);
        }
    }
    for (name, chosen) in chosen {
        export.note("pypi", &name, chosen.versions.iter().map(ToString::to_string).collect());
        let page = serde_json::to_vec(&pypi::document(&name, &chosen.files)).map_err(std::io::Error::from)?;
        export.writer.put(&format!("pypi/{name}/index.json"), &page)?;
    }
    Ok(())
}

fn none(name: &str) -> Error {
    Error::Package(format!("pypi: the repository has no project {name}"))
}

async fn versions(
    export: &Export,
    endpoint: &str,
    name: &str,
) -> Result<Option<(Url, BTreeMap<Version, Vec<File>>)>, Error> {
    let address = format!("{endpoint}simple/{name}/");
    let url = Url::parse(&address).map_err(|error| wrong(&address, &error.to_string()))?;
    let read = export.source.document(&address, PAGE).await?;
    let Some(read) = read else { return Ok(None) };
    let page: Page = serde_json::from_slice(&read).map_err(|error| wrong(&address, &error.to_string()))?;
    Ok(Some((url, page.by_version(name))))
}

/// Takes files of a version, with what its metadata says. Errors: if the bytes of one are others.
async fn take(
    export: &mut Export,
    page: &Url,
    chosen: &mut Chosen,
    version: Version,
    files: Vec<File>,
) -> Result<(), Error> {
    let project = page.path_segments().and_then(|mut parts| parts.nth_back(1)).unwrap_or_default().to_owned();
    let mut metadata = String::new();
    for file in files {
        let hash = file.hashes.get("sha256").map(|hash| Hash::Sha256(hash.to_ascii_lowercase()));
        let address = page.join(&file.url).ok().filter(|url| url.as_str().starts_with(page.as_str()));
        let address = address.ok_or_else(|| wrong(page.as_str(), "a file of it is elsewhere"))?.to_string();
        if chosen.files.contains_key(&file.filename) {
            continue;
        }
        let path = format!("pypi/{project}/{}", file.filename);
        export.copy(&path, &address, &hash.into_iter().collect()).await?;
        if file.filename.ends_with(".whl") {
            let read = export.source.document(&format!("{address}.metadata"), "*/*").await?;
            let read = read.filter(|read| read.len() <= LARGEST_METADATA).unwrap_or_default();
            // Wheels for other platforms may need other projects: what any of them needs is needed.
            let head = String::from_utf8_lossy(&read);
            for line in head.lines().take_while(|line| !line.trim().is_empty()) {
                metadata.push_str(line);
                metadata.push('\n');
            }
        }
        chosen.files.insert(file.filename.clone(), file.beside());
    }
    let is_first = chosen.versions.insert(version.clone());
    let known = chosen.metadata.entry(version.clone()).or_default();
    known.push_str(&metadata);
    if is_first && known.is_empty() {
        warn(&format!("pypi: {project} {version} has no wheel that says what it needs"));
    }
    Ok(())
}
