//! What CodeArtifact stores. Apart from the shapes of the API, and versioned.

mod domain;
mod download;
mod external;
mod group;
mod listing;
mod package;
mod repository;
mod ruby;
mod service_token;
mod version;

pub use domain::{Domain, DomainBlob, Policy, Usage};
pub use download::Download;
pub use external::{External, ExternalVersion, RemoteFile, RemoteVersion};
pub use group::{Group, Mode, Rule, Rules};
pub use listing::{Listing, Place};
pub use package::{Checksums, Package, Permission, Restrictions};
pub use repository::Repository;
pub use ruby::{Gem, GemDependency, Requirement};
pub use service_token::{ServiceToken, TokenPermission};
pub use version::{
    Asset, Cargo, Contents, Dependency, Maven, Metadata, Native, Npm, Nuget, Origin, Plugin, PythonFile,
    Status, Swift, Version,
};
