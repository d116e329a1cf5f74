//! The API, an operation a file.

mod access;
mod batch_get_commits;
mod batch_get_repositories;
mod create_branch;
mod create_commit;
mod create_repository;
mod delete_branch;
mod delete_file;
mod delete_repository;
mod file_changes;
mod get_blob;
mod get_branch;
mod get_commit;
mod get_differences;
mod get_file;
mod get_folder;
mod get_repository;
mod list_branches;
mod list_repositories;
mod list_tags_for_resource;
mod own_errors;
mod put_file;
mod tag_resource;
mod tags;
mod untag_resource;
mod update_default_branch;
mod update_repository_description;
mod update_repository_name;
mod upload_archive;

use std::sync::Arc;

use aws::{Access, Router, Scope};
use codecommit_model::{CODECOMMIT, CreateRepository, ListRepositories, UpdateRepositoryName};

use crate::service::CodeCommit;

pub use access::REFERENCES;
pub use tags::is_name as is_repository_name;

/// All operations that are served, and on what the policies are asked.
pub fn router(codecommit: Arc<CodeCommit>) -> Router {
    Router::of(&CODECOMMIT, codecommit)
        .refusing(&own_errors::OWN_ERRORS)
        .on_resolved(batch_get_commits::batch_get_commits, access::to_repository)
        .on_resolved(batch_get_repositories::batch_get_repositories, access::to_repositories)
        .on_resolved(create_branch::create_branch, access::to_repository)
        .on_resolved(create_commit::create_commit, access::to_repository)
        .on(create_repository::create_repository, |input: &CreateRepository, scope: &Scope| {
            let tags = input.tags.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
            vec![Access::to(scope.arn("codecommit", &input.repository_name)).with_request_tags(tags)]
        })
        .on_resolved(delete_branch::delete_branch, access::to_repository)
        .on_resolved(delete_file::delete_file, access::to_repository)
        .on_resolved(delete_repository::delete_repository, access::to_repository)
        .on_resolved(get_blob::get_blob, access::to_repository)
        .on_resolved(get_branch::get_branch, access::to_repository)
        .on_resolved(get_commit::get_commit, access::to_repository)
        .on_resolved(get_differences::get_differences, access::to_repository)
        .on_resolved(get_file::get_file, access::to_repository)
        .on_resolved(get_folder::get_folder, access::to_repository)
        .on_resolved(get_repository::get_repository, access::to_repository)
        .on_resolved(list_branches::list_branches, access::to_repository)
        .on(list_repositories::list_repositories, |_: &ListRepositories, _: &Scope| vec![Access::any()])
        .on_resolved(list_tags_for_resource::list_tags_for_resource, access::to_tagged)
        .on_resolved(put_file::put_file, access::to_repository)
        .on_resolved(tag_resource::tag_resource, access::to_tagged)
        .on_resolved(untag_resource::untag_resource, access::to_tagged)
        .on_resolved(update_default_branch::update_default_branch, access::to_repository)
        .on_resolved(update_repository_description::update_repository_description, access::to_repository)
        .on(update_repository_name::update_repository_name, |input: &UpdateRepositoryName, scope: &Scope| {
            let names = [&input.old_name, &input.new_name];
            names.map(|name| Access::to(scope.arn("codecommit", name))).into()
        })
        .on_resolved(upload_archive::upload_archive, access::to_repository)
        .build()
}
