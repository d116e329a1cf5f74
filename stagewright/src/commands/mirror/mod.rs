//! `stagewright mirror`: packages carried to where there is no internet.

mod export;
mod import;
mod source;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use codeartifact::bundle::Unreadable;
use sha2::{Digest as _, Sha256};

use super::run::view::clean;
use super::to_the_end;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write packages and all that they need into one file
    Export(export::Arguments),
    /// Publish what is in such a file into a repository
    Import(import::Arguments),
}

pub fn run(arguments: Arguments) -> ExitCode {
    let work = async {
        match arguments.what {
            What::Export(arguments) => export::run(arguments).await,
            What::Import(arguments) => import::run(arguments).await,
        }
    };
    to_the_end(work, |error| matches!(error, Error::Server(super::package::Error::Access(_))))
}

/// Why nothing was carried.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Server(#[from] super::package::Error),
    #[error(transparent)]
    Call(#[from] aws::Error),
    #[error("{path}: {why}")]
    File { path: PathBuf, why: String },
    #[error("the bundle cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error(transparent)]
    Bundle(#[from] Unreadable),
    /// What the repository answered, or that it is not what it should be.
    #[error("{url}: {why}")]
    Answer { url: String, why: String },
    #[error("{0}")]
    Package(String),
}

/// The SHA-256 of a file, in hexadecimal digits.
fn hash(path: &Path) -> Result<String, Error> {
    let wrong = |error: io::Error| Error::File { path: path.to_owned(), why: error.to_string() };
    let mut file = File::open(path).map_err(wrong)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1024 * 1024]);
    loop {
        let read = file.read(&mut piece).map_err(wrong)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        hash.update(bytes);
    }
    Ok(hex::encode(hash.finalize()))
}

/// What is left out, and what is not certain: the rest goes on.
fn warn(what: &str) {
    eprintln!("stagewright: warning: {}", clean(what));
}
