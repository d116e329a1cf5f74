//! GitHub by a token, version 1: the tree of a branch's newest commit, or of the commit that started the execution, as a ZIP.
//! Source: CodePipeline User Guide, "GitHub (via OAuth app) source action reference"; messages as observed.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use aws::objects::PutObject;
use aws::{Secret, Timestamp};
use githost::git::{Commit, Credential, Fetched, Git};
use githost::{Failure, Remote, address};

use super::work::cut;
use super::{Outcome, Provider, Report, Revision, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct GitHub;

pub(crate) const TOKEN: &str = "OAuthToken";
const POLL: &str = "PollForSourceChanges";

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::third_party(
    Category::Source,
    "GitHub",
    &[
        Key::required("Owner", "The user or the organisation that owns the repository."),
        Key::required("Repo", "The repository's name."),
        Key::required("Branch", "The branch whose changes start the pipeline."),
        Key::secret(TOKEN, "The token with which the repository is read."),
        Key::optional(POLL, "Whether changes start the pipeline; true if left out."),
    ],
)
.outputs(1, 1)
.entity_url("https://github.com/{Config:Owner}/{Config:Repo}/tree/{Config:Branch}")
.revision_url("https://github.com/{Config:Owner}/{Config:Repo}/commit/{RevisionId}")];

/// Characters of a revision summary at most. Source: CodePipeline API Reference, RevisionSummary.
const SUMMARY_LIMIT: usize = 2048;

/// GitHub, or what the operator has in its place, and the git that fetches from it.
pub(crate) struct GitHubHost {
    git: Git,
    /// `https://github.com`
    url: String,
}

impl GitHubHost {
    /// `folder` is for what is being fetched.
    pub(crate) fn new(folder: &Path, url: String) -> Self {
        Self { git: Git::new(folder.to_owned()), url }
    }

    /// Takes away what a crash has left.
    pub(crate) fn clean_up(&self) {
        self.git.clean_up();
    }

    /// The newest commit of the branch that a configuration names. `None`: there is no such branch.
    pub(crate) async fn head(
        &self,
        configuration: &BTreeMap<String, String>,
        token: Option<Secret>,
    ) -> Result<Option<String>, Trouble> {
        let source = Source::of(configuration)?;
        let fetched = self.open(&source, token).await?;
        fetched.head(source.branch).await.map_err(|failure| trouble(&source, failure))
    }

    async fn open(&self, source: &Source<'_>, token: Option<Secret>) -> Result<Fetched, Trouble> {
        let name = format!("{}/{}", source.owner, source.repository);
        let url = address::repository(&self.url, &name).map_err(Trouble::configuration)?;
        let user_name = githost::Provider::GitHub.user_name().to_owned();
        let credential = token.map(|token| Credential { user_name, token });
        self.git.open(Remote::new(url, credential)).await.map_err(|failure| trouble(source, failure))
    }
}

/// Whether the branch of a source action is looked at now and then.
pub(crate) fn is_polled(
    id: &codepipeline_model::ActionTypeId,
    configuration: &BTreeMap<String, String>,
) -> bool {
    ACTION_TYPES[0].is(id) && !configuration.get(POLL).is_some_and(|told| told.eq_ignore_ascii_case("false"))
}

/// What a configuration names.
struct Source<'a> {
    owner: &'a str,
    repository: &'a str,
    branch: &'a str,
}

impl<'a> Source<'a> {
    fn of(configuration: &'a BTreeMap<String, String>) -> Result<Self, Trouble> {
        let part = |key: &str| {
            let missing = || Trouble::configuration(format!("The configuration has no '{key}'"));
            configuration.get(key).map(String::as_str).ok_or_else(missing)
        };
        Ok(Self { owner: part("Owner")?, repository: part("Repo")?, branch: part("Branch")? })
    }
}

#[async_trait]
impl Provider for GitHub {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let nowhere = || Trouble::configuration("There is nothing here that fetches from GitHub");
        let host = work.github.as_ref().ok_or_else(nowhere)?;
        let source = Source::of(&work.configuration)?;
        let failed = |failure| trouble(&source, failure);
        let fetched = host.open(&source, work.secrets.get(TOKEN).cloned()).await?;
        let wanted = work.revisions.get("COMMIT_ID").map(String::as_str);
        let id = fetched.take(source.branch, wanted).await.map_err(failed)?;
        let commit = fetched.describe(&id).await.map_err(failed)?;
        let output = work.output()?;
        let put = PutObject {
            content_type: Some("application/zip".to_owned()),
            kms_key_id: work.encryption_key.clone(),
            ..PutObject::new(&output.bucket, &output.key, fetched.archive(&id).map_err(failed)?)
        };
        work.client().await?.put_object(put).await?;
        Ok(Outcome::Succeeded(report(&source, commit)))
    }
}

fn trouble(source: &Source<'_>, failure: Failure) -> Trouble {
    let repository = source.repository;
    match failure {
        Failure::AuthenticationRequired => Trouble::configuration(format!(
            "Could not access the GitHub repository: \"{repository}\". The access token might be invalid or has been \
             revoked. Edit the pipeline to reconnect with GitHub."
        )),
        Failure::AuthorizationFailed | Failure::RepositoryNotFound => Trouble::configuration(format!(
            "Either the GitHub repository \"{repository}\" does not exist, or the GitHub access token provided has \
             insufficient permissions to access the repository. Verify that the repository exists and edit the \
             pipeline to reconnect the action to GitHub."
        )),
        Failure::ReferenceNotFound | Failure::NotAdvertised | Failure::Damaged(_) | Failure::Unrelated => {
            Trouble::configuration(format!(
                "The GitHub repository \"{repository}\" has no branch \"{}\", or not the commit that was asked for.",
                source.branch
            ))
        }
        moved @ (Failure::Moved | Failure::TooLarge(_)) => Trouble::configuration(moved.to_string()),
        later @ (Failure::TooSlow | Failure::Other(_) | Failure::Io(_)) => {
            Trouble::Unavailable(later.to_string())
        }
    }
}

fn report(source: &Source<'_>, commit: Commit) -> Report {
    let summary = Some(cut(commit.message.trim_end(), SUMMARY_LIMIT)).filter(|summary| !summary.is_empty());
    let url = format!("https://github.com/{}/{}/commit/{}", source.owner, source.repository, commit.id);
    let iso = Timestamp::to_iso8601_secs;
    let variables = BTreeMap::from([
        ("AuthorDate".to_owned(), iso(commit.author_date)),
        ("BranchName".to_owned(), source.branch.to_owned()),
        ("CommitId".to_owned(), commit.id.clone()),
        ("CommitMessage".to_owned(), commit.message),
        ("CommitterDate".to_owned(), iso(commit.committer_date)),
        ("CommitUrl".to_owned(), url.clone()),
        ("RepositoryName".to_owned(), source.repository.to_owned()),
    ]);
    Report {
        summary: summary.clone(),
        external_execution_id: Some(commit.id.clone()),
        output_variables: Some(variables),
        revision: Some(Revision {
            id: commit.id,
            change_identifier: None,
            summary,
            created: Some(commit.committer_date),
            url: Some(url),
        }),
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(poll: Option<&str>) -> BTreeMap<String, String> {
        poll.map(|poll| (POLL.to_owned(), poll.to_owned())).into_iter().collect()
    }

    #[test]
    fn branches_are_looked_at_unless_that_is_forbidden() {
        let id = |provider: &str| codepipeline_model::ActionTypeId {
            category: "Source".into(),
            owner: "ThirdParty".into(),
            provider: provider.into(),
            version: "1".into(),
        };
        assert!(is_polled(&id("GitHub"), &configuration(None)));
        assert!(is_polled(&id("GitHub"), &configuration(Some("true"))));
        assert!(!is_polled(&id("GitHub"), &configuration(Some("False"))));
        assert!(!is_polled(&id("Other"), &configuration(None)));
    }

    #[test]
    fn what_waiting_does_not_mend_fails_the_action() {
        let source = Source { owner: "acme", repository: "site", branch: "main" };
        let refused = |failure| matches!(trouble(&source, failure), Trouble::Refused(_));
        assert!(refused(Failure::AuthenticationRequired) && refused(Failure::ReferenceNotFound));
        assert!(!refused(Failure::Other("Failed to connect".into())) && !refused(Failure::TooSlow));
    }
}
