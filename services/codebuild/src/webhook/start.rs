//! From a change to the build that it starts. Pure.

use githost::Provider;
use githost::change::{Change, PullRequest, Reference, What};

use super::filter::event;
use crate::records::WebhookStart;

/// What is built, and what the build is told. None for what starts nothing by itself.
pub(crate) fn start(provider: Provider, change: &Change) -> Option<(String, WebhookStart)> {
    let told = WebhookStart {
        event: event(change).to_owned(),
        actor: change.actor.clone(),
        ..WebhookStart::default()
    };
    Some(match &change.what {
        What::Push(push) => {
            let start = WebhookStart {
                trigger: format!("{}/{}", push.kind.as_str(), push.name),
                head_ref: Some(push.reference()),
                previous_commit: push.before.clone(),
                commit: Some(push.commit.clone()),
                ..told
            };
            (push.commit.clone(), start)
        }
        What::PullRequest(request) => {
            let trigger = format!("pr/{}", request.id);
            let version = match provider {
                Provider::GitHub | Provider::GitHubEnterpriseServer => trigger.clone(),
                // The commit is in another repository; the reference is in this one.
                _ if request.is_from_fork => trigger.clone(),
                _ => request.commit.clone(),
            };
            let start = WebhookStart {
                trigger,
                head_ref: Some(format!("refs/heads/{}", request.source_branch)),
                base_ref: Some(format!("refs/heads/{}", request.destination_branch)),
                merge_commit: request.merge_commit.clone(),
                commit: Some(request.commit.clone()),
                ..told
            };
            (version, start)
        }
        What::Release(release) => {
            let reference = format!("{}{}", Reference::Tag.folder(), release.tag);
            let start = WebhookStart {
                trigger: format!("tag/{}", release.tag),
                head_ref: Some(reference.clone()),
                ..told
            };
            (reference, start)
        }
        What::Approval(_) => return None,
    })
}

/// The commit of a pull request that was approved, and no other that has come to it since.
pub(crate) fn start_approved(request: &PullRequest, version: &str) -> String {
    match version.starts_with("pr/") {
        true => format!("pr/{}^{{{}}}", request.id, request.commit),
        false => version.to_owned(),
    }
}

impl WebhookStart {
    /// For a build of the same version. A pull request that is built again may have another commit by then, which is found
    /// with its source.
    pub(crate) fn again(self, version: Option<&str>) -> Self {
        let commit = self.commit.filter(|commit| Some(commit.as_str()) == version);
        Self { commit, ..self }
    }

    /// Source: CodeBuild User Guide, "Environment variables in build environments".
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let optional = [
            ("CODEBUILD_WEBHOOK_HEAD_REF", &self.head_ref),
            ("CODEBUILD_WEBHOOK_BASE_REF", &self.base_ref),
            ("CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID", &self.actor),
            ("CODEBUILD_WEBHOOK_PREV_COMMIT", &self.previous_commit),
            ("CODEBUILD_WEBHOOK_MERGE_COMMIT", &self.merge_commit),
        ];
        let given = optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let always = [("CODEBUILD_WEBHOOK_EVENT", &self.event), ("CODEBUILD_WEBHOOK_TRIGGER", &self.trigger)];
        always.into_iter().map(|(name, value)| (name, value.clone())).chain(given).collect()
    }
}

#[cfg(test)]
mod tests {
    use githost::change::{Action, Push};

    use super::*;

    #[test]
    fn versions_and_variables() {
        let change = |what| Change { repository: "a/b".into(), actor: Some("42".into()), what };
        let push =
            Push { commit: "c".into(), kind: Reference::Tag, name: "v1".into(), before: Some("p".into()) };
        let (version, told) = start(Provider::GitHub, &change(What::Push(push))).unwrap();
        assert_eq!((version.as_str(), told.trigger.as_str()), ("c", "tag/v1"));
        let expected = [
            ("CODEBUILD_WEBHOOK_EVENT", "PUSH"),
            ("CODEBUILD_WEBHOOK_TRIGGER", "tag/v1"),
            ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/tags/v1"),
            ("CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID", "42"),
            ("CODEBUILD_WEBHOOK_PREV_COMMIT", "p"),
        ];
        assert_eq!(told.variables(), expected.map(|(name, value)| (name, value.to_owned())));
        let request = |is_from_fork| PullRequest {
            commit: "c".into(),
            id: "7".into(),
            title: String::new(),
            action: Action::Created,
            source_branch: "fix".into(),
            destination_branch: "main".into(),
            is_from_fork,
            merge_commit: None,
            contributors: vec![],
        };
        let version = |provider, is_from_fork| {
            start(provider, &change(What::PullRequest(request(is_from_fork)))).unwrap().0
        };
        assert_eq!(version(Provider::GitHub, false), "pr/7");
        assert_eq!(start_approved(&request(true), "pr/7"), "pr/7^{c}");
        assert_eq!(start_approved(&request(false), "c"), "c");
        assert_eq!(
            (version(Provider::GitLab, false), version(Provider::GitLab, true)),
            ("c".into(), "pr/7".into())
        );
    }
}
