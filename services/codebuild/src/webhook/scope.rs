//! Webhooks of a whole organisation or enterprise of GitHub's, or group of GitLab's. Pure.
//! Source: CodeBuild User Guide, "GitHub global and organization webhooks", "GitLab group webhooks".

use codebuild_model::{Project as Settings, ProjectSource, ScopeConfiguration, Webhook, WebhookScopeType};
use githost::Provider;

use crate::{error::Error, source::git};

/// Instead of the location of a project whose builds are started by the webhook of an organisation: theirs is the repository in
/// which something has happened.
pub(crate) const ANY_REPOSITORY: &str = "CODEBUILD_DEFAULT_WEBHOOK_SOURCE_LOCATION";

/// Whether a source is any repository of an organisation.
pub(crate) fn is_any_repository(source: &ProjectSource) -> bool {
    let is_wide =
        git::provider(&source.r#type).is_some_and(|provider| is_github(provider) || is_gitlab(provider));
    is_wide && source.location.as_deref() == Some(ANY_REPOSITORY)
}

fn is_github(provider: Provider) -> bool {
    matches!(provider, Provider::GitHub | Provider::GitHubEnterpriseServer)
}

fn is_gitlab(provider: Provider) -> bool {
    matches!(provider, Provider::GitLab | Provider::GitLabSelfManaged)
}

/// Checks that a webhook fits the source of its project. Errors: InvalidInput.
pub(crate) fn check(webhook: &Webhook, settings: &Settings) -> Result<(), Error> {
    let invalid = |message: &str| Err(Error::InvalidInput(format!("Invalid webhook: {message}")));
    let source = settings.source.clone().unwrap_or_default();
    let Some(scope) = &webhook.scope_configuration else {
        return match is_any_repository(&source) {
            true => invalid(&format!(
                "scopeConfiguration must be given with the source location {ANY_REPOSITORY}"
            )),
            false => Ok(()),
        };
    };
    let provider = git::provider(&source.r#type);
    let (host, is_of_host, is_name) = match &scope.scope {
        WebhookScopeType::GithubOrganization => {
            ("GitHub", provider.is_some_and(is_github), is_organisation(&scope.name))
        }
        WebhookScopeType::GitlabGroup => ("GitLab", provider.is_some_and(is_gitlab), is_group(&scope.name)),
        // GitHub lets nobody register one through its API.
        WebhookScopeType::GithubGlobal if webhook.manual_creation != Some(true) => {
            return invalid("scopeConfiguration of the scope GITHUB_GLOBAL needs manualCreation");
        }
        WebhookScopeType::GithubGlobal => {
            ("GitHub", provider.is_some_and(is_github), is_organisation(&scope.name))
        }
        WebhookScopeType::Other(other) => {
            return invalid(&format!("the scope {other} of scopeConfiguration is unknown"));
        }
    };
    let Some(provider) = provider.filter(|_| is_of_host && is_any_repository(&source)) else {
        return invalid(&format!(
            "scopeConfiguration of the scope {} needs a {host} source with the location {ANY_REPOSITORY}",
            scope.scope
        ));
    };
    if !is_name {
        return invalid("the name of scopeConfiguration is none of an organisation, enterprise or group");
    }
    match organisation(scope, provider) {
        Some(_) => Ok(()),
        None => invalid(
            "the domain of scopeConfiguration must be given for GITHUB_ENTERPRISE and GITLAB_SELF_MANAGED, and for no \
             other source",
        ),
    }
}

fn is_organisation(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// Groups may lie within groups.
fn is_group(name: &str) -> bool {
    name.split('/').all(|part| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && part.chars().all(is_plain)
    })
}

/// The repository of an organisation in which something has happened. None if it is another's. What the webhook of an
/// enterprise tells of is the enterprise's: its secret proves it, names do not.
pub(crate) fn repository(
    scope: &ScopeConfiguration,
    provider: Provider,
    name: &str,
) -> Option<git::Repository> {
    if scope.scope == WebhookScopeType::GithubGlobal {
        return (name.split('/').count() == 2).then(|| at_host(scope, provider, name)).flatten();
    }
    let (owner, below) = name.split_at_checked(scope.name.len())?;
    let is_own = owner.eq_ignore_ascii_case(&scope.name) && below.starts_with('/');
    is_own.then(|| at_host(scope, provider, name)).flatten()
}

/// The organisation or group, as if it were a repository: for what its host is asked.
pub(crate) fn organisation(scope: &ScopeConfiguration, provider: Provider) -> Option<git::Repository> {
    let any = at_host(scope, provider, &format!("{}/x", scope.name))?;
    Some(git::Repository { path: scope.name.clone(), ..any })
}

fn at_host(scope: &ScopeConfiguration, provider: Provider, path: &str) -> Option<git::Repository> {
    let domain = scope.domain.as_deref().filter(|domain| !domain.is_empty());
    let origin = match (provider.public_url(), domain) {
        (Some(public), None) => public.to_owned(),
        (None, Some(domain)) => format!("https://{}", domain.trim_start_matches("https://")),
        _ => return None,
    };
    git::Repository::parse(&format!("{origin}/{path}"), provider)
}

#[cfg(test)]
mod tests {
    use codebuild_model::SourceType;

    use super::*;

    fn group(name: &str, domain: Option<&str>) -> ScopeConfiguration {
        ScopeConfiguration { scope: WebhookScopeType::GitlabGroup, ..scope(name, domain) }
    }

    fn scope(name: &str, domain: Option<&str>) -> ScopeConfiguration {
        ScopeConfiguration {
            name: name.into(),
            domain: domain.map(str::to_owned),
            scope: WebhookScopeType::GithubOrganization,
        }
    }

    #[test]
    fn repositories_are_the_organisations_own() {
        let of = |name: &str| repository(&scope("Acme", None), Provider::GitHub, name).map(|found| found.url);
        assert_eq!(of("acme/site").as_deref(), Some("https://github.com/acme/site"));
        for other in ["acme2/site", "acme", "acme/../x", "x/acme"] {
            assert_eq!(of(other), None, "{other}");
        }
        let own = scope("acme", Some("git.example.com:8443"));
        let found = repository(&own, Provider::GitHubEnterpriseServer, "acme/a").unwrap();
        assert_eq!((found.authority.as_str(), found.path.as_str()), ("git.example.com:8443", "acme/a"));
        assert_eq!(organisation(&own, Provider::GitHubEnterpriseServer).unwrap().path, "acme");
        let of =
            |name: &str| repository(&group("acme/web", None), Provider::GitLab, name).map(|found| found.url);
        assert_eq!(of("acme/web/team/site").as_deref(), Some("https://gitlab.com/acme/web/team/site"));
        for other in ["acme/website", "acme/other/site", "acme/web", "acme/web/../../x", "acme/we\u{e9}/x"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(organisation(&group("acme/web", None), Provider::GitLab).unwrap().path, "acme/web");
    }

    #[test]
    fn scope_and_location_belong_together() {
        let checked = |location: &str, kind: SourceType, scope: Option<ScopeConfiguration>| {
            let source =
                ProjectSource { location: Some(location.into()), r#type: kind, ..ProjectSource::default() };
            let settings = Settings { source: Some(source), ..Settings::default() };
            let webhook = Webhook { scope_configuration: scope, ..Webhook::default() };
            check(&webhook, &settings).map_err(|error| error.to_string())
        };
        let github = || SourceType::Github;
        assert_eq!(checked(ANY_REPOSITORY, github(), Some(scope("acme", None))), Ok(()));
        assert_eq!(checked("https://github.com/a/b", github(), None), Ok(()));
        assert!(checked("https://github.com/a/b", github(), Some(scope("a", None))).is_err());
        assert!(checked(ANY_REPOSITORY, github(), None).is_err());
        assert!(checked(ANY_REPOSITORY, github(), Some(scope("a/b", None))).is_err());
        assert!(checked(ANY_REPOSITORY, github(), Some(scope("a", Some("evil.example.com")))).is_err());
        assert!(checked(ANY_REPOSITORY, SourceType::GithubEnterprise, Some(scope("a", None))).is_err());
        let gitlab = || SourceType::Gitlab;
        assert_eq!(checked(ANY_REPOSITORY, gitlab(), Some(group("acme/web", None))), Ok(()));
        let own = group("acme", Some("git.example.com"));
        assert_eq!(checked(ANY_REPOSITORY, SourceType::GitlabSelfManaged, Some(own.clone())), Ok(()));
        assert!(checked(ANY_REPOSITORY, gitlab(), Some(own)).is_err());
        assert!(checked(ANY_REPOSITORY, gitlab(), Some(scope("acme", None))).is_err());
        assert!(checked(ANY_REPOSITORY, github(), Some(group("acme", None))).is_err());
        for name in ["", "/a", "a//b", "a/..", "a b"] {
            assert!(checked(ANY_REPOSITORY, gitlab(), Some(group(name, None))).is_err(), "{name}");
        }
        let other = ScopeConfiguration { scope: WebhookScopeType::Other("X".into()), ..scope("a", None) };
        assert!(checked(ANY_REPOSITORY, github(), Some(other)).is_err());
    }

    #[test]
    fn the_webhook_of_an_enterprise_is_made_by_hand_and_of_all_its_organisations() {
        let global = ScopeConfiguration { scope: WebhookScopeType::GithubGlobal, ..scope("big-co", None) };
        let checked = |kind: SourceType, global: &ScopeConfiguration, by_hand: bool| {
            let source = ProjectSource {
                location: Some(ANY_REPOSITORY.into()),
                r#type: kind,
                ..ProjectSource::default()
            };
            let settings = Settings { source: Some(source), ..Settings::default() };
            let scope_configuration = Some(global.clone());
            let manual_creation = Some(by_hand);
            check(&Webhook { scope_configuration, manual_creation, ..Webhook::default() }, &settings)
        };
        assert_eq!(checked(SourceType::Github, &global, true), Ok(()));
        let refusal = checked(SourceType::Github, &global, false).unwrap_err().to_string();
        assert!(refusal.contains("manualCreation"), "{refusal}");
        assert!(checked(SourceType::GithubEnterprise, &global, true).is_err(), "it has no domain");
        assert!(checked(SourceType::Gitlab, &global, true).is_err());
        let own = ScopeConfiguration { domain: Some("git.example.com".into()), ..global.clone() };
        assert_eq!(checked(SourceType::GithubEnterprise, &own, true), Ok(()));
        let of = |scope: &ScopeConfiguration, provider, name: &str| {
            repository(scope, provider, name).map(|found| found.url)
        };
        assert_eq!(of(&global, Provider::GitHub, "a/b").as_deref(), Some("https://github.com/a/b"));
        let there = of(&own, Provider::GitHubEnterpriseServer, "a/b");
        assert_eq!(there.as_deref(), Some("https://git.example.com/a/b"));
        for other in ["a", "a/b/c", "a/..", "-a/b"] {
            assert_eq!(of(&global, Provider::GitHub, other), None, "{other}");
        }
    }
}
