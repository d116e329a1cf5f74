//! One job from its acknowledgement to its result.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws::{Credentials, Error, Remote, Timestamp};
use codepipeline_model::{
    AcknowledgeJob, CurrentRevision, ExecutionDetails, FailureDetails, FailureType, GetJobDetails, Job,
    JobData, JobStatus, PutJobFailureResult, PutJobSuccessResult,
};

use super::command::{self, Ended};
use super::{Worker, artifacts};

/// Characters of a failure's message and of a revision at most.
/// Source: CodePipeline API Reference, FailureDetails and CurrentRevision.
const LONGEST_MESSAGE: usize = 5_000;
const LONGEST_REVISION: usize = 1_500;
const LONGEST_CHANGE: usize = 100;

/// Why a job fails.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Call(#[from] Error),
    #[error("{0}")]
    Artifact(String),
    #[error("{what}: {cause}")]
    Io { what: String, cause: std::io::Error },
}

impl Failure {
    pub fn io(what: impl ToString) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.to_string();
        move |cause| Self::Io { what, cause }
    }

    fn kind(&self) -> FailureType {
        match self {
            Self::Call(error) if matches!(&*error.code, "AccessDenied" | "AccessDeniedException") => {
                FailureType::PermissionError
            }
            Self::Call(_) | Self::Artifact(_) | Self::Io { .. } => FailureType::JobFailed,
        }
    }
}

/// The folders and files of a job.
pub struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> std::io::Result<Self> {
        let place = Self { root: tempfile::Builder::new().prefix("stagewright-job-").tempdir()? };
        for folder in ["inputs", "outputs", "packed"] {
            std::fs::create_dir(place.root.path().join(folder))?;
        }
        Ok(place)
    }

    /// The folder of an artifact's files.
    pub fn input(&self, name: &str) -> PathBuf {
        self.root.path().join("inputs").join(name)
    }

    pub fn output(&self, name: &str) -> PathBuf {
        self.root.path().join("outputs").join(name)
    }

    /// An artifact as it lies in S3.
    pub fn packed(&self, name: &str) -> PathBuf {
        self.root.path().join("packed").join(name)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }
}

/// Claims a job and works on it. Whatever goes wrong is the job's result, or nobody's business any more.
pub async fn carry_out(worker: &Worker, job: Job) {
    let (Some(id), Some(nonce), Some(data)) = (job.id, job.nonce, job.data) else { return };
    let acknowledge = AcknowledgeJob { job_id: id.clone(), nonce };
    match worker.codepipeline.call(acknowledge).await {
        Ok(answer) if answer.status == Some(JobStatus::InProgress) => {}
        Ok(answer) => return tracing::info!(job.id = id, status = ?answer.status, "the job is another's"),
        Err(error) => return tracing::warn!(job.id = id, %error, "the job cannot be claimed"),
    }
    tracing::info!(job.id = id, "works on a job");
    let told = match work(worker, &id, &data).await {
        Ok(success) => worker.insist(success).await.map(|_| ()),
        Err((kind, message)) => {
            let message = last(&message, LONGEST_MESSAGE);
            tracing::info!(job.id = id, "the job failed");
            let failure_details = FailureDetails { r#type: kind, message, external_execution_id: None };
            let failure = PutJobFailureResult { job_id: id.clone(), failure_details };
            worker.insist(failure).await.map(|_| ())
        }
    };
    if let Err(error) = told {
        // Its action ran out of time, or was stopped.
        tracing::warn!(job.id = id, %error, "the job's result is not wanted");
    }
}

async fn work(
    worker: &Worker,
    id: &str,
    data: &JobData,
) -> Result<PutJobSuccessResult, (FailureType, String)> {
    let refused = |failure: Failure| (failure.kind(), failure.to_string());
    let place = Place::new().map_err(Failure::io("a temporary folder")).map_err(refused)?;
    fetch(worker, &place, data).await.map_err(refused)?;
    let ended = command::run(&worker.settings.command, &place, id, data).await.map_err(refused)?;
    match ended {
        Ended::Failed { status, last_lines } => {
            Err((FailureType::JobFailed, format!("The command ended with {status}\n{last_lines}")))
        }
        Ended::Succeeded => finish(worker, &place, id, data).await.map_err(refused),
    }
}

async fn fetch(worker: &Worker, place: &Place, data: &JobData) -> Result<(), Failure> {
    let inputs = data.input_artifacts.as_deref().unwrap_or_default();
    if !inputs.is_empty() {
        let s3 = s3(worker, data)?;
        for artifact in inputs {
            artifacts::fetch(&s3, place, artifact).await?;
        }
    }
    for artifact in data.output_artifacts.iter().flatten() {
        let folder = place.output(artifact.name.as_deref().unwrap_or_default());
        std::fs::create_dir(&folder).map_err(Failure::io(folder.display()))?;
    }
    Ok(())
}

/// What the command left becomes the job's result.
async fn finish(
    worker: &Worker,
    place: &Place,
    id: &str,
    data: &JobData,
) -> Result<PutJobSuccessResult, Failure> {
    let summary = format!("{} ended with success", worker.settings.command[0]);
    let details = ExecutionDetails { summary: Some(summary), ..ExecutionDetails::default() };
    let success =
        PutJobSuccessResult { job_id: id.to_owned(), execution_details: Some(details), ..Default::default() };
    if let Some(token) = read(&place.file(command::CONTINUE))? {
        return Ok(PutJobSuccessResult { continuation_token: Some(token), ..success });
    }
    let outputs = data.output_artifacts.as_deref().unwrap_or_default();
    if !outputs.is_empty() {
        // The credentials that came with the job may have ended meanwhile.
        let details = worker.insist(GetJobDetails { job_id: id.to_owned() }).await?.job_details;
        let s3 = s3(worker, &details.and_then(|details| details.data).unwrap_or_default())?;
        let key = data.encryption_key.as_ref().map(|key| key.id.as_str());
        for artifact in outputs {
            artifacts::put(&s3, place, artifact, key).await?;
        }
    }
    let variables = read(&place.file(command::VARIABLES))?;
    let revision = read(&place.file(command::NEW_REVISION))?;
    Ok(PutJobSuccessResult {
        output_variables: variables.map(|text| parse_variables(&text)).filter(|given| !given.is_empty()),
        current_revision: revision.map(|revision| CurrentRevision {
            change_identifier: revision.chars().take(LONGEST_CHANGE).collect(),
            revision: revision.chars().take(LONGEST_REVISION).collect(),
            created: Some(Timestamp::now()),
            revision_summary: None,
        }),
        ..success
    })
}

/// S3 with the job's own credentials.
fn s3(worker: &Worker, data: &JobData) -> Result<Remote, Failure> {
    let session = data.artifact_credentials.as_ref();
    let session = session.ok_or_else(|| Failure::Artifact("The job came without credentials".to_owned()))?;
    let credentials = Credentials {
        access_key_id: session.access_key_id.clone(),
        secret_access_key: session.secret_access_key.clone().into(),
        session_token: Some(session.session_token.clone().into()),
        expires_at: None,
    };
    let settings = &worker.settings;
    Remote::new(&settings.s3, settings.region.clone(), credentials)
        .map_err(|error| Failure::Artifact(error.to_string()))
}

/// The content of a file, trimmed; `None`: the command wrote none.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io(path.display())(error)),
    }
}

fn parse_variables(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The last characters of a text: what went wrong stands at its end.
fn last(text: &str, length: usize) -> String {
    let skipped = text.chars().count().saturating_sub(length);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_lines() {
        let variables = parse_variables("A=1\n\nnothing\nB = x=y \n");
        let expected = [("A", "1"), ("B", "x=y")];
        assert_eq!(variables, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn the_end_of_a_text_stays() {
        assert_eq!((last("abcé", 2), last("ab", 5)), ("cé".to_owned(), "ab".to_owned()));
    }
}
