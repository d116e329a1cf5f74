//! Kinds of Git hosts.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provider {
    Bitbucket,
    GitHub,
    GitHubEnterpriseServer,
    GitLab,
    GitLabSelfManaged,
    AzureDevOps,
}

impl Provider {
    /// Whether a host of one's own has to be named.
    pub fn needs_host(self) -> bool {
        matches!(self, Self::GitHubEnterpriseServer | Self::GitLabSelfManaged)
    }

    /// Where its repositories are, if the operator says nothing else.
    pub fn public_url(self) -> Option<&'static str> {
        match self {
            Self::Bitbucket => Some("https://bitbucket.org"),
            Self::GitHub => Some("https://github.com"),
            Self::GitLab => Some("https://gitlab.com"),
            Self::AzureDevOps => Some("https://dev.azure.com"),
            Self::GitHubEnterpriseServer | Self::GitLabSelfManaged => None,
        }
    }

    /// The name beside which git shows the token. Source: each host's documentation of access tokens.
    pub fn user_name(self) -> &'static str {
        match self {
            Self::GitHub | Self::GitHubEnterpriseServer => "x-access-token",
            Self::GitLab | Self::GitLabSelfManaged => "oauth2",
            Self::Bitbucket => "x-token-auth",
            Self::AzureDevOps => "token",
        }
    }
}
