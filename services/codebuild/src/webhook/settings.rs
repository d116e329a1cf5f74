//! What a webhook may be told to do. Pure.

use codebuild_model::{
    PullRequestBuildApproverRole as Role, PullRequestBuildCommentApproval as Approval,
    PullRequestBuildPolicy, Webhook, WebhookBuildType, WebhookFilterType,
};
use githost::Provider;
use githost::change::{Change, What};

use super::filter;
use crate::error::Error;

/// From the least on.
const GITHUB_ROLES: [Role; 5] =
    [Role::GithubRead, Role::GithubTriage, Role::GithubWrite, Role::GithubMaintain, Role::GithubAdmin];
const GITLAB_ROLES: [Role; 6] = [
    Role::GitlabGuest,
    Role::GitlabPlanner,
    Role::GitlabReporter,
    Role::GitlabDeveloper,
    Role::GitlabMaintainer,
    Role::GitlabOwner,
];
const BITBUCKET_ROLES: [Role; 3] = [Role::BitbucketRead, Role::BitbucketWrite, Role::BitbucketAdmin];
/// Groups, and filters of one group, at most.
const MOST: usize = 50;

/// Checks what was given, and fills in what holds if nothing is said: what strangers propose from forks is not built, as it
/// would be built with the rights of the project's role.
pub(crate) fn complete(mut webhook: Webhook, provider: Provider) -> Result<Webhook, Error> {
    let invalid = |message: &str| Err(Error::InvalidInput(message.to_owned()));
    match webhook.build_type.get_or_insert(WebhookBuildType::Build) {
        WebhookBuildType::Build | WebhookBuildType::BuildBatch => {}
        other @ WebhookBuildType::RunnerBuildkiteBuild => {
            return Err(Error::NotImplemented(format!("The webhook's buildType {other}")));
        }
        other @ WebhookBuildType::Other(_) => {
            let message = format!("Invalid webhook: buildType '{other}' is none of BUILD, BUILD_BATCH");
            return Err(Error::InvalidInput(message));
        }
    }
    let is_github = matches!(provider, Provider::GitHub | Provider::GitHubEnterpriseServer);
    if webhook.manual_creation == Some(true) && !is_github {
        return invalid("Invalid webhook: manualCreation is only available for GitHub webhooks");
    }
    let policy = webhook.pull_request_build_policy.get_or_insert_with(|| PullRequestBuildPolicy {
        requires_comment_approval: Approval::ForkPullRequests,
        ..PullRequestBuildPolicy::default()
    });
    complete_policy(policy, provider)?;
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

/// Who approves, if it is not said, are those who may write. Errors: InvalidInput.
fn complete_policy(policy: &mut PullRequestBuildPolicy, provider: Provider) -> Result<(), Error> {
    if let Approval::Other(other) = &policy.requires_comment_approval {
        return Err(Error::InvalidInput(format!(
            "Invalid pull request build policy: requiresCommentApproval '{other}' is none of DISABLED, \
             ALL_PULL_REQUESTS, FORK_PULL_REQUESTS"
        )));
    }
    let roles = policy.approver_roles.get_or_insert_default();
    let known = roles_of(provider);
    if let Some(other) = roles.iter().find(|role| !known.contains(role)) {
        return Err(Error::InvalidInput(format!(
            "Invalid pull request build policy: the approver role '{other}' does not fit the source provider"
        )));
    }
    if policy.requires_comment_approval != Approval::Disabled && roles.is_empty() {
        *roles = who_may_write(provider).to_vec();
    }
    if policy.approver_roles.as_ref().is_some_and(Vec::is_empty) {
        policy.approver_roles = None;
    }
    Ok(())
}

/// From the least on. None of hosts that have no webhooks here.
fn roles_of(provider: Provider) -> &'static [Role] {
    match provider {
        Provider::GitHub | Provider::GitHubEnterpriseServer => &GITHUB_ROLES,
        Provider::GitLab | Provider::GitLabSelfManaged => &GITLAB_ROLES,
        Provider::Bitbucket => &BITBUCKET_ROLES,
        Provider::AzureDevOps => &[],
    }
}

fn who_may_write(provider: Provider) -> &'static [Role] {
    let roles = roles_of(provider);
    let may_write =
        |role: &Role| matches!(role, Role::GithubWrite | Role::GitlabDeveloper | Role::BitbucketWrite);
    let from = roles.iter().position(may_write);
    from.map_or(&[], |from| &roles[from..])
}

/// Whether an account of this role may approve, and needs no approval.
pub(crate) fn approves(webhook: &Webhook, provider: Provider, role: &str) -> bool {
    let policy = webhook.pull_request_build_policy.as_ref();
    // One that was made before there were approvals names nobody.
    let roles = policy.and_then(|policy| policy.approver_roles.as_deref());
    roles.unwrap_or(who_may_write(provider)).iter().any(|approver| approver.as_str() == role)
}

/// Whether a pull request waits for somebody's approval, unless it comes from one who may give it.
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
        let policy = completed.pull_request_build_policy.as_ref().unwrap();
        assert_eq!(policy.approver_roles.as_deref(), Some(&GITHUB_ROLES[2..]));
        let approves = |role| approves(&completed, Provider::GitHub, role);
        assert!(approves("GITHUB_ADMIN") && !approves("GITHUB_READ"));
        let of_gitlab = complete(Webhook::default(), Provider::GitLab).unwrap().pull_request_build_policy;
        assert_eq!(of_gitlab.unwrap().approver_roles.as_deref(), Some(&GITLAB_ROLES[3..]));
        let of_bitbucket =
            complete(Webhook::default(), Provider::Bitbucket).unwrap().pull_request_build_policy;
        assert_eq!(of_bitbucket.unwrap().approver_roles.as_deref(), Some(&BITBUCKET_ROLES[1..]));
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
                contributors: vec![],
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
