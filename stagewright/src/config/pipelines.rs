//! `[pipelines]`: how executions and artifacts of pipelines are kept.

use serde::Deserialize;

/// `[pipelines]`: what holds for pipelines whose tags say nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pipelines {
    /// An update lets executions in progress go on with the definition that they began with.
    pub pin_running_executions: bool,
    /// An update starts the pipeline again with the source revisions of the newest execution.
    pub restart_on_update: bool,
    /// Which artifacts are kept: `executions=20 days=30`, either of them, or `forever`.
    pub artifact_retention: ArtifactRetention,
}

/// Checked when the file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ArtifactRetention(pub Option<codepipeline::retention::Retention>);

impl TryFrom<String> for ArtifactRetention {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let retention = codepipeline::retention::Retention::parse(&text);
        retention.map(Self).map_err(|wanted| format!("artifact_retention must be {wanted}"))
    }
}

impl Pipelines {
    pub fn settings(&self) -> codepipeline::Settings {
        codepipeline::Settings {
            pin_running_executions: self.pin_running_executions,
            restart_on_update: self.restart_on_update,
            artifact_retention: self.artifact_retention.0,
        }
    }
}
