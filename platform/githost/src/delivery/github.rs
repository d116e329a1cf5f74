//! GitHub, GitHub Enterprise Server, and what speaks as they do. Source: GitHub documentation, "Webhook events and
//! payloads".

use serde::Deserialize;

use super::{Unusable, parse, push, title};
use crate::change::{self, Action, Change, What};

#[derive(Deserialize)]
struct Push {
    r#ref: String,
    before: String,
    after: String,
    repository: Repository,
    sender: Option<Sender>,
}

#[derive(Deserialize)]
struct PullRequestDelivery {
    action: String,
    number: u64,
    pull_request: PullRequest,
    repository: Repository,
    sender: Option<Sender>,
}

#[derive(Deserialize)]
struct PullRequest {
    title: String,
    head: Head,
    base: Base,
    user: Option<Sender>,
    #[serde(default)]
    merged: bool,
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    r#ref: String,
    sha: String,
    /// None: it was deleted.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Base {
    r#ref: String,
}

#[derive(Deserialize)]
struct ReleaseDelivery {
    action: String,
    release: Release,
    repository: Repository,
    sender: Option<Sender>,
}

#[derive(Deserialize)]
struct Release {
    tag_name: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct CommentDelivery {
    action: String,
    issue: Issue,
    comment: Comment,
    repository: Repository,
    sender: Option<Sender>,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    /// It is one.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Comment {
    body: Option<String>,
    user: Option<Sender>,
}

#[derive(Deserialize)]
struct Sender {
    id: u64,
    login: Option<String>,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Vec<Change>, Unusable> {
    match event {
        "push" => {
            let told: Push = parse(body)?;
            let what = push(&told.r#ref, &told.before, &told.after);
            Ok(change(told.repository, told.sender, what))
        }
        "pull_request" => {
            let told: PullRequestDelivery = parse(body)?;
            let sender = told.sender.as_ref().and_then(|sender| sender.login.clone());
            let what = pull_request(&told.action, told.number, told.pull_request, &told.repository, sender);
            Ok(change(told.repository, told.sender, what))
        }
        "release" => {
            let told: ReleaseDelivery = parse(body)?;
            let is_prerelease = match told.action.as_str() {
                "released" => false,
                "prereleased" => true,
                _ => return Ok(Vec::new()),
            };
            let Release { tag_name: tag, name } = told.release;
            let release = change::Release { name: title(&name.unwrap_or_default()), tag, is_prerelease };
            Ok(change(told.repository, told.sender, Some(What::Release(release))))
        }
        "issue_comment" => {
            let told: CommentDelivery = parse(body)?;
            let is_new = told.action == "created" && told.issue.pull_request.is_some();
            let commit = change::Approval::commit_of(told.comment.body.as_deref().unwrap_or_default());
            let by = told.comment.user.and_then(|user| user.login);
            let (true, Some(commit), Some(by)) = (is_new, commit, by) else { return Ok(Vec::new()) };
            let approval = change::Approval { id: told.issue.number.to_string(), commit, by };
            Ok(change(told.repository, told.sender, Some(What::Approval(approval))))
        }
        _ => Ok(Vec::new()),
    }
}

fn change(repository: Repository, sender: Option<Sender>, what: Option<What>) -> Vec<Change> {
    let actor = sender.map(|sender| sender.id.to_string());
    what.map(|what| Change { repository: repository.full_name, actor, what }).into_iter().collect()
}

fn pull_request(
    action: &str,
    number: u64,
    told: PullRequest,
    repository: &Repository,
    sender: Option<String>,
) -> Option<What> {
    let action = match action {
        "opened" => Action::Created,
        "reopened" => Action::Reopened,
        "synchronize" => Action::Updated,
        "closed" if told.merged => Action::Merged,
        "closed" => Action::Closed,
        _ => return None,
    };
    Some(What::PullRequest(change::PullRequest {
        commit: told.head.sha,
        id: number.to_string(),
        title: title(&told.title),
        action,
        source_branch: told.head.r#ref,
        destination_branch: told.base.r#ref,
        is_from_fork: told.head.repo.is_none_or(|from| from.full_name != repository.full_name),
        // Before the merge it names a commit that the host has made for a try.
        merge_commit: told.merge_commit_sha.filter(|_| told.merged),
        // Both, or nobody: that the author is trusted says nothing of whoever else has changed it.
        contributors: told
            .user
            .and_then(|user| user.login)
            .zip(sender)
            .map(<[String; 2]>::from)
            .into_iter()
            .flatten()
            .collect(),
    }))
}
