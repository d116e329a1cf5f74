//! Bitbucket Cloud. Source: Bitbucket documentation, "Event payloads".

use serde::Deserialize;

use super::{Unusable, parse, push, title};
use crate::change::{self, Action, Change, What};

/// Where a reference is not.
const NOTHING: &str = "0000000000000000000000000000000000000000";

#[derive(Deserialize)]
struct PushDelivery {
    repository: Repository,
    push: Push,
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct Push {
    changes: Vec<Moved>,
}

#[derive(Deserialize)]
struct Moved {
    old: Option<State>,
    new: Option<State>,
}

#[derive(Deserialize)]
struct State {
    r#type: String,
    name: String,
    target: Commit,
}

#[derive(Deserialize)]
struct PullRequestDelivery {
    repository: Repository,
    pullrequest: PullRequest,
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct PullRequest {
    id: u64,
    title: String,
    source: Side,
    destination: Side,
    merge_commit: Option<Commit>,
    author: Option<Actor>,
}

#[derive(Deserialize)]
struct CommentDelivery {
    repository: Repository,
    pullrequest: Commented,
    comment: Comment,
    actor: Option<Actor>,
}

#[derive(Deserialize)]
struct Commented {
    id: u64,
}

#[derive(Deserialize)]
struct Comment {
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    raw: Option<String>,
}

#[derive(Deserialize)]
struct Side {
    branch: Branch,
    commit: Option<Commit>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
}

#[derive(Deserialize)]
struct Commit {
    hash: String,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct Actor {
    account_id: Option<String>,
    /// In curly brackets.
    uuid: Option<String>,
}

impl Actor {
    /// As roles are asked for.
    fn account(&self) -> Option<String> {
        self.uuid.as_ref().map(|uuid| uuid.trim_matches(['{', '}']).to_owned())
    }
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Vec<Change>, Unusable> {
    let action = match event {
        "repo:push" => return Ok(pushes(parse(body)?)),
        "pullrequest:created" => Action::Created,
        "pullrequest:updated" => Action::Updated,
        "pullrequest:fulfilled" => Action::Merged,
        "pullrequest:rejected" => Action::Closed,
        "pullrequest:comment_created" => return Ok(approvals(parse(body)?)),
        _ => return Ok(Vec::new()),
    };
    let PullRequestDelivery { repository, pullrequest, actor } = parse(body)?;
    let Side { branch, commit, repository: from } = pullrequest.source;
    let author = pullrequest.author.as_ref().and_then(Actor::account);
    let user = actor.as_ref().and_then(Actor::account);
    let what = What::PullRequest(change::PullRequest {
        commit: commit.map(|commit| commit.hash).unwrap_or_default(),
        id: pullrequest.id.to_string(),
        title: title(&pullrequest.title),
        action,
        source_branch: branch.name,
        destination_branch: pullrequest.destination.branch.name,
        is_from_fork: from.is_none_or(|from| from.full_name != repository.full_name),
        merge_commit: pullrequest.merge_commit.map(|commit| commit.hash),
        // Both, or nobody.
        contributors: author.zip(user).map(|(author, user)| vec![author, user]).unwrap_or_default(),
    });
    let actor = actor.and_then(|actor| actor.account_id);
    Ok(vec![Change { repository: repository.full_name, actor, what }])
}

fn approvals(told: CommentDelivery) -> Vec<Change> {
    let text = told.comment.content.raw.unwrap_or_default();
    let by = told.actor.as_ref().and_then(Actor::account);
    let (Some(commit), Some(by)) = (change::Approval::commit_of(&text), by) else { return Vec::new() };
    let what = What::Approval(change::Approval { id: told.pullrequest.id.to_string(), commit, by });
    let actor = told.actor.and_then(|actor| actor.account_id);
    vec![Change { repository: told.repository.full_name, actor, what }]
}

fn pushes(told: PushDelivery) -> Vec<Change> {
    let actor = told.actor.and_then(|actor| actor.account_id);
    let moved = told.push.changes.iter().filter_map(|moved| {
        let new = moved.new.as_ref()?;
        let folder = match new.r#type.as_str() {
            "branch" => "heads",
            "tag" => "tags",
            _ => return None,
        };
        let before = moved.old.as_ref().map_or(NOTHING, |old| &old.target.hash);
        let what = push(&format!("refs/{folder}/{}", new.name), before, &new.target.hash)?;
        Some(Change { repository: told.repository.full_name.clone(), actor: actor.clone(), what })
    });
    moved.collect()
}
