//! Sources at Git hosts: GitHub, GitLab, Bitbucket and servers of one's own.

use codebuild_model::{ProjectSource, ServerType, SourceType};
use githost::Provider;
use http::Uri;

/// A repository by its clone URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    pub provider: Provider,
    /// As it was given, without a user name.
    pub url: String,
    /// `https://github.com`
    pub origin: String,
    /// Host, and the port if it is not the usual one: by this the operator's configuration knows the host.
    pub authority: String,
    /// Without slashes around it, and without `.git`: `owner/name`.
    pub path: String,
}

/// Deeper clones are full ones. Source: CodeBuild API Reference, ProjectSource.
const DEEPEST_SHALLOW: i32 = 25;

impl Repository {
    /// None where the location is no repository of this type.
    pub fn parse(location: &str, provider: Provider) -> Option<Self> {
        let location = location.trim();
        let uri: Uri = location.parse().ok()?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "https" | "http"))?;
        if uri.query().is_some() || location.contains(['#', '\\']) || location.contains(char::is_whitespace) {
            return None;
        }
        let authority = uri.authority()?.as_str();
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase();
        let is_public = provider.public_url().map(|url| url == format!("https://{authority}"));
        if is_public == Some(false) || (is_public == Some(true) && scheme != "https") {
            return None;
        }
        let given = uri.path().trim_matches('/');
        let path = given.strip_suffix(".git").unwrap_or(given);
        let part = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']);
        if path.split('/').count() < 2 || !path.split('/').all(part) || !part(&authority) {
            return None;
        }
        let origin = format!("{scheme}://{authority}");
        Some(Self { provider, url: format!("{origin}/{given}"), origin, path: path.to_owned(), authority })
    }

    /// As folders below the sources: `github.com/owner/name`.
    pub fn folder(&self) -> String {
        let host = self.authority.split(':').next().unwrap_or_default();
        format!("{host}/{}", self.path)
    }

    pub fn server_type(&self) -> ServerType {
        server_type(self.provider)
    }
}

/// The provider of a type of source. None for sources that are no Git host's.
pub(crate) fn provider(source: &SourceType) -> Option<Provider> {
    match source {
        SourceType::Github => Some(Provider::GitHub),
        SourceType::GithubEnterprise => Some(Provider::GitHubEnterpriseServer),
        SourceType::Gitlab => Some(Provider::GitLab),
        SourceType::GitlabSelfManaged => Some(Provider::GitLabSelfManaged),
        SourceType::Bitbucket => Some(Provider::Bitbucket),
        SourceType::Codecommit
        | SourceType::Codepipeline
        | SourceType::S3
        | SourceType::NoSource
        | SourceType::Other(_) => None,
    }
}

pub(crate) fn server_type(provider: Provider) -> ServerType {
    match provider {
        Provider::GitHub => ServerType::Github,
        Provider::GitHubEnterpriseServer => ServerType::GithubEnterprise,
        Provider::GitLab => ServerType::Gitlab,
        Provider::GitLabSelfManaged => ServerType::GitlabSelfManaged,
        Provider::Bitbucket => ServerType::Bitbucket,
        Provider::AzureDevOps => ServerType::Other(String::new()),
    }
}

/// How many commits of the history a source asks for; all if none.
pub(crate) fn depth(source: &ProjectSource) -> Option<u32> {
    let depth = source.git_clone_depth.filter(|depth| (1..=DEEPEST_SHALLOW).contains(depth));
    depth.and_then(|depth| u32::try_from(depth).ok())
}

pub(crate) fn has_submodules(source: &ProjectSource) -> bool {
    source.git_submodules_config.as_ref().is_some_and(|config| config.fetch_submodules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let github = |location| Repository::parse(location, Provider::GitHub);
        let found = github("https://me@github.com/Acme/site.git/").unwrap();
        assert_eq!(found.url, "https://github.com/Acme/site.git");
        assert_eq!((found.authority.as_str(), found.path.as_str()), ("github.com", "Acme/site"));
        assert_eq!(found.folder(), "github.com/Acme/site");
        for bad in [
            "https://gitlab.com/a/b",
            "http://github.com/a/b",
            "https://github.com/a",
            "https://github.com/a/../b",
            "git@github.com:a/b",
            "file:///a/b",
            "ext::sh",
            "https://github.com/a/b?x",
            "https://github.com/a/-b",
            "https://github.com/a/b c",
            "https://github.com.evil.example/a/b",
            "ssh://github.com/a/b",
        ] {
            assert_eq!(github(bad), None, "{bad}");
        }
        assert_eq!(Repository::parse("https://../a/b", Provider::GitHubEnterpriseServer), None);
        let own =
            Repository::parse("http://127.0.0.1:3000/group/sub/b", Provider::GitLabSelfManaged).unwrap();
        assert_eq!(
            (own.authority.as_str(), own.folder().as_str()),
            ("127.0.0.1:3000", "127.0.0.1/group/sub/b")
        );
    }
}
