//! What happened in a repository, as its host tells of it.

use serde::{Deserialize, Serialize};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `owner/name` as the host spells it.
    pub repository: String,
    /// By whom: the id of the account at the host.
    pub actor: Option<String>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    Push(Push),
    PullRequest(PullRequest),
    Release(Release),
    Approval(Approval),
}

/// A branch or tag was created or moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    pub commit: String,
    pub kind: Reference,
    pub name: String,
    /// None: it is new.
    pub before: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub commit: String,
    pub id: String,
    pub title: String,
    pub action: Action,
    pub source_branch: String,
    pub destination_branch: String,
    /// From another repository.
    pub is_from_fork: bool,
    /// Of one that was merged, where the host tells it.
    pub merge_commit: Option<String>,
    /// The accounts that it comes from, as roles are asked for: whose proposal it is, and who has just changed it. Where the host
    /// tells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contributors: Vec<String>,
}

/// A comment that asks for the build of a pull request that waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Of the pull request.
    pub id: String,
    /// That was looked at.
    pub commit: String,
    /// The account that comments, as roles are asked for: by its name at GitHub, by its id at GitLab, by its UUID at Bitbucket.
    pub by: String,
}

impl PullRequest {
    /// Whether its commit has this id, of which the host may have told the beginning alone.
    pub fn is_at(&self, id: &str) -> bool {
        is_beginning(&self.commit, id)
    }
}

/// Nothing is no beginning.
fn is_beginning(beginning: &str, id: &str) -> bool {
    let first = id.get(..beginning.len());
    !beginning.is_empty() && first.is_some_and(|first| first.eq_ignore_ascii_case(beginning))
}

impl Approval {
    /// The commit that a comment approves: `/codebuild_run(<full id>)` on a line of its own.
    /// Source: CodeBuild User Guide, "Pull request comment approval".
    pub fn commit_of(comment: &str) -> Option<String> {
        let approved = |line: &str| {
            let commit = line.trim().strip_prefix("/codebuild_run(")?.strip_suffix(')')?.trim();
            let is_commit =
                crate::git::is_full(commit) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_commit.then(|| commit.to_ascii_lowercase())
        };
        comment.lines().find_map(approved)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub tag: String,
    pub name: String,
    pub is_prerelease: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reference {
    Branch,
    Tag,
}

/// What happened to a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Created,
    Updated,
    Reopened,
    Merged,
    /// Without having been merged.
    Closed,
}

impl Reference {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
        }
    }

    /// Where such references are.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Branch => "refs/heads/",
            Self::Tag => "refs/tags/",
        }
    }
}

impl Push {
    /// `refs/heads/main`
    pub fn reference(&self) -> String {
        format!("{}{}", self.kind.folder(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_approves_a_whole_commit_on_a_line_of_its_own() {
        let commit = "046e8b67481d53bdc86c3f6affdd5d1afae6d369";
        let approved = |text: String| Approval::commit_of(&text);
        assert_eq!(approved(format!("Looks good.\r\n/codebuild_run({commit})\r\n")).as_deref(), Some(commit));
        assert!(is_beginning(&commit[..12], commit) && is_beginning(&commit.to_uppercase(), commit));
        for other in ["", "046e8b67481e", &format!("{commit}00")] {
            assert!(!is_beginning(other, commit), "{other}");
        }
        for no in [
            format!("see /codebuild_run({commit})"),
            "/codebuild_run(046e8b6)".into(),
            "/codebuild_run()".into(),
        ] {
            assert_eq!(approved(no), None);
        }
    }
}
