//! `[git_hosts]`: where CodeBuild finds the hosts of sources, by their names in the locations of projects.

use std::collections::BTreeMap;

use codebuild::GitHosts;
use serde::Deserialize;

use super::{Error, Github};

/// `[git_hosts."git.example.com"]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GitHost {
    /// Where its repositories are really fetched, if not at its name.
    url: Option<String>,
    /// Its API, for webhooks and the statuses of commits.
    api: Option<String>,
}

/// Errors: `GitHost` for an address that is none.
pub(super) fn git_hosts(given: BTreeMap<String, GitHost>, github: &Github) -> Result<GitHosts, Error> {
    let mut hosts = GitHosts::new();
    for (name, GitHost { url, api }) in given {
        let wrong = |why: String| Error::GitHost { name: name.clone(), why };
        if name.contains('/') || name.is_empty() {
            return Err(wrong(
                "it must be a host, with a port where it has one, and nothing else".to_owned(),
            ));
        }
        let checked = |url: Option<String>| url.as_deref().map(githost::address::base).transpose();
        let host = codebuild::GitHost {
            url: checked(url).map_err(wrong)?,
            api: checked(api).map_err(|why| Error::GitHost { name: name.clone(), why })?,
        };
        hosts.insert(name.to_ascii_lowercase(), host);
    }
    if let Some(api) = &github.api {
        hosts.entry("github.com".to_owned()).or_default().api.get_or_insert_with(|| api.clone());
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_checked_and_github_has_its_api() {
        let read = |text: &str| {
            let given: BTreeMap<String, GitHost> = toml::from_str(text).unwrap();
            let github = Github { api: Some("https://api.github.com".to_owned()), ..Github::default() };
            git_hosts(given, &github).map_err(|error| error.to_string())
        };
        let hosts = read("[\"Git.example.com:8443\"]\nurl = \"http://10.0.0.1/git/\"").unwrap();
        assert_eq!(hosts["git.example.com:8443"].url.as_deref(), Some("http://10.0.0.1/git"));
        assert_eq!(hosts["github.com"].api.as_deref(), Some("https://api.github.com"));
        assert!(read("[\"https://x\"]").unwrap_err().contains("must be a host"));
        assert!(read("[\"x\"]\napi = \"ftp://x\"").unwrap_err().contains("must begin with"));
    }
}
