//! What cannot be judged, since something that it depends on is wrong or unknown.

/// With as many doubts as this, nothing can be judged.
const MAX: usize = 500;

/// The paths of parts that are wrong, missing or unknown.
#[derive(Debug, Default)]
pub struct Doubts(Vec<String>);

impl Doubts {
    pub fn add(&mut self, path: &str) {
        if self.0.len() < MAX {
            self.0.push(path.to_owned());
        }
    }

    /// Whether a violation at this path may only be the consequence of a part in doubt. `is_about_name`: it is the last
    /// name of the path that is wrong, whatever its value.
    pub fn cover(&self, path: &str, is_about_name: bool) -> bool {
        self.0.len() >= MAX || self.0.iter().any(|doubt| covers(doubt, path, is_about_name))
    }
}

fn covers(doubt: &str, path: &str, is_about_name: bool) -> bool {
    if path == doubt {
        return !is_about_name;
    }
    if is_at_or_below(path, doubt) {
        return true;
    }
    // A doubt about one thing leaves what is said about the whole pipeline, a stage or a configuration in force.
    let is_wide = !path.contains(".actions[") || path.ends_with(".configuration");
    if !is_wide && is_at_or_below(doubt, path) {
        return true;
    }
    let about_whole_actions =
        doubt.ends_with("stages") || doubt.ends_with(".actions") || ends_with_element(doubt);
    let about = |member: &str| about_whole_actions || doubt.contains(member);
    let of_artifacts = path.contains(".inputArtifacts");
    let of_references = path.contains(".configuration.") && !is_about_name;
    let of_categories = matches!(path, "pipeline.stages" | "pipeline.stages[0]");
    (of_artifacts && (about(".outputArtifacts") || about(".runOrder")))
        || (of_references
            && (about(".namespace") || about(".runOrder") || doubt.starts_with("pipeline.variables")))
        || (of_categories && about(".actionTypeId"))
}

/// A whole stage or action: `pipeline.stages[1]`, `pipeline.stages[1].actions[0]`.
fn ends_with_element(doubt: &str) -> bool {
    let container = doubt.rfind('[').map_or("", |start| &doubt[..start]);
    doubt.ends_with(']') && (container.ends_with(".stages") || container.ends_with(".actions"))
}

fn is_at_or_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consequences_are_covered_and_nothing_else() {
        let action = "pipeline.stages[0].actions[0]";
        let member = |member: &str| format!("{action}.{member}");
        let covers = |doubt: &str, path: &str| covers(doubt, path, false);
        assert!(covers(&member("actionTypeId.category"), &member("actionTypeId")));
        assert!(covers(&member("actionTypeId.category"), "pipeline.stages[0]"));
        assert!(covers(&member("outputArtifacts[0].name"), "pipeline.stages[1].actions[0].inputArtifacts"));
        assert!(covers(action, "pipeline.stages[1].actions[0].inputArtifacts"));
        assert!(covers(&member("configuration"), &member("configuration")));

        assert!(!covers(&member("configuration.BranchName"), &member("configuration")));
        assert!(!covers(&member("configuration.BranchName"), "pipeline.stages"));
        assert!(!covers("pipeline.roleArn", "pipeline.stages"));
        assert!(!covers("pipeline.stages[0]", "pipeline.stages[10].name"));
        assert!(!covers("pipeline.stages[1].name", "pipeline.stages[1].actions"));

        let about_name = |doubt: &str, path: &str| super::covers(doubt, path, true);
        assert!(!about_name(&member("runOrder"), &member("configuration.Branchname")));
        assert!(!about_name(&member("configuration.Branchname"), &member("configuration.Branchname")));
        assert!(about_name(&member("configuration"), &member("configuration.Branchname")));
    }
}
