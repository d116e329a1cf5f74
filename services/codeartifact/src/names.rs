//! Names of domains, repositories and packages, in the normal form of each package format.

use aws::{Arn, Scope};
use codeartifact_model::PackageFormat;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Resource};
use crate::package_names::python_name;

/// A domain by name, with the account and region that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainName {
    pub scope: Scope,
    pub name: String,
}

/// A repository by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryName {
    pub domain: DomainName,
    pub name: String,
}

/// A package by name, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Coordinates {
    pub format: Format,
    /// Empty where there is none.
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Npm,
    Pypi,
    Maven,
    Nuget,
    Generic,
    Ruby,
    Swift,
    Cargo,
}

/// The bytes of a package's names and version together: what fits twice into an index key of the store.
pub const LONGEST_NAMES: usize = 900;

impl DomainName {
    /// In the region of the call, of the caller's account unless another owner is named.
    pub fn of(domain: &str, owner: Option<&String>, scope: &Scope) -> Self {
        let account = owner.and_then(|owner| owner.parse().ok()).unwrap_or_else(|| scope.account.clone());
        Self { scope: Scope::new(account, scope.region.clone()), name: domain.to_owned() }
    }

    pub fn repository(&self, name: &str) -> RepositoryName {
        RepositoryName { domain: self.clone(), name: name.to_owned() }
    }

    pub fn arn(&self) -> Arn {
        self.scope.arn("codeartifact", format!("domain/{}", self.name))
    }
}

impl RepositoryName {
    pub fn of(domain: &str, owner: Option<&String>, repository: &str, scope: &Scope) -> Self {
        DomainName::of(domain, owner, scope).repository(repository)
    }

    pub fn arn(&self) -> Arn {
        let Self { domain, name } = self;
        domain.scope.arn("codeartifact", format!("repository/{}/{name}", domain.name))
    }

    /// An empty namespace leaves two slashes. Source: Service Authorization Reference, "AWS CodeArtifact".
    pub fn package_arn(&self, package: &Coordinates) -> Arn {
        let Self { domain, name } = self;
        let Coordinates { format, namespace, name: package } = package;
        let resource = format!("package/{}/{name}/{}/{namespace}/{package}", domain.name, format.as_str());
        domain.scope.arn("codeartifact", resource)
    }
}

impl Format {
    pub const ALL: [Self; 8] = [
        Self::Npm,
        Self::Pypi,
        Self::Maven,
        Self::Nuget,
        Self::Generic,
        Self::Ruby,
        Self::Swift,
        Self::Cargo,
    ];

    /// As in the API, in ARNs and in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Maven => "maven",
            Self::Nuget => "nuget",
            Self::Generic => "generic",
            Self::Ruby => "ruby",
            Self::Swift => "swift",
            Self::Cargo => "cargo",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == text)
    }

    /// Whether packages may or must have a namespace.
    fn has_namespace(self) -> Demand {
        match self {
            Self::Npm => Demand::Optional,
            Self::Maven | Self::Generic | Self::Swift => Demand::Required,
            Self::Pypi | Self::Nuget | Self::Ruby | Self::Cargo => Demand::None,
        }
    }
}

enum Demand {
    None,
    Optional,
    Required,
}

impl From<Format> for PackageFormat {
    fn from(format: Format) -> Self {
        Self::from(format.as_str())
    }
}

impl Coordinates {
    /// A package as a call names it. Errors: `Validation`.
    pub fn of(format: &PackageFormat, namespace: Option<&str>, package: &str) -> Result<Self, Error> {
        let unknown = || Error::field(format!("{format} is not a package format."));
        let format = Format::parse(format.as_str()).ok_or_else(unknown)?;
        let namespace = namespace.unwrap_or_default();
        match format.has_namespace() {
            Demand::None if !namespace.is_empty() => {
                let message = format!("Packages of format {} have no namespace.", format.as_str());
                return Err(Error::field(message));
            }
            Demand::Required if namespace.is_empty() => {
                let message = format!("A namespace is required for packages of format {}.", format.as_str());
                return Err(Error::field(message));
            }
            Demand::None | Demand::Optional | Demand::Required => {}
        }
        if namespace.len() + package.len() > LONGEST_NAMES / 2 + LONGEST_NAMES / 4 {
            return Err(Error::field("The names of the package are too long."));
        }
        Ok(Self::normal(format, namespace, package))
    }

    /// In the normal form of the format. Source: CodeArtifact User Guide, "Package name normalization"; PEP 503.
    pub fn normal(format: Format, namespace: &str, name: &str) -> Self {
        let (namespace, name) = match format {
            Format::Npm => (namespace.strip_prefix('@').unwrap_or(namespace).to_owned(), name.to_owned()),
            Format::Pypi => (String::new(), python_name(name)),
            // Its index is found under the name in lower case.
            Format::Nuget | Format::Cargo => (String::new(), name.to_lowercase()),
            Format::Swift => (namespace.to_lowercase(), name.to_lowercase()),
            Format::Maven | Format::Generic | Format::Ruby => (namespace.to_owned(), name.to_owned()),
        };
        Self { format, namespace, name }
    }

    pub fn namespace(&self) -> Option<String> {
        (!self.namespace.is_empty()).then(|| self.namespace.clone())
    }

    /// As its package manager writes it: `@scope/name`.
    pub fn shown(&self) -> String {
        match self.format {
            Format::Npm if !self.namespace.is_empty() => format!("@{}/{}", self.namespace, self.name),
            Format::Maven if !self.namespace.is_empty() => format!("{}:{}", self.namespace, self.name),
            Format::Swift => format!("{}.{}", self.namespace, self.name),
            Format::Generic => format!("{}/{}", self.namespace, self.name),
            Format::Npm | Format::Maven | Format::Pypi | Format::Nuget | Format::Ruby | Format::Cargo => {
                self.name.clone()
            }
        }
    }

    /// Which resource an error is about.
    pub fn resource(&self) -> Resource {
        Resource::package(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_take_the_normal_form_of_their_format() {
        let of = |format: Format, namespace, name| {
            Coordinates::of(&format.into(), namespace, name).map(|package| (package.namespace, package.name))
        };
        assert_eq!(of(Format::Npm, Some("@Acme"), "Web").unwrap(), ("Acme".into(), "Web".into()));
        assert_eq!(of(Format::Pypi, None, "Foo._-Bar").unwrap(), (String::new(), "foo-bar".into()));
        assert_eq!(
            of(Format::Swift, Some("Mona"), "LinkedList").unwrap(),
            ("mona".into(), "linkedlist".into())
        );
        assert_eq!(of(Format::Nuget, None, "Newtonsoft.Json").unwrap().1, "newtonsoft.json");
        assert!(of(Format::Pypi, Some("x"), "y").is_err());
        assert!(of(Format::Generic, None, "y").is_err());
        assert!(of(Format::Generic, Some(&"x".repeat(800)), "y").is_err());
    }

    #[test]
    fn arns_of_packages_keep_the_place_of_the_namespace() {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let repository = DomainName { scope, name: "d".into() }.repository("r");
        let react = Coordinates::normal(Format::Npm, "", "react");
        assert_eq!(
            repository.package_arn(&react).to_string(),
            "arn:aws:codeartifact:us-east-1:123456789012:package/d/r/npm//react"
        );
    }
}
