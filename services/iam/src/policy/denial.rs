//! The wording of a refusal. Source: IAM User Guide, "Troubleshoot access denied error messages".

use std::fmt;

/// The kinds of policies that take part in a decision, as the messages name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyType {
    Identity,
    Boundary,
    Session,
    Resource,
    RoleTrust,
}

impl PolicyType {
    /// As in "no … allows".
    fn name(self) -> &'static str {
        match self {
            PolicyType::Identity => "identity-based policy",
            PolicyType::Boundary => "permissions boundary",
            PolicyType::Session => "session policy",
            PolicyType::Resource => "resource-based policy",
            PolicyType::RoleTrust => "role trust policy",
        }
    }

    /// As in "an explicit deny in …".
    fn with_article(self) -> String {
        match self {
            PolicyType::Identity => format!("an {}", self.name()),
            PolicyType::Boundary | PolicyType::Session | PolicyType::Resource => format!("a {}", self.name()),
            PolicyType::RoleTrust => format!("the {}", self.name()),
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A Deny statement matched. `policy_arn` names the managed policy it stands in.
    Explicit { policy_type: PolicyType, policy_arn: Option<String> },
    /// Policies of this type were needed, and none of them allows the request.
    Implicit { policy_type: PolicyType },
}

impl Denial {
    pub fn policy_type(&self) -> PolicyType {
        match self {
            Denial::Explicit { policy_type, .. } | Denial::Implicit { policy_type } => *policy_type,
        }
    }

    /// The reason, as it follows the resource in the message.
    pub fn reason(&self, action: &str) -> String {
        match self {
            Denial::Implicit { policy_type } => {
                format!("because no {} allows the {action} action", policy_type.name())
            }
            Denial::Explicit { policy_type, policy_arn: None } => {
                format!("with an explicit deny in {}", policy_type.with_article())
            }
            Denial::Explicit { policy_type, policy_arn: Some(arn) } => {
                format!("with an explicit deny in {}: {arn}", policy_type.with_article())
            }
        }
    }

    /// The whole message. AWS tells nobody what a trust policy says: that text ends with the resource.
    pub fn message(&self, caller: &impl fmt::Display, action: &str, resource: &str) -> String {
        let base = format!("User: {caller} is not authorized to perform: {action} on resource: {resource}");
        match self.policy_type() {
            PolicyType::RoleTrust => base,
            PolicyType::Identity | PolicyType::Boundary | PolicyType::Session | PolicyType::Resource => {
                format!("{base} {}", self.reason(action))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wording() {
        let explicit = |policy_type, arn: Option<&str>| Denial::Explicit {
            policy_type,
            policy_arn: arn.map(str::to_owned),
        };
        for (denial, expected) in [
            (
                Denial::Implicit { policy_type: PolicyType::Identity },
                "because no identity-based policy allows the s3:GetObject action",
            ),
            (
                Denial::Implicit { policy_type: PolicyType::Boundary },
                "because no permissions boundary allows the s3:GetObject action",
            ),
            (explicit(PolicyType::Session, None), "with an explicit deny in a session policy"),
            (explicit(PolicyType::Resource, None), "with an explicit deny in a resource-based policy"),
            (
                explicit(PolicyType::Identity, Some("arn:aws:iam::123456789012:policy/X")),
                "with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/X",
            ),
            (explicit(PolicyType::RoleTrust, None), "with an explicit deny in the role trust policy"),
        ] {
            assert_eq!(denial.reason("s3:GetObject"), expected);
        }
        assert_eq!(
            Denial::Implicit { policy_type: PolicyType::RoleTrust }.message(&"U", "sts:AssumeRole", "R"),
            "User: U is not authorized to perform: sts:AssumeRole on resource: R"
        );
    }
}
