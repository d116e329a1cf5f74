//! `stagewright mirror export`

mod cargo;
mod maven;
mod npm;
mod pypi;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use codeartifact::bundle::Writer;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::source::{Source, wrong};
use super::{Error, hash, source, warn};
use crate::commands::package::Repository;
use crate::mirror::pypi::Filter;
use crate::mirror::python::Python;
use crate::mirror::{Hash, Wanted};

#[derive(clap::Args)]
#[command(after_help = "A requirement is resolved with all that it needs, by the rules of its format: \
    npm:left-pad@^1, pypi:requests[socks]>=2, cargo:serde[derive]@1. What a lock file names is taken exactly, \
    and so is what lies in a local repository of mvn: let it build with an empty one first.\n\
    The key needs the permissions sts:GetServiceBearerToken, codeartifact:GetAuthorizationToken, \
    codeartifact:GetRepositoryEndpoint and codeartifact:ReadFromRepository.")]
pub struct Arguments {
    /// Packages with versions: npm:NAME@RANGE, pypi:NAME[EXTRAS]SPECIFIERS, cargo:NAME[FEATURES]@REQUIREMENT
    #[arg(required_unless_present_any = ["lock", "maven"])]
    requirements: Vec<String>,
    /// package-lock.json, Cargo.lock, or a requirements….txt; several may be given
    #[arg(long, value_name = "FILE")]
    lock: Vec<PathBuf>,
    /// A local repository that mvn has filled, as ~/.m2/repository: its releases with the files that are there
    #[arg(long, value_name = "FOLDER")]
    maven: Option<PathBuf>,
    /// Only wheels whose platform has this in its name, as x86_64 or win_amd64, and those for all; several may be given
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<String>,
    /// The version of Python that is meant: what it cannot use is left out, and 3.11 is the newest 3.11.x
    #[arg(long, value_name = "VERSION")]
    python: Option<Python>,
    /// The file to write; one that is there is replaced when all is well
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    repository: Repository,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let mut wanted = Wanted::default();
    for requirement in &arguments.requirements {
        wanted.require(requirement).map_err(Error::Package)?;
    }
    for path in &arguments.lock {
        let wrong = |why: String| Error::File { path: path.clone(), why };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        for other in wanted.lock(name, &text).map_err(wrong)? {
            warn(&format!("{}: {other}", path.display()));
        }
    }
    let local = arguments.maven.as_deref().map(maven::Local::read).transpose()?;
    let filter = Filter { platforms: arguments.platform, python: arguments.python };
    let folder = arguments.output.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Like any other file that is written: as the mask of the process says.
    let mut file = tempfile::Builder::new();
    let file =
        file.permissions(Permissions::from_mode(0o666)).tempfile_in(folder.unwrap_or(Path::new(".")))?;
    let source = Source::connect(arguments.repository).await?;
    let writer = Writer::new(file.reopen()?);
    let mut export = Export { source, writer, filter, copied: BTreeMap::new(), packages: BTreeMap::new() };
    npm::export(&mut export, wanted.npm, wanted.npm_pins).await?;
    pypi::export(&mut export, wanted.pypi, wanted.pypi_pins).await?;
    cargo::export(&mut export, wanted.cargo, wanted.cargo_pins).await?;
    if let Some(local) = local {
        maven::export(&mut export, local).await?;
    }
    let counts = export.counts();
    export.writer.finish(export.packages)?.sync_all()?;
    let hash = hash(file.path())?;
    file.persist(&arguments.output).map_err(|error| error.error)?;
    println!("{counts} in {}", arguments.output.display());
    println!("SHA-256 {hash}");
    Ok(ExitCode::SUCCESS)
}

/// A bundle in the making.
struct Export {
    source: Source,
    writer: Writer,
    filter: Filter,
    /// What files were found to be, by their paths.
    copied: BTreeMap<String, [Hash; 3]>,
    /// By format and name: the versions.
    packages: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Export {
    /// Copies a file into the bundle, unless it is there already. Errors: if one of these hashes is not its own.
    async fn copy(&mut self, path: &str, url: &str, hashes: &BTreeSet<Hash>) -> Result<(), Error> {
        if hashes.is_empty() {
            return Err(wrong(url, "the repository knows no hash of it"));
        }
        if !self.copied.contains_key(path) {
            let found = self.fetch(path, url).await?;
            self.copied.insert(path.to_owned(), found);
        }
        let found = self.copied.get(path);
        match hashes.iter().all(|hash| found.is_some_and(|found| found.contains(hash))) {
            true => Ok(()),
            false => Err(wrong(url, "it has another hash than its index or the lock file says")),
        }
    }

    /// Writes a file into the bundle, and tells its hashes.
    async fn fetch(&mut self, path: &str, url: &str) -> Result<[Hash; 3], Error> {
        let (mut sha1, mut sha256, mut sha512) = (Sha1::new(), Sha256::new(), Sha512::new());
        self.writer.begin(path)?;
        let writer = &mut self.writer;
        let take = |bytes: &[u8]| {
            sha1.update(bytes);
            sha256.update(bytes);
            sha512.update(bytes);
            writer.write(bytes)
        };
        self.source.file(url, take).await?;
        self.writer.end();
        Ok([
            Hash::Sha1(hex::encode(sha1.finalize())),
            Hash::Sha256(hex::encode(sha256.finalize())),
            Hash::Sha512(hex::encode(sha512.finalize())),
        ])
    }

    fn note(&mut self, format: &str, name: &str, versions: Vec<String>) {
        self.packages.entry(format.to_owned()).or_default().insert(name.to_owned(), versions);
    }

    fn counts(&self) -> String {
        let of = |(format, packages): (&String, &BTreeMap<String, Vec<String>>)| {
            let versions: usize = packages.values().map(Vec::len).sum();
            format!("{versions} versions of {} packages of {format}", packages.len())
        };
        self.packages.iter().map(of).collect::<Vec<_>>().join(", ")
    }
}
