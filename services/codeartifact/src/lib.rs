//! CodeArtifact: domains, repositories and the packages in them, by the API and by the protocols of package managers.
//!
//! `packages` is what is true of packages in every format: publishing, statuses, upstream repositories, copies, events.
//! `operations` are the API. `http` is what package managers talk to, one module for each format. `versions` and `names`
//! are the rules of the formats for versions and names, without I/O, `package_names` those that clients need as well.
//!
//! `groups` are the rules for many packages at once.
//! `finding` is which words a package has and which packages fit a query; `packages::listing` keeps them.
//! `settings` are what tags of repositories choose, `retention` is which versions a rule lets go, `sweep` lets them go.
//! `external` is what is known of packages outside, and how they come in.
//! `maven_files` is what lies in a repository of Maven.
//! `bundle` is the form in which packages are carried to where there is no internet.
//! `advisories` is what is known of versions that are malicious or vulnerable, and which of them are blocked.
//!
//! The bytes of assets are blobs, stored once; a domain counts each content once ([`records::DomainBlob`]). Only
//! `packages::writing` stores and removes versions, so that bytes, records and events of a change belong together.

mod access;
mod advisories;
pub mod bundle;
mod content;
mod error;
mod external;
mod finding;
mod forgetting;
mod groups;
mod http;
pub mod maven_files;
mod names;
mod operations;
pub mod package_names;
mod packages;
mod records;
mod retention;
mod service_tokens;
mod settings;
mod shapes;
mod sweep;
mod tokens;
mod upkeep;
mod versions;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws::Client;
use blob::collection::References;
use blob::{Blobs, Digest};
use seal::Sealer;
use store::{Key, ReadTx, Store};

pub use advisories::{AdvisorySource, Blocking, Severity};
pub use error::Error;
pub use external::{Connection, Origin};
pub use http::{LARGEST_CARGO_PUBLICATION, LARGEST_NPM_PUBLICATION, PackageEndpoints, python_file_version};
pub use operations::router;

use crate::records::DomainBlob;

/// What an operator can set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address of this server as package managers reach it, without a slash at the end.
    pub endpoint: String,
    /// Where public sources are, by the names of external connections: `public:npmjs`. Nothing is fetched from elsewhere.
    pub origins: BTreeMap<String, Origin>,
    /// Folders and bundles that public sources are read from, by the names of external connections.
    pub mirrors: BTreeMap<String, PathBuf>,
    /// How often the rules of repositories that hold by themselves are carried out.
    pub retention_every: Duration,
    /// The list of advisories, if there is one.
    pub advisories: Option<AdvisorySource>,
}

/// The service's state. [`router`] serves its API, [`PackageEndpoints`] the package managers.
pub struct CodeArtifact {
    config: Config,
    store: Store,
    blobs: Blobs,
    sealer: Sealer,
    /// Without an identity: for the roles of service tokens.
    client: Client,
    sessions: service_tokens::Sessions,
    outside: external::Outside,
    advisories: advisories::Advisories,
}

impl CodeArtifact {
    /// `sealer` is for the tokens of package managers; `client` needs no identity.
    pub fn new(config: Config, store: Store, blobs: Blobs, sealer: Sealer, client: Client) -> Arc<Self> {
        let endpoint = config.endpoint.trim_end_matches('/').to_owned();
        let outside = external::Outside::new(config.origins.clone(), &config.mirrors);
        let advisories = advisories::Advisories::new(config.advisories.clone());
        let sessions = service_tokens::Sessions::default();
        Arc::new(Self {
            config: Config { endpoint, ..config },
            store,
            blobs,
            sealer,
            client,
            sessions,
            outside,
            advisories,
        })
    }

    /// Reads the list of advisories. Errors: `Internal`, if it is wrong.
    pub async fn read_advisories(&self) -> Result<(), Error> {
        self.advisories.begin().await
    }

    /// Looks whether the folders and bundles that stand for public sources can be read. Errors: `Internal`, if not.
    pub async fn check_mirrors(&self) -> Result<(), Error> {
        self.outside.check().await
    }

    /// Keeps the list of advisories as its files are. Ends at once if there is none.
    pub async fn follow_advisories(&self) {
        self.advisories.follow().await;
    }
}

impl References for CodeArtifact {
    fn names(&self, tx: &mut ReadTx<'_>, blob: Digest) -> Result<bool, store::Error> {
        let page = tx.scan_index::<DomainBlob>(DomainBlob::BLOB, Key::of(blob.to_string()), 1)?;
        Ok(!page.records.is_empty())
    }
}
