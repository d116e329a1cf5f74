use aws::Ctx;
use codecommit_model::{File, Folder, GetFolder, GetFolderOutput, SubModule, SymbolicLink};

use super::get_file::file_mode;
use crate::error::Error;
use crate::git::lookup::{self, Entry, EntryKind};
use crate::path::RepositoryPath;
use crate::service::CodeCommit;

/// What a folder of a commit holds, by default of the default branch's tip.
/// Errors: RepositoryDoesNotExist, InvalidCommit, CommitDoesNotExist, PathRequired, InvalidPath,
/// FolderDoesNotExist.
pub async fn get_folder(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: GetFolder,
) -> Result<GetFolderOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    if input.folder_path.is_empty() {
        return Err(Error::PathRequired);
    }
    let path = RepositoryPath::parse(&input.folder_path)
        .ok_or_else(|| Error::InvalidPath(input.folder_path.chars().take(200).collect()))?;
    let commit = codecommit.resolve(&repository, input.commit_specifier.as_deref()).await?;
    codecommit
        .folder(&repository)?
        .read(move |library| {
            if lookup::commit(library, commit)?.is_none() {
                return Err(Error::CommitDoesNotExist(commit.to_string()));
            }
            let found = lookup::at_path(library, commit, &path)?;
            let folder = found.filter(|entry| entry.kind == EntryKind::Folder);
            let folder = folder.ok_or_else(|| Error::FolderDoesNotExist(input.folder_path.clone()))?;
            let mut output = GetFolderOutput {
                commit_id: commit.to_string(),
                folder_path: path.to_string(),
                tree_id: Some(folder.id.to_string()),
                ..GetFolderOutput::default()
            };
            list(&path, lookup::folder(library, folder.id)?, &mut output);
            Ok(output)
        })
        .await
}

/// Sorts what is in a folder into the lists of the answer.
fn list(path: &RepositoryPath, entries: Vec<Entry>, output: &mut GetFolderOutput) {
    let (mut folders, mut files, mut links, mut modules) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let absolute_path = match path.is_root() {
            true => Some(entry.name.clone()),
            false => Some(format!("{path}/{}", entry.name)),
        };
        let (id, relative_path) = (Some(entry.id.to_string()), Some(entry.name));
        let file_mode = file_mode(entry.kind);
        match entry.kind {
            EntryKind::Folder => folders.push(Folder { tree_id: id, absolute_path, relative_path }),
            EntryKind::Submodule => modules.push(SubModule { commit_id: id, absolute_path, relative_path }),
            EntryKind::Symlink => {
                links.push(SymbolicLink { blob_id: id, absolute_path, relative_path, file_mode });
            }
            EntryKind::File | EntryKind::Executable => {
                files.push(File { blob_id: id, absolute_path, relative_path, file_mode });
            }
        }
    }
    output.sub_folders = Some(folders);
    output.files = Some(files);
    output.symbolic_links = Some(links);
    output.sub_modules = Some(modules);
}
