//! CodeCommit source: the tree of a branch's newest commit, or of the commit that started the execution, as a ZIP.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws::objects::{ByteStream, PutObject};
use aws::{CloneReference, Timestamp};
use codecommit_model::{Commit, GetBranch, GetCommit, GetRepository, UploadArchive, UserInfo};

use super::work::cut;
use super::{Outcome, Provider, Report, Revision, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct CodeCommit;

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::aws(
    Category::Source,
    "CodeCommit",
    &[
        Key::required("RepositoryName", "The repository whose changes start the pipeline."),
        Key::required("BranchName", "The branch whose changes start the pipeline."),
        Key::optional("PollForSourceChanges", "Whether changes start the pipeline; true if left out."),
        Key::optional("OutputArtifactFormat", "CODE_ZIP or CODEBUILD_CLONE_REF; CODE_ZIP if left out."),
    ],
)
.outputs(1, 1)];

/// Characters of a revision summary at most. Source: CodePipeline API Reference, RevisionSummary.
const SUMMARY_LIMIT: usize = 2048;

#[async_trait]
impl Provider for CodeCommit {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let repository = work.required("RepositoryName")?;
        let branch = work.required("BranchName")?;
        let as_reference = match work.optional("OutputArtifactFormat") {
            None | Some("CODE_ZIP") => false,
            Some("CODEBUILD_CLONE_REF") => true,
            Some(other) => {
                let message =
                    format!("OutputArtifactFormat must be CODE_ZIP or CODEBUILD_CLONE_REF, not '{other}'");
                return Err(Trouble::configuration(message));
            }
        };
        let commit_id = match work.revisions.get("COMMIT_ID") {
            Some(commit_id) => commit_id.clone(),
            None => newest_commit(work, repository, branch).await?,
        };
        let get = GetCommit { repository_name: repository.to_owned(), commit_id: commit_id.clone() };
        let commit = work.client().await?.call(get).await?.commit;
        if as_reference {
            put_reference(work, repository, &commit_id).await?;
        } else {
            put_archive(work, repository, &commit_id).await?;
        }
        Ok(Outcome::Succeeded(report(&commit, commit_id, repository, branch)))
    }
}

async fn put_archive(work: &Work, repository: &str, commit_id: &str) -> Result<(), Trouble> {
    let output = work.output()?;
    let upload = UploadArchive {
        repository_name: repository.to_owned(),
        commit_id: commit_id.to_owned(),
        bucket: output.bucket.clone(),
        key: output.key.clone(),
        kms_key_id: work.encryption_key.clone(),
    };
    work.client().await?.call(upload).await?;
    Ok(())
}

/// For CodeBuild, which clones the commit with its history.
async fn put_reference(work: &Work, repository: &str, commit_id: &str) -> Result<(), Trouble> {
    let client = work.client().await?;
    let get = GetRepository { repository_name: repository.to_owned() };
    let found = client.call(get).await?.repository_metadata.and_then(|found| found.clone_url_http);
    let clone_url =
        found.ok_or_else(|| Trouble::Unavailable("the repository has no clone URL".to_owned()))?;
    let reference = CloneReference { clone_url, commit_id: commit_id.to_owned(), connection: None };
    let text = serde_json::to_vec(&reference).map_err(|error| Trouble::Unavailable(error.to_string()))?;
    let output = work.output()?;
    let body: ByteStream = Box::pin(futures_util::stream::iter([Ok(text.into())]));
    let put = PutObject {
        content_type: Some(CloneReference::CONTENT_TYPE.to_owned()),
        kms_key_id: work.encryption_key.clone(),
        ..PutObject::new(&output.bucket, &output.key, body)
    };
    client.put_object(put).await?;
    Ok(())
}

async fn newest_commit(work: &Work, repository: &str, branch: &str) -> Result<String, Trouble> {
    let get =
        GetBranch { repository_name: Some(repository.to_owned()), branch_name: Some(branch.to_owned()) };
    let missing = || {
        Trouble::configuration(format!(
            "The action failed because no branch named {branch} was found in the selected AWS CodeCommit repository \
             {repository}. Make sure you are using the correct branch name, and then try again."
        ))
    };
    match work.client().await?.call(get).await {
        Ok(found) => found.branch.and_then(|branch| branch.commit_id).ok_or_else(missing),
        Err(error) if error.code == "BranchDoesNotExistException" => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

fn report(commit: &Commit, commit_id: String, repository: &str, branch: &str) -> Report {
    let message = commit.message.clone().unwrap_or_default();
    let author_date = date(commit.author.as_ref());
    let committer_date = date(commit.committer.as_ref());
    let summary = Some(cut(message.trim_end(), SUMMARY_LIMIT)).filter(|summary| !summary.is_empty());
    let iso = |date: Option<Timestamp>| date.map(Timestamp::to_iso8601_secs).unwrap_or_default();
    let variables = BTreeMap::from([
        ("AuthorDate".to_owned(), iso(author_date)),
        ("BranchName".to_owned(), branch.to_owned()),
        ("CommitId".to_owned(), commit_id.clone()),
        ("CommitMessage".to_owned(), message),
        ("CommitterDate".to_owned(), iso(committer_date)),
        ("RepositoryName".to_owned(), repository.to_owned()),
    ]);
    Report {
        summary: summary.clone(),
        external_execution_id: Some(commit_id.clone()),
        output_variables: Some(variables),
        revision: Some(Revision {
            id: commit_id,
            change_identifier: None,
            summary,
            created: committer_date,
            url: None,
        }),
        ..Report::default()
    }
}

/// Git's date, `1484167798 -0800`: seconds since 1970 and the writer's own zone.
fn date(user: Option<&UserInfo>) -> Option<Timestamp> {
    let seconds: i64 = user?.date.as_deref()?.split_whitespace().next()?.parse().ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_becomes_revision_and_variables() {
        let who = UserInfo { name: None, email: None, date: Some("1484167798 -0800".into()) };
        let commit = Commit {
            message: Some("Mend the roof\n\nIt leaked.\n".into()),
            author: Some(who.clone()),
            committer: Some(who),
            ..Commit::default()
        };
        let report = report(&commit, "c0ffee".into(), "house", "main");
        let variables = report.output_variables.unwrap();
        assert_eq!(variables["AuthorDate"], "2017-01-11T20:49:58Z");
        assert_eq!(variables["CommitMessage"], "Mend the roof\n\nIt leaked.\n");
        let revision = report.revision.unwrap();
        assert_eq!(revision.summary.as_deref(), Some("Mend the roof\n\nIt leaked."));
        assert_eq!(
            (revision.id.as_str(), report.external_execution_id.as_deref()),
            ("c0ffee", Some("c0ffee"))
        );
    }
}
