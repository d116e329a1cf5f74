use aws::Ctx;
use codecommit_model::{CreateCommit, CreateCommitOutput, FileMetadata, PutFileEntry};

use super::file_changes::{self, MAX_CONTENT, Words};
use super::get_file::{file_mode, file_path};
use crate::error::Error;
use crate::git::edit::{Change, Content, File};
use crate::service::{CodeCommit, CommitWork};

/// Source: CodeCommit User Guide, "Quotas".
const MAX_FILES: usize = 100;

/// Puts, moves, deletes files and sets their modes in one commit.
/// Errors: those of [`file_changes::tip_for`] and [`file_changes::description`], FileEntryRequired,
/// MaximumFileEntriesExceeded, SourceFileOrContentRequired, FileContentAndSourceFileSpecified,
/// FileContentSizeLimitExceeded, PathRequired, InvalidPath, SamePathRequest, FileDoesNotExist, InvalidFileMode,
/// NoChange, and conflicts of paths with what is there.
pub async fn create_commit(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: CreateCommit,
) -> Result<CreateCommitOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let keep_empty_folders = input.keep_empty_folders.unwrap_or_default();
    let words = Words {
        name: input.author_name.clone(),
        email: input.email.clone(),
        message: input.commit_message.clone(),
    };
    let description = file_changes::description(ctx, words, "Changed files".to_owned())?;
    let parent = input.parent_commit_id.as_deref();
    let tip = file_changes::tip_for(codecommit, &repository, &input.branch_name, parent).await?;
    let branch = input.branch_name.clone();
    let work = CommitWork { changes: changes(input)?, keep_empty_folders, description };
    let made = codecommit.commit_to_branch(ctx, &repository, &branch, tip, work).await?;
    Ok(CreateCommitOutput {
        commit_id: Some(made.commit.to_string()),
        tree_id: Some(made.tree.to_string()),
        files_added: Some(made.added.iter().map(shape).collect()),
        files_updated: Some(made.updated.iter().map(shape).collect()),
        files_deleted: Some(made.deleted.iter().map(shape).collect()),
    })
}

fn changes(input: CreateCommit) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for entry in input.put_files.unwrap_or_default() {
        changes.push(put(entry)?);
    }
    for entry in input.delete_files.unwrap_or_default() {
        changes.push(Change::Delete { path: file_path(&entry.file_path)? });
    }
    for entry in input.set_file_modes.unwrap_or_default() {
        let kind = file_changes::entry_kind(entry.file_mode)?;
        changes.push(Change::SetMode { path: file_path(&entry.file_path)?, kind });
    }
    match changes.len() {
        0 => Err(Error::FileEntryRequired),
        1..=MAX_FILES => Ok(changes),
        _ => Err(Error::MaximumFileEntriesExceeded(MAX_FILES)),
    }
}

fn put(entry: PutFileEntry) -> Result<Change, Error> {
    let path = file_path(&entry.file_path)?;
    let content = match (entry.file_content, entry.source_file) {
        (Some(_), Some(_)) => return Err(Error::FileContentAndSourceFileSpecified(path.to_string())),
        (None, None) => return Err(Error::SourceFileOrContentRequired(path.to_string())),
        (Some(content), None) if content.0.len() > MAX_CONTENT => {
            return Err(Error::FileContentSizeLimitExceeded(MAX_CONTENT));
        }
        (Some(content), None) => Content::Given(content.0),
        (None, Some(source)) => {
            Content::Of { source: file_path(&source.file_path)?, moved: source.is_move.unwrap_or_default() }
        }
    };
    let kind = entry.file_mode.map(file_changes::entry_kind).transpose()?;
    Ok(Change::Put { path, kind, content })
}

fn shape(file: &File) -> FileMetadata {
    FileMetadata {
        absolute_path: Some(file.path.to_string()),
        blob_id: Some(file.id.to_string()),
        file_mode: file_mode(file.kind),
    }
}
