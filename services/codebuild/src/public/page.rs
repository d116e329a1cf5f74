//! What strangers see of a project and its builds, as JSON and as a page of it. Pure.
//!
//! No variables, no sources, no roles, no words of phases and nobody's name: what a build wants to tell stands in its log.

use codebuild_model::BuildPhaseType;
use quick_xml::escape::escape;
use serde::Serialize;

use crate::{
    records::{Artifact, Build, Project},
    shape::seconds_between,
};

/// In addresses, of the artifact that has no identifier.
pub(super) const PRIMARY: &str = "-";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownProject {
    project_name: String,
    description: Option<String>,
    builds: Vec<Summary>,
    /// Where older builds are.
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    build_number: u64,
    address: String,
    build_status: String,
    source_version: Option<String>,
    start_time: String,
    duration_in_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownBuild {
    project_name: String,
    project: String,
    #[serde(flatten)]
    summary: Summary,
    resolved_source_version: Option<String>,
    end_time: Option<String>,
    phases: Vec<ShownPhase>,
    log: Option<String>,
    artifacts: Vec<ShownArtifact>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownPhase {
    phase_type: String,
    phase_status: Option<String>,
    duration_in_seconds: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownArtifact {
    artifact_identifier: Option<String>,
    address: String,
    sha256sum: Option<String>,
}

/// The files of an artifact that is not packed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownFiles {
    files: Vec<ShownFile>,
    next: Option<String>,
}

#[derive(Serialize)]
struct ShownFile {
    name: String,
    address: String,
    bytes: u64,
}

impl ShownProject {
    /// `at`: the project's own address. `builds`: the newest first; `rest`: there are more of them.
    pub fn new(at: &str, project: &Project, builds: &[Build], rest: bool) -> Self {
        let last = builds.last().filter(|_| rest);
        Self {
            project_name: project.name.clone(),
            description: project.configuration.0.description.clone().filter(|text| !text.is_empty()),
            builds: builds.iter().map(|build| summary(at, build)).collect(),
            next: last.map(|build| format!("{at}?before={}", build.number)),
        }
    }

    pub fn html(&self) -> String {
        let rows = self.builds.iter().map(|build| {
            format!(
                "<tr><td><a href=\"{}\">{}</a><td>{}<td>{}<td>{}<td>{}",
                escape(&build.address),
                build.build_number,
                escape(&build.build_status),
                escape(build.source_version.as_deref().unwrap_or_default()),
                build.start_time,
                seconds(build.duration_in_seconds),
            )
        });
        let rows: Vec<String> = rows.collect();
        let older =
            self.next.as_ref().map(|next| format!("<p><a href=\"{}\">older builds</a></p>\n", escape(next)));
        html(
            &self.project_name,
            &format!(
                "<p>{}</p>\n<table>\n<tr><th>build<th>status<th>version<th>begun<th>duration\n{}\n</table>\n{}",
                escape(self.description.as_deref().unwrap_or_default()),
                rows.join("\n"),
                older.unwrap_or_default(),
            ),
        )
    }
}

impl ShownBuild {
    pub fn new(at: &str, build: &Build) -> Self {
        let summary = summary(at, build);
        let artifacts = build.artifacts.iter().chain(&build.secondary_artifacts);
        let shown = artifacts.map(|artifact| {
            let name = artifact.identifier.as_deref().unwrap_or(PRIMARY);
            ShownArtifact {
                artifact_identifier: artifact.identifier.clone(),
                address: format!(
                    "{}/artifacts/{name}{}",
                    summary.address,
                    if is_packed(artifact) { "" } else { "/" }
                ),
                sha256sum: artifact.sha256.clone(),
            }
        });
        let phases = build.phases.iter().filter(|phase| phase.kind != BuildPhaseType::Completed);
        let phases = phases.map(|phase| ShownPhase {
            phase_type: phase.kind.as_str().to_owned(),
            phase_status: phase.status.as_ref().map(|status| status.as_str().to_owned()),
            duration_in_seconds: phase.ended.map(|ended| seconds_between(phase.started, ended)),
        });
        Self {
            project_name: build.id.project_name().to_owned(),
            project: at.to_owned(),
            resolved_source_version: build.resolved_source_version.clone(),
            end_time: build.ended.map(aws::Timestamp::to_iso8601_secs),
            phases: phases.collect(),
            log: build.log.as_ref().map(|_| format!("{}/log", summary.address)),
            artifacts: shown.collect(),
            summary,
        }
    }

    pub fn html(&self) -> String {
        let phases = self.phases.iter().map(|phase| {
            let status = phase.phase_status.as_deref().unwrap_or("IN_PROGRESS");
            let phase_type = escape(&phase.phase_type);
            format!("<tr><td>{phase_type}<td>{}<td>{}", escape(status), seconds(phase.duration_in_seconds))
        });
        let phases: Vec<String> = phases.collect();
        let log = self.log.as_ref().map(|log| format!("<p><a href=\"{}\">log</a></p>\n", escape(log)));
        let artifacts = self.artifacts.iter().map(|artifact| {
            let name = artifact.artifact_identifier.as_deref().unwrap_or("artifact");
            let sum = artifact.sha256sum.as_ref().map(|sum| format!(" sha256 {}", escape(sum)));
            let address = escape(&artifact.address);
            format!("<p><a href=\"{address}\">{}</a>{}</p>\n", escape(name), sum.unwrap_or_default())
        });
        let artifacts: String = artifacts.collect();
        html(
            &format!("{} {}", self.project_name, self.summary.build_number),
            &format!(
                "<p>{} <a href=\"{}\">all builds</a></p>\n<p>{}</p>\n\
                 <table>\n<tr><th>phase<th>status<th>duration\n{}\n</table>\n{}{artifacts}",
                escape(&self.summary.build_status),
                escape(&self.project),
                escape(self.resolved_source_version.as_deref().unwrap_or_default()),
                phases.join("\n"),
                log.unwrap_or_default(),
            ),
        )
    }
}

impl ShownFiles {
    /// `at`: the artifact's address, with a slash at its end. `files`: names and sizes; `rest`: there are more of them.
    pub fn new(at: &str, files: Vec<(String, u64)>, rest: bool) -> Self {
        let next = files.last().filter(|_| rest).map(|(name, _)| format!("{at}?after={}", quoted(name)));
        let files = files.into_iter().map(|(name, bytes)| {
            let address = format!("{at}{}", quoted(&name));
            ShownFile { name, address, bytes }
        });
        Self { files: files.collect(), next }
    }

    pub fn html(&self) -> String {
        let files = self.files.iter().map(|file| {
            let (address, name) = (escape(&file.address), escape(&file.name));
            format!("<p><a href=\"{address}\">{name}</a> {} bytes</p>\n", file.bytes)
        });
        let files: String = files.collect();
        let more =
            self.next.as_ref().map(|next| format!("<p><a href=\"{}\">more files</a></p>\n", escape(next)));
        html("Files", &format!("{files}{}", more.unwrap_or_default()))
    }
}

/// Whether an artifact is one object: else its location is a prefix.
pub(super) fn is_packed(artifact: &Artifact) -> bool {
    artifact.sha256.is_some()
}

fn summary(at: &str, build: &Build) -> Summary {
    Summary {
        build_number: build.number,
        address: format!("{at}/{}", build.id.uuid),
        build_status: build.status().as_str().to_owned(),
        source_version: build.source_version.clone(),
        start_time: build.started.to_iso8601_secs(),
        duration_in_seconds: build.ended.map(|ended| seconds_between(build.started, ended)),
    }
}

fn seconds(seconds: Option<i64>) -> String {
    seconds.map(|seconds| format!("{seconds} s")).unwrap_or_default()
}

/// One part of an address, or several with slashes between them.
fn quoted(text: &str) -> String {
    const KEPT: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(text, &KEPT).to_string()
}

fn html(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<h1>{title}</h1>\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::build;

    #[test]
    fn what_users_write_is_text() {
        let mut build = build();
        build.source_version = Some("<script>\"&".to_owned());
        build.artifacts = Some(Artifact { location: "arn:aws:s3:::b/p".to_owned(), ..Artifact::default() });
        let page = ShownBuild::new("/a", &build).html();
        assert!(!page.contains("<script>"), "{page}");
        assert!(page.contains(&format!("href=\"/a/{}/artifacts/-/\"", build.id.uuid)), "{page}");
        let files = ShownFiles::new("/a/", vec![("b \"/<x>?#".to_owned(), 1)], true);
        assert_eq!(files.files[0].address, "/a/b%20%22/%3Cx%3E%3F%23");
        assert_eq!(files.next.as_deref(), Some("/a/?after=b%20%22/%3Cx%3E%3F%23"));
        assert!(!files.html().contains("<x>"));
    }
}
