//! Structural validation as a pure function over a declaration.
//!
//! It finds everything at once; CreatePipeline and UpdatePipeline answer the first finding, as AWS does. Lengths,
//! patterns and ranges of single members are checked from the model before it gets here.

use codepipeline_model::{ActionDeclaration, PipelineDeclaration, StageDeclaration};

use super::{actions, artifacts, references, structure};
use crate::error::Error;

/// One thing that is wrong with a declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Where, in the API's JSON: `pipeline.stages[1].actions[0].configuration.ProjectName`; positions from 0.
    pub path: String,
    pub error: Error,
}

/// Everything that is wrong, in the order in which AWS would report it. `region` is where the pipeline will be.
pub fn check(declaration: &PipelineDeclaration, region: &aws::Region) -> Vec<Violation> {
    let mut findings = Findings::default();
    structure::check(declaration, region, &mut findings);
    actions::check(declaration, region, &mut findings);
    artifacts::check(declaration, &mut findings);
    references::check(declaration, &mut findings);
    findings.0
}

#[derive(Default)]
pub(super) struct Findings(Vec<Violation>);

impl Findings {
    pub(super) fn structure(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path, Error::InvalidStructure(message.into()));
    }

    pub(super) fn stage(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path, Error::InvalidStageDeclaration(message.into()));
    }

    pub(super) fn action(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path, Error::InvalidActionDeclaration(message.into()));
    }

    pub(super) fn add(&mut self, path: impl Into<String>, error: Error) {
        self.0.push(Violation { path: path.into(), error });
    }
}

/// An action with its place.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) stage_index: usize,
    pub(super) index: usize,
    pub(super) stage: &'a StageDeclaration,
    pub(super) action: &'a ActionDeclaration,
}

impl Placed<'_> {
    pub(super) fn path(&self, member: &str) -> String {
        let dot = if member.is_empty() { "" } else { "." };
        format!("pipeline.stages[{}].actions[{}]{dot}{member}", self.stage_index, self.index)
    }

    pub(super) fn is_source(&self) -> bool {
        self.action.action_type_id.category.as_str() == "Source"
    }

    /// Whether this action has certainly succeeded when the other one starts.
    pub(super) fn is_done_before(&self, other: &Placed<'_>) -> bool {
        let order = (self.stage_index, super::run_order(self.action));
        order < (other.stage_index, super::run_order(other.action))
    }
}

pub(super) fn placed(declaration: &PipelineDeclaration) -> Vec<Placed<'_>> {
    let stages = declaration.stages.iter().enumerate();
    let placed = stages.flat_map(|(stage_index, stage)| {
        let actions = stage.actions.iter().enumerate();
        actions.map(move |(index, action)| Placed { stage_index, index, stage, action })
    });
    placed.collect()
}
