//! GitLab. Source: GitLab documentation, "Webhook events".

use serde::Deserialize;

use super::{Unusable, parse, push, title};
use crate::change::{self, Action, Change, What};

#[derive(Deserialize)]
struct Push {
    r#ref: String,
    before: String,
    after: String,
    project: Project,
    user_id: Option<u64>,
}

#[derive(Deserialize)]
struct MergeRequestDelivery {
    project: Project,
    object_attributes: MergeRequest,
    user: Option<User>,
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: u64,
    title: String,
    action: Option<String>,
    /// Where the source branch was before, if it was pushed to.
    oldrev: Option<String>,
    source_branch: String,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: Option<u64>,
    last_commit: Commit,
    author_id: Option<u64>,
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct NoteDelivery {
    project: Project,
    object_attributes: Note,
    /// It is a note on one.
    merge_request: Option<Noted>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Note {
    note: String,
    /// Older servers do not tell it, and tell of new notes alone.
    action: Option<String>,
}

#[derive(Deserialize)]
struct Noted {
    iid: u64,
}

#[derive(Deserialize)]
struct ReleaseDelivery {
    project: Project,
    action: String,
    tag: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

#[derive(Deserialize)]
struct User {
    id: Option<u64>,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Vec<Change>, Unusable> {
    match event {
        "Push Hook" | "Tag Push Hook" => {
            let told: Push = parse(body)?;
            let what = push(&told.r#ref, &told.before, &told.after);
            Ok(change(told.project, told.user_id, what))
        }
        "Merge Request Hook" => {
            let told: MergeRequestDelivery = parse(body)?;
            let user = told.user.and_then(|user| user.id);
            Ok(change(told.project, user, merge_request(told.object_attributes, user)))
        }
        "Note Hook" => {
            let told: NoteDelivery = parse(body)?;
            let user = told.user.and_then(|user| user.id);
            let commit = change::Approval::commit_of(&told.object_attributes.note);
            let is_new = told.object_attributes.action.is_none_or(|action| action == "create");
            let (Some(commit), Some(noted), Some(by), true) = (commit, told.merge_request, user, is_new)
            else {
                return Ok(Vec::new());
            };
            let approval = change::Approval { id: noted.iid.to_string(), commit, by: by.to_string() };
            Ok(change(told.project, user, Some(What::Approval(approval))))
        }
        "Release Hook" => {
            let told: ReleaseDelivery = parse(body)?;
            if told.action != "create" {
                return Ok(Vec::new());
            }
            let name = title(&told.name.unwrap_or_default());
            let release = change::Release { tag: told.tag, name, is_prerelease: false };
            Ok(change(told.project, None, Some(What::Release(release))))
        }
        _ => Ok(Vec::new()),
    }
}

/// Both, or nobody.
fn contributors(author: Option<u64>, user: Option<u64>) -> Vec<String> {
    author.zip(user).map(|(author, user)| vec![author.to_string(), user.to_string()]).unwrap_or_default()
}

fn change(project: Project, user: Option<u64>, what: Option<What>) -> Vec<Change> {
    let (repository, actor) = (project.path_with_namespace, user.map(|id| id.to_string()));
    what.map(|what| Change { repository, actor, what }).into_iter().collect()
}

fn merge_request(told: MergeRequest, user: Option<u64>) -> Option<What> {
    let action = match (told.action.as_deref().unwrap_or_default(), &told.oldrev) {
        ("open", _) => Action::Created,
        ("reopen", _) => Action::Reopened,
        ("update", Some(_)) => Action::Updated,
        ("merge", _) => Action::Merged,
        ("close", _) => Action::Closed,
        _ => return None,
    };
    Some(What::PullRequest(change::PullRequest {
        commit: told.last_commit.id,
        id: told.iid.to_string(),
        title: title(&told.title),
        action,
        source_branch: told.source_branch,
        destination_branch: told.target_branch,
        is_from_fork: told.source_project_id != told.target_project_id,
        merge_commit: told.merge_commit_sha,
        contributors: contributors(told.author_id, user),
    }))
}
