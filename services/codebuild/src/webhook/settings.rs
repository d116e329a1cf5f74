//! What a webhook may be told to do. Pure.

use codebuild_model::{
    PullRequestBuildCommentApproval as Approval, PullRequestBuildPolicy, Webhook, WebhookBuildType,
    WebhookFilterType,
};
use githost::Provider;
use githost::change::{Change, What};

use super::filter;
use crate::error::Error;

/// Groups, and filters of one group, at most.
const MOST: usize = 50;

/// Checks what was given, and fills in what holds if nothing is said: what strangers propose from forks is not built, as it
/// would be built with the rights of the project's role.
pub(crate) fn complete(mut webhook: Webhook, provider: Provider) -> Result<Webhook, Error> {
    let invalid = |message: &str| Err(Error::InvalidInput(message.to_owned()));
    match webhook.build_type.get_or_insert(WebhookBuildType::Build) {
        WebhookBuildType::Build => {}
        other => return Err(Error::NotImplemented(format!("buildType {other}"))),
    }
    if webhook.scope_configuration.is_some() {
        return Err(Error::NotImplemented("scopeConfiguration".to_owned()));
    }
    let is_github = matches!(provider, Provider::GitHub | Provider::GitHubEnterpriseServer);
    if webhook.manual_creation == Some(true) && !is_github {
        return invalid("Invalid webhook: manualCreation is only available for GitHub webhooks");
    }
    let policy = webhook.pull_request_build_policy.get_or_insert_with(|| PullRequestBuildPolicy {
        requires_comment_approval: Approval::ForkPullRequests,
        ..PullRequestBuildPolicy::default()
    });
    if policy.approver_roles.as_ref().is_some_and(|roles| !roles.is_empty()) {
        return Err(Error::NotImplemented("approverRoles".to_owned()));
    }
    let groups = webhook.filter_groups.as_deref().unwrap_or_default();
    let branch_filter = webhook.branch_filter.as_deref().unwrap_or_default();
    if !groups.is_empty() && !branch_filter.is_empty() {
        return invalid("Invalid webhook: branchFilter and filterGroups cannot be given together");
    }
    if filter::compile(branch_filter).is_err() {
        return invalid("Invalid webhook: branchFilter is no regular expression");
    }
    if groups.len() > MOST || groups.iter().any(|group| group.len() > MOST) {
        return invalid("Invalid webhook: there are too many filters");
    }
    for group in groups {
        if !group.iter().any(|filter| filter.r#type == WebhookFilterType::Event) {
            return invalid("Invalid webhook filter groups: each group must have a filter of type EVENT");
        }
        if let Some(objection) = group.iter().find_map(|filter| filter::objection(filter, provider)) {
            return Err(Error::InvalidInput(objection));
        }
    }
    Ok(webhook)
}

/// Whether a pull request waits for somebody's approval.
pub(crate) fn is_withheld(webhook: &Webhook, change: &Change) -> bool {
    let What::PullRequest(request) = &change.what else { return false };
    let policy = webhook.pull_request_build_policy.as_ref();
    match policy.map(|policy| &policy.requires_comment_approval) {
        Some(Approval::Disabled) => false,
        Some(Approval::AllPullRequests) => true,
        Some(Approval::ForkPullRequests | Approval::Other(_)) | None => request.is_from_fork,
    }
}

#[cfg(test)]
mod tests {
    use codebuild_model::WebhookFilter;
    use githost::change::{Action, PullRequest};

    use super::*;

    fn filter(kind: WebhookFilterType, pattern: &str) -> WebhookFilter {
        WebhookFilter { r#type: kind, pattern: pattern.into(), exclude_matched_pattern: None }
    }

    #[test]
    fn defaults_and_refusals() {
        let completed = complete(Webhook::default(), Provider::GitHub).unwrap();
        assert_eq!(completed.build_type, Some(WebhookBuildType::Build));
        let refusal = |webhook: Webhook| complete(webhook, Provider::GitLab).unwrap_err().to_string();
        let group = vec![filter(WebhookFilterType::HeadRef, "x")];
        let without_event = Webhook { filter_groups: Some(vec![group]), ..Webhook::default() };
        assert!(refusal(without_event).contains("type EVENT"));
        let manual = Webhook { manual_creation: Some(true), ..Webhook::default() };
        assert!(refusal(manual).contains("manualCreation"));
    }

    #[test]
    fn forks_wait_for_approval() {
        let change = |is_from_fork| Change {
            repository: "a/b".into(),
            actor: None,
            what: What::PullRequest(PullRequest {
                commit: "c".into(),
                id: "7".into(),
                title: String::new(),
                action: Action::Created,
                source_branch: "fix".into(),
                destination_branch: "main".into(),
                is_from_fork,
                merge_commit: None,
            }),
        };
        let of = |approval| Webhook {
            pull_request_build_policy: Some(PullRequestBuildPolicy {
                requires_comment_approval: approval,
                ..PullRequestBuildPolicy::default()
            }),
            ..Webhook::default()
        };
        assert!(is_withheld(&Webhook::default(), &change(true)));
        assert!(!is_withheld(&of(Approval::ForkPullRequests), &change(false)));
        assert!(is_withheld(&of(Approval::AllPullRequests), &change(false)));
        assert!(!is_withheld(&of(Approval::Disabled), &change(true)));
    }
}
