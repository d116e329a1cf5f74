//! `stagewright backup` and `stagewright restore`: an embedded data folder, copied while the server runs.
//!
//! A backup is a folder with the database, the bytes it names, the repositories and the master key, so it is
//! as secret as the data folder itself.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::to_the_end;
use crate::platform::snapshot;

#[derive(clap::Args)]
pub struct BackupArguments {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder to write; must not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct RestoreArguments {
    /// Folder that `stagewright backup` wrote
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The new data folder; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn backup(arguments: &BackupArguments) -> ExitCode {
    to_the_end(report(snapshot::take(&arguments.data, &arguments.to), arguments.json, "backed up"), |_| false)
}

pub fn restore(arguments: &RestoreArguments) -> ExitCode {
    to_the_end(
        report(snapshot::restore(&arguments.from, &arguments.data), arguments.json, "restored"),
        |_| false,
    )
}

async fn report(
    copied: impl Future<Output = Result<snapshot::Contents, snapshot::Error>>,
    as_json: bool,
    done: &str,
) -> Result<ExitCode, snapshot::Error> {
    let snapshot::Contents { files, bytes, .. } = copied.await?;
    if as_json {
        println!("{}", json!({"files": files, "bytes": bytes}));
    } else {
        println!("{done}: {files} files, {bytes} bytes");
    }
    Ok(ExitCode::SUCCESS)
}
