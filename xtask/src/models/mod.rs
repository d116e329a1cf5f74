//! Generates the model crates: finds the pinned models, selects what the listed operations reach, writes Rust.

mod botocore;
mod names;
mod rust;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What can go wrong; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no botocore found: run scripts/install, or set BOTOCORE_DATA to its data folder")]
    NoBotocore,
    #[error("botocore is {found}, but models/botocore-version pins {pinned}")]
    WrongVersion { found: String, pinned: String },
    #[error("{path}: {cause}")]
    File { path: PathBuf, cause: String },
    #[error("{service}: {what}")]
    Model { service: String, what: String },
    #[error("stale: {0:?}; run cargo xtask models")]
    Stale(Vec<PathBuf>),
}

pub fn run(services: &[&str], check: bool) -> Result<(), Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let data = botocore::find(&root)?;
    let mut stale = Vec::new();
    for folder in model_folders(&root.join("models"))? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !services.is_empty() && !services.contains(&name.as_str()) {
            continue;
        }
        let settings = settings::read(&folder)?;
        let model = botocore::read(&data, &name, &settings)?;
        let source = rust::write(&name, &model, &settings)?;
        let path = folder.join("src/lib.rs");
        let formatted = formatted(&source, &path)?;
        if fs::read_to_string(&path).unwrap_or_default() == formatted {
            continue;
        }
        if check {
            stale.push(path);
        } else {
            fs::write(&path, formatted).map_err(|error| file_error(&path, error))?;
            println!("wrote models/{name}/src/lib.rs");
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(Error::Stale(stale)) }
}

fn model_folders(models: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(models).map_err(|error| file_error(models, error))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("operations.txt").is_file())
        .collect();
    folders.sort();
    Ok(folders)
}

/// Through rustfmt, by way of a file beside the target so that the project's settings apply.
fn formatted(source: &str, target: &Path) -> Result<String, Error> {
    let draft = target.with_file_name("draft.rs");
    fs::write(&draft, source).map_err(|error| file_error(&draft, error))?;
    let status = Command::new("rustfmt").arg("--edition").arg("2024").arg(&draft).status();
    let formatted = fs::read_to_string(&draft).map_err(|error| file_error(&draft, error));
    let removed = fs::remove_file(&draft).map_err(|error| file_error(&draft, error));
    match status {
        Ok(status) if status.success() => removed.and(formatted),
        Ok(status) => Err(file_error(target, format!("rustfmt failed: {status}"))),
        Err(error) => Err(file_error(target, error)),
    }
}

fn file_error(path: &Path, cause: impl ToString) -> Error {
    Error::File { path: path.to_owned(), cause: cause.to_string() }
}
