//! A pipeline's definition: the declaration as it was given, checked, and what follows from it.

mod actions;
mod artifacts;
pub mod check;
pub(crate) mod conditions;
mod references;
mod structure;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::Scope;
use codepipeline_model::{
    self as model, ActionDeclaration, ArtifactStore, ExecutionMode, PipelineDeclaration, PipelineType,
    RuleDeclaration, StageDeclaration, StageRetryMode,
};

use crate::catalogue::{self, Owner, built_in};
use crate::engine::{self, ActionPlan, ConditionType, OnFailure, Plan, RetryMode, StagePlan};
use crate::records::Watch;
use crate::triggers;

pub use check::{Remedy, Violation, check, check_with};

/// The service of a [`Watch`] on a repository behind a connection.
pub(crate) const CONNECTIONS: &str = "codeconnections";
pub(crate) const MILLIS_PER_MINUTE: i64 = 60_000;

/// One version of a pipeline, ready to run. Made of declarations that passed [`check`].
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub declaration: PipelineDeclaration,
    pub plan: Arc<Plan>,
}

impl Definition {
    pub fn new(declaration: PipelineDeclaration, version: u32) -> Self {
        let mut declaration = normalised(declaration);
        declaration.version = i32::try_from(version).ok();
        let stages = declaration.stages.iter().map(|stage| {
            let actions = stage.actions.iter().map(action_plan).collect::<Vec<_>>();
            let plan = StagePlan::new(stage.name.as_str(), actions).on_failure(on_failure(stage));
            conditions::plans(stage)
                .fold(plan, |plan, (condition, declared)| plan.condition(condition, declared))
        });
        let plan = Plan {
            version,
            mode: engine_mode(declaration.execution_mode.as_ref()),
            stages: stages.collect(),
        };
        Self { declaration, plan: Arc::new(plan) }
    }

    pub fn version(&self) -> u32 {
        self.plan.version
    }

    pub fn stage(&self, name: &str) -> Option<&StageDeclaration> {
        self.declaration.stages.iter().find(|stage| stage.name == name)
    }

    pub fn action(&self, stage: &str, action: &str) -> Option<&ActionDeclaration> {
        self.stage(stage)?.actions.iter().find(|declared| declared.name == action)
    }

    /// A rule of a stage's condition of a type.
    pub fn rule(&self, stage: &str, condition: ConditionType, name: &str) -> Option<&RuleDeclaration> {
        let rules = conditions::declared(self.stage(stage)?, condition).iter().flat_map(|found| &found.rules);
        rules.flatten().find(|rule| rule.name == name)
    }

    /// Stage and action that make an artifact.
    pub fn producer(&self, artifact: &str) -> Option<(&StageDeclaration, &ActionDeclaration)> {
        self.actions().find(|(_, action)| outputs(action).any(|output| output == artifact))
    }

    /// Stage and action whose output variables a namespace holds.
    pub fn namespace(&self, namespace: &str) -> Option<(&StageDeclaration, &ActionDeclaration)> {
        self.actions().find(|(_, action)| action.namespace.as_deref() == Some(namespace))
    }

    pub fn actions(&self) -> impl Iterator<Item = (&StageDeclaration, &ActionDeclaration)> {
        self.declaration
            .stages
            .iter()
            .flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)))
    }

    /// The changes that start the pipeline: those of sources that do not forbid it.
    pub fn watches(&self) -> Vec<Watch> {
        let watches = self.actions().filter_map(|(_, action)| {
            if action.action_type_id.owner.as_str() != Owner::Aws.as_str() {
                return None;
            }
            let (service, container, item) = match action.action_type_id.provider.as_str() {
                triggers::PROVIDER => (CONNECTIONS, "ConnectionArn", "FullRepositoryId"),
                "CodeCommit" => ("codecommit", "RepositoryName", "BranchName"),
                "S3" if action.action_type_id.category.as_str() == "Source" => {
                    ("s3", "S3Bucket", "S3ObjectKey")
                }
                _ => return None,
            };
            let configuration = action.configuration.as_ref()?;
            let no = |key: &str| configuration.get(key).is_some_and(|v| v.eq_ignore_ascii_case("false"));
            let forbidden = match service {
                CONNECTIONS => no("DetectChanges") && !self.has_trigger(&action.name),
                _ => no("PollForSourceChanges"),
            };
            (!forbidden).then_some(())?;
            Some(Watch {
                action: action.name.clone(),
                service: service.to_owned(),
                container: configuration.get(container)?.clone(),
                item: configuration.get(item)?.clone(),
            })
        });
        watches.collect()
    }

    /// Whether filters say which changes of a source action start the pipeline.
    fn has_trigger(&self, action: &str) -> bool {
        let mut triggers = self.declaration.triggers.iter().flatten();
        triggers.any(|trigger| trigger.git_configuration.source_action_name == action)
    }

    /// Where artifacts of a region lie.
    pub fn artifact_store(&self, region: &str) -> Option<&ArtifactStore> {
        let single = self.declaration.artifact_store.as_ref();
        single.or_else(|| self.declaration.artifact_stores.as_ref()?.get(region))
    }
}

/// Where an action's work is done: its own region, or else the pipeline's. There a person decides in any case.
pub fn scope_of_action(action: &ActionDeclaration, home: &Scope) -> Scope {
    let region = action.region.as_deref().filter(|_| !is_manual_approval(action));
    scope_of(region, home)
}

/// Where a rule is evaluated.
pub fn scope_of_rule(rule: &RuleDeclaration, home: &Scope) -> Scope {
    scope_of(rule.region.as_deref(), home)
}

fn scope_of(region: Option<&str>, home: &Scope) -> Scope {
    // What is no region does not pass the check.
    let region = region.and_then(|region| region.parse().ok());
    Scope { region: region.unwrap_or_else(|| home.region.clone()), ..home.clone() }
}

/// Names of the artifacts that an action makes, in its order.
pub fn outputs(action: &ActionDeclaration) -> impl Iterator<Item = &str> {
    action.output_artifacts.iter().flatten().map(|artifact| artifact.name.as_str())
}

/// Names of the artifacts that an action takes, in its order.
pub fn inputs(action: &ActionDeclaration) -> impl Iterator<Item = &str> {
    action.input_artifacts.iter().flatten().map(|artifact| artifact.name.as_str())
}

pub fn run_order(action: &ActionDeclaration) -> i32 {
    action.run_order.unwrap_or(1)
}

/// The declaration with everything spelled out that GetPipeline always shows.
fn normalised(mut declaration: PipelineDeclaration) -> PipelineDeclaration {
    declaration.execution_mode.get_or_insert(ExecutionMode::Superseded);
    declaration.pipeline_type.get_or_insert(PipelineType::V1);
    for action in declaration.stages.iter_mut().flat_map(|stage| &mut stage.actions) {
        action.run_order.get_or_insert(1);
        action.configuration.get_or_insert_with(BTreeMap::new);
        action.input_artifacts.get_or_insert_with(Vec::new);
        action.output_artifacts.get_or_insert_with(Vec::new);
    }
    declaration
}

/// Retries all actions only if the declaration says so.
fn on_failure(stage: &StageDeclaration) -> OnFailure {
    let Some(declared) = &stage.on_failure else { return OnFailure::Fail };
    match &declared.result {
        Some(model::Result::Rollback) => OnFailure::Rollback,
        Some(model::Result::Retry) => {
            let mode = declared.retry_configuration.as_ref().and_then(|retry| retry.retry_mode.as_ref());
            OnFailure::Retry(match mode {
                Some(StageRetryMode::AllActions) => RetryMode::AllActions,
                Some(StageRetryMode::FailedActions | StageRetryMode::Other(_)) | None => {
                    RetryMode::FailedActions
                }
            })
        }
        // Others do not pass the check.
        Some(model::Result::Fail | model::Result::Skip | model::Result::Other(_)) | None => OnFailure::Fail,
    }
}

fn action_plan(action: &ActionDeclaration) -> ActionPlan {
    ActionPlan {
        name: action.name.as_str().into(),
        run_order: u16::try_from(run_order(action)).unwrap_or(1),
        approval: is_manual_approval(action),
        timeout: timeout_minutes(action).saturating_mul(MILLIS_PER_MINUTE),
    }
}

/// After what time an action fails that has not ended.
pub(crate) fn timeout(action: &ActionDeclaration) -> Duration {
    Duration::from_secs(u64::try_from(timeout_minutes(action)).unwrap_or(0).saturating_mul(60))
}

fn timeout_minutes(action: &ActionDeclaration) -> i64 {
    // What is not in the catalogue is an account's own, and a job worker's.
    let action_type = built_in::action_type(&action.action_type_id);
    let default = action_type.map_or(catalogue::JOB_WORKER_MINUTES, |found| found.timeout_minutes);
    action.timeout_in_minutes.map_or(default, i64::from)
}

/// Whether a person decides; actions of category Approval that an account made itself have workers.
fn is_manual_approval(action: &ActionDeclaration) -> bool {
    let id = &action.action_type_id;
    id.category.as_str() == "Approval" && id.owner.as_str() == Owner::Aws.as_str()
}

fn engine_mode(mode: Option<&ExecutionMode>) -> engine::ExecutionMode {
    match mode {
        Some(ExecutionMode::Queued) => engine::ExecutionMode::Queued,
        Some(ExecutionMode::Parallel) => engine::ExecutionMode::Parallel,
        // Other values do not pass the gateway's validation.
        Some(ExecutionMode::Superseded | ExecutionMode::Other(_)) | None => engine::ExecutionMode::Superseded,
    }
}
