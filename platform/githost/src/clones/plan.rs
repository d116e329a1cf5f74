//! What is to be fetched for a version, in the order of what is tried. Pure.

use crate::version::Version;

/// Where the branch that the host names is kept.
const DEFAULT: &str = "refs/stagewright/default";
/// Where a commit without a name is kept.
const NAMELESS: &str = "refs/stagewright/commit";

const EVERYTHING: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// One way to come by a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub refspecs: Vec<String>,
    /// With all branches and tags, so that those which are gone may go here, too.
    pub is_everything: bool,
    pub depth: Option<u32>,
    pub depth_option: Option<String>,
    pub target: Target,
    /// References of the cache that the clone gets, as patterns.
    pub known: Vec<String>,
}

/// Where the commit is found once everything was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Name(String),
    /// A branch, a tag, or the beginning of an id.
    Short(String),
}

impl Target {
    pub fn candidates(&self) -> Vec<String> {
        match self {
            Self::Name(name) => vec![name.clone()],
            Self::Short(short) => {
                let mut names = vec![format!("refs/heads/{short}"), format!("refs/tags/{short}")];
                if short.len() >= 7 && short.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    names.push(short.clone());
                }
                names
            }
        }
    }
}

/// What is tried one after the other: the next where the host says that there is no such thing.
pub(super) fn plans(version: &Version, depth: Option<u32>) -> Vec<Plan> {
    let name = |name: &str| Target::Name(name.to_owned());
    match (version, depth) {
        (Version::Default, None) => {
            vec![everything(Some(&format!("+HEAD:{DEFAULT}")), name(DEFAULT))]
        }
        (Version::Default, Some(_)) => vec![only("HEAD", DEFAULT, name(DEFAULT), depth)],
        (Version::Commit(id), None) => {
            vec![everything(None, name(id)), only(id, NAMELESS, name(id), None)]
        }
        (Version::Commit(id), Some(_)) => {
            vec![only(id, NAMELESS, name(id), depth), everything(None, name(id))]
        }
        (Version::Reference { name: reference, commit: None }, _) => {
            vec![only(reference, reference, name(reference), depth)]
        }
        (Version::Reference { name: reference, commit: Some(id) }, None) => {
            vec![only(reference, reference, name(id), None)]
        }
        (Version::Reference { name: reference, commit: Some(id) }, Some(_)) => vec![
            only(reference, reference, name(id), depth),
            only(id, NAMELESS, name(id), depth),
            only(reference, reference, name(id), None),
        ],
        (Version::Short(short), None) => vec![everything(None, Target::Short(short.clone()))],
        (Version::Short(short), Some(_)) => {
            let [branch, tag] = ["heads", "tags"].map(|folder| format!("refs/{folder}/{short}"));
            vec![
                only(&branch, &branch, name(&branch), depth),
                only(&tag, &tag, name(&tag), depth),
                everything(None, Target::Short(short.clone())),
            ]
        }
    }
}

fn everything(more: Option<&str>, target: Target) -> Plan {
    let known = ["refs/heads", "refs/tags"].map(str::to_owned).into();
    let refspecs = EVERYTHING.into_iter().chain(more).map(str::to_owned).collect();
    Plan { refspecs, is_everything: true, depth: None, depth_option: None, target, known }
}

fn only(wanted: &str, kept_as: &str, target: Target, depth: Option<u32>) -> Plan {
    Plan {
        refspecs: vec![format!("+{wanted}:{kept_as}")],
        is_everything: false,
        depth,
        depth_option: depth.map(|depth| format!("--depth={depth}")),
        target,
        known: vec![kept_as.to_owned()],
    }
}

/// What a reference of the cache is called in a clone.
pub(super) fn in_clone(name: &str) -> String {
    match (name, name.strip_prefix("refs/heads/")) {
        (_, Some(branch)) => format!("refs/remotes/origin/{branch}"),
        (other, None) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn refspecs(version: &Version, depth: Option<u32>) -> Vec<Vec<String>> {
        plans(version, depth).into_iter().map(|plan| plan.refspecs).collect()
    }

    #[test]
    fn a_reference_is_fetched_alone() {
        let pinned = Version::Reference { name: "refs/heads/x".into(), commit: Some(SHA.into()) };
        assert_eq!(refspecs(&pinned, None), [["+refs/heads/x:refs/heads/x"]]);
        assert_eq!(plans(&pinned, None)[0].target, Target::Name(SHA.into()));
        let shallow = plans(&pinned, Some(1));
        assert_eq!(shallow[1].refspecs, [format!("+{SHA}:{NAMELESS}")]);
        assert_eq!((shallow[0].depth, shallow[2].depth), (Some(1), None));
    }

    #[test]
    fn a_commit_alone_needs_everything() {
        let all = refspecs(&Version::Commit(SHA.into()), None);
        assert_eq!(all[0], EVERYTHING);
        assert_eq!(refspecs(&Version::Commit(SHA.into()), Some(1))[0], [format!("+{SHA}:{NAMELESS}")]);
    }

    #[test]
    fn short_names() {
        let candidates = |short: &str| Target::Short(short.into()).candidates();
        assert_eq!(candidates("v1"), ["refs/heads/v1", "refs/tags/v1"]);
        assert_eq!(candidates("deadbeef")[2], "deadbeef");
        assert_eq!(in_clone("refs/heads/a/b"), "refs/remotes/origin/a/b");
        assert_eq!(in_clone("refs/tags/v1"), "refs/tags/v1");
    }
}
