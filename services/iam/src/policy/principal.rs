//! Who asks, and the `Principal` element that names who is meant.

use serde_json::Value;

use super::arn_pattern;

/// The caller as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The account's root user.
    Root {
        account: String,
        arn: String,
    },
    /// An IAM user; `id` is the unique id (AIDA…).
    User {
        account: String,
        arn: String,
        id: String,
    },
    /// A session of a role: `arn` is the session's, `role_arn` the role's with its path, `role_id` AROA….
    Session {
        account: String,
        arn: String,
        role_arn: String,
        role_id: String,
    },
    /// A session of GetFederationToken.
    Federated {
        account: String,
        arn: String,
    },
    /// A service, for instance `codepipeline.amazonaws.com`.
    Service {
        name: String,
    },
    Anonymous,
}

impl Identity {
    /// The account the caller belongs to; services and anonymous callers have none.
    pub fn account(&self) -> Option<&str> {
        match self {
            Identity::Root { account, .. }
            | Identity::User { account, .. }
            | Identity::Session { account, .. }
            | Identity::Federated { account, .. } => Some(account),
            Identity::Service { .. } | Identity::Anonymous => None,
        }
    }
}

/// How closely a resource policy's Allow names the caller; what else must allow depends on it.
/// Source: IAM User Guide, "Identity-based policies and resource-based policies", same-account evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Not at all.
    None,
    /// By its account: no grant within the account, the resource's half of one across accounts.
    Account,
    /// By its role: stands in for the role's own policies, not for boundary and session policy.
    Role,
    /// By the user, the session, or everyone: nothing more is needed in one account.
    Caller,
}

/// One entry of a `Principal` or `NotPrincipal` element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalPattern {
    /// `"*"` or `{"AWS":"*"}`: everyone, anonymous callers included.
    Anyone,
    /// An account id or the ARN of its root.
    Account(String),
    /// A user's or role's ARN.
    Entity(String),
    /// A role session or federated user, by ARN.
    Session(String),
    /// A user's or role's unique id (AIDA…, AROA…): holds only as long as this very entity exists.
    UniqueId(String),
    Service(String),
    /// A SAML or OpenID Connect provider.
    Federated(String),
    /// An S3 canonical user id.
    CanonicalUser(String),
}

impl PrincipalPattern {
    /// Reads an `AWS` entry; `None` when it names nothing that can be a principal.
    pub fn aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(PrincipalPattern::Anyone);
        }
        if is_account(text) {
            return Some(PrincipalPattern::Account(text.to_owned()));
        }
        if is_unique_id(text) {
            return Some(PrincipalPattern::UniqueId(text.to_owned()));
        }
        let [_, partition, service, region, account, resource] = arn_pattern::split(text)?;
        if partition.is_empty() || !region.is_empty() || !is_account(account) || text.contains(['*', '?']) {
            return None;
        }
        let named = |prefix: &str| resource.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
        match service {
            "iam" if resource == "root" => Some(PrincipalPattern::Account(account.to_owned())),
            "iam" if named("user/") || named("role/") => Some(PrincipalPattern::Entity(text.to_owned())),
            "sts" if named("assumed-role/") || named("federated-user/") => {
                Some(PrincipalPattern::Session(text.to_owned()))
            }
            _ => None,
        }
    }

    /// How closely this entry names `caller`.
    pub fn grant(&self, caller: &Identity) -> Grant {
        match (self, caller) {
            (PrincipalPattern::Anyone, _) => Grant::Caller,
            (PrincipalPattern::Account(account), _) if caller.account() == Some(account) => Grant::Account,
            (PrincipalPattern::Entity(arn), Identity::User { arn: own, .. }) if arn == own => Grant::Caller,
            (PrincipalPattern::UniqueId(id), Identity::User { id: own, .. }) if id == own => Grant::Caller,
            (PrincipalPattern::Entity(arn), Identity::Session { role_arn, .. }) if arn == role_arn => {
                Grant::Role
            }
            (PrincipalPattern::UniqueId(id), Identity::Session { role_id, .. }) if id == role_id => {
                Grant::Role
            }
            (
                PrincipalPattern::Session(arn),
                Identity::Session { arn: own, .. } | Identity::Federated { arn: own, .. },
            ) if arn == own => Grant::Caller,
            (PrincipalPattern::Service(name), Identity::Service { name: own }) if name == own => {
                Grant::Caller
            }
            _ => Grant::None,
        }
    }
}

/// The `Principal` or `NotPrincipal` element of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principals {
    pub negated: bool,
    pub patterns: Vec<PrincipalPattern>,
}

impl Principals {
    /// How closely the element names `caller`.
    ///
    /// `NotPrincipal` spares a caller only when every face of it is listed: its account, its role, and the
    /// session or user itself. Source: IAM User Guide, "AWS JSON policy elements: NotPrincipal".
    pub fn grant(&self, caller: &Identity) -> Grant {
        let named = |wanted: Grant| self.patterns.iter().any(|pattern| pattern.grant(caller) == wanted);
        if !self.negated {
            return self.patterns.iter().map(|pattern| pattern.grant(caller)).max().unwrap_or(Grant::None);
        }
        let everyone = self.patterns.contains(&PrincipalPattern::Anyone);
        let spared = match caller {
            Identity::Root { .. } => named(Grant::Account),
            Identity::User { .. } | Identity::Federated { .. } => {
                named(Grant::Account) && named(Grant::Caller)
            }
            Identity::Session { .. } => named(Grant::Account) && named(Grant::Role) && named(Grant::Caller),
            Identity::Service { .. } => named(Grant::Caller),
            Identity::Anonymous => false,
        };
        if everyone || spared { Grant::None } else { Grant::Caller }
    }
}

/// Replaces the ARNs of users and roles in the `Principal` elements of a document by what `name` answers,
/// for instance the unique id of an entity that no longer exists. Other parts stay as they are.
pub fn rename_principals(document: &mut Value, name: &dyn Fn(&str) -> Option<String>) {
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(single) => vec![single],
        None => Vec::new(),
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            match statement.get_mut(element).and_then(|principal| principal.get_mut("AWS")) {
                Some(Value::String(text)) => rename(text, name),
                Some(Value::Array(list)) => {
                    for entry in list {
                        if let Value::String(text) = entry {
                            rename(text, name);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn rename(text: &mut String, name: &dyn Fn(&str) -> Option<String>) {
    if let Some(new) = name(text) {
        *text = new;
    }
}

/// Twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The unique id of a user or a role.
pub fn is_unique_id(text: &str) -> bool {
    (text.starts_with("AIDA") || text.starts_with("AROA"))
        && (16..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A service principal such as `codebuild.amazonaws.com` or `logs.eu-west-1.amazonaws.com`.
pub fn is_service(text: &str) -> bool {
    let name = text.strip_suffix(".cn").unwrap_or(text);
    name.strip_suffix(".amazonaws.com").is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "arn:aws:iam::123456789012:user/jane";
    const ROLE: &str = "arn:aws:iam::123456789012:role/team/build";
    const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/build/one";

    fn user() -> Identity {
        Identity::User {
            account: "123456789012".into(),
            arn: USER.into(),
            id: "AIDAAAAAAAAAAAAAAAAAA".into(),
        }
    }

    fn session() -> Identity {
        Identity::Session {
            account: "123456789012".into(),
            arn: SESSION.into(),
            role_arn: ROLE.into(),
            role_id: "AROAAAAAAAAAAAAAAAAAA".into(),
        }
    }

    #[test]
    fn grants() {
        for (pattern, caller, expected) in [
            ("*", user(), Grant::Caller),
            ("*", Identity::Anonymous, Grant::Caller),
            ("123456789012", user(), Grant::Account),
            ("arn:aws:iam::123456789012:root", session(), Grant::Account),
            ("111111111111", user(), Grant::None),
            (USER, user(), Grant::Caller),
            ("AIDAAAAAAAAAAAAAAAAAA", user(), Grant::Caller),
            ("AIDABBBBBBBBBBBBBBBBB", user(), Grant::None),
            (ROLE, session(), Grant::Role),
            ("AROAAAAAAAAAAAAAAAAAA", session(), Grant::Role),
            (SESSION, session(), Grant::Caller),
            (ROLE, user(), Grant::None),
            ("123456789012", Identity::Anonymous, Grant::None),
        ] {
            let actual = PrincipalPattern::aws(pattern).map(|pattern| pattern.grant(&caller));
            assert_eq!(actual, Some(expected), "{pattern} {caller:?}");
        }
    }

    #[test]
    fn no_partial_wildcards_and_nothing_that_is_no_principal() {
        for text in [
            "arn:aws:iam::123456789012:user/*",
            "arn:aws:iam::123456789012:group/g",
            "jane",
            "12345",
            "arn:aws:s3:::b",
            "arn:aws:iam::123456789012:role/",
            "AIDA",
        ] {
            assert_eq!(PrincipalPattern::aws(text), None, "{text}");
        }
    }

    #[test]
    fn not_principal_needs_every_face() {
        let except = |texts: &[&str]| Principals {
            negated: true,
            patterns: texts.iter().filter_map(|text| PrincipalPattern::aws(text)).collect(),
        };
        assert_eq!(except(&[USER]).grant(&user()), Grant::Caller);
        assert_eq!(except(&[USER, "123456789012"]).grant(&user()), Grant::None);
        assert_eq!(except(&[ROLE, "123456789012"]).grant(&session()), Grant::Caller);
        assert_eq!(except(&[SESSION, ROLE, "123456789012"]).grant(&session()), Grant::None);
    }

    #[test]
    fn services() {
        assert!(is_service("codepipeline.amazonaws.com"));
        assert!(is_service("logs.eu-west-1.amazonaws.com"));
        assert!(is_service("ec2.amazonaws.com.cn"));
        assert!(!is_service("codepipeline.amazon.com"));
        assert!(!is_service(".amazonaws.com"));
        assert!(!is_service("*.amazonaws.com"));
    }
}
