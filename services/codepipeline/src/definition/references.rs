//! Whether every `#{…}` of a configuration, a command or its environment will have a value.

use std::collections::BTreeMap;

use codepipeline_model::{ActionDeclaration, PipelineDeclaration, RuleDeclaration};

use super::check::{Findings, Placed, placed};
use crate::variables::{self, Reference, references};

pub(super) fn check(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let actions = placed(declaration);
    for placed in &actions {
        for text in texts_of_action(placed.action) {
            for reference in references(text.value) {
                check_reference(declaration, &actions, placed, &text, &reference, findings);
            }
        }
    }
}

/// A text in which there may be references.
pub(super) struct Text<'a> {
    /// Below the action or the rule, in the API's JSON.
    member: String,
    /// As messages name it: a key of the configuration, or the member that is none.
    key: &'a str,
    value: &'a str,
}

fn texts_of_action(action: &ActionDeclaration) -> impl Iterator<Item = Text<'_>> {
    let environment = action.environment_variables.iter().flatten().enumerate();
    let environment = environment.map(|(index, variable)| Text {
        member: format!("environmentVariables[{index}].value"),
        key: "environmentVariables",
        value: &variable.value,
    });
    texts(action.configuration.as_ref(), action.commands.as_deref()).chain(environment)
}

pub(super) fn texts_of_rule(rule: &RuleDeclaration) -> impl Iterator<Item = Text<'_>> {
    texts(rule.configuration.as_ref(), rule.commands.as_deref())
}

fn texts<'a>(
    configuration: Option<&'a BTreeMap<String, String>>,
    commands: Option<&'a [String]>,
) -> impl Iterator<Item = Text<'a>> {
    let configuration = configuration.into_iter().flatten();
    let configuration =
        configuration.map(|(key, value)| Text { member: format!("configuration.{key}"), key, value });
    let commands = commands.into_iter().flatten().enumerate();
    configuration.chain(commands.map(|(index, value)| Text {
        member: format!("commands[{index}]"),
        key: "commands",
        value,
    }))
}

fn check_reference(
    declaration: &PipelineDeclaration,
    actions: &[Placed<'_>],
    placed: &Placed<'_>,
    text: &Text<'_>,
    reference: &Reference<'_>,
    findings: &mut Findings,
) {
    let (path, key) = (placed.path(&text.member), text.key);
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

/// A text of a rule. `before`: whether an action comes before the rule.
pub(super) fn check_rule_text(
    declaration: &PipelineDeclaration,
    actions: &[Placed<'_>],
    before: &dyn Fn(&Placed<'_>) -> bool,
    user: &User<'_>,
    text: &Text<'_>,
    findings: &mut Findings,
) {
    let key = text.key;
    for reference in references(text.value) {
        let path = format!("{}.{}", user.path, text.member);
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
