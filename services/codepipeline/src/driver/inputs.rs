//! What an action starts with: its configuration with the variables of the moment, its artifacts and their places.

use std::collections::{BTreeMap, BTreeSet};

use super::commit::{Commit, Fault};
use super::replication;
use aws::Timestamp;

use crate::artifacts;
use crate::definition::{self, Definition};
use crate::engine::ExecutionId;
use crate::providers::{Artifact, Commands, ErrorDetails};
use crate::records::ActionExecution;
use crate::variables;

/// Fills the record in. The inner error is what the action fails with.
pub(super) fn prepare(
    commit: &mut Commit<'_, '_>,
    definition: &Definition,
    record: &mut ActionExecution,
) -> Result<Result<(), ErrorDetails>, Fault> {
    let Some(declared) = definition.action(&record.stage, &record.action) else {
        let message = format!("The definition has no action '{}' in stage '{}'", record.action, record.stage);
        return Ok(Err(ErrorDetails::new("ConfigurationError", message)));
    };
    let scope = definition::scope_of_action(declared, &commit.pipeline.scope);
    if let Some(store) = definition.artifact_store(scope.region.as_str()) {
        let name = &commit.pipeline.name;
        let outputs = definition::outputs(declared);
        record.outputs =
            outputs.map(|output| artifacts::place(&store.location, name, output, record.id)).collect();
    }
    for input in definition::inputs(declared) {
        match input_artifact(commit, definition, record.execution, input)? {
            Ok(made) => {
                let here =
                    replication::place(definition, &scope, &commit.pipeline.name, record.execution, &made);
                if here != made {
                    record.elsewhere.push(made);
                }
                record.inputs.push(here);
            }
            Err(absent) => {
                if let Absent::Removed(at) = absent {
                    commit.met_removed = Some((input.to_owned(), at));
                }
                return Ok(Err(ErrorDetails::new("ConfigurationError", absent.message(input))));
            }
        }
    }
    let declared_configuration = declared.configuration.clone().unwrap_or_default();
    let resolved = resolve(commit, definition, record.execution, &declared_configuration)?;
    let commands = commands(commit, definition, record.execution, &Commands::of_action(declared))?;
    match resolved.zip(commands) {
        Some((resolved, commands)) => {
            record.resolved_configuration = resolved;
            record.commands = commands;
        }
        None => {
            let message = format!(
                "An action in this pipeline failed because one or more variables could not be resolved: Action name={}.",
                record.action
            );
            return Ok(Err(ErrorDetails::new("ConfigurationError", message)));
        }
    }
    let size: usize = record.resolved_configuration.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > variables::RESOLVED_CONFIGURATION_LIMIT {
        let message = format!(
            "The resolved configuration of action '{}' has {size} bytes, more than the maximum of {}",
            record.action,
            variables::RESOLVED_CONFIGURATION_LIMIT
        );
        return Ok(Err(ErrorDetails::new("ConfigurationError", message)));
    }
    Ok(Ok(()))
}

/// Why there is no artifact.
pub(super) enum Absent {
    NeverMade,
    Removed(Timestamp),
}

impl Absent {
    pub(super) fn message(&self, artifact: &str) -> String {
        match self {
            Self::NeverMade => {
                format!("No action of this execution has made the input artifact '{artifact}'")
            }
            Self::Removed(at) => format!(
                "The input artifact '{artifact}' is not kept any more: it was cleaned up at {}, as the artifact \
                 retention of the pipeline says. Start the pipeline again to make it anew.",
                at.to_iso8601_secs()
            ),
        }
    }
}

/// An input artifact of an execution, made by itself or by one whose work it takes up.
pub(super) fn input_artifact(
    commit: &mut Commit<'_, '_>,
    definition: &Definition,
    execution: ExecutionId,
    name: &str,
) -> Result<Result<Artifact, Absent>, Fault> {
    let Some((stage, action)) = definition.producer(name) else { return Ok(Err(Absent::NeverMade)) };
    let Some(maker) = commit.maker(execution, &stage.name, &action.name)? else {
        return Ok(Err(Absent::NeverMade));
    };
    if let Some(at) = maker.outputs_removed_at {
        return Ok(Err(Absent::Removed(at)));
    }
    let made = maker.outputs.into_iter().find(|output| output.name == name);
    Ok(made.ok_or(Absent::NeverMade))
}

/// `None`: some variable has no value.
pub(super) fn resolve(
    commit: &mut Commit<'_, '_>,
    definition: &Definition,
    execution: ExecutionId,
    configuration: &BTreeMap<String, String>,
) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let values = values(commit, definition, execution, configuration)?;
    let lookup = |namespace: &str, key: &str| values.get(namespace)?.get(key).cloned();
    let resolved =
        configuration.iter().map(|(key, value)| Ok((key.clone(), variables::resolve(value, lookup)?)));
    Ok(resolved.collect::<Result<_, variables::Unresolved>>().ok())
}

/// What is to be run, with the variables of the moment in commands and environment. The outer `None`: some variable has
/// no value.
pub(super) fn commands(
    commit: &mut Commit<'_, '_>,
    definition: &Definition,
    execution: ExecutionId,
    declared: &Option<Commands>,
) -> Result<Option<Option<Commands>>, Fault> {
    let Some(declared) = declared else { return Ok(Some(None)) };
    let texts = declared.texts().enumerate();
    let texts = texts.map(|(index, text)| (format!("{index:08}"), text.to_owned())).collect();
    let resolved = resolve(commit, definition, execution, &texts)?;
    Ok(resolved.map(|resolved| Some(declared.with_texts(resolved.into_values()))))
}

/// The variables of every namespace that the configuration refers to.
fn values(
    commit: &mut Commit<'_, '_>,
    definition: &Definition,
    execution: ExecutionId,
    configuration: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, Fault> {
    let references = configuration.values().flat_map(|value| variables::references(value));
    let namespaces: BTreeSet<&str> =
        references.filter_map(|reference| reference.name).map(|(namespace, _)| namespace).collect();
    let mut values = BTreeMap::new();
    for namespace in namespaces {
        let known = if namespace == variables::GLOBAL {
            BTreeMap::from([("PipelineExecutionId".to_owned(), execution.to_string())])
        } else if let Some((stage, action)) = definition.namespace(namespace) {
            let maker = commit.maker(execution, &stage.name, &action.name)?;
            maker.and_then(|maker| maker.report.output_variables).unwrap_or_default()
        } else if namespace == variables::PIPELINE {
            commit.execution(execution)?.variables.clone()
        } else {
            BTreeMap::new()
        };
        values.insert(namespace.to_owned(), known);
    }
    Ok(values)
}
