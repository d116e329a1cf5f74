//! The definition of a pipeline.

use aws::Region;
use aws::protocol::json;
use codepipeline::definition::{self, Remedy, Violation};
use codepipeline_model::{ActionCategory, PIPELINE_DECLARATION, PipelineDeclaration};
use document::{Node, Value};
use serde_json::Value as Json;

use super::cloud_formation::{self, Functions};
use super::doubts::Doubts;
use super::finding::{Findings, Spot};
use super::form::Form;
use super::shape::Reading;
use super::{DefinitionFile, spelling};

/// The path of the declaration itself.
const ROOT: &str = "pipeline";
/// What stands beside the declaration in the answer of GetPipeline and in the input of CreatePipeline.
const BESIDE: [&str; 2] = ["metadata", "tags"];
/// What a pipeline is called to which CloudFormation would give a name.
const UNNAMED: &str = "Pipeline";

/// Where the declaration stands in a document, and in which form.
struct Subject<'a> {
    form: Form<'a>,
    key: Option<&'a Node>,
    node: &'a Node,
    /// If it does not say it itself.
    name: &'a str,
}

/// What was read, and what is known of it.
struct Read {
    definition: DefinitionFile,
    doubts: Doubts,
    /// Whether there are parts that only CloudFormation knows.
    has_unknowns: bool,
}

/// Tells everything that is wrong. None if there is no declaration, or one with parts that only CloudFormation knows.
pub fn examine(root: &Node, region: &Region, findings: &mut Findings) -> Option<DefinitionFile> {
    let read = declaration(root, region, findings)?;
    check(read, region, findings)
}

/// The same for a pipeline of which nobody has said where it will be: `region` is the guess, unless the pipeline says
/// that it is elsewhere.
pub fn examine_where_it_may_be(
    root: &Node,
    region: &Region,
    findings: &mut Findings,
) -> Option<DefinitionFile> {
    let read = declaration(root, region, findings)?;
    let region = region_of(&read.definition.declaration, region);
    check(read, &region, findings)
}

/// A source runs where its pipeline is, and a pipeline is where one of its artifact stores is.
fn region_of(declaration: &PipelineDeclaration, guess: &Region) -> Region {
    let actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
    let mut sources = actions.filter(|action| action.action_type_id.category == ActionCategory::Source);
    let of_source = sources.find_map(|action| action.region.as_deref()?.parse().ok());
    let stores = declaration.artifact_stores.as_ref();
    let stores = stores.filter(|stores| !stores.contains_key(guess.as_str()));
    let of_store = || stores?.keys().find_map(|name| name.parse().ok());
    of_source.or_else(of_store).unwrap_or_else(|| guess.clone())
}

fn check(read: Read, region: &Region, findings: &mut Findings) -> Option<DefinitionFile> {
    let Read { definition, doubts, has_unknowns } = read;
    for violation in definition::check(&definition.declaration, region) {
        let is_about_name = is_about_name(&violation);
        if !doubts.cover(&violation.path, is_about_name) {
            let spot = if is_about_name {
                definition.places.of_name(&violation.path)
            } else {
                definition.places.of(&violation.path)
            };
            let help = violation.remedy.and_then(help);
            findings.error(spot, &violation.path, violation.error.to_string()).help(help);
        }
    }
    (!has_unknowns).then_some(definition)
}

/// Tells what is wrong with the form alone. None if there is no declaration, or one with parts that only CloudFormation
/// knows.
pub fn read(root: &Node, region: &Region, findings: &mut Findings) -> Option<DefinitionFile> {
    let Read { definition, has_unknowns, .. } = declaration(root, region, findings)?;
    (!has_unknowns).then_some(definition)
}

fn declaration(root: &Node, region: &Region, findings: &mut Findings) -> Option<Read> {
    let Subject { form, key, node, name } = subject(root, region, findings)?;
    let is_named_elsewhere = form.is_cloud_formation();
    let mut reading = Reading::new(form, findings);
    reading.places.note(ROOT, key, node);
    let mut value = reading.value(&PIPELINE_DECLARATION, node, ROOT)?;
    let Reading { places, doubts, has_unknowns, .. } = reading;
    if findings.is_full() {
        return None;
    }
    if let Json::Object(members) = &mut value
        && is_named_elsewhere
    {
        members.entry("name").or_insert_with(|| name.into());
    }
    let declaration: PipelineDeclaration = match json::from_value(&PIPELINE_DECLARATION, &value) {
        Ok(declaration) => declaration,
        Err(error) => {
            findings.error(places.of(ROOT), ROOT, error.to_string());
            return None;
        }
    };
    Some(Read { definition: DefinitionFile { declaration, places }, doubts, has_unknowns })
}

fn subject<'a>(root: &'a Node, region: &'a Region, findings: &mut Findings) -> Option<Subject<'a>> {
    if let Some(resource) = cloud_formation::resource(root, findings) {
        let resource = resource.ok()?;
        let form = Form::CloudFormation(Functions::new(root, region));
        let name = resource.logical_id.unwrap_or(UNNAMED);
        return Some(Subject { form, key: resource.key, node: resource.properties, name });
    }
    let wrapped = root.entries().iter().find(|(key, _)| key.text() == Some(ROOT));
    let Some((key, node)) = wrapped else {
        return Some(Subject { form: Form::Api, key: None, node: root, name: UNNAMED });
    };
    for (other, _) in root.entries() {
        let name = other.text().unwrap_or_default();
        if name != ROOT && !BESIDE.contains(&name) {
            let known = BESIDE.iter().copied().chain([ROOT]);
            findings
                .error(Spot::from(other), name, format!("unknown member `{name}`"))
                .help(spelling::help(name, known));
        }
    }
    if !matches!(node.value, Value::Mapping(_)) {
        findings.error(Spot::from(node), ROOT, "`pipeline` must be a structure");
        return None;
    }
    Some(Subject { form: Form::Api, key: Some(key), node, name: UNNAMED })
}

/// Whether the last name of the path is what is wrong, as with an unknown key.
fn is_about_name(violation: &Violation) -> bool {
    let Some(Remedy::Name { given, .. }) = &violation.remedy else { return false };
    let before = violation.path.strip_suffix(given.as_str());
    before.is_some_and(|before| before.ends_with(".configuration."))
}

fn help(remedy: Remedy) -> Option<String> {
    match remedy {
        Remedy::Name { given, known } => spelling::help(&given, known.iter().map(String::as_str)),
        Remedy::Advice(advice) => Some(advice),
    }
}
