//! CodeBuild as a rule: the status of a build decides. The build is that of the action provider, without outputs.

use async_trait::async_trait;

use super::{Property, RuleOutcome, RuleProvider, RuleType};
use crate::catalogue::Count;
use crate::providers::{CodeBuild, Outcome, Provider, Trouble, Work};

pub struct CodeBuildRule;

static RULE_TYPE: RuleType = RuleType {
    provider: "CodeBuild",
    properties: &[
        Property::required("ProjectName", "The CodeBuild project."),
        Property::optional("PrimarySource", "The input artifact with the buildspec, if there are several."),
        Property::optional("BatchEnabled", "Whether to run a batch of builds."),
        Property::optional("CombineArtifacts", "Whether a batch puts its artifacts into one place."),
        Property::optional("EnvironmentVariables", "JSON: a list of objects with name, value and type."),
    ],
    inputs: Count { min: 1, max: 5 },
    timeout_minutes: 8 * 60,
};

#[async_trait]
impl RuleProvider for CodeBuildRule {
    fn rule_type(&self) -> &'static RuleType {
        &RULE_TYPE
    }

    async fn start(&self, work: &Work) -> Result<RuleOutcome, Trouble> {
        CodeBuild.start(work).await.map(outcome)
    }

    async fn observe(&self, work: &Work, build: Option<&str>) -> Result<RuleOutcome, Trouble> {
        match build {
            Some(build) => CodeBuild.observe(work, build).await.map(outcome),
            None => self.start(work).await,
        }
    }

    async fn stop(&self, work: &Work, build: &str) -> Result<(), Trouble> {
        CodeBuild.stop(work, build).await
    }
}

/// What an action would report, as a rule reports it.
pub(super) fn outcome(of_action: Outcome) -> RuleOutcome {
    match of_action {
        Outcome::InProgress(report) => RuleOutcome::Waiting { report, look_at: None },
        Outcome::Succeeded(report) => RuleOutcome::Passed(report),
        Outcome::Failed(report, error) => RuleOutcome::Failed(report, error),
    }
}
