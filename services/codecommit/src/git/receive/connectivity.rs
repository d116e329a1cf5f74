//! Whether new targets of references are good: there, of the right type, with their whole history.

use std::process::Stdio;

use git2::{ErrorCode, ObjectType, Oid};
use tokio::io::AsyncWriteExt;

use crate::git::process::messages;
use crate::git::repositories::Folder;
use crate::git::{Error, Quarantine};

/// Whether everything that the targets lead to is there. What the repository's references lead to is taken as whole.
pub async fn is_whole(folder: &Folder, quarantine: &Quarantine, targets: &[Oid]) -> Result<bool, Error> {
    let mut command = folder.git.command(&folder.path);
    quarantine.guard(&mut command);
    command.args(["rev-list", "--objects", "--stdin", "--not", "--all", "--quiet"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut running = folder.git.start(command).await?;
    let (stdin, stderr) = (running.child.stdin.take(), running.child.stderr.take());
    let (Some(mut stdin), Some(stderr)) = (stdin, stderr) else {
        return Err(Error::Task("git has no standard input or error".to_owned()));
    };
    let lines: String = targets.iter().map(|target| format!("{target}\n")).collect();
    let feed = async move {
        // A git that stops reading has found something missing.
        let _ = stdin.write_all(lines.as_bytes()).await;
        let _ = stdin.shutdown().await;
    };
    let ((), said) = tokio::join!(feed, messages(stderr));
    let status = running.child.wait().await.map_err(Error::io("git rev-list"))?;
    if !status.success() {
        tracing::info!(git.message = said, repository.id = %folder.id, "A push does not connect.");
    }
    Ok(status.success())
}

/// Why a reference may not point to this object; `None`: it may. Branches hold commits only, as git demands.
pub fn unfit_target(
    library: &git2::Repository,
    name: &str,
    target: Oid,
) -> Result<Option<&'static str>, Error> {
    let kind = match library.odb()?.read_header(target) {
        Ok((_, kind)) => kind,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(Some("missing necessary objects")),
        Err(error) => return Err(error.into()),
    };
    let is_branch = name.starts_with("refs/heads/");
    Ok((is_branch && kind != ObjectType::Commit).then_some("a branch must point to a commit"))
}
