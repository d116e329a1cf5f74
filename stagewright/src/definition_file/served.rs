//! What a server found in a pipeline, at its place in the file.

use codepipeline_model::PipelineFinding;

use super::finding::{Findings, Severity};
use super::{DefinitionFile, spelling};

/// Adds what the server says to what is known of the file.
pub fn tell(found: &[PipelineFinding], definition: &DefinitionFile, findings: &mut Findings) {
    for one in found {
        let is_name = one.given_name.as_ref().is_some_and(|given| {
            one.path.strip_suffix(given.as_str()).is_some_and(|before| before.ends_with(".configuration."))
        });
        let places = &definition.places;
        let spot = if is_name { places.of_name(&one.path) } else { places.of(&one.path) };
        let severity = if one.severity == "WARNING" { Severity::Warning } else { Severity::Error };
        let told = match severity {
            Severity::Warning => findings.warning(spot, &one.path, one.message.clone()),
            Severity::Error => findings.error(spot, &one.path, one.message.clone()),
        };
        told.help(help(one));
    }
    findings.sort();
}

fn help(one: &PipelineFinding) -> Option<String> {
    if let Some(statement) = &one.statement {
        return Some(format!("add this statement to a policy of the role: {statement}"));
    }
    let known = one.known_names.iter().flatten().map(String::as_str);
    let spelled = one.given_name.as_ref().and_then(|given| spelling::help(given, known));
    spelled.or_else(|| one.advice.clone())
}
