//! The decision. Source: IAM User Guide, "How AWS enforcement code logic evaluates requests to allow or deny access".

use std::sync::Arc;

use super::denial::{Denial, PolicyType};
use super::document::{Document, Effect};
use super::principal::{Grant, Identity};
use super::request::Request;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    Deny(Denial),
}

impl Decision {
    pub fn is_allow(&self) -> bool {
        matches!(self, Decision::Allow)
    }
}

/// A policy that applies to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The ARN of a managed policy; inline policies have none.
    pub arn: Option<String>,
    /// The policy's name, for the simulator.
    pub name: String,
    pub source: PolicySource,
    pub document: Document,
}

/// Where a policy comes from, for the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySource {
    AwsManaged,
    CustomerManaged,
    /// Inline in a user, group or role.
    User,
    Group,
    Role,
    /// Passed with a call: session policies, the simulator's input.
    Passed,
}

/// The policy of the resource (or, for AssumeRole, of the role).
#[derive(Clone, Copy, Debug)]
pub struct ResourcePolicy<'a> {
    pub document: &'a Document,
    /// Role trust and KMS keys must allow even within one account; other resource policies may.
    pub required: bool,
    /// `Resource`, or `RoleTrust` for the wording.
    pub policy_type: PolicyType,
}

/// All policies that take part, by type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// Of the user and its groups, or of the role.
    pub identity: &'a [Arc<Policy>],
    /// `None`: no boundary is set. Empty: one is set, and its policy is gone, so that it allows nothing.
    pub boundary: Option<&'a [Arc<Policy>]>,
    /// `None`: no session policy was passed. Empty: none was passed to a session that has no permissions
    /// without one (GetFederationToken).
    pub session: Option<&'a [Arc<Policy>]>,
    pub resource: Option<ResourcePolicy<'a>>,
    /// The account that owns the resource, where its ARN does not say (S3).
    pub resource_account: Option<&'a str>,
}

/// Decides. The order of policies and of their statements makes no difference to the answer.
pub fn evaluate(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    if let Some(denial) = explicit_deny(request, policies) {
        return Decision::Deny(denial);
    }
    let grant =
        policies.resource.map_or(Grant::None, |resource| resource.document.grant(Effect::Allow, request));
    let resource_denies = || {
        let policy_type = policies.resource.map_or(PolicyType::Resource, |resource| resource.policy_type);
        Decision::Deny(Denial::Implicit { policy_type })
    };
    let Some(account) = request.caller.account() else {
        // Services and anonymous callers have no policies of their own.
        return if grant == Grant::None { resource_denies() } else { Decision::Allow };
    };
    let owner = policies.resource_account.or_else(|| request.resource_account());
    let other_account = owner.is_some_and(|owner| owner != account);
    let required = other_account || policies.resource.is_some_and(|resource| resource.required);
    if required && grant == Grant::None {
        return resource_denies();
    }
    let lacking = match grant {
        Grant::Caller if !other_account => None,
        Grant::Role if !other_account => limits(request, policies),
        Grant::Caller | Grant::Role | Grant::Account | Grant::None => {
            own_permissions(request, policies).or_else(|| limits(request, policies))
        }
    };
    match lacking {
        None => Decision::Allow,
        Some(policy_type) => Decision::Deny(Denial::Implicit { policy_type }),
    }
}

/// The Deny that matches, if any. Where several do, the first type in this order and the smallest ARN is named,
/// so that the answer does not depend on the order of the policies.
fn explicit_deny(request: &Request<'_>, policies: &Policies<'_>) -> Option<Denial> {
    let types = [
        (PolicyType::Identity, policies.identity),
        (PolicyType::Boundary, policies.boundary.unwrap_or_default()),
        (PolicyType::Session, policies.session.unwrap_or_default()),
    ];
    for (policy_type, list) in types {
        let denying = list.iter().filter(|policy| policy.document.has_effect(Effect::Deny, request));
        if let Some(policy_arn) = denying.map(|policy| &policy.arn).min() {
            return Some(Denial::Explicit { policy_type, policy_arn: policy_arn.clone() });
        }
    }
    let resource = policies.resource?;
    (resource.document.grant(Effect::Deny, request) != Grant::None)
        .then_some(Denial::Explicit { policy_type: resource.policy_type, policy_arn: None })
}

/// The type that lacks an Allow among the caller's own policies. Root needs none.
fn own_permissions(request: &Request<'_>, policies: &Policies<'_>) -> Option<PolicyType> {
    let is_root = matches!(request.caller, Identity::Root { .. });
    (!is_root && !any_allows(policies.identity, request)).then_some(PolicyType::Identity)
}

/// The type that lacks an Allow among those that only limit: boundary, then session policies.
fn limits(request: &Request<'_>, policies: &Policies<'_>) -> Option<PolicyType> {
    let limits = [(PolicyType::Boundary, policies.boundary), (PolicyType::Session, policies.session)];
    let lacking = limits.into_iter().find(|(_, list)| list.is_some_and(|list| !any_allows(list, request)));
    lacking.map(|(policy_type, _)| policy_type)
}

fn any_allows(policies: &[Arc<Policy>], request: &Request<'_>) -> bool {
    policies.iter().any(|policy| policy.document.has_effect(Effect::Allow, request))
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
