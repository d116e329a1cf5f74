//! GitHub, GitHub Enterprise Server, and what speaks as they do. Source: GitHub documentation, "Webhook events and
//! payloads".

use serde::Deserialize;

use super::{Change, PullRequestEvent, Unusable, What, parse, push, title};

#[derive(Deserialize)]
struct Push {
    r#ref: String,
    before: String,
    after: String,
    repository: Repository,
}

#[derive(Deserialize)]
struct PullRequestDelivery {
    action: String,
    number: u64,
    pull_request: PullRequest,
    repository: Repository,
}

#[derive(Deserialize)]
struct PullRequest {
    title: String,
    head: Head,
    base: Base,
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
struct Repository {
    full_name: String,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Vec<Change>, Unusable> {
    match event {
        "push" => {
            let told: Push = parse(body)?;
            Ok(push(&told.repository.full_name, &told.r#ref, &told.before, &told.after).into_iter().collect())
        }
        "pull_request" => {
            let told: PullRequestDelivery = parse(body)?;
            let event = match told.action.as_str() {
                "opened" | "reopened" => PullRequestEvent::Open,
                "synchronize" => PullRequestEvent::Updated,
                "closed" => PullRequestEvent::Closed,
                _ => return Ok(Vec::new()),
            };
            let PullRequest { title: text, head, base } = told.pull_request;
            let repository = told.repository.full_name;
            if head.repo.is_none_or(|from| from.full_name != repository) {
                return Err(Unusable::Ignored("Pull requests from other repositories start nothing."));
            }
            let what = What::PullRequest {
                id: told.number.to_string(),
                title: title(&text),
                event,
                source_branch: head.r#ref,
                destination_branch: base.r#ref,
            };
            Ok(vec![Change { repository, commit: head.sha, what }])
        }
        _ => Ok(Vec::new()),
    }
}
