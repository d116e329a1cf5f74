//! What can be wrong with the triggers of a definition. Wording as observed.

use std::collections::BTreeSet;

use codepipeline_model::{
    GitConfiguration, GitPullRequestFilter, GitPushFilter, PipelineDeclaration, PipelineTriggerDeclaration,
};

use super::PROVIDER;
use super::glob::Glob;
use crate::error::Error;

/// Triggers of a pipeline at most. Source: CodePipeline quotas.
const LIMIT: usize = 50;

/// All that is wrong, each with its path in the API's JSON.
pub fn check(declaration: &PipelineDeclaration) -> Vec<(String, Error)> {
    let triggers = declaration.triggers.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    if triggers.len() > LIMIT {
        let message =
            format!("Pipeline has too many triggers. There can only be up to {LIMIT} triggers in a pipeline");
        found.push(("pipeline.triggers".to_owned(), Error::InvalidStructure(message)));
    }
    let mut seen = BTreeSet::new();
    for (index, trigger) in triggers.iter().enumerate() {
        let path = format!("pipeline.triggers[{index}].gitConfiguration");
        if !is_connection(declaration, trigger) || !seen.insert(&trigger.git_configuration.source_action_name)
        {
            let message = "Triggers for connections must reference a CodeStarSourceConnection action. Note that when \
                           you specify a trigger, you can't specify more than one trigger per source action.";
            found.push((format!("{path}.sourceActionName"), Error::InvalidStructure(message.to_owned())));
        }
        check_filters(&trigger.git_configuration, &path, &mut found);
    }
    found
}

fn is_connection(declaration: &PipelineDeclaration, trigger: &PipelineTriggerDeclaration) -> bool {
    let mut actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
    let wanted = &trigger.git_configuration.source_action_name;
    actions.any(|action| action.name == *wanted && action.action_type_id.provider == PROVIDER)
}

fn check_filters(git: &GitConfiguration, path: &str, found: &mut Vec<(String, Error)>) {
    let mut refuse = |path: String, why: Option<String>| {
        let message = "The trigger configuration for the source action is not valid. ";
        let why = why.unwrap_or_else(|| "Make sure to choose valid filter combinations.".to_owned());
        found.push((path, Error::InvalidStructure(format!("{message}{why}"))));
    };
    for (index, filter) in git.push.iter().flatten().enumerate() {
        if !is_combination(filter) {
            refuse(format!("{path}.push[{index}]"), None);
        }
    }
    for (index, filter) in git.pull_request.iter().flatten().enumerate() {
        if filter.branches.is_none() && filter.file_paths.is_none() && filter.events.is_none() {
            refuse(format!("{path}.pullRequest[{index}]"), None);
        }
    }
    for (part, includes, excludes) in parts(git) {
        let lists = [("includes", includes), ("excludes", excludes)];
        if lists.iter().all(|(_, patterns)| patterns.is_none()) {
            refuse(format!("{path}.{part}"), None);
        }
        for (list, patterns) in lists {
            for (index, pattern) in patterns.into_iter().flatten().enumerate() {
                if let Err(why) = Glob::parse(pattern) {
                    let why = format!("The pattern '{pattern}' cannot be read: {why}.");
                    refuse(format!("{path}.{part}.{list}[{index}]"), Some(why));
                }
            }
        }
    }
}

/// Tags alone, or branches, paths, or both.
fn is_combination(filter: &GitPushFilter) -> bool {
    match (&filter.tags, &filter.branches, &filter.file_paths) {
        (Some(_), None, None) | (None, Some(_), _) | (None, None, Some(_)) => true,
        (Some(_), _, _) | (None, None, None) => false,
    }
}

type Part<'a> = (String, Option<&'a Vec<String>>, Option<&'a Vec<String>>);

/// Every pair of includes and excludes with its place.
fn parts(git: &GitConfiguration) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (index, GitPushFilter { tags, branches, file_paths }) in git.push.iter().flatten().enumerate() {
        let place = |name: &str| format!("push[{index}].{name}");
        parts.extend(tags.iter().map(|c| (place("tags"), c.includes.as_ref(), c.excludes.as_ref())));
        parts.extend(branches.iter().map(|c| (place("branches"), c.includes.as_ref(), c.excludes.as_ref())));
        parts.extend(
            file_paths.iter().map(|c| (place("filePaths"), c.includes.as_ref(), c.excludes.as_ref())),
        );
    }
    for (index, filter) in git.pull_request.iter().flatten().enumerate() {
        let GitPullRequestFilter { branches, file_paths, .. } = filter;
        let place = |name: &str| format!("pullRequest[{index}].{name}");
        parts.extend(branches.iter().map(|c| (place("branches"), c.includes.as_ref(), c.excludes.as_ref())));
        parts.extend(
            file_paths.iter().map(|c| (place("filePaths"), c.includes.as_ref(), c.excludes.as_ref())),
        );
    }
    parts
}
