//! On what the policies are asked: the repository with its tags, and the reference that a call changes.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS CodeCommit".

use aws::{Access, Ctx};
use codecommit_model as model;

use super::tags;
use crate::error::Error;
use crate::references::branch;
use crate::service::CodeCommit;

/// The condition key that names the changed reference, in full.
pub const REFERENCES: &str = "codecommit:References";

/// An operation on one repository.
pub trait OnRepository {
    fn repository(&self) -> &str;

    /// The branch that it changes.
    fn branch(&self) -> Option<&str> {
        None
    }
}

pub async fn to_repository<O: OnRepository>(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: &O,
) -> Result<Vec<Access>, Error> {
    let access = codecommit.access(ctx, input.repository()).await?;
    Ok(vec![match input.branch() {
        Some(name) => access.when(REFERENCES, branch(name)),
        None => access,
    }])
}

pub async fn to_repositories(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: &model::BatchGetRepositories,
) -> Result<Vec<Access>, Error> {
    let mut accesses = Vec::new();
    for name in input.repository_names.iter().take(super::batch_get_repositories::MAX_NAMES) {
        accesses.push(codecommit.access(ctx, name).await?);
    }
    if accesses.is_empty() {
        accesses.push(Access::any());
    }
    Ok(accesses)
}

/// Operations on tags: the repository is named by its ARN.
pub async fn to_tagged<O: tags::OnTags>(
    codecommit: &CodeCommit,
    ctx: &Ctx,
    input: &O,
) -> Result<Vec<Access>, Error> {
    let name = tags::repository_name(ctx, input.resource_arn())?;
    let access = codecommit.access(ctx, &name).await?;
    Ok(vec![input.request_tags(access)])
}

impl CodeCommit {
    /// The question whether something may be done to a repository, which need not exist.
    pub async fn access(&self, ctx: &Ctx, repository: &str) -> Result<Access, Error> {
        let access = Access::to(ctx.scope.arn("codecommit", repository));
        let Some(found) = self.find_repository(&ctx.scope, repository).await? else { return Ok(access) };
        let tags = found.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(access.with_resource_tags(tags))
    }
}

macro_rules! on_repository {
    ($($operation:ident),*) => {$(
        impl OnRepository for model::$operation {
            fn repository(&self) -> &str {
                &self.repository_name
            }
        }
    )*};
}

macro_rules! on_branch {
    ($($operation:ident),*) => {$(
        impl OnRepository for model::$operation {
            fn repository(&self) -> &str {
                &self.repository_name
            }

            fn branch(&self) -> Option<&str> {
                Some(&self.branch_name)
            }
        }
    )*};
}

on_repository!(
    BatchGetCommits,
    DeleteRepository,
    GetBlob,
    GetCommit,
    GetDifferences,
    GetFile,
    GetFolder,
    GetRepository,
    ListBranches,
    UpdateDefaultBranch,
    UpdateRepositoryDescription,
    UploadArchive
);
on_branch!(CreateBranch, CreateCommit, DeleteBranch, DeleteFile, PutFile);

impl OnRepository for model::GetBranch {
    fn repository(&self) -> &str {
        self.repository_name.as_deref().unwrap_or_default()
    }
}
