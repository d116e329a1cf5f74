//! Where a definition may have references to variables, and the rules of its conditions.

use codepipeline_model::{Condition, PipelineDeclaration, RuleDeclaration, StageDeclaration};

/// The rules of a stage's conditions, each with its place: `beforeEntry.conditions[0].rules[1]`.
pub fn rules(stage: &StageDeclaration) -> impl Iterator<Item = (String, &RuleDeclaration)> {
    let before = stage.before_entry.iter().map(|before| ("beforeEntry", &before.conditions));
    let success = stage.on_success.iter().map(|success| ("onSuccess", &success.conditions));
    let failure = stage.on_failure.iter().filter_map(|failure| failure.conditions.as_ref());
    let all = before.chain(success).chain(failure.map(|conditions| ("onFailure", conditions)));
    all.flat_map(|(member, conditions)| rules_of(member, conditions))
}

fn rules_of<'a>(
    member: &'static str,
    conditions: &'a [Condition],
) -> impl Iterator<Item = (String, &'a RuleDeclaration)> {
    conditions.iter().enumerate().flat_map(move |(at, condition)| {
        let rules = condition.rules.iter().flatten().enumerate();
        rules.map(move |(index, rule)| (format!("{member}.conditions[{at}].rules[{index}]"), rule))
    })
}

/// The slots for conditions that a stage has, for changes.
pub fn conditions_mut(
    stage: &mut StageDeclaration,
) -> impl Iterator<Item = (&'static str, &mut Vec<Condition>)> {
    let before = stage.before_entry.iter_mut().map(|before| ("beforeEntry", &mut before.conditions));
    let success = stage.on_success.iter_mut().map(|success| ("onSuccess", &mut success.conditions));
    let failure = stage.on_failure.iter_mut().filter_map(|failure| failure.conditions.as_mut());
    before.chain(success).chain(failure.map(|conditions| ("onFailure", conditions)))
}

/// Shows every text with its place: `Build/Make configuration.ProjectName`, `Build beforeEntry.conditions[0].rules[0]…`.
pub fn for_each_mut(declaration: &mut PipelineDeclaration, mut visit: impl FnMut(&str, &mut String)) {
    for stage in &mut declaration.stages {
        for action in &mut stage.actions {
            let place = format!("{}/{}", stage.name, action.name);
            let settings = action.configuration.iter_mut().flatten();
            settings.for_each(|(key, value)| visit(&format!("{place} configuration.{key}"), value));
            let commands = action.commands.iter_mut().flatten().enumerate();
            commands.for_each(|(index, command)| visit(&format!("{place} commands[{index}]"), command));
            let variables = action.environment_variables.iter_mut().flatten().enumerate();
            variables.for_each(|(index, variable)| {
                visit(&format!("{place} environmentVariables[{index}].value"), &mut variable.value);
            });
        }
        let name = stage.name.clone();
        for (member, conditions) in conditions_mut(stage) {
            for (at, condition) in conditions.iter_mut().enumerate() {
                for (index, rule) in condition.rules.iter_mut().flatten().enumerate() {
                    let place = format!("{name} {member}.conditions[{at}].rules[{index}]");
                    let settings = rule.configuration.iter_mut().flatten();
                    settings.for_each(|(key, value)| visit(&format!("{place}.configuration.{key}"), value));
                    let commands = rule.commands.iter_mut().flatten().enumerate();
                    commands
                        .for_each(|(index, command)| visit(&format!("{place}.commands[{index}]"), command));
                }
            }
        }
    }
}
