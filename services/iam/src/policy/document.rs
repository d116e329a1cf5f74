//! A policy document, compiled.

use super::arn_pattern::ResourcePattern;
use super::condition::Condition;
use super::principal::{Grant, Principals};
use super::request::Request;
use super::wildcard::Pattern;

/// Where a document stands; the grammar differs a little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A managed policy: identity grammar, version 2012-10-17 only.
    Managed,
    /// An inline or session policy: identity grammar.
    Inline,
    /// A role's trust policy: principals, no resources, only the actions that assume a role.
    Trust,
    /// A resource's policy: principals and resources.
    Resource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `2008-10-17`, the default: no variables.
    V2008,
    /// `2012-10-17`.
    V2012,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub version: Version,
    pub id: Option<String>,
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    /// Present in resource and trust policies only.
    pub principals: Option<Principals>,
    pub actions: Actions,
    pub resources: Resources,
    pub conditions: Vec<Condition>,
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq)]
pub struct Actions {
    pub negated: bool,
    pub patterns: Vec<ActionPattern>,
}

/// `*` or `service:Pattern`, in lower case.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionPattern(pub Pattern);

/// `Resource` or `NotResource`; a trust policy's is the role itself, hence everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Resources {
    pub negated: bool,
    pub patterns: Vec<ResourcePattern>,
}

impl Actions {
    fn cover(&self, action: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.0.matches(action)) != self.negated
    }
}

impl Resources {
    fn cover(&self, request: &Request<'_>) -> bool {
        let covered = |pattern: &ResourcePattern| pattern.matches(request.resource.as_ref(), request.context);
        self.patterns.iter().any(covered) != self.negated
    }
}

impl Statement {
    /// True when action and resource are meant, whatever the conditions say.
    pub fn covers(&self, request: &Request<'_>) -> bool {
        self.actions.cover(&request.action) && self.resources.cover(request)
    }

    /// True when the statement speaks about the request. Principals are looked at by [`Statement::grant`].
    pub fn applies(&self, request: &Request<'_>) -> bool {
        self.covers(request) && self.conditions.iter().all(|condition| condition.holds(request.context))
    }

    /// How closely the statement's principal element names the caller.
    pub fn grant(&self, request: &Request<'_>) -> Grant {
        self.principals.as_ref().map_or(Grant::None, |principals| principals.grant(request.caller))
    }
}

impl Document {
    /// True when a statement of an identity-based, boundary or session policy has `effect` on the request.
    pub fn has_effect(&self, effect: Effect, request: &Request<'_>) -> bool {
        self.statements.iter().any(|statement| statement.effect == effect && statement.applies(request))
    }

    /// How closely the statements of a resource or trust policy that have `effect` on the request name its caller.
    pub fn grant(&self, effect: Effect, request: &Request<'_>) -> Grant {
        let speaking = self.statements.iter().filter(|statement| statement.effect == effect);
        let grants = speaking.map(|statement| match statement.grant(request) {
            Grant::None => Grant::None,
            grant if statement.applies(request) => grant,
            _ => Grant::None,
        });
        grants.max().unwrap_or(Grant::None)
    }

    /// Names of the condition keys that the document refers to, in conditions and as variables, as written.
    pub fn context_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for statement in &self.statements {
            for pattern in &statement.resources.patterns {
                if let ResourcePattern::Arn { resource, .. } = pattern {
                    keys.extend(resource.variables().map(|variable| variable.name.clone()));
                }
            }
            for condition in &statement.conditions {
                keys.push(condition.name.clone());
                keys.extend(condition.variables().map(|variable| variable.name.clone()));
            }
        }
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(key.to_ascii_lowercase()));
        keys
    }
}
