//! Stages, categories, artifact stores, and what only V2 pipelines may have.
//! Source of the wording: answers of CodePipeline as they were observed.

use std::collections::BTreeSet;

use codepipeline_model::{ExecutionMode, PipelineDeclaration, PipelineType};

use super::check::{Findings, Placed, placed};
use super::conditions;
use crate::error::Error;
use crate::triggers;

const MIN_STAGES: usize = 2;
const MAX_STAGES: usize = 50;
const MAX_ACTIONS_PER_STAGE: usize = 50;
const NEEDS_V2: &str = "set `pipelineType` to `V2`";

pub(super) fn check(declaration: &PipelineDeclaration, region: &aws::Region, findings: &mut Findings) {
    check_stages(declaration, findings);
    check_categories(declaration, findings);
    if declaration.pipeline_type.as_ref() != Some(&PipelineType::V2) {
        check_v1(declaration, findings);
    }
    check_variables(declaration, findings);
    check_artifact_stores(declaration, region, findings);
    conditions::check(declaration, findings);
    for (path, error) in triggers::check::check(declaration) {
        findings.add(path, error);
    }
}

fn check_stages(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let stages = &declaration.stages;
    if stages.len() < MIN_STAGES {
        let message = format!(
            "Pipeline has only {} stage(s). There should be a minimum of {MIN_STAGES} stages in a pipeline",
            stages.len()
        );
        findings.structure("pipeline.stages", message);
    }
    if stages.len() > MAX_STAGES {
        let message = format!(
            "Pipeline has too many stages. There can only be up to {MAX_STAGES} stages in a pipeline"
        );
        findings.structure("pipeline.stages", message);
    }
    let mut names = BTreeSet::new();
    for (index, stage) in stages.iter().enumerate() {
        let path = |member: &str| format!("pipeline.stages[{index}].{member}");
        if !names.insert(&stage.name) {
            findings.stage(path("name"), format!("Stage name '{}' is used more than once", stage.name));
        }
        if stage.actions.is_empty() {
            findings
                .stage(path("actions"), format!("Stage '{}' should contain at least 1 action", stage.name));
        }
        if stage.actions.len() > MAX_ACTIONS_PER_STAGE {
            let message = format!(
                "Stage '{}' has too many actions. There can only be up to {MAX_ACTIONS_PER_STAGE} actions in a stage",
                stage.name
            );
            findings.stage(path("actions"), message);
        }
    }
}

fn check_categories(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let actions = placed(declaration);
    let first_is_source = actions.iter().filter(|placed| placed.stage_index == 0).all(Placed::is_source);
    if !first_is_source || declaration.stages.first().is_none_or(|stage| stage.actions.is_empty()) {
        let message = "Pipeline should start with a stage that only contains source actions";
        findings.structure("pipeline.stages[0]", message);
    }
    if let Some(later) = actions.iter().find(|placed| placed.stage_index > 0 && placed.is_source()) {
        let message = "Source actions can only be included in the first stage of the pipeline";
        findings.structure(later.path("actionTypeId"), message);
    }
    if !actions.is_empty() && actions.iter().all(Placed::is_source) {
        let message = "Pipeline should contain at least 1 action whose category is not Source";
        findings.structure("pipeline.stages", message);
    }
}

fn check_v1(declaration: &PipelineDeclaration, findings: &mut Findings) {
    if matches!(declaration.execution_mode, Some(ExecutionMode::Queued | ExecutionMode::Parallel)) {
        let message = "QUEUED or PARALLEL mode can only be used with V2 pipelines";
        findings.structure("pipeline.executionMode", message);
        findings.advice(NEEDS_V2);
    }
    if declaration.variables.as_ref().is_some_and(|variables| !variables.is_empty()) {
        findings.structure("pipeline.variables", "Pipeline variable can only be used with V2 pipelines");
        findings.advice(NEEDS_V2);
    }
    if declaration.triggers.as_ref().is_some_and(|triggers| !triggers.is_empty()) {
        findings.structure("pipeline.triggers", "Triggers on tag can only be used with V2 pipelines");
        findings.advice(NEEDS_V2);
    }
    for (index, stage) in declaration.stages.iter().enumerate() {
        if stage.before_entry.is_some() || stage.on_success.is_some() || stage.on_failure.is_some() {
            let path = format!("pipeline.stages[{index}]");
            findings.stage(path, "Stage level conditions can only be used with V2 pipelines.");
            findings.advice(NEEDS_V2);
        }
    }
}

fn check_variables(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    for (index, variable) in declaration.variables.iter().flatten().enumerate() {
        if !names.insert(&variable.name) {
            let message = format!(
                "Variable names must be unique. The following variable name is already in use: {}",
                variable.name
            );
            findings.structure(format!("pipeline.variables[{index}].name"), message);
        }
    }
}

fn check_artifact_stores(declaration: &PipelineDeclaration, region: &aws::Region, findings: &mut Findings) {
    match (&declaration.artifact_store, &declaration.artifact_stores) {
        (Some(_), None) => {
            if regions(declaration).any(|elsewhere| elsewhere != region.as_str()) {
                let message = "Your pipeline contains actions in more than one region. Use 'pipeline.artifactStores' \
                               instead of 'pipeline.artifactStore'";
                findings.structure("pipeline.artifactStore", message);
            }
        }
        (None, Some(stores)) => {
            for name in stores.keys() {
                if name.parse::<aws::Region>().is_err() {
                    let message = format!(
                        "The region {name} specified in 'pipeline.artifactStores' is not a valid AWS Region."
                    );
                    findings.add("pipeline.artifactStores", Error::Validation(message));
                }
            }
            let needed: BTreeSet<&str> =
                std::iter::once(region.as_str()).chain(regions(declaration)).collect();
            for missing in needed.into_iter().filter(|region| !stores.contains_key(*region)) {
                let message =
                    format!("The following region is missing in 'pipeline.artifactStores': {missing}.");
                findings.structure("pipeline.artifactStores", message);
            }
        }
        (Some(_), Some(_)) | (None, None) => {
            let message =
                "Exactly one of 'pipeline.artifactStore' and 'pipeline.artifactStores' must be specified";
            findings.structure("pipeline", message);
        }
    }
}

/// The regions that actions and rules name.
fn regions(declaration: &PipelineDeclaration) -> impl Iterator<Item = &str> {
    let actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
    let actions = actions.filter_map(|action| action.region.as_deref());
    actions.chain(conditions::rules(declaration).filter_map(|rule| rule.region.as_deref()))
}
