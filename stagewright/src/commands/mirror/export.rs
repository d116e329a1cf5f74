//! `stagewright mirror export`

mod cargo;
mod npm;
mod pypi;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use codeartifact::bundle::Writer;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use tempfile::NamedTempFile;

use super::source::{Source, wrong};
use super::{Error, hash, source};
use crate::commands::package::Repository;
use crate::commands::run::view::clean;
use crate::mirror::pypi::Filter;
use crate::mirror::{Hash, Wanted};

#[derive(clap::Args)]
#[command(after_help = "A requirement is resolved with all that it needs, by the rules of its format: \
    npm:left-pad@^1, pypi:requests[socks]>=2, cargo:serde[derive]@1. What a lock file names is taken exactly.\n\
    The key needs the permissions sts:GetServiceBearerToken, codeartifact:GetAuthorizationToken, \
    codeartifact:GetRepositoryEndpoint and codeartifact:ReadFromRepository.")]
pub struct Arguments {
    /// Packages with versions: npm:NAME@RANGE, pypi:NAME[EXTRAS]SPECIFIERS, cargo:NAME[FEATURES]@REQUIREMENT
    #[arg(required_unless_present = "lock")]
    requirements: Vec<String>,
    /// package-lock.json, Cargo.lock, or a requirements….txt; several may be given
    #[arg(long, value_name = "FILE")]
    lock: Vec<PathBuf>,
    /// Only wheels whose platform has this in its name, as x86_64 or win_amd64, and those for all; several may be given
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<String>,
    /// The version of Python that is meant, as 3.11: what it cannot use is left out
    #[arg(long, value_name = "VERSION")]
    python: Option<String>,
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
    let not_python = |text: &String| Error::Package(format!("'{text}' is no version of Python, as 3.11"));
    let python = arguments.python.as_ref().map(|text| text.parse().map_err(|_| not_python(text)));
    let filter = Filter { platforms: arguments.platform, python: python.transpose()? };
    let folder = arguments.output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    let source = Source::connect(arguments.repository).await?;
    let mut export =
        Export { source, writer: Writer::new(file.reopen()?), filter, packages: BTreeMap::new() };
    npm::export(&mut export, wanted.npm, wanted.npm_pins).await?;
    pypi::export(&mut export, wanted.pypi, wanted.pypi_pins).await?;
    cargo::export(&mut export, wanted.cargo, wanted.cargo_pins).await?;
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
    /// By format and name: the versions.
    packages: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Export {
    /// Copies a file into the bundle, unless it is there already. Errors: if it has another hash than each of these.
    async fn copy(&mut self, path: &str, url: &str, hashes: &BTreeSet<Hash>) -> Result<(), Error> {
        if self.writer.has(path) {
            return Ok(());
        }
        if hashes.is_empty() {
            return Err(wrong(url, "the repository knows no hash of it"));
        }
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
        let found = [
            Hash::Sha1(hex::encode(sha1.finalize())),
            Hash::Sha256(hex::encode(sha256.finalize())),
            Hash::Sha512(hex::encode(sha512.finalize())),
        ];
        match hashes.iter().find(|hash| !found.contains(hash)) {
            Some(_) => Err(wrong(url, "it has another hash than its index or the lock file says")),
            None => Ok(()),
        }
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

/// What is left out, and what is not certain: the export goes on.
fn warn(what: &str) {
    eprintln!("stagewright: warning: {}", clean(what));
}
