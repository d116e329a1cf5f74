//! Package groups: which group a package belongs to, and what that lets it do.
//! Source: CodeArtifact User Guide, "Working with package groups in CodeArtifact".

mod pattern;

use aws::Timestamp;
use store::{Range, ReadTx};
use uuid::Uuid;

pub use pattern::{Fit, Pattern};

use crate::names::Coordinates;
use crate::records::{Group, Mode, Rule, Rules};

/// How many groups may look alike.
const ALIKE: usize = 20;

/// From where versions may come into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Publish,
    ExternalUpstream,
    InternalUpstream,
}

/// What the group of a package says of it.
#[derive(Clone, Debug)]
pub struct Controls {
    pub group: Pattern,
    fit: Fit,
    rules: Rules,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Publish, Self::ExternalUpstream, Self::InternalUpstream];

    /// As in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::ExternalUpstream => "EXTERNAL_UPSTREAM",
            Self::InternalUpstream => "INTERNAL_UPSTREAM",
        }
    }
}

impl Rules {
    pub fn of(&self, way: Way) -> &Rule {
        match way {
            Way::Publish => &self.publish,
            Way::ExternalUpstream => &self.external_upstream,
            Way::InternalUpstream => &self.internal_upstream,
        }
    }

    pub fn of_mut(&mut self, way: Way) -> &mut Rule {
        match way {
            Way::Publish => &mut self.publish,
            Way::ExternalUpstream => &mut self.external_upstream,
            Way::InternalUpstream => &mut self.internal_upstream,
        }
    }
}

impl Controls {
    /// Whether versions may come that way into the repository of that name.
    pub fn admit(&self, way: Way, repository: &str) -> bool {
        let rule = self.rules.of(way);
        self.fit == Fit::Strong
            && match rule.mode {
                Mode::Allow => true,
                Mode::AllowSpecificRepositories => rule.repositories.contains(repository),
                Mode::Block | Mode::Inherit => false,
            }
    }

    /// Whether it is the group that decides, so that packages need no restrictions of their own.
    pub fn are_limiting(&self) -> bool {
        Way::ALL.into_iter().any(|way| self.rules.of(way).mode != Mode::Allow)
    }

    /// Why a package may not be published.
    pub fn reason(&self, package: &Coordinates) -> String {
        match self.fit {
            Fit::Strong => format!(
                "The origin configuration of package group {} blocks publishing package {} into this repository.",
                self.group,
                package.shown()
            ),
            Fit::Weak => format!(
                "Package {} is too like those of package group {}: it may be mistaken for one of them.",
                package.shown(),
                self.group
            ),
        }
    }
}

/// The group; the root is there without a record of it.
pub fn find(tx: &mut ReadTx<'_>, domain: Uuid, pattern: &Pattern) -> Result<Option<Group>, store::Error> {
    let found =
        tx.get::<Group>(&Group::key_of(domain, &pattern.to_string()))?.map(store::Versioned::into_inner);
    let root = || (*pattern == Pattern::Root).then(|| Group::root(domain, Timestamp::from_millis(0)));
    Ok(found.or_else(root))
}

/// The group of a package: the most precise one that it fits, or seems to.
pub fn of_package(
    tx: &mut ReadTx<'_>,
    domain: Uuid,
    package: &Coordinates,
) -> Result<(Group, Fit), store::Error> {
    for candidate in Pattern::of_package(package) {
        let alike = Range::prefix(Group::all_of(domain).and(candidate.looks()));
        let alike = tx.scan_index::<Group>(Group::BY_LOOKS, alike, ALIKE)?.into_records();
        let fitting =
            alike.into_iter().filter_map(|group| group.pattern.fits(package).map(|fit| (group, fit)));
        if let Some(found) = fitting.max_by_key(|(_, fit)| *fit) {
            return Ok(found);
        }
    }
    let root = find(tx, domain, &Pattern::Root)?;
    Ok((root.unwrap_or_else(|| Group::root(domain, Timestamp::from_millis(0))), Fit::Strong))
}

/// The group that contains it. `None` for the root.
pub fn parent(tx: &mut ReadTx<'_>, domain: Uuid, pattern: &Pattern) -> Result<Option<Group>, store::Error> {
    if *pattern == Pattern::Root {
        return Ok(None);
    }
    for candidate in pattern.broader() {
        if let Some(group) = tx.get::<Group>(&Group::key_of(domain, &candidate.to_string()))? {
            return Ok(Some(group.into_inner()));
        }
    }
    find(tx, domain, &Pattern::Root)
}

/// The rule that counts for a group, and the group that has it: its own, or that of the next one up that does not inherit.
pub fn effective(tx: &mut ReadTx<'_>, group: &Group, way: Way) -> Result<(Rule, Pattern), store::Error> {
    let mut group = group.clone();
    while group.rules.of(way).mode == Mode::Inherit {
        match parent(tx, group.domain, &group.pattern)? {
            Some(parent) => group = parent,
            None => return Ok((Rule { mode: Mode::Allow, ..Rule::default() }, Pattern::Root)),
        }
    }
    Ok((group.rules.of(way).clone(), group.pattern))
}

/// What its group says of a package. `None` in a domain without groups, where everything is allowed.
pub fn controls(
    tx: &mut ReadTx<'_>,
    domain: Uuid,
    package: &Coordinates,
) -> Result<Option<Controls>, store::Error> {
    if tx.scan::<Group>(Group::all_of(domain), 1)?.records.is_empty() {
        return Ok(None);
    }
    let (group, fit) = of_package(tx, domain, package)?;
    let mut rules = Rules::default();
    for way in Way::ALL {
        *rules.of_mut(way) = effective(tx, &group, way)?.0;
    }
    Ok(Some(Controls { group: group.pattern, fit, rules }))
}
