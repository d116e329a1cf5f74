//! GitLab. Source: GitLab documentation, "Webhook events".

use serde::Deserialize;

use super::{Change, PullRequestEvent, Unusable, What, parse, push, title};

#[derive(Deserialize)]
struct Push {
    r#ref: String,
    before: String,
    after: String,
    project: Project,
}

#[derive(Deserialize)]
struct MergeRequestDelivery {
    project: Project,
    object_attributes: MergeRequest,
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
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: String,
}

pub(super) fn read(event: &str, body: &[u8]) -> Result<Vec<Change>, Unusable> {
    match event {
        "Push Hook" | "Tag Push Hook" => {
            let told: Push = parse(body)?;
            let repository = &told.project.path_with_namespace;
            Ok(push(repository, &told.r#ref, &told.before, &told.after).into_iter().collect())
        }
        "Merge Request Hook" => {
            let told: MergeRequestDelivery = parse(body)?;
            let request = told.object_attributes;
            let event = match (request.action.as_deref().unwrap_or_default(), &request.oldrev) {
                ("open" | "reopen", _) => PullRequestEvent::Open,
                ("update", Some(_)) => PullRequestEvent::Updated,
                ("close" | "merge", _) => PullRequestEvent::Closed,
                _ => return Ok(Vec::new()),
            };
            if request.source_project_id != request.target_project_id {
                return Err(Unusable::Ignored("Merge requests from other projects start nothing."));
            }
            let what = What::PullRequest {
                id: request.iid.to_string(),
                title: title(&request.title),
                event,
                source_branch: request.source_branch,
                destination_branch: request.target_branch,
            };
            let repository = told.project.path_with_namespace;
            Ok(vec![Change { repository, commit: request.last_commit.id, what }])
        }
        _ => Ok(Vec::new()),
    }
}
