//! Structural validation as a pure function over a declaration.
//!
//! It finds everything at once; CreatePipeline and UpdatePipeline answer the first finding, as AWS does. Lengths,
//! patterns and ranges of single members are checked from the model before it gets here.

use codepipeline_model::{ActionDeclaration, PipelineDeclaration, StageDeclaration};

use super::{actions, artifacts, conditions, references, structure};
use crate::catalogue::ActionTypes;
use crate::error::Error;

/// One thing that is wrong with a declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Where, in the API's JSON: `pipeline.stages[1].actions[0].configuration.ProjectName`; positions from 0.
    pub path: String,
    pub error: Error,
    /// What would be right, where that can be said; no answer of the API has it.
    pub remedy: Option<Remedy>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The names that would be right instead of the given one.
    Name { given: String, known: Vec<String> },
    /// What to do, as a clause: `set pipelineType to V2`.
    Advice(String),
}

/// Everything that is wrong, in the order in which AWS would report it. `region` is where the pipeline will be.
/// Only the action types of the catalogue are known.
pub fn check(declaration: &PipelineDeclaration, region: &aws::Region) -> Vec<Violation> {
    check_with(declaration, region, &ActionTypes::default())
}

/// The same for an account that has action types of its own.
pub fn check_with(
    declaration: &PipelineDeclaration,
    region: &aws::Region,
    action_types: &ActionTypes,
) -> Vec<Violation> {
    let mut findings = Findings::default();
    structure::check(declaration, region, &mut findings);
    actions::check(declaration, region, action_types, &mut findings);
    artifacts::check(declaration, &mut findings);
    references::check(declaration, &mut findings);
    conditions::check_needs(declaration, &mut findings);
    findings.0
}

/// How many findings are told with the names that would be right: each has a list of its own, as long as the pipeline.
const REMEDIED: usize = 100;

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
        self.0.push(Violation { path: path.into(), error, remedy: None });
    }

    /// Says what would be right instead of the last finding: one of these names.
    pub(super) fn known<'a>(&mut self, given: &str, known: impl IntoIterator<Item = &'a str>) {
        if self.0.len() > REMEDIED {
            return;
        }
        let known = known.into_iter().map(str::to_owned).collect();
        self.remedy(Remedy::Name { given: given.to_owned(), known });
    }

    /// Says what to do about the last finding.
    pub(super) fn advice(&mut self, advice: impl Into<String>) {
        self.remedy(Remedy::Advice(advice.into()));
    }

    fn remedy(&mut self, remedy: Remedy) {
        if let Some(last) = self.0.last_mut() {
            last.remedy = Some(remedy);
        }
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

    pub(super) fn is_approval(&self) -> bool {
        self.action.action_type_id.category.as_str() == "Approval"
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
