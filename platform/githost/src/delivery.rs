//! Deliveries of webhooks: whether they are genuine, and what they tell of. Pure; payloads come from outside, and nothing
//! in them is believed but what happened to which reference.

mod bitbucket;
mod github;
mod gitlab;
mod proof;

use http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::Provider;
use crate::change::{Change, Push, Reference, What};

pub use proof::is_genuine;

/// Names of references, of repositories and of deliveries at most, in bytes.
const LONGEST_NAME: usize = 255;
/// Characters of a pull request's title that are kept.
const TITLE: usize = 256;
/// Changes of one delivery at most: hosts send fewer.
const MOST_CHANGES: usize = 100;

/// Why a delivery starts nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is of no interest here.
    #[error("{0}")]
    Ignored(&'static str),
    #[error("{0}")]
    Malformed(String),
}

/// The changes that a delivery tells of, with its name: that of a repeated one is the same. Headers are not signed. What
/// GitHub sends has times in it, so there the bytes that are signed are the name, and nothing can be sent again under
/// another; elsewhere two pushes may have the same bytes, and the host's name for the delivery tells them apart.
pub fn read(provider: Provider, headers: &HeaderMap, body: &[u8]) -> Result<(String, Vec<Change>), Unusable> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (name, changes) = match provider {
        Provider::GitHub | Provider::GitHubEnterpriseServer => {
            ("", github::read(text("x-github-event"), body)?)
        }
        Provider::GitLab | Provider::GitLabSelfManaged => {
            (text("idempotency-key"), gitlab::read(text("x-gitlab-event"), body)?)
        }
        Provider::Bitbucket => (text("x-request-uuid"), bitbucket::read(text("x-event-key"), body)?),
        Provider::AzureDevOps => return Err(Unusable::Ignored("Webhooks of Azure DevOps are not built.")),
    };
    let name = match name.is_empty() || name.len() > LONGEST_NAME {
        true => hex::encode(Sha256::digest(body)),
        false => name.to_owned(),
    };
    let changes: Vec<Change> = changes.into_iter().filter(is_sound).take(MOST_CHANGES).collect();
    match changes.is_empty() {
        true => Err(Unusable::Ignored("Nothing happened that is of interest here.")),
        false => Ok((name, changes)),
    }
}

/// Whether a change names what can be fetched.
fn is_sound(change: &Change) -> bool {
    let name = |text: &str| !text.is_empty() && text.len() <= LONGEST_NAME && !text.starts_with('-');
    let optional = |commit: &Option<String>| commit.as_ref().is_none_or(|commit| is_commit(commit));
    name(&change.repository)
        && match &change.what {
            What::Push(push) => is_commit(&push.commit) && name(&push.name) && optional(&push.before),
            What::PullRequest(request) => {
                is_commit(&request.commit)
                    && name(&request.id)
                    && name(&request.source_branch)
                    && name(&request.destination_branch)
                    && optional(&request.merge_commit)
            }
            What::Release(release) => name(&release.tag),
            What::Approval(approval) => {
                is_commit(&approval.commit) && name(&approval.id) && name(&approval.by)
            }
        }
}

/// Bitbucket tells the first twelve digits of a pull request's commit.
fn is_commit(id: &str) -> bool {
    (12..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The id of what is not there.
fn is_nothing(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte == b'0')
}

/// A push to a reference by its full name; none if it was deleted, or is neither branch nor tag.
fn push(reference: &str, before: &str, after: &str) -> Option<What> {
    if is_nothing(after) {
        return None;
    }
    let kinds = [Reference::Branch, Reference::Tag];
    let (kind, name) =
        kinds.into_iter().find_map(|kind| Some((kind, reference.strip_prefix(kind.folder())?)))?;
    let before = (!is_nothing(before)).then(|| before.to_owned());
    Some(What::Push(Push { commit: after.to_owned(), kind, name: name.to_owned(), before }))
}

fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unusable> {
    serde_json::from_slice(body)
        .map_err(|error| Unusable::Malformed(format!("The body is not what this host sends: {error}")))
}

fn title(text: &str) -> String {
    text.chars().take(TITLE).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::change::{Action, PullRequest, Release};

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn told(provider: Provider, event: (&'static str, &str), body: &Value) -> Result<Vec<Change>, Unusable> {
        let headers = HeaderMap::from_iter([(event.0.parse().unwrap(), event.1.parse().unwrap())]);
        read(provider, &headers, body.to_string().as_bytes()).map(|(_, changes)| changes)
    }

    fn pushed(kind: Reference, name: &str, before: Option<&str>) -> Change {
        let before = before.map(str::to_owned);
        let what = What::Push(Push { commit: B.into(), kind, name: name.into(), before });
        Change { repository: "acme/site".into(), actor: None, what }
    }

    fn asked(action: Action) -> Change {
        let what = What::PullRequest(PullRequest {
            commit: B.into(),
            id: "7".into(),
            title: "Mend".into(),
            action,
            source_branch: "fix".into(),
            destination_branch: "main".into(),
            is_from_fork: false,
            merge_commit: None,
            contributors: vec![],
        });
        Change { repository: "acme/site".into(), actor: None, what }
    }

    /// Whether the one change is of a pull request from a fork.
    fn is_from_fork(told: Result<Vec<Change>, Unusable>) -> bool {
        matches!(&told.unwrap()[0].what, What::PullRequest(request) if request.is_from_fork)
    }

    #[test]
    fn pushes_of_all_hosts() {
        let github = |reference: &str, before: &str, after: &str| {
            let body = json!({"ref": reference, "before": before, "after": after,
                "repository": {"full_name": "acme/site"}});
            told(Provider::GitHub, ("x-github-event", "push"), &body)
        };
        assert_eq!(github("refs/heads/a/b", A, B), Ok(vec![pushed(Reference::Branch, "a/b", Some(A))]));
        assert_eq!(github("refs/tags/v1", ZERO, B), Ok(vec![pushed(Reference::Tag, "v1", None)]));
        for nothing in
            [github("refs/heads/x", A, ZERO), github("refs/notes/x", A, B), github("refs/heads/x", A, "-x")]
        {
            assert!(matches!(nothing, Err(Unusable::Ignored(_))));
        }
        let gitlab = json!({"object_kind": "push", "ref": "refs/heads/main", "before": A, "after": B,
            "project": {"path_with_namespace": "acme/site"}});
        let told_by_gitlab = told(Provider::GitLab, ("x-gitlab-event", "Push Hook"), &gitlab);
        assert_eq!(told_by_gitlab, Ok(vec![pushed(Reference::Branch, "main", Some(A))]));
        let target = |hash: &str, kind: &str, name: &str| json!({"type": kind, "name": name, "target": {"hash": hash}});
        let bitbucket = json!({"repository": {"full_name": "acme/site"}, "push": {"changes": [
            {"old": target(A, "branch", "main"), "new": target(B, "branch", "main")},
            {"old": null, "new": target(B, "tag", "v1")},
            {"old": target(A, "branch", "gone"), "new": null},
        ]}});
        let both = vec![pushed(Reference::Branch, "main", Some(A)), pushed(Reference::Tag, "v1", None)];
        assert_eq!(told(Provider::Bitbucket, ("x-event-key", "repo:push"), &bitbucket), Ok(both));
    }

    #[test]
    fn pull_requests_of_all_hosts() {
        let github = |action: &str, from: &str| {
            let body = json!({"action": action, "number": 7, "repository": {"full_name": "acme/site"},
                "pull_request": {"title": "Mend", "merged": false, "head": {"ref": "fix", "sha": B, "repo": {"full_name": from}},
                    "base": {"ref": "main"}}});
            told(Provider::GitHub, ("x-github-event", "pull_request"), &body)
        };
        assert_eq!(github("opened", "acme/site"), Ok(vec![asked(Action::Created)]));
        assert_eq!(github("synchronize", "acme/site"), Ok(vec![asked(Action::Updated)]));
        assert_eq!(github("closed", "acme/site"), Ok(vec![asked(Action::Closed)]));
        assert!(matches!(github("labeled", "acme/site"), Err(Unusable::Ignored(_))));
        assert!(is_from_fork(github("opened", "stranger/site")));
        let gitlab = |action: &str, oldrev: Option<&str>, source: u32| {
            let body = json!({"project": {"path_with_namespace": "acme/site"}, "object_attributes": {
                "iid": 7, "title": "Mend", "action": action, "oldrev": oldrev, "source_branch": "fix",
                "target_branch": "main", "source_project_id": source, "target_project_id": 1,
                "last_commit": {"id": B}}});
            told(Provider::GitLab, ("x-gitlab-event", "Merge Request Hook"), &body)
        };
        assert_eq!(gitlab("open", None, 1), Ok(vec![asked(Action::Created)]));
        assert_eq!(gitlab("update", Some(A), 1), Ok(vec![asked(Action::Updated)]));
        assert!(gitlab("update", None, 1).is_err());
        assert_eq!(gitlab("merge", None, 1), Ok(vec![asked(Action::Merged)]));
        assert!(is_from_fork(gitlab("open", None, 2)));
        let bitbucket = |event: &str, from: &str| {
            let side = |name: &str, hash: &str, repository: &str| json!({"branch": {"name": name}, "commit": {"hash": hash}, "repository": {"full_name": repository}});
            let body = json!({"repository": {"full_name": "acme/site"}, "pullrequest": {"id": 7, "title": "Mend",
                "source": side("fix", B, from), "destination": side("main", A, "acme/site")}});
            told(Provider::Bitbucket, ("x-event-key", event), &body)
        };
        assert_eq!(bitbucket("pullrequest:created", "acme/site"), Ok(vec![asked(Action::Created)]));
        assert_eq!(bitbucket("pullrequest:fulfilled", "acme/site"), Ok(vec![asked(Action::Merged)]));
        assert_eq!(bitbucket("pullrequest:rejected", "acme/site"), Ok(vec![asked(Action::Closed)]));
        assert!(is_from_fork(bitbucket("pullrequest:created", "stranger/site")));
    }

    #[test]
    fn releases_and_who_made_them() {
        let body = json!({"action": "prereleased", "sender": {"id": 42}, "repository": {"full_name": "acme/site"},
            "release": {"tag_name": "v1", "name": "First"}});
        let what = What::Release(Release { tag: "v1".into(), name: "First".into(), is_prerelease: true });
        let release = Change { repository: "acme/site".into(), actor: Some("42".into()), what };
        assert_eq!(told(Provider::GitHub, ("x-github-event", "release"), &body), Ok(vec![release]));
    }

    #[test]
    fn a_delivery_is_known_again() {
        let name = |provider: Provider, headers: &[(&'static str, &str)], body: &Value| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            read(provider, &headers.collect(), body.to_string().as_bytes()).unwrap().0
        };
        let pushed = json!({"ref": "refs/heads/main", "before": A, "after": B,
            "repository": {"full_name": "acme/site"}, "project": {"path_with_namespace": "acme/site"}});
        let github = |delivery| {
            name(Provider::GitHub, &[("x-github-event", "push"), ("x-github-delivery", delivery)], &pushed)
        };
        assert_eq!((github("1").len(), github("1")), (64, github("2")));
        let event = ("x-gitlab-event", "Push Hook");
        assert_eq!(name(Provider::GitLab, &[event], &pushed).len(), 64);
        assert_eq!(name(Provider::GitLab, &[event, ("idempotency-key", "1-2")], &pushed), "1-2");
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        for (provider, event) in [
            (Provider::GitHub, ("x-github-event", "push")),
            (Provider::GitLab, ("x-gitlab-event", "Push Hook")),
            (Provider::Bitbucket, ("x-event-key", "repo:push")),
        ] {
            assert!(matches!(told(provider, event, &json!({"ref": 1})), Err(Unusable::Malformed(_))));
        }
        assert!(matches!(
            told(Provider::GitHub, ("x-github-event", "ping"), &json!({})),
            Err(Unusable::Ignored(_))
        ));
    }
}
