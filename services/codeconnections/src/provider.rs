//! Kinds of Git hosts as the API names them.

use codeconnections_model::ProviderType;
use githost::Provider;

pub fn of(model: &ProviderType) -> Option<Provider> {
    match model {
        ProviderType::Bitbucket => Some(Provider::Bitbucket),
        ProviderType::GitHub => Some(Provider::GitHub),
        ProviderType::GitHubEnterpriseServer => Some(Provider::GitHubEnterpriseServer),
        ProviderType::GitLab => Some(Provider::GitLab),
        ProviderType::GitLabSelfManaged => Some(Provider::GitLabSelfManaged),
        ProviderType::AzureDevOps => Some(Provider::AzureDevOps),
        ProviderType::Other(_) => None,
    }
}

pub fn model(provider: Provider) -> ProviderType {
    match provider {
        Provider::Bitbucket => ProviderType::Bitbucket,
        Provider::GitHub => ProviderType::GitHub,
        Provider::GitHubEnterpriseServer => ProviderType::GitHubEnterpriseServer,
        Provider::GitLab => ProviderType::GitLab,
        Provider::GitLabSelfManaged => ProviderType::GitLabSelfManaged,
        Provider::AzureDevOps => ProviderType::AzureDevOps,
    }
}
