//! What is wrong with a definition or with what was asked for, each with its place.

use std::fmt;
use std::path::Path;

use codepipeline::definition::Violation;
use codepipeline_model::PipelineDeclaration;
use document::Place;

use crate::definition_file::DefinitionFile;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `Deploy/Publish`, a member of the definition, or a flag.
    pub place: String,
    pub message: String,
}

/// Everything that is wrong, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        let finding = Finding { place: place.into(), message: message.into() };
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Takes over what the check of definitions found. Actions were left out before, so its positions are not those
    /// of the file: names are.
    pub fn violation(&mut self, declaration: &PipelineDeclaration, violation: &Violation) {
        self.add(named(declaration, &violation.path), violation.error.to_string());
    }
}

impl Findings {
    /// A line each, with the place in the file of those that are about it.
    pub fn located(&self, path: &Path, file: &DefinitionFile) -> String {
        let lines = self.0.iter().map(|finding| match in_file(&file.declaration, &finding.place) {
            Some(part) => {
                let Place { line, column } = file.places.of(&part).place;
                format!("{}:{line}:{column}: {}: {}", path.display(), finding.place, finding.message)
            }
            None => format!("{}: {}", finding.place, finding.message),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Finding { place, message }) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{place}: {message}")?;
        }
        Ok(())
    }
}

/// `Build/Compile configuration` → `pipeline.stages[1].actions[0].configuration`, `Build onSuccess` →
/// `pipeline.stages[1].onSuccess`; none if the place is neither of an action nor of a stage.
fn in_file(declaration: &PipelineDeclaration, place: &str) -> Option<String> {
    let (name, member) = place.split_once(' ').unwrap_or((place, ""));
    let Some((stage, action)) = name.split_once('/') else {
        let index = declaration.stages.iter().position(|declared| declared.name == name)?;
        return (!member.is_empty()).then(|| format!("pipeline.stages[{index}].{member}"));
    };
    let stage_index = declaration.stages.iter().position(|declared| declared.name == stage)?;
    let actions = &declaration.stages[stage_index].actions;
    let index = actions.iter().position(|declared| declared.name == action)?;
    let dot = if member.is_empty() { "" } else { "." };
    Some(format!("pipeline.stages[{stage_index}].actions[{index}]{dot}{member}"))
}

/// `pipeline.stages[1].actions[0].configuration` → `Build/Compile configuration`.
fn named(declaration: &PipelineDeclaration, path: &str) -> String {
    let rest = path.strip_prefix("pipeline").unwrap_or(path).trim_start_matches('.');
    let Some((stage, rest)) = indexed(rest, "stages") else { return rest.to_owned() };
    let Some(stage) = declaration.stages.get(stage) else { return path.to_owned() };
    let place = |place: String, rest: &str| match rest.trim_start_matches('.') {
        "" => place,
        member => format!("{place} {member}"),
    };
    match indexed(rest, "actions").and_then(|(index, rest)| Some((stage.actions.get(index)?, rest))) {
        Some((action, rest)) => place(format!("{}/{}", stage.name, action.name), rest),
        None => place(stage.name.clone(), rest),
    }
}

/// `stages[1].name` → 1 and `.name`.
fn indexed<'a>(path: &'a str, member: &str) -> Option<(usize, &'a str)> {
    let rest = path.trim_start_matches('.').strip_prefix(member)?.strip_prefix('[')?;
    let (index, rest) = rest.split_once(']')?;
    Some((index.parse().ok()?, rest))
}
