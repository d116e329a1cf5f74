//! Which of several reference updates take place. Pure: no store, no git.

use std::collections::BTreeMap;

use git2::Oid;

use super::{branch_name, is_valid};

/// A wanted change of one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The full name.
    pub name: String,
    /// What the reference must be for the change to take place; `None`: not there.
    pub old: Option<Oid>,
    /// What it becomes; `None`: deleted.
    pub new: Option<Target>,
}

/// What a reference names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub object: Oid,
    /// The commit that the object leads to.
    pub commit: Option<Oid>,
}

impl Target {
    pub fn commit(id: Oid) -> Self {
        Self { object: id, commit: Some(id) }
    }
}

/// Why a reference is not changed, in words for git's user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("invalid reference name")]
    InvalidName,
    #[error("named more than once")]
    Repeated,
    #[error("the reference has changed meanwhile; fetch first")]
    Changed,
    #[error("{0} exists; cannot create this name beside it")]
    NameConflict(String),
    #[error("deletion of the default branch is prohibited")]
    DefaultBranch,
    #[error("atomic push failed")]
    Atomic,
}

/// Decides on each update. `present`: of the references that are there, at least those that are named, those
/// above them (`refs/heads/a` for `refs/heads/a/b`) and enough of those below them.
/// With `atomic`, one refusal refuses all.
pub fn decide(
    present: &BTreeMap<String, Target>,
    default_branch: Option<&str>,
    updates: &[Update],
    atomic: bool,
) -> Vec<Result<(), Refusal>> {
    let mut names: BTreeMap<String, Oid> =
        present.iter().map(|(name, at)| (name.clone(), at.object)).collect();
    let mut seen = std::collections::BTreeSet::new();
    let mut outcomes: Vec<Result<(), Refusal>> = vec![Ok(()); updates.len()];
    // Deletions first, as they may make room for names.
    let (deletions, others): (Vec<usize>, Vec<usize>) =
        (0..updates.len()).partition(|&index| updates[index].new.is_none());
    for index in deletions.into_iter().chain(others) {
        let update = &updates[index];
        outcomes[index] = if seen.insert(&update.name) {
            decide_one(&names, default_branch, update)
        } else {
            Err(Refusal::Repeated)
        };
        if outcomes[index].is_ok() {
            match update.new {
                Some(target) => names.insert(update.name.clone(), target.object),
                None => names.remove(&update.name),
            };
        }
    }
    if atomic && outcomes.iter().any(Result::is_err) {
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
            *outcome = Err(Refusal::Atomic);
        }
    }
    outcomes
}

fn decide_one(names: &BTreeMap<String, Oid>, default: Option<&str>, update: &Update) -> Result<(), Refusal> {
    if !is_valid(&update.name) {
        return Err(Refusal::InvalidName);
    }
    if names.get(&update.name).copied() != update.old || (update.old.is_none() && update.new.is_none()) {
        return Err(Refusal::Changed);
    }
    if update.new.is_none() && default.is_some() && branch_name(&update.name) == default {
        return Err(Refusal::DefaultBranch);
    }
    if update.old.is_none()
        && let Some(conflict) = names.keys().find(|name| one_holds_the_other(name, &update.name))
    {
        return Err(Refusal::NameConflict(conflict.clone()));
    }
    Ok(())
}

/// A name cannot be a file and a folder: `refs/heads/a` and `refs/heads/a/b` exclude each other, in git's files.
fn one_holds_the_other(a: &str, b: &str) -> bool {
    let holds =
        |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    holds(a, b) || holds(b, a)
}

/// Which branch becomes the default of a repository that has none: `main` or `master` if one of them comes in,
/// else the first.
pub fn default_branch<'a>(created: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let branches = || created.clone().filter_map(branch_name);
    let usual = |name: &&str| *name == "main" || *name == "master";
    branches().find(usual).or_else(|| branches().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> Oid {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn present(names: &[(&str, char)]) -> BTreeMap<String, Target> {
        names.iter().map(|(name, digit)| ((*name).to_owned(), Target::commit(id(*digit)))).collect()
    }

    fn update(name: &str, old: Option<char>, new: Option<char>) -> Update {
        Update { name: name.to_owned(), old: old.map(id), new: new.map(|digit| Target::commit(id(digit))) }
    }

    fn told(present: &BTreeMap<String, Target>, updates: &[Update], atomic: bool) -> Vec<Option<Refusal>> {
        decide(present, Some("main"), updates, atomic).into_iter().map(Result::err).collect()
    }

    #[test]
    fn an_update_takes_place_only_from_where_the_client_saw_it() {
        let present = present(&[("refs/heads/a", '1')]);
        let updates = [
            update("refs/heads/a", Some('1'), Some('2')),
            update("refs/heads/b", None, Some('2')),
            update("refs/heads/c", Some('1'), Some('2')),
        ];
        assert_eq!(told(&present, &updates, false), [None, None, Some(Refusal::Changed)]);
        let stale = [update("refs/heads/a", Some('3'), Some('2')), update("refs/heads/a2", None, None)];
        assert_eq!(told(&present, &stale, false), [Some(Refusal::Changed), Some(Refusal::Changed)]);
        let exists = [update("refs/heads/a", None, Some('2'))];
        assert_eq!(told(&present, &exists, false), [Some(Refusal::Changed)]);
    }

    #[test]
    fn atomic_means_all_or_nothing() {
        let updates = [update("refs/heads/a", None, Some('1')), update("refs/heads/..", None, Some('1'))];
        assert_eq!(told(&present(&[]), &updates, false), [None, Some(Refusal::InvalidName)]);
        assert_eq!(told(&present(&[]), &updates, true), [Some(Refusal::Atomic), Some(Refusal::InvalidName)]);
    }

    #[test]
    fn a_name_cannot_be_a_folder_too_unless_it_makes_room() {
        let present = present(&[("refs/heads/a", '1'), ("refs/heads/b/c", '1')]);
        let beside = [update("refs/heads/a/x", None, Some('1')), update("refs/heads/b", None, Some('1'))];
        let conflicts = told(&present, &beside, false);
        assert_eq!(conflicts[0], Some(Refusal::NameConflict("refs/heads/a".into())));
        assert_eq!(conflicts[1], Some(Refusal::NameConflict("refs/heads/b/c".into())));
        let room = [update("refs/heads/a/x", None, Some('1')), update("refs/heads/a", Some('1'), None)];
        assert_eq!(told(&present, &room, true), [None, None]);
        let fine = [update("refs/heads/ab", None, Some('1'))];
        assert_eq!(told(&present, &fine, true), [None]);
    }

    #[test]
    fn the_default_branch_stays_and_no_reference_is_named_twice() {
        let present = present(&[("refs/heads/main", '1'), ("refs/tags/main", '1')]);
        let updates = [
            update("refs/heads/main", Some('1'), None),
            update("refs/tags/main", Some('1'), None),
            update("refs/tags/main", Some('1'), None),
        ];
        assert_eq!(
            told(&present, &updates, false),
            [Some(Refusal::DefaultBranch), None, Some(Refusal::Repeated)]
        );
    }

    #[test]
    fn a_usual_name_becomes_the_default_branch_or_else_the_first() {
        let choose = |names: &[&'static str]| default_branch(names.iter().copied());
        assert_eq!(choose(&["refs/tags/main", "refs/heads/dev", "refs/heads/main"]), Some("main"));
        assert_eq!(choose(&["refs/heads/x", "refs/heads/y"]), Some("x"));
        assert_eq!(choose(&["refs/tags/v1"]), None);
    }
}
