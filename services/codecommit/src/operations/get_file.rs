use aws::Ctx;
use codecommit_model::{FileModeTypeEnum, GetFile, GetFileOutput};

use super::get_blob::MAX_FILE;
use crate::error::Error;
use crate::git::lookup::{self, BlobContent, EntryKind};
use crate::path::RepositoryPath;
use crate::service::CodeCommit;

/// A file of a commit, by default of the default branch's tip.
/// Errors: RepositoryDoesNotExist, InvalidCommit, CommitDoesNotExist, PathRequired, InvalidPath,
/// FileDoesNotExist, FileTooLarge.
pub async fn get_file(codecommit: &CodeCommit, ctx: &Ctx, input: GetFile) -> Result<GetFileOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let path = file_path(&input.file_path)?;
    let commit = codecommit.resolve(&repository, input.commit_specifier.as_deref()).await?;
    codecommit
        .folder(&repository)?
        .read(move |library| {
            if lookup::commit(library, commit)?.is_none() {
                return Err(Error::CommitDoesNotExist(commit.to_string()));
            }
            let missing = || Error::FileDoesNotExist(path.to_string());
            let entry = lookup::at_path(library, commit, &path)?.ok_or_else(missing)?;
            let mode = file_mode(entry.kind).ok_or_else(missing)?;
            let content = match lookup::blob(library, entry.id, MAX_FILE)? {
                BlobContent::Whole(content) => content,
                BlobContent::TooLarge => return Err(Error::FileTooLarge(MAX_FILE)),
                BlobContent::Absent => return Err(missing()),
            };
            Ok(GetFileOutput {
                commit_id: commit.to_string(),
                blob_id: entry.id.to_string(),
                file_path: path.to_string(),
                file_mode: mode,
                file_size: i64::try_from(content.len()).unwrap_or(i64::MAX),
                file_content: content.into(),
            })
        })
        .await
}

/// Errors: PathRequired, InvalidPath.
pub fn file_path(text: &str) -> Result<RepositoryPath, Error> {
    if text.is_empty() {
        return Err(Error::PathRequired);
    }
    RepositoryPath::parse_file(text).ok_or_else(|| Error::InvalidPath(text.chars().take(200).collect()))
}

/// The API's word for a file's mode; `None` for what is no file.
pub fn file_mode(kind: EntryKind) -> Option<FileModeTypeEnum> {
    match kind {
        EntryKind::File => Some(FileModeTypeEnum::Normal),
        EntryKind::Executable => Some(FileModeTypeEnum::Executable),
        EntryKind::Symlink => Some(FileModeTypeEnum::Symlink),
        EntryKind::Folder | EntryKind::Submodule => None,
    }
}
