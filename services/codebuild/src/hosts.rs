//! What the operator says of Git hosts.

use std::collections::BTreeMap;

use crate::source::git::Repository;

/// Hosts by their authority, as it stands in the locations of projects: `github.com`, `git.example.com:8443`.
pub type GitHosts = BTreeMap<String, GitHost>;

/// One host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitHost {
    /// Where its repositories are really fetched: `https://mirror.example.com/github`.
    pub url: Option<String>,
    /// Its API, for webhooks and statuses of commits: `https://api.github.com`. Without it the host is not called.
    pub api: Option<String>,
}

/// Whether a credential of the account may be sent to a repository's host: to the public hosts, and to those of one's own
/// that the operator names. A location is a user's to choose, and must not lead an account's token elsewhere.
pub(crate) fn may_be_shown(repository: &Repository, hosts: &GitHosts) -> bool {
    repository.provider.public_url().is_some() || hosts.contains_key(&repository.authority)
}

#[cfg(test)]
mod tests {
    use githost::Provider;

    use super::*;

    #[test]
    fn an_accounts_token_goes_to_known_hosts_alone() {
        let hosts = GitHosts::from([("git.example.com".to_owned(), GitHost::default())]);
        let shown =
            |location, provider| may_be_shown(&Repository::parse(location, provider).unwrap(), &hosts);
        assert!(shown("https://github.com/a/b", Provider::GitHub));
        assert!(shown("https://git.example.com/a/b", Provider::GitHubEnterpriseServer));
        assert!(!shown("https://git.example.com:444/a/b", Provider::GitHubEnterpriseServer));
    }
}
