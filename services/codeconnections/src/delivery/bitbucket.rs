//! Bitbucket Cloud. Source: Bitbucket documentation, "Event payloads".

use serde::Deserialize;

use super::{Change, PullRequestEvent, Unusable, What, parse, push, title};

/// Where a reference is not.
const NOTHING: &str = "0000000000000000000000000000000000000000";

#[derive(Deserialize)]
struct PushDelivery {
    repository: Repository,
    push: Push,
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
}

#[derive(Deserialize)]
struct PullRequest {
    id: u64,
    title: String,
    source: Side,
    destination: Side,
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

pub(super) fn read(event: &str, body: &[u8]) -> Result<Vec<Change>, Unusable> {
    // Of what was declined, nothing is to be run: CLOSED means merged here.
    let event = match event {
        "repo:push" => {
            let told: PushDelivery = parse(body)?;
            return Ok(pushes(&told));
        }
        "pullrequest:created" => PullRequestEvent::Open,
        "pullrequest:updated" => PullRequestEvent::Updated,
        "pullrequest:fulfilled" => PullRequestEvent::Closed,
        _ => return Ok(Vec::new()),
    };
    let PullRequestDelivery { repository, pullrequest } = parse(body)?;
    let Side { branch, commit, repository: from } = pullrequest.source;
    if from.is_none_or(|from| from.full_name != repository.full_name) {
        return Err(Unusable::Ignored("Pull requests from other repositories start nothing."));
    }
    let what = What::PullRequest {
        id: pullrequest.id.to_string(),
        title: title(&pullrequest.title),
        event,
        source_branch: branch.name,
        destination_branch: pullrequest.destination.branch.name,
    };
    let commit = commit.map(|commit| commit.hash).unwrap_or_default();
    Ok(vec![Change { repository: repository.full_name, commit, what }])
}

fn pushes(told: &PushDelivery) -> Vec<Change> {
    let moved = told.push.changes.iter().filter_map(|moved| {
        let new = moved.new.as_ref()?;
        let folder = match new.r#type.as_str() {
            "branch" => "heads",
            "tag" => "tags",
            _ => return None,
        };
        let before = moved.old.as_ref().map_or(NOTHING, |old| &old.target.hash);
        push(&told.repository.full_name, &format!("refs/{folder}/{}", new.name), before, &new.target.hash)
    });
    moved.collect()
}
