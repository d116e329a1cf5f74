//! Shows a build to its end: its log as it is written, and its phases for programs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws::objects::ObjectId;
use aws::{Client, Remote};
use codebuild_model::{BatchGetBuilds, Build, BuildPhase, BuildPhaseType, StatusType};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::attach;
use super::prepare::{ARTIFACTS, BUCKET};
use crate::commands::run::action_log::{ActionLog, Work};
use crate::commands::run::view::{Closed, View, clean};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Call(#[from] aws::Error),
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("the log: {0}")]
    Log(#[from] std::io::Error),
    #[error(transparent)]
    Attach(#[from] attach::Error),
    #[error("the build is gone")]
    Gone,
}

/// One build.
pub struct Follower<'a> {
    client: Client,
    view: &'a View,
    id: String,
    log: ActionLog,
    /// Gets the whole log.
    log_file: PathBuf,
    /// Phases whose end was told.
    told: usize,
    /// With whom to open a shell after a phase that has failed.
    pub remote: Option<Remote>,
}

impl<'a> Follower<'a> {
    pub fn new(client: Client, view: &'a View, id: String, log_file: PathBuf) -> Self {
        let log = ActionLog::of(Work::of_build(id.clone()));
        Self { client, view, id, log, log_file, told: 0, remote: None }
    }

    /// Until the build is over. Gives how it is then.
    pub async fn follow(&mut self) -> Result<Build, Error> {
        loop {
            // First how the build stands: what it has written until then is there.
            let build = self.build().await?;
            self.read_log().await?;
            self.tell_phases(&build).await?;
            if build.build_complete == Some(true) {
                self.tell_end(&build).await?;
                return Ok(build);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn build(&self) -> Result<Build, Error> {
        let found = self.client.call(BatchGetBuilds { ids: vec![self.id.clone()] }).await?;
        found.builds.into_iter().flatten().next().ok_or(Error::Gone)
    }

    async fn read_log(&mut self) -> Result<(), Error> {
        loop {
            let lines = self.log.read(&self.client).await?;
            if lines.is_empty() {
                return Ok(());
            }
            let mut file =
                tokio::fs::OpenOptions::new().create(true).append(true).open(&self.log_file).await?;
            file.write_all(lines.concat().as_bytes()).await?;
            file.flush().await?;
            self.view.object(json!({"type": "log", "lines": lines})).await?;
            self.view.say(lines.iter().map(|line| clean(line)).collect()).await?;
        }
    }

    async fn tell_phases(&mut self, build: &Build) -> Result<(), Error> {
        let ended = build.phases.iter().flatten().filter(|phase| phase.phase_status.is_some());
        for phase in ended.skip(self.told) {
            self.told += 1;
            let is_command = matches!(
                phase.phase_type,
                Some(
                    BuildPhaseType::Install
                        | BuildPhaseType::PreBuild
                        | BuildPhaseType::Build
                        | BuildPhaseType::PostBuild
                )
            );
            if is_command && phase.phase_status == Some(StatusType::Failed) {
                self.open_shell().await?;
            }
            let (code, message) = context(phase);
            self.view
                .object(
                    json!({"type": "phase", "phase": phase.phase_type.as_ref().map(BuildPhaseType::as_str),
                    "status": phase.phase_status.as_ref().map(StatusType::as_str),
                    "seconds": phase.duration_in_seconds, "statusCode": code, "message": message}),
                )
                .await?;
        }
        Ok(())
    }

    /// The build is held after the phase, and goes on when the shell has ended.
    async fn open_shell(&mut self) -> Result<(), Error> {
        let Some(remote) = self.remote.clone() else { return Ok(()) };
        // What was said of the failure comes first.
        self.read_log().await?;
        let text = "A shell in the failed build; leaving it lets the build go on";
        self.view.headline(text).await?;
        attach::shell(&remote, &self.id).await?;
        match attach::tell(&remote, &self.id, b"codebuild-resume; exit\n").await {
            // Whoever sat there has let it go on himself, and it has ended.
            Err(attach::Error::Call(error)) if !error.is_fault() => Ok(()),
            told => Ok(told?),
        }
    }

    async fn tell_end(&self, build: &Build) -> Result<(), Error> {
        let status = build.build_status.as_ref().map_or("", StatusType::as_str);
        let seconds =
            build.start_time.zip(build.end_time).map_or(0.0, |(from, to)| to.since(from).as_secs_f64());
        self.view.object(json!({"type": "end", "status": status, "seconds": seconds})).await?;
        let failed = build
            .phases
            .iter()
            .flatten()
            .filter(|phase| !matches!(phase.phase_status, None | Some(StatusType::Succeeded)));
        let mut lines: Vec<String> = failed
            .map(|phase| {
                let (code, message) = context(phase);
                let name = phase.phase_type.as_ref().map_or("", BuildPhaseType::as_str);
                format!("{name}: {code}: {}", clean(message.lines().next().unwrap_or_default()))
            })
            .collect();
        lines.push(format!("{status} in {seconds:.1}s"));
        Ok(self.view.say(lines).await?)
    }
}

fn context(phase: &BuildPhase) -> (String, String) {
    let context = phase.contexts.iter().flatten().next().cloned().unwrap_or_default();
    (context.status_code.unwrap_or_default(), context.message.unwrap_or_default())
}

/// Where the artifacts lie that a build was to pack; none if it did not come to that.
pub fn uploaded(build: &Build, artifacts: &[String]) -> BTreeMap<String, ObjectId> {
    let is_done = build.phases.iter().flatten().any(|phase| {
        phase.phase_type == Some(BuildPhaseType::UploadArtifacts)
            && phase.phase_status == Some(StatusType::Succeeded)
    });
    let objects =
        artifacts.iter().map(|name| (name.clone(), ObjectId::new(BUCKET, format!("{ARTIFACTS}/{name}"))));
    if is_done { objects.collect() } else { BTreeMap::new() }
}
