//! Who calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::names::AccountId;
use crate::timestamp::Timestamp;

/// IAM makes this user, with all permissions, when a server starts for the first time.
pub const FIRST_USER: &str = "administrator";

/// An identity as policies name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Principal {
    /// The account itself.
    Root {
        account: AccountId,
    },
    User {
        account: AccountId,
        path: String,
        name: String,
        id: String,
    },
    /// A session of a role.
    AssumedRole {
        account: AccountId,
        role_path: String,
        role_name: String,
        role_id: String,
        session_name: String,
    },
    FederatedUser {
        account: AccountId,
        name: String,
    },
    /// One of the platform's own services, for example `codepipeline.amazonaws.com`.
    Service {
        name: String,
    },
    Anonymous,
}

/// A principal together with how it proved itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub principal: Principal,
    pub access_key_id: Option<String>,
    /// Present for temporary credentials.
    pub session: Option<Arc<Session>>,
}

/// What belongs to temporary credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Inline session policies; when any policy was passed, the session may do no more than these admit.
    pub policies: Vec<String>,
    pub managed_policy_arns: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub transitive_tag_keys: Vec<String>,
    pub source_identity: Option<String>,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether the credentials that asked for this session were temporary themselves.
    pub chained: bool,
}

impl Principal {
    /// The ARN as access-denied messages and `GetCallerIdentity` print it; a role's session comes without path.
    pub fn arn(&self) -> String {
        match self {
            Self::Root { account } => format!("arn:aws:iam::{account}:root"),
            Self::User { account, path, name, .. } => format!("arn:aws:iam::{account}:user{path}{name}"),
            Self::AssumedRole { account, role_name, session_name, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}")
            }
            Self::FederatedUser { account, name } => {
                format!("arn:aws:sts::{account}:federated-user/{name}")
            }
            Self::Service { name } => name.clone(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }

    /// Whether it is the root user of an account, or the user with whom a server begins, who stands in for it here.
    pub fn is_root_of(&self, account: &AccountId) -> bool {
        match self {
            Self::Root { account: own } => own == account,
            Self::User { account: own, path, name, .. } => {
                own == account && path == "/" && name == FIRST_USER
            }
            Self::AssumedRole { .. }
            | Self::FederatedUser { .. }
            | Self::Service { .. }
            | Self::Anonymous => false,
        }
    }

    /// The role's own ARN, path included, for a role's session.
    pub fn role_arn(&self) -> Option<String> {
        match self {
            Self::AssumedRole { account, role_path, role_name, .. } => {
                Some(format!("arn:aws:iam::{account}:role{role_path}{role_name}"))
            }
            Self::Root { .. }
            | Self::User { .. }
            | Self::FederatedUser { .. }
            | Self::Service { .. }
            | Self::Anonymous => None,
        }
    }

    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::AssumedRole { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
            Self::Service { .. } | Self::Anonymous => None,
        }
    }

    /// `aws:userid`: the account, `AIDA…`, `AROA…:session` or `account:name`.
    pub fn user_id(&self) -> String {
        match self {
            Self::Root { account } => account.to_string(),
            Self::User { id, .. } => id.clone(),
            Self::AssumedRole { role_id, session_name, .. } => format!("{role_id}:{session_name}"),
            Self::FederatedUser { account, name } => format!("{account}:{name}"),
            Self::Service { name } => name.clone(),
            Self::Anonymous => "anonymous".to_owned(),
        }
    }
}

impl Caller {
    /// A caller without access key: a service of the platform, or nobody.
    pub fn of(principal: Principal) -> Self {
        Self { principal, access_key_id: None, session: None }
    }

    pub fn anonymous() -> Self {
        Self::of(Principal::Anonymous)
    }
}
