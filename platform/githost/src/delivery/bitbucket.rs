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
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Vec<Change>, Unusable> {
    let action = match event {
        "repo:push" => return Ok(pushes(parse(body)?)),
        "pullrequest:created" => Action::Created,
        "pullrequest:updated" => Action::Updated,
        "pullrequest:fulfilled" => Action::Merged,
        "pullrequest:rejected" => Action::Closed,
        _ => return Ok(Vec::new()),
    };
    let PullRequestDelivery { repository, pullrequest, actor } = parse(body)?;
    let Side { branch, commit, repository: from } = pullrequest.source;
    let what = What::PullRequest(change::PullRequest {
        commit: commit.map(|commit| commit.hash).unwrap_or_default(),
        id: pullrequest.id.to_string(),
        title: title(&pullrequest.title),
        action,
        source_branch: branch.name,
        destination_branch: pullrequest.destination.branch.name,
        is_from_fork: from.is_none_or(|from| from.full_name != repository.full_name),
        merge_commit: pullrequest.merge_commit.map(|commit| commit.hash),
        contributors: Vec::new(),
    });
    let actor = actor.and_then(|actor| actor.account_id);
    Ok(vec![Change { repository: repository.full_name, actor, what }])
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
