//! Whether a change passes the filters of a trigger. Entries are alternatives; all parts of an entry have to fit; of the
//! patterns of a part one has to match, and none of those that exclude.

use codepipeline_model::{
    GitBranchFilterCriteria, GitConfiguration, GitFilePathFilterCriteria, GitPullRequestEventType,
    GitPullRequestFilter, GitPushFilter, GitTagFilterCriteria,
};

use super::change::{Change, What};
use super::glob::Glob;

/// What is known of a change by its filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Starts,
    Passes,
    /// It depends on which files were changed.
    NeedsFiles,
}

/// `files`: the paths that the change changed, if that is known. `branch`: the action's own, which a trigger without any
/// filter is for.
pub fn decide(
    trigger: &GitConfiguration,
    branch: &str,
    change: &Change,
    files: Option<&[String]>,
) -> Decision {
    if trigger.push.is_none() && trigger.pull_request.is_none() {
        return by_default(branch, change);
    }
    let pushes = trigger.push.iter().flatten().map(|filter| push(filter, change, files));
    let requests = trigger.pull_request.iter().flatten().map(|filter| pull_request(filter, change, files));
    let mut decision = Decision::Passes;
    for one in pushes.chain(requests) {
        match one {
            Decision::Starts => return Decision::Starts,
            Decision::NeedsFiles => decision = Decision::NeedsFiles,
            Decision::Passes => {}
        }
    }
    decision
}

/// Without filters, pushes to the action's own branch start.
pub fn by_default(branch: &str, change: &Change) -> Decision {
    match &change.what {
        What::Branch { name, .. } if name == branch => Decision::Starts,
        What::Branch { .. } | What::Tag { .. } | What::PullRequest { .. } => Decision::Passes,
    }
}

fn push(filter: &GitPushFilter, change: &Change, files: Option<&[String]>) -> Decision {
    match &change.what {
        What::Tag { name } => match &filter.tags {
            Some(tags) if Patterns::of_tags(tags).admit(name) => Decision::Starts,
            Some(_) | None => Decision::Passes,
        },
        What::Branch { name, before } => {
            // Filters on tags are for tags.
            let fits = filter.tags.is_none()
                && filter
                    .branches
                    .as_ref()
                    .is_none_or(|branches| Patterns::of_branches(branches).admit(name));
            match (fits, &filter.file_paths, before) {
                (false, _, _) => Decision::Passes,
                (true, None, _) => Decision::Starts,
                // The first push of a new branch does not match paths: there is nothing to compare with.
                (true, Some(_), None) => Decision::Passes,
                (true, Some(paths), Some(_)) => by_files(paths, files),
            }
        }
        What::PullRequest { .. } => Decision::Passes,
    }
}

fn pull_request(filter: &GitPullRequestFilter, change: &Change, files: Option<&[String]>) -> Decision {
    let What::PullRequest { event, destination_branch, .. } = &change.what else { return Decision::Passes };
    let events = filter.events.as_deref().unwrap_or_default();
    let of_event =
        events.is_empty() || events.iter().any(|wanted: &GitPullRequestEventType| wanted.as_str() == event);
    let of_branch = filter
        .branches
        .as_ref()
        .is_none_or(|branches| Patterns::of_branches(branches).admit(destination_branch));
    match (of_event && of_branch, &filter.file_paths) {
        (false, _) => Decision::Passes,
        (true, None) => Decision::Starts,
        (true, Some(paths)) => by_files(paths, files),
    }
}

/// Each file is looked at alone; one that passes is enough.
fn by_files(paths: &GitFilePathFilterCriteria, files: Option<&[String]>) -> Decision {
    let Some(files) = files else { return Decision::NeedsFiles };
    let patterns = Patterns::of_paths(paths);
    match files.iter().any(|file| patterns.admit(file)) {
        true => Decision::Starts,
        false => Decision::Passes,
    }
}

/// Includes and excludes of one part of a filter.
struct Patterns {
    includes: Vec<Glob>,
    excludes: Vec<Glob>,
}

impl Patterns {
    fn of(includes: Option<&Vec<String>>, excludes: Option<&Vec<String>>) -> Self {
        // Patterns that cannot be read did not pass the definition's check.
        let read = |patterns: Option<&Vec<String>>| {
            patterns.into_iter().flatten().filter_map(|pattern| Glob::parse(pattern).ok()).collect()
        };
        Self { includes: read(includes), excludes: read(excludes) }
    }

    fn of_tags(criteria: &GitTagFilterCriteria) -> Self {
        Self::of(criteria.includes.as_ref(), criteria.excludes.as_ref())
    }

    fn of_branches(criteria: &GitBranchFilterCriteria) -> Self {
        Self::of(criteria.includes.as_ref(), criteria.excludes.as_ref())
    }

    fn of_paths(criteria: &GitFilePathFilterCriteria) -> Self {
        Self::of(criteria.includes.as_ref(), criteria.excludes.as_ref())
    }

    /// What is only excluded from admits all else.
    fn admit(&self, text: &str) -> bool {
        !self.excludes.iter().any(|glob| glob.matches(text))
            && (self.includes.is_empty() || self.includes.iter().any(|glob| glob.matches(text)))
    }
}

#[cfg(test)]
mod tests {
    use aws::protocol::json;
    use codepipeline_model::GIT_CONFIGURATION;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn trigger(mut value: Value) -> GitConfiguration {
        value["sourceActionName"] = json!("Code");
        json::from_value(&GIT_CONFIGURATION, &value).unwrap()
    }

    fn change(what: What) -> Change {
        Change {
            connection_arn: "arn".into(),
            repository: "acme/site".into(),
            provider_type: "GitHub".into(),
            commit_id: "c".into(),
            delivery: "d".into(),
            what,
        }
    }

    fn branch(name: &str) -> Change {
        change(What::Branch { name: name.into(), before: Some("a".into()) })
    }

    fn tag(name: &str) -> Change {
        change(What::Tag { name: name.into() })
    }

    fn request(event: &str, destination: &str) -> Change {
        change(What::PullRequest {
            id: "7".into(),
            title: "t".into(),
            event: event.into(),
            source_branch: "fix".into(),
            destination_branch: destination.into(),
        })
    }

    fn decided(filters: &Value, change: &Change, files: Option<&[&str]>) -> Decision {
        let files: Option<Vec<String>> =
            files.map(|files| files.iter().map(|file| (*file).to_owned()).collect());
        decide(&trigger(filters.clone()), "main", change, files.as_deref())
    }

    #[test]
    fn branches_and_tags_go_their_own_ways() {
        let filters = json!({"push": [
            {"branches": {"includes": ["main", "feature/**"], "excludes": ["feature/skip/*"]}},
            {"tags": {"includes": ["v*"], "excludes": ["*-rc"]}},
        ]});
        for (change, decision) in [
            (branch("main"), Decision::Starts),
            (branch("feature/a/b"), Decision::Starts),
            (branch("feature/skip/a"), Decision::Passes),
            (branch("v1"), Decision::Passes),
            (tag("v1"), Decision::Starts),
            (tag("v1-rc"), Decision::Passes),
            (tag("main"), Decision::Passes),
            (request("OPEN", "main"), Decision::Passes),
        ] {
            assert_eq!(decided(&filters, &change, None), decision, "{change:?}");
        }
    }

    #[test]
    fn files_are_asked_for_only_if_they_decide() {
        let filters = json!({"push": [{"branches": {"includes": ["main"]},
            "filePaths": {"includes": ["src/**"], "excludes": ["src/docs/**"]}}]});
        assert_eq!(decided(&filters, &branch("other"), None), Decision::Passes);
        assert_eq!(decided(&filters, &branch("main"), None), Decision::NeedsFiles);
        assert_eq!(decided(&filters, &branch("main"), Some(&["README", "src/docs/a"])), Decision::Passes);
        assert_eq!(decided(&filters, &branch("main"), Some(&["src/docs/a", "src/a"])), Decision::Starts);
        let new = change(What::Branch { name: "main".into(), before: None });
        assert_eq!(decided(&filters, &new, None), Decision::Passes);
        let either =
            json!({"push": [{"filePaths": {"includes": ["x"]}}, {"branches": {"includes": ["main"]}}]});
        assert_eq!(decided(&either, &branch("main"), None), Decision::Starts);
    }

    #[test]
    fn pull_requests_by_event_destination_and_files() {
        let filters = json!({"pullRequest": [
            {"events": ["OPEN", "UPDATED"], "branches": {"includes": ["main"]}},
            {"events": ["CLOSED"], "branches": {"includes": ["release/*"]}, "filePaths": {"includes": ["*.md"]}},
        ]});
        assert_eq!(decided(&filters, &request("OPEN", "main"), None), Decision::Starts);
        assert_eq!(decided(&filters, &request("CLOSED", "main"), None), Decision::Passes);
        assert_eq!(decided(&filters, &request("CLOSED", "release/1"), None), Decision::NeedsFiles);
        assert_eq!(decided(&filters, &request("CLOSED", "release/1"), Some(&["a.md"])), Decision::Starts);
        assert_eq!(decided(&filters, &branch("main"), None), Decision::Passes);
        let all = json!({"pullRequest": [{"branches": {"includes": ["**"]}}]});
        assert_eq!(decided(&all, &request("CLOSED", "a/b"), None), Decision::Starts);
    }

    #[test]
    fn a_trigger_without_filters_is_for_the_own_branch() {
        assert_eq!(decided(&json!({}), &branch("main"), None), Decision::Starts);
        assert_eq!(decided(&json!({}), &branch("other"), None), Decision::Passes);
        assert_eq!(decided(&json!({}), &tag("main"), None), Decision::Passes);
    }

    prop_compose! {
        fn patterns()(includes in prop::collection::vec("[ab*?/]{1,4}", 0..3), excludes in prop::collection::vec("[ab*?/]{1,4}", 0..3))
            -> (Vec<String>, Vec<String>) {
            (includes, excludes)
        }
    }

    fn criteria((includes, excludes): &(Vec<String>, Vec<String>)) -> Value {
        let mut value = json!({});
        for (name, patterns) in [("includes", includes), ("excludes", excludes)] {
            if !patterns.is_empty() {
                value[name] = json!(patterns);
            }
        }
        value
    }

    fn admitted((includes, excludes): &(Vec<String>, Vec<String>), text: &str) -> bool {
        let any =
            |patterns: &[String]| patterns.iter().any(|pattern| Glob::parse(pattern).unwrap().matches(text));
        !any(excludes) && (includes.is_empty() || any(includes))
    }

    proptest! {
        #[test]
        fn an_entry_asks_for_all_and_a_trigger_for_any(
            entries in prop::collection::vec((patterns(), patterns()), 1..4),
            name in "[ab/]{1,4}",
            files in prop::collection::vec("[ab/]{1,4}", 0..4),
        ) {
            let filters: Vec<Value> = entries.iter()
                .map(|(branches, paths)| json!({"branches": criteria(branches), "filePaths": criteria(paths)}))
                .collect();
            let expected = entries.iter().any(|(branches, paths)| {
                admitted(branches, &name) && files.iter().any(|file| admitted(paths, file))
            });
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let filters = json!({"push": filters});
            let decision = decided(&filters, &branch(&name), Some(&files));
            prop_assert_eq!(decision == Decision::Starts, expected);
            // Without the files, nothing is decided that they would decide otherwise.
            match decided(&filters, &branch(&name), None) {
                Decision::NeedsFiles => {}
                Decision::Starts => prop_assert!(expected),
                Decision::Passes => prop_assert!(!expected),
            }
        }
    }
}
