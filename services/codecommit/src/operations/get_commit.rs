use aws::Ctx;
use codecommit_model::{Commit, GetCommit, GetCommitOutput, UserInfo};

use crate::error::Error;
use crate::git::lookup::{self, CommitView, Person};
use crate::service::CodeCommit;
use crate::specifier::object_id;

/// A commit by its full id.
/// Errors: RepositoryDoesNotExist, InvalidCommitId, CommitIdDoesNotExist.
pub async fn get_commit(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: GetCommit,
) -> Result<GetCommitOutput, Error> {
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    if input.commit_id.is_empty() {
        return Err(Error::CommitIdRequired);
    }
    let id = object_id(&input.commit_id).ok_or_else(|| Error::InvalidCommitId(input.commit_id.clone()))?;
    let found = codecommit.folder(&repository)?.read(move |library| lookup::commit(library, id)).await?;
    let commit = found.ok_or(Error::CommitIdDoesNotExist(input.commit_id))?;
    Ok(GetCommitOutput { commit: shape(commit) })
}

/// A commit in the API's form.
pub fn shape(commit: CommitView) -> Commit {
    let person = |person: Person| UserInfo {
        name: Some(person.name),
        email: Some(person.email),
        date: Some(person.date),
    };
    Commit {
        commit_id: Some(commit.id.to_string()),
        tree_id: Some(commit.tree.to_string()),
        parents: Some(commit.parents.iter().map(ToString::to_string).collect()),
        message: Some(commit.message),
        author: Some(person(commit.author)),
        committer: Some(person(commit.committer)),
        additional_data: Some(commit.additional),
    }
}
