use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use codeartifact::maven_files;
use walkdir::WalkDir;

use super::{Error, Export, hash, warn};
use crate::mirror::Hash;

/// Where mvn notes from where it has files.
const TRACKED: &str = "_remote.repositories";
/// Of files that mvn keeps for itself beside those of versions.
const NOT_FILES: [&str; 4] = [".lastUpdated", ".lock", ".part", ".tmp"];
const LARGEST_TRACKED: u64 = 1024 * 1024;

/// A local repository that mvn has filled: it is to Maven what a lock file is to others.
pub struct Local {
    folder: PathBuf,
    /// The files by their paths.
    files: BTreeMap<String, maven_files::Version>,
}

impl Local {
    /// Looks what is there. Snapshots and what was only installed there are passed over, and it is said so.
    /// Errors: if it cannot be read, or has no file of a release.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let wrong = |why: String| Error::File { path: folder.to_owned(), why };
        let (mut files, mut others) = (BTreeMap::new(), BTreeSet::new());
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| wrong(error.to_string()))?;
            let path = entry.path().strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or_default();
            let is_kept = entry.file_type().is_file() && !NOT_FILES.iter().any(|end| path.ends_with(end));
            let Some(version) = maven_files::version_of(path).filter(|_| is_kept) else { continue };
            let shown = format!("{}:{} {}", version.group, version.artifact, version.version);
            if maven_files::is_snapshot(&version.version) {
                others.insert(format!("{shown} is a snapshot"));
            } else if is_installed(entry.path()) {
                others.insert(format!("{shown} was installed there, and is from no repository"));
            } else {
                files.insert(path.to_owned(), version);
            }
        }
        others.iter().for_each(|why| warn(&format!("maven: {why}: it is left out")));
        match files.is_empty() {
            true => Err(wrong("no file of a release is there, as in a local repository of mvn".to_owned())),
            false => Ok(Self { folder: folder.to_owned(), files }),
        }
    }
}

/// Whether mvn has a file from no repository, but from the machine itself.
/// Source: Maven Artifact Resolver, "Local Repository", enhanced local repository manager.
fn is_installed(path: &Path) -> bool {
    let tracked = path.with_file_name(TRACKED);
    let is_small = std::fs::metadata(&tracked).is_ok_and(|found| found.len() <= LARGEST_TRACKED);
    let read = is_small.then(|| std::fs::read_to_string(tracked).ok()).flatten().unwrap_or_default();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut origins = read.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('>'));
    let first = origins.next();
    first.is_some_and(|first| std::iter::once(first).chain(origins).all(|origin| origin.trim() == "="))
}

/// Takes the files out of the repository, with the bytes that mvn has.
pub async fn export(export: &mut Export, local: Local) -> Result<(), Error> {
    let endpoint = export.source.endpoint("maven").await?;
    let mut packages: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    // By group, artifact.
    let mut plugins: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (path, found) in local.files {
        let beside = local.folder.join(&path);
        let (inside, sha256) = (format!("maven/{path}"), hash(&beside)?);
        let hashes = BTreeSet::from([Hash::Sha256(sha256.clone())]);
        export.copy(&inside, &format!("{endpoint}{path}"), &hashes).await?;
        export.writer.put(&format!("{inside}.sha256"), sha256.as_bytes())?;
        let is_archive = path.ends_with(&format!("/{}-{}.jar", found.artifact, found.version));
        let archive = is_archive.then(|| File::open(&beside).ok()).flatten();
        if let Some(prefix) = archive.and_then(maven_files::plugin_prefix) {
            plugins.entry(found.group.clone()).or_default().insert(found.artifact.clone(), prefix);
        }
        packages.entry((found.group, found.artifact)).or_default().insert(found.version);
    }
    for ((group, artifact), versions) in &packages {
        // What a group is called may be a package as well.
        let of_group = plugins.remove(&format!("{group}.{artifact}")).unwrap_or_default();
        put_metadata(export, group, artifact, versions, &of_group)?;
        let versions = versions.iter().cloned().collect();
        export.note("maven", &format!("{group}:{artifact}"), versions);
    }
    for (name, of_group) in plugins {
        let (group, artifact) = name.rsplit_once('.').unwrap_or(("", &name));
        put_metadata(export, group, artifact, &BTreeSet::new(), &of_group)?;
    }
    Ok(())
}

fn put_metadata(
    export: &mut Export,
    group: &str,
    artifact: &str,
    versions: &BTreeSet<String>,
    plugins: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let document = maven_files::metadata(group, artifact, versions, plugins);
    let folder = maven_files::folder(group, artifact);
    let path = format!("maven/{}/maven-metadata.xml", folder.trim_start_matches('/'));
    Ok(export.writer.put(&path, document.as_bytes())?)
}
