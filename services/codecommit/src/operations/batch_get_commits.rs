use aws::Ctx;
use codecommit_model::{BatchGetCommits, BatchGetCommitsError, BatchGetCommitsOutput};

use super::get_commit::shape;
use crate::error::Error;
use crate::git::lookup;
use crate::service::CodeCommit;
use crate::specifier::object_id;

/// Source: API Reference, BatchGetCommits.
const MAX_COMMITS: usize = 100;

/// Commits by their full ids; ids without one are told apart.
/// Errors: RepositoryDoesNotExist, CommitIdsListRequired, CommitIdsLimitExceeded.
pub async fn batch_get_commits(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: BatchGetCommits,
) -> Result<BatchGetCommitsOutput, Error> {
    if input.commit_ids.is_empty() {
        return Err(Error::CommitIdsListRequired);
    }
    if input.commit_ids.len() > MAX_COMMITS {
        return Err(Error::CommitIdsLimitExceeded(MAX_COMMITS));
    }
    let repository = codecommit.repository(&ctx.scope, &input.repository_name).await?;
    let folder = codecommit.folder(&repository)?;
    let found = folder.read(move |library| {
        let find = |id: String| match object_id(&id) {
            Some(parsed) => Ok((id, Some(lookup::commit(library, parsed)?))),
            None => Ok((id, None)),
        };
        input.commit_ids.into_iter().map(find).collect::<Result<Vec<_>, crate::git::Error>>()
    });
    let (mut commits, mut errors) = (Vec::new(), Vec::new());
    for (id, commit) in found.await? {
        let refusal = match commit {
            Some(Some(commit)) => {
                commits.push(shape(commit));
                continue;
            }
            Some(None) => Error::CommitIdDoesNotExist(id.clone()),
            None => Error::InvalidCommitId(id.clone()),
        };
        let refusal = aws::Error::from(refusal);
        errors.push(BatchGetCommitsError {
            commit_id: Some(id),
            error_code: Some(refusal.code.into_owned()),
            error_message: Some(refusal.message),
        });
    }
    Ok(BatchGetCommitsOutput { commits: Some(commits), errors: Some(errors) })
}
