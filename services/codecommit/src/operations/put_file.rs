use aws::Ctx;
use codecommit_model::{PutFile, PutFileOutput};

use super::file_changes::{self, MAX_CONTENT, Words};
use super::get_file::file_path;
use crate::error::Error;
use crate::git::edit::{Change, Content};
use crate::service::{CodeCommit, CommitWork};

/// Adds or changes one file of a branch by a commit of its own.
/// Errors: those of [`file_changes::tip_for`] and [`file_changes::description`], FileContentSizeLimitExceeded,
/// PathRequired, InvalidPath, SameFileContent, and conflicts of the path with what is there.
pub async fn put_file(codecommit: &CodeCommit, ctx: &Ctx, input: PutFile) -> Result<PutFileOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let path = file_path(&input.file_path)?;
    if input.file_content.0.len() > MAX_CONTENT {
        return Err(Error::FileContentSizeLimitExceeded(MAX_CONTENT));
    }
    let kind = input.file_mode.map(file_changes::entry_kind).transpose()?;
    let words = Words { name: input.name, email: input.email, message: input.commit_message };
    let description = file_changes::description(ctx, words, format!("Added {path}"))?;
    let parent = input.parent_commit_id.as_deref();
    let tip = file_changes::tip_for(codecommit, &repository, &input.branch_name, parent).await?;
    let content = Content::Given(input.file_content.0);
    let work = CommitWork {
        changes: vec![Change::Put { path: path.clone(), kind, content }],
        keep_empty_folders: false,
        description,
    };
    let made = match codecommit.commit_to_branch(ctx, &repository, &input.branch_name, tip, work).await {
        Err(Error::NoChange) => return Err(Error::SameFileContent(path.to_string())),
        made => made?,
    };
    let file =
        made.added.iter().chain(&made.updated).next().ok_or(Error::SameFileContent(path.to_string()))?;
    Ok(PutFileOutput {
        commit_id: made.commit.to_string(),
        blob_id: file.id.to_string(),
        tree_id: made.tree.to_string(),
    })
}
