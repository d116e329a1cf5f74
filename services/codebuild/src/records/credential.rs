use aws::Scope;
use serde::{Deserialize, Serialize};
use store::{Key, Record};

use super::in_scope;

/// What an account shows the hosts of one type. Key: account, region, type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCredential {
    pub scope: Scope,
    /// `GITHUB`
    pub server_type: String,
    pub kind: CredentialKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialKind {
    /// A token, or a user name and a password.
    Token { user_name: Option<String>, sealed_token: String },
    /// The ARN of a connection, used as the build's role.
    Connection(String),
    /// The ARN of a secret, read as the build's role.
    Secret(String),
}

impl SourceCredential {
    pub fn key_of(scope: &Scope, server_type: &str) -> Key {
        in_scope(scope).and(server_type)
    }

    pub fn arn(&self) -> String {
        arn(&self.scope, &self.server_type)
    }

    /// What the token is sealed for.
    pub fn purpose(scope: &Scope, server_type: &str) -> String {
        format!("codebuild/{}/{}/{server_type}", scope.account, scope.region.as_str())
    }
}

pub fn arn(scope: &Scope, server_type: &str) -> String {
    scope.arn("codebuild", format_args!("token/{}", server_type.to_lowercase())).to_string()
}

impl Record for SourceCredential {
    const KIND: &'static str = "codebuild/source-credential";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(&self.scope, &self.server_type)
    }
}
