//! Commands, the compute action: shell commands in an environment of CodeBuild, without a project of the user's.
//!
//! They run as the action's role, or the pipeline's, which CodePipeline assumes; so does their log, whose group is named
//! after the pipeline. The first input is the folder in which they begin.
//! Source: CodePipeline User Guide, "Commands action reference".

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws::Compute;
use aws::compute::{self, Input, Output, Run, RunState, RunStatus, Size};
use codepipeline_model::{ActionDeclaration, RuleDeclaration};
use serde::{Deserialize, Serialize};

use super::{ErrorDetails, Outcome, Provider, Report, Trouble, Work};
use crate::PRINCIPAL;
use crate::catalogue::{BuiltIn, Category, Key};

pub struct CommandsAction;

/// Longer ones the driver ends; this one is for a driver that is not there.
const TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::aws(
    Category::Compute,
    "Commands",
    &[
        Key::optional("EnvironmentType", "LINUX_CONTAINER or WINDOWS_SERVER_2022_CONTAINER."),
        Key::optional("ComputeType", "SMALL, MEDIUM or LARGE; SMALL if left out."),
        Key::optional("VpcId", "The VPC in which the commands run."),
        Key::optional("Subnets", "Subnets of the VPC, separated by commas."),
        Key::optional("SecurityGroupIds", "Security groups of the VPC, separated by commas."),
    ],
)
.inputs(1, 10)
.outputs(0, 1)
.timeout_minutes(55)
.only_v2()];

/// What a compute action or rule is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commands {
    pub commands: Vec<String>,
    pub environment: Vec<Variable>,
    /// Names of the variables that become output variables.
    pub output_variables: Vec<String>,
    /// Globs of the output artifact's files.
    pub files: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    pub value: String,
    /// `PLAINTEXT` or `SECRETS_MANAGER`.
    pub kind: String,
}

impl Commands {
    /// `None`: it is no compute action.
    pub fn of_action(declared: &ActionDeclaration) -> Option<Self> {
        let environment = declared.environment_variables.iter().flatten().map(|variable| Variable {
            name: variable.name.clone(),
            value: variable.value.clone(),
            kind: variable.r#type.as_ref().map_or("PLAINTEXT", |kind| kind.as_str()).to_owned(),
        });
        let outputs = declared.output_artifacts.iter().flatten();
        Some(Self {
            commands: declared.commands.clone()?,
            environment: environment.collect(),
            output_variables: declared.output_variables.clone().unwrap_or_default(),
            files: outputs.flat_map(|output| output.files.iter().flatten()).cloned().collect(),
        })
    }

    /// `None`: it is no such rule.
    pub fn of_rule(declared: &RuleDeclaration) -> Option<Self> {
        Some(Self { commands: declared.commands.clone()?, ..Self::default() })
    }

    /// All in which there may be references to variables.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let values = self.environment.iter().map(|variable| variable.value.as_str());
        self.commands.iter().map(String::as_str).chain(values)
    }

    /// With other texts, as many as there are and in their order.
    #[must_use]
    pub fn with_texts(&self, texts: impl IntoIterator<Item = String>) -> Self {
        let mut changed = self.clone();
        let values = changed.environment.iter_mut().map(|variable| &mut variable.value);
        for (text, resolved) in changed.commands.iter_mut().chain(values).zip(texts) {
            *text = resolved;
        }
        changed
    }
}

#[async_trait]
impl Provider for CommandsAction {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let state = compute(work)?.start(run(work)?).await?;
        Ok(outcome(work, state))
    }

    async fn observe(&self, work: &Work, _run: &str) -> Result<Outcome, Trouble> {
        match compute(work)?.state(&work.scope, work.id.0, &name(work)).await? {
            Some(state) => Ok(outcome(work, state)),
            None => Err(Trouble::job_failed("The run of the commands no longer exists")),
        }
    }

    async fn stop(&self, work: &Work, _run: &str) -> Result<(), Trouble> {
        Ok(compute(work)?.stop(&work.scope, work.id.0, &name(work)).await?)
    }
}

fn compute(work: &Work) -> Result<&Arc<dyn Compute>, Trouble> {
    work.compute.as_ref().ok_or_else(|| Trouble::configuration("There is nowhere to run commands"))
}

fn name(work: &Work) -> String {
    format!("codepipeline/{}", work.pipeline)
}

fn run(work: &Work) -> Result<Run, Trouble> {
    if let Some(other) = work.optional("EnvironmentType").filter(|kind| *kind != "LINUX_CONTAINER") {
        return Err(Trouble::configuration(format!("EnvironmentType '{other}' is not available here")));
    }
    if work.optional("VpcId").is_some() {
        return Err(Trouble::configuration(
            "VpcId is not available here: commands run in the server's network",
        ));
    }
    let commands = work.commands.clone().unwrap_or_default();
    let files = match commands.files.as_slice() {
        [] => vec!["**/*".to_owned()],
        some => some.to_vec(),
    };
    let environment = commands.environment.into_iter();
    Ok(Run {
        scope: work.scope.clone(),
        id: work.id.0,
        name: name(work),
        principal: PRINCIPAL.to_owned(),
        roles: work.roles(),
        commands: commands.commands,
        environment: environment
            .map(|Variable { name, value, kind }| compute::Variable { name, value, kind })
            .collect(),
        inputs: work
            .inputs
            .iter()
            .map(|input| Input {
                name: input.name.clone(),
                bucket: input.bucket.clone(),
                key: input.key.clone(),
            })
            .collect(),
        output: work.outputs.first().map(|output| Output {
            bucket: output.bucket.clone(),
            key: output.key.clone(),
            files,
        }),
        exported: commands.output_variables,
        size: size(work.optional("ComputeType"))?,
        log_group: format!("/aws/codepipeline/{}", work.pipeline),
        kms_key_id: work.encryption_key.clone(),
        timeout: TIMEOUT,
    })
}

/// AWS's guide names the sizes, its console CodeBuild's compute types.
fn size(given: Option<&str>) -> Result<Size, Trouble> {
    match given.map(|name| name.strip_prefix("BUILD_GENERAL1_").unwrap_or(name)) {
        None | Some("SMALL") => Ok(Size::Small),
        Some("MEDIUM") => Ok(Size::Medium),
        Some("LARGE") => Ok(Size::Large),
        Some(other) => Err(Trouble::configuration(format!("ComputeType '{other}' is not available here"))),
    }
}

fn outcome(work: &Work, state: RunState) -> Outcome {
    let report = Report {
        external_execution_id: Some(work.id.to_string()),
        log_stream_arn: Some(state.log_stream_arn),
        ..Report::default()
    };
    match state.status {
        RunStatus::InProgress => Outcome::InProgress(report),
        RunStatus::Succeeded => {
            let output_variables = Some(state.exported).filter(|variables| !variables.is_empty());
            Outcome::Succeeded(Report { output_variables, ..report })
        }
        RunStatus::Failed(why) => Outcome::Failed(report, ErrorDetails::new("JobFailed", why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_back_where_they_were() {
        let variable = Variable { name: "A".into(), value: "v".into(), kind: "PLAINTEXT".into() };
        let commands = Commands {
            commands: vec!["a".into(), "b".into()],
            environment: vec![variable],
            ..Commands::default()
        };
        let upper = commands.with_texts(commands.texts().map(str::to_uppercase).collect::<Vec<_>>());
        assert_eq!(upper.texts().collect::<Vec<_>>(), ["A", "B", "V"]);
        assert_eq!(upper.environment[0].name, "A");
    }

    #[test]
    fn sizes_have_two_names() {
        assert_eq!(size(Some("MEDIUM")), size(Some("BUILD_GENERAL1_MEDIUM")));
        assert_eq!(size(None), Ok(Size::Small));
        assert!(size(Some("HUGE")).is_err());
    }
}
