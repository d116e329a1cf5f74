//! Single actions: names, types, configuration, regions.
//! Source of the wording: answers of CodePipeline as they were observed.

use std::collections::{BTreeMap, BTreeSet};

use codepipeline_model::{ActionDeclaration, ActionTypeId, PipelineDeclaration, PipelineType};

use super::check::{Findings, Placed, placed};
use super::{inputs, outputs};
use crate::catalogue::{ActionType, ActionTypes, QUERYABLE_LENGTH, is_queryable_value};
use crate::variables;

const MAX_ACTIONS: usize = 1_000;

pub(super) fn check(
    declaration: &PipelineDeclaration,
    region: &aws::Region,
    action_types: &ActionTypes,
    findings: &mut Findings,
) {
    let actions = placed(declaration);
    if actions.len() > MAX_ACTIONS {
        let message = format!(
            "Pipeline has too many actions. There can only be up to {MAX_ACTIONS} actions in a pipeline"
        );
        findings.structure("pipeline.stages", message);
    }
    check_names(&actions, findings);
    check_namespaces(declaration, &actions, findings);
    for placed in &actions {
        match action_types.get(&placed.action.action_type_id) {
            Some(action_type) => {
                check_pipeline_type(declaration, placed, action_type, findings);
                check_configuration(placed, action_type, findings);
                check_queryable(placed, action_type, findings);
                check_counts(placed, action_type, findings);
            }
            None => {
                findings.action(placed.path("actionTypeId"), unavailable(placed.action, region));
                let given = &placed.action.action_type_id;
                let known: Vec<String> = action_types
                    .iter()
                    .map(ActionType::id)
                    .filter(|known| known.category == given.category)
                    .map(|known| type_name(&known))
                    .collect();
                findings.known(&type_name(given), known.iter().map(String::as_str));
            }
        }
        check_notification(placed, region, findings);
        check_compute_fields(placed, findings);
        check_timeout(placed, findings);
        check_region(placed, region, findings);
    }
}

fn check_names(actions: &[Placed<'_>], findings: &mut Findings) {
    let mut names = BTreeSet::new();
    for placed in actions {
        if !names.insert((placed.stage_index, &placed.action.name)) {
            let message = format!(
                "Action name '{}' is used more than once in stage '{}'",
                placed.action.name, placed.stage.name
            );
            findings.action(placed.path("name"), message);
        }
    }
}

fn check_namespaces(declaration: &PipelineDeclaration, actions: &[Placed<'_>], findings: &mut Findings) {
    let has_variables = declaration.variables.as_ref().is_some_and(|variables| !variables.is_empty());
    let artifacts: BTreeSet<&str> = actions.iter().flat_map(|placed| outputs(placed.action)).collect();
    let mut seen = BTreeSet::new();
    for placed in actions {
        let Some(namespace) = placed.action.namespace.as_deref() else { continue };
        if !seen.insert(namespace) {
            let message = format!(
                "Namespaces must be unique across the pipeline definition. The following occur more than once in the \
                 pipeline. StageName=[{}], ActionName=[{}], Namespace=[{namespace}]",
                placed.stage.name, placed.action.name
            );
            findings.action(placed.path("namespace"), message);
        }
        if namespace == variables::GLOBAL || (namespace == variables::PIPELINE && has_variables) {
            let message = format!("Namespace '{namespace}' in action '{}' is reserved", placed.action.name);
            findings.action(placed.path("namespace"), message);
        }
        if artifacts.contains(namespace) {
            let message = format!(
                "Namespace '{namespace}' in action '{}' must differ from the names of all artifacts",
                placed.action.name
            );
            findings.action(placed.path("namespace"), message);
        }
    }
}

fn unavailable(action: &ActionDeclaration, region: &aws::Region) -> String {
    let id = &action.action_type_id;
    format!(
        "ActionType (Category: '{}', Provider: '{}', Owner: '{}', Version: '{}') in action '{}' is not available in \
         region '{}'",
        id.category,
        id.provider,
        id.owner,
        id.version,
        action.name,
        region.upper_snake()
    )
}

/// All that tells action types apart, for remedies.
fn type_name(id: &ActionTypeId) -> String {
    format!("{} {} {} {}", id.category, id.owner, id.provider, id.version)
}

fn check_pipeline_type(
    declaration: &PipelineDeclaration,
    placed: &Placed<'_>,
    action_type: &ActionType,
    findings: &mut Findings,
) {
    if action_type.only_v2 && declaration.pipeline_type.as_ref() != Some(&PipelineType::V2) {
        let message = format!("{} Action can only be used with V2 pipelines.", action_type.provider);
        findings.action(placed.path("actionTypeId"), message);
    }
}

/// What does not fit into PollForJobs could never be asked for.
fn check_queryable(placed: &Placed<'_>, action_type: &ActionType, findings: &mut Findings) {
    let Some(property) = action_type.queryable() else { return };
    let Some(value) = placed.action.configuration.as_ref().and_then(|given| given.get(&property.name)) else {
        return;
    };
    if !is_queryable_value(value) && variables::references(value).is_empty() {
        let message = format!(
            "Action configuration for action '{}' has a value for the queryable configuration '{}' that is not allowed: \
             up to {QUERYABLE_LENGTH} letters, digits, underscores and hyphens",
            placed.action.name, property.name
        );
        findings.action(placed.path(&format!("configuration.{}", property.name)), message);
    }
}

fn check_configuration(placed: &Placed<'_>, action_type: &ActionType, findings: &mut Findings) {
    let none = BTreeMap::new();
    let configuration = placed.action.configuration.as_ref().unwrap_or(&none);
    let name = &placed.action.name;
    for property in action_type.properties.iter().filter(|property| property.required) {
        if !configuration.contains_key(&property.name) {
            let message = format!(
                "Action configuration for action '{name}' is missing required configuration '{}'",
                property.name
            );
            findings.action(placed.path("configuration"), message);
            findings.advice(match &property.description {
                Some(description) => format!("add `{}`: {description}", property.name),
                None => format!("add `{}`", property.name),
            });
        }
    }
    for key in configuration.keys().filter(|key| !action_type.knows(key)) {
        let message =
            format!("Action configuration for action '{name}' contains unknown configuration '{key}'");
        findings.action(placed.path(&format!("configuration.{key}")), message);
        findings.known(key, action_type.properties.iter().map(|property| property.name.as_str()));
    }
    let takes_primary = action_type.property("PrimarySource").is_some();
    let primary = configuration.get("PrimarySource");
    if takes_primary && inputs(placed.action).count() > 1 && primary.is_none() {
        let message = format!(
            "Action configuration for action '{name}' is missing required configuration 'PrimarySource'"
        );
        findings.action(placed.path("configuration"), message);
        findings.advice("add `PrimarySource`: the name of the input artifact with the buildspec");
    }
    if let Some(primary) =
        primary.filter(|primary| takes_primary && variables::references(primary).is_empty())
        && !inputs(placed.action).any(|input| input == primary)
    {
        let message = format!(
            "Action configuration for action '{name}' names '{primary}' in configuration 'PrimarySource', which is not \
             one of its input artifacts"
        );
        findings.action(placed.path("configuration.PrimarySource"), message);
        findings.known(primary, inputs(placed.action));
    }
}

fn check_counts(placed: &Placed<'_>, action_type: &ActionType, findings: &mut Findings) {
    let sides = [
        ("input", "inputArtifacts", inputs(placed.action).count(), action_type.inputs),
        ("output", "outputArtifacts", outputs(placed.action).count(), action_type.outputs),
    ];
    for (side, member, count, allowed) in sides {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let (bound, limit) = if count < allowed.min {
            ("less than the minimum", allowed.min)
        } else if count > allowed.max {
            ("more than the maximum", allowed.max)
        } else {
            continue;
        };
        let message = format!(
            "Action {} declares {count} {side} artifacts which is {bound} count ({limit})",
            placed.action.name
        );
        findings.action(placed.path(member), message);
        let counts = if allowed.min == allowed.max {
            allowed.min.to_string()
        } else {
            format!("{} to {}", allowed.min, allowed.max)
        };
        findings
            .advice(format!("`{}` takes {counts} in `{member}`", type_name(&placed.action.action_type_id)));
    }
}

fn check_compute_fields(placed: &Placed<'_>, findings: &mut Findings) {
    let action = placed.action;
    let name = &action.name;
    if action.action_type_id.category.as_str() == "Compute" {
        if action.commands.as_ref().is_none_or(Vec::is_empty) {
            let message = format!("Action {name} must have a non-empty commands field");
            findings.action(placed.path("commands"), message);
        }
        return;
    }
    let files = action.output_artifacts.iter().flatten().any(|artifact| artifact.files.is_some());
    if action.commands.is_some() || files {
        let message = format!(
            "The following action cannot contain a commands field: {name}. To use the commands field, use a compute \
             action."
        );
        findings.action(placed.path("commands"), message);
    }
    if action.output_variables.is_some() {
        let message = format!(
            "The following action cannot contain an outputVariables field: {name}. To use the outputVariables field, \
             use a compute action."
        );
        findings.action(placed.path("outputVariables"), message);
    }
    if action.environment_variables.is_some() {
        let message = format!("The following action cannot contain an environmentVariables field: {name}.");
        findings.action(placed.path("environmentVariables"), message);
    }
}

/// A topic that is made of variables is looked at when the approval is asked for.
fn check_notification(placed: &Placed<'_>, region: &aws::Region, findings: &mut Findings) {
    let configuration = placed.action.configuration.as_ref();
    let topic = configuration.and_then(|settings| settings.get("NotificationArn"));
    let Some(topic) = topic.filter(|topic| placed.is_approval() && !topic.contains("#{")) else { return };
    let name = &placed.action.name;
    let message = match topic.parse::<aws::Arn>() {
        Err(_) => format!("The NotificationArn '{topic}' of action '{name}' is not a valid ARN"),
        Ok(arn) if arn.service != "sns" => {
            format!(
                "The NotificationArn '{topic}' of action '{name}' is of a service that cannot send approval requests"
            )
        }
        Ok(arn) if arn.region != region.as_str() => {
            format!(
                "The NotificationArn '{topic}' of action '{name}' must be in the region of the pipeline, '{region}'"
            )
        }
        Ok(_) => return,
    };
    findings.action(placed.path("configuration.NotificationArn"), message);
}

fn check_timeout(placed: &Placed<'_>, findings: &mut Findings) {
    if placed.action.timeout_in_minutes.is_some()
        && placed.action.action_type_id.category.as_str() != "Approval"
    {
        let message = format!(
            "The following action cannot contain a timeoutInMinutes field: {}. It can only be used with manual \
             approval actions.",
            placed.action.name
        );
        findings.action(placed.path("timeoutInMinutes"), message);
    }
}

fn check_region(placed: &Placed<'_>, region: &aws::Region, findings: &mut Findings) {
    let Some(elsewhere) = placed.action.region.as_deref().filter(|other| *other != region.as_str()) else {
        return;
    };
    let owner = placed.action.action_type_id.owner.as_str();
    if placed.is_source() || owner != "AWS" {
        let message = format!(
            "Action '{}' cannot run in region '{elsewhere}': source, custom and third-party actions run in the region \
             of the pipeline",
            placed.action.name
        );
        findings.action(placed.path("region"), message);
    }
}
