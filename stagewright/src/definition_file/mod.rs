//! Files that define pipelines and builds: read with their places, checked in full, without a server.
//!
//! A file becomes a tree (`document`), the tree a declaration (`shape`, by the schemas of the API, in the API's own form
//! or CloudFormation's), and the declaration is checked as CreatePipeline checks it. Whatever is wrong becomes a
//! [`Finding`] at its place in the file; all of them at once.

mod buildspec;
mod cloud_formation;
mod doubts;
mod excerpt;
mod finding;
mod form;
mod kind;
mod pipeline;
mod places;
pub mod served;
mod shape;
mod source;
mod spelling;

#[cfg(test)]
mod tests;

use std::path::Path;

use aws::Region;
use codepipeline_model::PipelineDeclaration;

pub use finding::{Findings, Severity};
pub use kind::Kind;
pub use places::Places;
pub use source::Source;

/// Where a pipeline is thought to be if nobody says it.
pub const DEFAULT_REGION: &str = "us-east-1";

/// A pipeline's definition.
#[derive(Debug)]
pub struct DefinitionFile {
    pub declaration: PipelineDeclaration,
    /// Where each part of the declaration stands in the file.
    pub places: Places,
}

/// What an examination brought to light.
pub struct Examined {
    /// None if the file could not be read, or looks like neither.
    pub kind: Option<Kind>,
    pub findings: Findings,
    /// Of a pipeline that can be created as it stands, without errors and without parts that only CloudFormation knows.
    pub definition: Option<DefinitionFile>,
}

/// Reads a pipeline's definition: JSON or YAML, in the API's form or CloudFormation's; `FILE#LogicalId` names one of
/// several pipelines of a template. Its form is checked, and not whether the pipeline can be created: a local run puts
/// other sources in first.
/// Errors: everything that is wrong with it. Parts that only CloudFormation knows count as wrong here.
pub fn read(path: &Path) -> Result<DefinitionFile, Findings> {
    let source = Source::open(path)?;
    let region = default_region().map_err(|error| Findings::unreadable(&source.name, error))?;
    let Examined { mut findings, definition, .. } =
        examine_with(source, Some(Kind::Pipeline), &region, pipeline::read);
    definition.ok_or_else(|| {
        findings.escalate();
        findings
    })
}

/// The same for a file whose pipeline a server checks ([`served::tell`]): only its form is checked here, unless that is
/// wrong, or the file is something else.
pub fn examine_form(source: &Source, kind: Option<Kind>, region: &Region) -> Examined {
    let of_form = examine_with(source.clone(), kind, region, pipeline::read);
    match (&of_form.definition, of_form.kind) {
        (Some(_), _) | (None, Some(Kind::Buildspec) | None) => of_form,
        (None, Some(Kind::Pipeline)) => examine(source.clone(), kind, Some(region)),
    }
}

/// Checks a file as what it is, or as what the caller says that it is. `region` is where a pipeline will be; if nobody
/// says it, where the file lets it be.
pub fn examine(source: Source, kind: Option<Kind>, region: Option<&Region>) -> Examined {
    match region {
        Some(region) => examine_with(source, kind, region, pipeline::examine),
        None => match default_region() {
            Ok(region) => examine_with(source, kind, &region, pipeline::examine_where_it_may_be),
            Err(error) => {
                Examined { kind, findings: Findings::unreadable(&source.name, error), definition: None }
            }
        },
    }
}

fn default_region() -> Result<Region, impl std::fmt::Display> {
    DEFAULT_REGION.parse::<Region>()
}

fn examine_with(
    source: Source,
    kind: Option<Kind>,
    region: &Region,
    pipeline: impl FnOnce(&document::Node, &Region, &mut Findings) -> Option<DefinitionFile>,
) -> Examined {
    let mut findings = Findings::new(source);
    let root = match document::parse(findings.text()) {
        Ok(Some(root)) => root,
        Ok(None) => {
            findings.error(finding::START, "", "the file is empty");
            return Examined { kind, findings, definition: None };
        }
        Err(error) => {
            findings.error(error.place.into(), "", error.message);
            return Examined { kind, findings, definition: None };
        }
    };
    if findings.file().ends_with(".json")
        && let Some(why) = document::why_not_json(findings.text())
    {
        findings.error(why.place.into(), "", format!("not JSON: {}", why.message));
    }
    let kind = kind.or_else(|| kind::of(&root));
    let definition = match kind {
        Some(Kind::Pipeline) => pipeline(&root, region, &mut findings),
        Some(Kind::Buildspec) => {
            buildspec::examine(&root, &mut findings);
            None
        }
        None => {
            kind::not_told(&root, &mut findings);
            None
        }
    };
    findings.sort();
    let definition = definition.filter(|_| !findings.has_errors());
    Examined { kind, findings, definition }
}
