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
struct Sender {
    id: u64,
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
            let what = pull_request(&told.action, told.number, told.pull_request, &told.repository);
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
        _ => Ok(Vec::new()),
    }
}

fn change(repository: Repository, sender: Option<Sender>, what: Option<What>) -> Vec<Change> {
    let actor = sender.map(|sender| sender.id.to_string());
    what.map(|what| Change { repository: repository.full_name, actor, what }).into_iter().collect()
}

fn pull_request(action: &str, number: u64, told: PullRequest, repository: &Repository) -> Option<What> {
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
    }))
}
