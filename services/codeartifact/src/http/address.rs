//! Where package managers find repositories.

use aws::{AccountId, Region, Scope};

use super::PackageEndpoints;
use crate::names::{DomainName, Format, RepositoryName};

/// The address of something in a repository, taken apart: `/d/DOMAIN-OWNER/REGION/FORMAT/REPOSITORY/…`.
///
/// On AWS the first parts are the host name, `DOMAIN-OWNER.d.codeartifact.REGION.amazonaws.com`; a server with one name
/// has them in the path. No bucket has a name of one letter, so none is hidden by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub repository: RepositoryName,
    pub format: Format,
    /// What comes after the repository, as the client wrote it, without a slash at the beginning.
    pub rest: String,
}

impl Address {
    /// `None` for what is no address of a repository.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.strip_prefix(PackageEndpoints::PREFIX)?.splitn(5, '/');
        let (domain, owner) = parts.next()?.rsplit_once('-')?;
        let account: AccountId = owner.parse().ok()?;
        let region: Region = parts.next()?.parse().ok()?;
        let format = Format::parse(parts.next()?)?;
        let repository = parts.next().filter(|name| !name.is_empty())?;
        let rest = parts.next()?.to_owned();
        let domain = DomainName { scope: Scope::new(account, region), name: domain.to_owned() };
        Some(Self { repository: domain.repository(repository), format, rest })
    }

    /// The path of a repository for one format, with a slash at the end.
    pub fn path_of(name: &RepositoryName, format: Format) -> String {
        let RepositoryName { domain, name } = name;
        format!(
            "{}{}-{}/{}/{}/{name}/",
            PackageEndpoints::PREFIX,
            domain.name,
            domain.scope.account,
            domain.scope.region,
            format.as_str()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_the_endpoint_says() {
        let address = Address::parse("/d/my-domain-123456789012/eu-west-1/npm/my.repo/@s%2fp").unwrap();
        assert_eq!(address.repository.domain.name, "my-domain");
        assert_eq!(address.repository.domain.scope.account.as_str(), "123456789012");
        assert_eq!((address.format, address.rest.as_str()), (Format::Npm, "@s%2fp"));
        let path = Address::path_of(&address.repository, Format::Npm);
        assert_eq!(path, "/d/my-domain-123456789012/eu-west-1/npm/my.repo/");
        assert_eq!(Address::parse(&path).unwrap().repository, address.repository);
        for path in [
            "/d/x/r/npm/y/",
            "/d/a-123456789012/eu-west-1/tar/r/",
            "/d/a-123456789012/eu-west-1/npm/r",
            "/d/",
        ] {
            assert_eq!(Address::parse(path), None, "{path}");
        }
    }
}
