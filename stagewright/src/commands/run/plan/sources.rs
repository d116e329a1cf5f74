//! Source actions become S3 sources whose object is a folder, whatever they took their source from.

use std::collections::BTreeMap;

use codepipeline::catalogue::BuiltIn;
use codepipeline::variables;
use codepipeline_model::{ActionDeclaration, ActionTypeId, PipelineDeclaration};

use super::findings::Findings;
use super::{is_source, texts};
use crate::commands::run::arguments::Pair;
use crate::commands::run::work_tree::Commit;

/// Holds the folders of sources that were in no bucket before.
const BUCKET: &str = "stagewright-run-sources";

/// Where a source action finds its folder as a ZIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceObject {
    pub stage: String,
    pub action: String,
    pub bucket: String,
    pub key: String,
}

/// Replaces all source actions, and the references to output variables that they no longer have.
pub fn replace(
    declaration: &mut PipelineDeclaration,
    commits: &BTreeMap<String, Option<Commit>>,
    given: &[Pair],
    findings: &mut Findings,
) -> Vec<SourceObject> {
    let mut objects = Vec::new();
    let mut replaced = Vec::new();
    for stage in &mut declaration.stages {
        for action in stage.actions.iter_mut().filter(|action| is_source(action)) {
            let was = action.clone();
            let (bucket, key) = place(action);
            into_s3_source(action, &bucket, &key);
            objects.push(SourceObject {
                stage: stage.name.clone(),
                action: action.name.clone(),
                bucket,
                key,
            });
            if !is_s3(&was) {
                replaced.push(was);
            }
        }
    }
    check_given(given, &replaced, findings);
    let told = |source: &ActionDeclaration, name: &str| {
        let full_name = format!("{}.{name}", source.name);
        let given = given.iter().rev().find(|pair| pair.name == full_name).map(|pair| pair.value.clone());
        given.or_else(|| known(source, commits.get(&source.name)?.as_ref(), name))
    };
    put_in(declaration, &replaced, told, findings);
    objects
}

fn is_s3(action: &ActionDeclaration) -> bool {
    action.action_type_id.owner.as_str() == "AWS" && action.action_type_id.provider == "S3"
}

/// An S3 source keeps its bucket and key, and with them the variables that name them.
fn place(action: &ActionDeclaration) -> (String, String) {
    let setting = |key| action.configuration.as_ref()?.get(key).cloned();
    match (is_s3(action), setting("S3Bucket"), setting("S3ObjectKey")) {
        (true, Some(bucket), Some(key)) => (bucket, key),
        _ => (BUCKET.to_owned(), format!("{}.zip", action.name)),
    }
}

fn into_s3_source(action: &mut ActionDeclaration, bucket: &str, key: &str) {
    action.action_type_id = ActionTypeId {
        category: "Source".into(),
        owner: "AWS".into(),
        provider: "S3".to_owned(),
        version: BuiltIn::VERSION.to_owned(),
    };
    let settings = [("S3Bucket", bucket), ("S3ObjectKey", key), ("PollForSourceChanges", "false")];
    action.configuration = Some(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    // Both are about where the real source is.
    action.role_arn = None;
    action.region = None;
}

fn check_given(given: &[Pair], replaced: &[ActionDeclaration], findings: &mut Findings) {
    for Pair { name, .. } in given {
        let is_known = replaced.iter().any(|source| {
            name.strip_prefix(source.name.as_str())
                .is_some_and(|rest| rest.starts_with('.') && rest.len() > 1)
        });
        if !is_known {
            let message = "it must be ACTION.NAME=VALUE, with a source action that is not S3";
            findings.add(format!("--source-var {name}"), message);
        }
    }
}

/// What git and the action's own configuration tell of a variable. None: neither does.
fn known(source: &ActionDeclaration, commit: Option<&Commit>, name: &str) -> Option<String> {
    let setting = |key| source.configuration.as_ref()?.get(key).cloned();
    match name {
        "RepositoryName" => setting("RepositoryName").or_else(|| setting("Repo")),
        "FullRepositoryName" => setting("FullRepositoryId"),
        "ConnectionArn" => setting("ConnectionArn"),
        "BranchName" => commit?.branch.clone(),
        "CommitId" => Some(commit?.id.clone()),
        "CommitMessage" => Some(commit?.message.clone()),
        "AuthorDisplayName" => Some(commit?.author_name.clone()),
        "AuthorEmail" => Some(commit?.author_email.clone()),
        "AuthorDate" => Some(commit?.author_date.to_iso8601_secs()),
        "CommitterDate" => Some(commit?.committer_date.to_iso8601_secs()),
        _ => None,
    }
}

fn with_namespace<'a>(replaced: &'a [ActionDeclaration], namespace: &str) -> Option<&'a ActionDeclaration> {
    replaced.iter().find(|source| source.namespace.as_deref() == Some(namespace))
}

/// Puts the values in place of the references, as the pipeline would when the action runs.
fn put_in(
    declaration: &mut PipelineDeclaration,
    replaced: &[ActionDeclaration],
    told: impl Fn(&ActionDeclaration, &str) -> Option<String>,
    findings: &mut Findings,
) {
    texts::for_each_mut(declaration, |place, text| {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text.as_str();
        for reference in variables::references(text) {
            let Some((before, after)) = rest.split_once(reference.text) else { continue };
            resolved.push_str(before);
            rest = after;
            let of = reference.name.and_then(|(space, name)| Some((with_namespace(replaced, space)?, name)));
            // References to other namespaces stay as they are. What a value says is text; a reference in it would be
            // looked up by the pipeline.
            let value = of.map(|(source, name)| told(source, name).filter(|value| !value.contains("#{")));
            match (value, of) {
                (Some(Some(value)), _) => resolved.push_str(&value),
                (Some(None), Some((source, name))) => {
                    let message = format!(
                        "{} is nothing that git or the definition tells of the folder; give it with --source-var \
                         {}.{name}=VALUE",
                        reference.text, source.name
                    );
                    findings.add(place, message);
                }
                (_, _) => resolved.push_str(reference.text),
            }
        }
        resolved.push_str(rest);
        *text = resolved;
    });
}
