use aws::Ctx;
use codecommit_model::{DeleteFile, DeleteFileOutput};

use super::file_changes::{self, Words};
use super::get_file::file_path;
use crate::error::Error;
use crate::git::edit::Change;
use crate::service::{CodeCommit, CommitWork};

/// Deletes one file of a branch by a commit of its own.
/// Errors: those of [`file_changes::tip_for`] and [`file_changes::description`], PathRequired, InvalidPath,
/// FileDoesNotExist.
pub async fn delete_file(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: DeleteFile,
) -> Result<DeleteFileOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let path = file_path(&input.file_path)?;
    let words = Words { name: input.name, email: input.email, message: input.commit_message };
    let description = file_changes::description(ctx, words, format!("Deleted {path}"))?;
    let parent = Some(input.parent_commit_id.as_str());
    let tip = file_changes::tip_for(codecommit, &repository, &input.branch_name, parent).await?;
    let work = CommitWork {
        changes: vec![Change::Delete { path: path.clone() }],
        keep_empty_folders: input.keep_empty_folders.unwrap_or_default(),
        description,
    };
    let made = codecommit.commit_to_branch(ctx, &repository, &input.branch_name, tip, work).await?;
    let file = made.deleted.first().ok_or_else(|| Error::FileDoesNotExist(path.to_string()))?;
    Ok(DeleteFileOutput {
        commit_id: made.commit.to_string(),
        blob_id: file.id.to_string(),
        tree_id: made.tree.to_string(),
        file_path: path.to_string(),
    })
}
