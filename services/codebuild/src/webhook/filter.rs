//! Which changes a webhook's filters admit. Pure.
//! Source: CodeBuild API Reference, WebhookFilter; User Guide, "GitHub webhook events".

use codebuild_model::{Webhook, WebhookFilter, WebhookFilterType};
use githost::Provider;
use githost::change::{Action, Change, Reference, What};
use regex::{Regex, RegexBuilder};

/// A compiled pattern at most: patterns come from users.
const PATTERN_BYTES: usize = 1 << 20;

/// What a commit says and changes, where filters ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub message: Option<String>,
    pub files: Option<Vec<String>>,
}

/// The event of a change as filters name it.
pub(crate) fn event(change: &Change) -> &'static str {
    match &change.what {
        What::Push(_) => "PUSH",
        What::PullRequest(request) => match request.action {
            Action::Created => "PULL_REQUEST_CREATED",
            Action::Updated => "PULL_REQUEST_UPDATED",
            Action::Reopened => "PULL_REQUEST_REOPENED",
            Action::Merged => "PULL_REQUEST_MERGED",
            Action::Closed => "PULL_REQUEST_CLOSED",
        },
        What::Release(release) if release.is_prerelease => "PRERELEASED",
        What::Release(_) => "RELEASED",
        // Filters cannot ask for it.
        What::Approval(_) => "PULL_REQUEST_APPROVAL",
    }
}

/// Why a filter cannot be used with this kind of host; none if it can.
pub(crate) fn objection(filter: &WebhookFilter, provider: Provider) -> Option<String> {
    if filter.r#type != WebhookFilterType::Event {
        return compile(&filter.pattern)
            .err()
            .map(|_| format!("Invalid webhook filter: '{}' is no regular expression", filter.pattern));
    }
    events(&filter.pattern).find(|event| !is_event(event, provider)).map(|event| {
        format!("Invalid webhook filter: event '{event}' is not supported for this source provider")
    })
}

fn is_event(event: &str, provider: Provider) -> bool {
    let is_github = matches!(provider, Provider::GitHub | Provider::GitHubEnterpriseServer);
    let is_gitlab = matches!(provider, Provider::GitLab | Provider::GitLabSelfManaged);
    match event {
        "PUSH"
        | "PULL_REQUEST_CREATED"
        | "PULL_REQUEST_UPDATED"
        | "PULL_REQUEST_MERGED"
        | "PULL_REQUEST_CLOSED" => true,
        "PULL_REQUEST_REOPENED" | "RELEASED" => is_github || is_gitlab,
        "PRERELEASED" => is_github,
        _ => false,
    }
}

fn events(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split(',').map(str::trim)
}

/// Whether the contents of the commit are asked for: its files, and its message.
pub(crate) fn asks_for(webhook: &Webhook) -> (bool, bool) {
    let has = |kind: WebhookFilterType| {
        webhook.filter_groups.iter().flatten().flatten().any(|filter| filter.r#type == kind)
    };
    (has(WebhookFilterType::FilePath), has(WebhookFilterType::CommitMessage))
}

/// Whether a change starts a build. `contents` may be empty as long as `asks_for` does not ask for them: a filter that asks
/// for what is not known does not admit.
pub(crate) fn admits(webhook: &Webhook, change: &Change, contents: &Contents) -> bool {
    let groups = webhook.filter_groups.as_deref().unwrap_or_default();
    match groups.is_empty() {
        true => admits_branch(webhook.branch_filter.as_deref().unwrap_or_default(), change),
        false => groups.iter().any(|group| group.iter().all(|filter| passes(filter, change, contents))),
    }
}

/// Whether a group could admit it, whatever its commit says: nothing is fetched for what cannot.
pub(crate) fn may_admit(webhook: &Webhook, change: &Change) -> bool {
    let without_contents = |filter: &&WebhookFilter| {
        !matches!(filter.r#type, WebhookFilterType::FilePath | WebhookFilterType::CommitMessage)
    };
    let groups = webhook.filter_groups.as_deref().unwrap_or_default();
    let mut possible = groups.iter().map(|group| {
        group.iter().filter(without_contents).all(|filter| passes(filter, change, &Contents::default()))
    });
    groups.is_empty() || possible.any(|possible| possible)
}

/// Without filters: pushes, and pull requests that have something new.
fn admits_branch(pattern: &str, change: &Change) -> bool {
    let branch = match &change.what {
        What::Push(push) if push.kind == Reference::Branch => Some(push.name.as_str()),
        What::Push(_) => None,
        What::PullRequest(request) if !matches!(request.action, Action::Merged | Action::Closed) => {
            Some(request.source_branch.as_str())
        }
        What::PullRequest(_) | What::Release(_) | What::Approval(_) => return false,
    };
    match (pattern, branch) {
        ("", _) => true,
        (pattern, Some(branch)) => compile(pattern).is_ok_and(|regex| regex.is_match(branch)),
        (_, None) => false,
    }
}

/// What a filter does not fit to does not pass it, excluded or not.
fn passes(filter: &WebhookFilter, change: &Change, contents: &Contents) -> bool {
    let excludes = filter.exclude_matched_pattern == Some(true);
    let matches = match &filter.r#type {
        WebhookFilterType::Event => Some(events(&filter.pattern).any(|named| named == event(change))),
        WebhookFilterType::FilePath => contents.files.as_ref().and_then(|files| {
            let regex = compile(&filter.pattern).ok()?;
            Some(files.iter().any(|file| regex.is_match(file)))
        }),
        kind => subject(kind, change, contents)
            .and_then(|subject| Some(compile(&filter.pattern).ok()?.is_match(&subject))),
    };
    matches.is_some_and(|matches| matches != excludes)
}

/// The text that a pattern is held against.
fn subject(kind: &WebhookFilterType, change: &Change, contents: &Contents) -> Option<String> {
    let (owner, name) = change.repository.rsplit_once('/')?;
    match (kind, &change.what) {
        (WebhookFilterType::ActorAccountId, _) => change.actor.clone(),
        (WebhookFilterType::HeadRef, What::Push(push)) => Some(push.reference()),
        (WebhookFilterType::HeadRef, What::PullRequest(request)) => {
            Some(format!("refs/heads/{}", request.source_branch))
        }
        (WebhookFilterType::BaseRef, What::PullRequest(request)) => {
            Some(format!("refs/heads/{}", request.destination_branch))
        }
        (WebhookFilterType::CommitMessage, _) => contents.message.clone(),
        (WebhookFilterType::TagName, What::Release(release)) => Some(release.tag.clone()),
        (WebhookFilterType::ReleaseName, What::Release(release)) => Some(release.name.clone()),
        (WebhookFilterType::RepositoryName, _) => Some(name.to_owned()),
        (WebhookFilterType::OrganizationName, _) => Some(owner.to_owned()),
        _ => None,
    }
}

pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build()
}

#[cfg(test)]
mod tests {
    use githost::change::{PullRequest, Push, Release};

    use super::*;

    fn filter(kind: WebhookFilterType, pattern: &str, excludes: bool) -> WebhookFilter {
        WebhookFilter { r#type: kind, pattern: pattern.into(), exclude_matched_pattern: Some(excludes) }
    }

    fn webhook(groups: Vec<Vec<WebhookFilter>>) -> Webhook {
        Webhook { filter_groups: Some(groups), ..Webhook::default() }
    }

    fn change(what: What) -> Change {
        Change { repository: "acme/site".into(), actor: Some("42".into()), what }
    }

    fn push(kind: Reference, name: &str) -> Change {
        change(What::Push(Push { commit: "a".repeat(40), kind, name: name.into(), before: None }))
    }

    fn asked(action: Action) -> Change {
        change(What::PullRequest(PullRequest {
            commit: "a".repeat(40),
            id: "7".into(),
            title: "Mend".into(),
            action,
            source_branch: "fix".into(),
            destination_branch: "main".into(),
            is_from_fork: false,
            merge_commit: None,
            contributors: vec![],
        }))
    }

    #[test]
    fn groups_are_alternatives_and_filters_conditions() {
        use WebhookFilterType::{BaseRef, Event, HeadRef};
        let webhook = webhook(vec![
            vec![
                filter(Event, "PULL_REQUEST_CREATED, PULL_REQUEST_UPDATED", false),
                filter(BaseRef, "^refs/heads/main$", false),
            ],
            vec![filter(Event, "PUSH", false), filter(HeadRef, "^refs/tags/.*", true)],
        ]);
        let admitted = |change| admits(&webhook, &change, &Contents::default());
        assert!(admitted(asked(Action::Updated)) && admitted(push(Reference::Branch, "x")));
        assert!(!admitted(asked(Action::Merged)) && !admitted(push(Reference::Tag, "v1")));
    }

    #[test]
    fn what_does_not_fit_never_passes() {
        use WebhookFilterType::{ActorAccountId, BaseRef, Event, TagName};
        let of = |kind, pattern, excludes| {
            webhook(vec![vec![filter(Event, "PUSH,RELEASED", false), filter(kind, pattern, excludes)]])
        };
        let pushed = push(Reference::Branch, "main");
        let none = Contents::default();
        assert!(!admits(&of(BaseRef, "x", true), &pushed, &none));
        assert!(admits(&of(ActorAccountId, "^42$", false), &pushed, &none));
        let release =
            change(What::Release(Release { tag: "v1".into(), name: String::new(), is_prerelease: false }));
        assert!(
            admits(&of(TagName, "^v", false), &release, &none)
                && !admits(&of(TagName, "^v", false), &pushed, &none)
        );
    }

    #[test]
    fn files_and_messages() {
        use WebhookFilterType::{CommitMessage, Event, FilePath};
        let of = |kind, pattern, excludes| {
            webhook(vec![vec![filter(Event, "PUSH", false), filter(kind, pattern, excludes)]])
        };
        let contents =
            Contents { message: Some("[skip] x".into()), files: Some(vec!["src/a".into(), "b".into()]) };
        let pushed = push(Reference::Branch, "main");
        let admitted = |kind, pattern, excludes| admits(&of(kind, pattern, excludes), &pushed, &contents);
        assert!(admitted(FilePath, "^src/", false) && !admitted(FilePath, "^src/", true));
        assert!(!admitted(FilePath, "^doc/", false) && admitted(FilePath, "^doc/", true));
        assert!(!admitted(CommitMessage, "\\[skip\\]", true));
        let docs = of(FilePath, "^doc/", false);
        assert_eq!(asks_for(&docs), (true, false));
        assert!(may_admit(&docs, &pushed) && !may_admit(&docs, &asked(Action::Created)));
        assert!(!admits(&docs, &pushed, &Contents::default()));
    }

    #[test]
    fn without_filters() {
        let of = |pattern: &str| Webhook { branch_filter: Some(pattern.into()), ..Webhook::default() };
        let none = Contents::default();
        assert!(
            admits(&of(""), &push(Reference::Tag, "v1"), &none)
                && admits(&of(""), &asked(Action::Created), &none)
        );
        assert!(!admits(&of(""), &asked(Action::Merged), &none));
        assert!(admits(&of("^main$"), &push(Reference::Branch, "main"), &none));
        assert!(!admits(&of("^main$"), &push(Reference::Tag, "main"), &none));
    }

    #[test]
    fn objections() {
        let of = |kind, pattern| objection(&filter(kind, pattern, false), Provider::Bitbucket);
        assert_eq!(of(WebhookFilterType::Event, "PUSH, PULL_REQUEST_MERGED"), None);
        assert!(of(WebhookFilterType::Event, "PULL_REQUEST_REOPENED").is_some());
        assert!(of(WebhookFilterType::Event, "").is_some());
        assert!(of(WebhookFilterType::HeadRef, "(").is_some());
    }
}
