//! Whether every `#{…}` of a configuration will have a value.

use codepipeline_model::PipelineDeclaration;

use super::check::{Findings, Placed, placed};
use crate::variables::{self, Reference, references};

pub(super) fn check(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let actions = placed(declaration);
    for placed in &actions {
        for (key, value) in placed.action.configuration.iter().flatten() {
            for reference in references(value) {
                check_reference(declaration, &actions, placed, key, &reference, findings);
            }
        }
    }
}

fn check_reference(
    declaration: &PipelineDeclaration,
    actions: &[Placed<'_>],
    placed: &Placed<'_>,
    key: &str,
    reference: &Reference<'_>,
    findings: &mut Findings,
) {
    let path = placed.path(&format!("configuration.{key}"));
    let place = format!(
        "StageName=[{}], ActionName=[{}], ActionConfigurationKey=[{key}], VariableReferenceText=[{}]",
        placed.stage.name, placed.action.name, reference.text
    );
    match reference.name {
        Some((variables::GLOBAL, _)) => {}
        Some((variables::PIPELINE, name)) if declares_variables(declaration) => {
            let declared = declaration.variables.iter().flatten().any(|variable| variable.name == name);
            if placed.is_source() {
                let message =
                    format!("Variables at the pipeline level cannot be used in source actions. {place}");
                findings.structure(path, message);
            } else if !declared {
                findings.structure(path, format!("The referenced variables haven't been declared. {place}"));
                findings.known(
                    name,
                    declaration.variables.iter().flatten().map(|variable| variable.name.as_str()),
                );
            }
        }
        Some((variables::PIPELINE, _)) if !has_namespace(actions, variables::PIPELINE) => {
            findings.structure(path, format!("The referenced variables haven't been declared. {place}"));
        }
        name => {
            let producers = actions.iter().filter(|producer| producer.is_done_before(placed));
            let namespaces: Vec<&str> =
                producers.filter_map(|producer| producer.action.namespace.as_deref()).collect();
            let known = name.is_some_and(|(namespace, _)| namespaces.contains(&namespace));
            if !known {
                let message = format!(
                    "Valid format for a pipeline execution variable reference is a namespace and a key separated by a \
                     period (.). The following pipeline execution variables are referencing a namespace that does not \
                     exist. {place}"
                );
                findings.action(path, message);
                if let Some((namespace, _)) = name {
                    findings.known(namespace, namespaces);
                }
            }
        }
    }
}

/// A rule of a condition, as messages name it.
pub(super) struct User<'a> {
    pub(super) path: &'a str,
    pub(super) stage: &'a str,
    pub(super) name: &'a str,
}

/// A configuration value of a rule. `before`: whether an action comes before the rule.
pub(super) fn check_rule_value(
    declaration: &PipelineDeclaration,
    actions: &[Placed<'_>],
    before: &dyn Fn(&Placed<'_>) -> bool,
    user: &User<'_>,
    key: &str,
    value: &str,
    findings: &mut Findings,
) {
    for reference in references(value) {
        let path = format!("{}.configuration.{key}", user.path);
        let place = format!(
            "StageName=[{}], RuleName=[{}], RuleConfigurationKey=[{key}], VariableReferenceText=[{}]",
            user.stage, user.name, reference.text
        );
        let declared =
            |name: &str| declaration.variables.iter().flatten().any(|variable| variable.name == name);
        let known = match reference.name {
            Some((variables::GLOBAL, _)) => true,
            Some((variables::PIPELINE, name)) if !has_namespace(actions, variables::PIPELINE) => {
                if !declared(name) {
                    findings
                        .structure(&path, format!("The referenced variables haven't been declared. {place}"));
                }
                true
            }
            name => name.is_some_and(|(namespace, _)| {
                let mut makers = actions.iter().filter(|other| before(other));
                makers.any(|other| other.action.namespace.as_deref() == Some(namespace))
            }),
        };
        if !known {
            let message = format!(
                "Valid format for a pipeline execution variable reference is a namespace and a key separated by a \
                 period (.). The following pipeline execution variables are referencing a namespace that does not \
                 exist. {place}"
            );
            findings.stage(path, message);
        }
    }
}

fn declares_variables(declaration: &PipelineDeclaration) -> bool {
    declaration.variables.as_ref().is_some_and(|variables| !variables.is_empty())
}

fn has_namespace(actions: &[Placed<'_>], namespace: &str) -> bool {
    actions.iter().any(|placed| placed.action.namespace.as_deref() == Some(namespace))
}
