//! Sources behind connections: CodeConnections fetches from the Git host, as the role that may use the connection.
//! Source: CodePipeline User Guide, "CodeStarSourceConnection for Bitbucket Cloud, GitHub, …".

use std::collections::BTreeMap;

use async_trait::async_trait;
use codeconnections_model::{UploadRevision, UploadRevisionOutput};

use super::work::cut;
use super::{Outcome, Provider, Report, Revision, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct CodeStarSourceConnection;

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::aws(
    Category::Source,
    "CodeStarSourceConnection",
    &[
        Key::required("ConnectionArn", "The connection to the Git provider."),
        Key::required("FullRepositoryId", "Owner and name of the repository, separated by a slash."),
        Key::required("BranchName", "The branch whose changes start the pipeline."),
        Key::optional("OutputArtifactFormat", "CODE_ZIP or CODEBUILD_CLONE_REF; CODE_ZIP if left out."),
        Key::optional("DetectChanges", "Whether changes start the pipeline; true if left out."),
    ],
)
.outputs(1, 1)];

/// Characters of a revision summary at most. Source: CodePipeline API Reference, RevisionSummary.
const SUMMARY_LIMIT: usize = 2048;

/// What the trigger of an execution tells of, by the kind of its source revision, and the output variable that it becomes.
const TOLD: [(&str, &str); 5] = [
    ("TAG_NAME", "TagName"),
    ("PULL_REQUEST_ID", "PullRequestId"),
    ("PULL_REQUEST_TITLE", "PullRequestTitle"),
    ("SOURCE_BRANCH_NAME", "SourceBranchName"),
    ("DESTINATION_BRANCH_NAME", "DestinationBranchName"),
];

#[async_trait]
impl Provider for CodeStarSourceConnection {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let clone_reference = match work.optional("OutputArtifactFormat") {
            None | Some("CODE_ZIP") => None,
            Some("CODEBUILD_CLONE_REF") => Some(true),
            Some(other) => {
                let message =
                    format!("OutputArtifactFormat must be CODE_ZIP or CODEBUILD_CLONE_REF, not '{other}'");
                return Err(Trouble::configuration(message));
            }
        };
        let told = |kind: &str| work.revisions.get(kind).cloned();
        let branch = told("BRANCH_NAME").or_else(|| told("SOURCE_BRANCH_NAME"));
        let branch = branch.map_or_else(|| work.required("BranchName").map(str::to_owned), Ok)?;
        let output = work.output()?;
        let upload = UploadRevision {
            connection_arn: work.required("ConnectionArn")?.to_owned(),
            full_repository_id: work.required("FullRepositoryId")?.to_owned(),
            branch_name: branch.clone(),
            commit_id: told("COMMIT_ID"),
            bucket: output.bucket.clone(),
            key: output.key.clone(),
            kms_key_id: work.encryption_key.clone(),
            clone_reference,
        };
        let taken = work.client().await?.call(upload.clone()).await?;
        Ok(Outcome::Succeeded(report(&work.revisions, &upload, taken)))
    }
}

fn report(
    revisions: &BTreeMap<String, String>,
    asked: &UploadRevision,
    taken: UploadRevisionOutput,
) -> Report {
    let summary =
        Some(cut(taken.commit_message.trim_end(), SUMMARY_LIMIT)).filter(|summary| !summary.is_empty());
    let mut variables = BTreeMap::from([
        ("AuthorDate".to_owned(), taken.author_date.to_iso8601_secs()),
        ("AuthorDisplayName".to_owned(), taken.author_name.clone()),
        ("AuthorEmail".to_owned(), taken.author_email),
        // Git knows no account of the host; the name is the nearest.
        ("AuthorId".to_owned(), taken.author_name),
        ("CommitId".to_owned(), taken.commit_id.clone()),
        ("CommitMessage".to_owned(), taken.commit_message),
        ("ConnectionArn".to_owned(), asked.connection_arn.clone()),
        ("FullRepositoryName".to_owned(), asked.full_repository_id.clone()),
        ("ProviderType".to_owned(), taken.provider_type.as_str().to_owned()),
    ]);
    let told =
        TOLD.iter().filter_map(|(kind, name)| Some(((*name).to_owned(), revisions.get(*kind)?.clone())));
    let before = variables.len();
    variables.extend(told);
    // Tags and pull requests are told of by their own names.
    if variables.len() == before {
        variables.insert("BranchName".to_owned(), asked.branch_name.clone());
    }
    Report {
        summary: summary.clone(),
        external_execution_id: Some(taken.commit_id.clone()),
        output_variables: Some(variables),
        revision: Some(Revision {
            id: taken.commit_id,
            change_identifier: None,
            summary,
            created: Some(taken.committer_date),
            url: None,
        }),
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use aws::Timestamp;

    use super::*;

    fn variables(revisions: &[(&str, &str)]) -> BTreeMap<String, String> {
        let revisions =
            revisions.iter().map(|(kind, value)| ((*kind).to_owned(), (*value).to_owned())).collect();
        let asked = UploadRevision { branch_name: "main".into(), ..UploadRevision::default() };
        let at = Timestamp::from_millis(1_484_167_798_000);
        let taken = UploadRevisionOutput {
            commit_id: "c0ffee".into(),
            commit_message: "Mend\n".into(),
            author_date: at,
            committer_date: at,
            ..UploadRevisionOutput::default()
        };
        report(&revisions, &asked, taken).output_variables.unwrap()
    }

    #[test]
    fn branches_tags_and_pull_requests_are_told_of_by_their_names() {
        let of_branch = variables(&[("COMMIT_ID", "c0ffee"), ("BRANCH_NAME", "main")]);
        assert_eq!((&*of_branch["BranchName"], &*of_branch["AuthorDate"]), ("main", "2017-01-11T20:49:58Z"));
        let of_tag = variables(&[("TAG_NAME", "v1")]);
        assert_eq!((of_tag.get("BranchName"), &*of_tag["TagName"]), (None, "v1"));
        let asked = variables(&[("PULL_REQUEST_ID", "7"), ("SOURCE_BRANCH_NAME", "fix")]);
        assert_eq!((&*asked["PullRequestId"], &*asked["SourceBranchName"]), ("7", "fix"));
    }
}
