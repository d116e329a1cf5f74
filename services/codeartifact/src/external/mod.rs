//! Packages from outside: through the external connection of a repository, from an address that only the operator gives.
//!
//! What is known of a package outside is kept in a record, and asked for again when it is old; a package that is not
//! there is remembered for a short time. While the origin cannot be reached, what is known goes on being served. Bytes are
//! fetched when somebody reads them, once for all who wait, held against the hashes that the index says, and from then on
//! are the domain's.

mod bring;
mod cargo;
mod connections;
mod fetch;
mod known;
mod maven;
mod npm;
mod offers;
mod pypi;
mod turns;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

pub use bring::{Wanted, bring};
pub use connections::Connection;
pub use known::refresh;
pub use maven::offered;

use self::fetch::Http;
use self::offers::Offers;
use self::turns::Turns;

/// Where a public source is, by the name of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Of its index, without a slash at the end.
    pub url: String,
    /// Hosts beside that of the index from which files may come.
    pub file_hosts: Vec<String>,
}

/// Why an origin was of no help.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Trouble {
    #[error("{connection} has no address: the operator of this server has to configure its origin")]
    NotConfigured { connection: String },
    #[error("the origin of {connection} cannot be reached: {cause}")]
    Unreachable { connection: String, cause: String },
    #[error("the origin of {connection} answered {what}")]
    Answer { connection: String, what: String },
}

/// The outside as this process knows it.
pub struct Outside {
    origins: BTreeMap<String, Origin>,
    http: Http,
    turns: Turns,
    offers: Offers,
    /// Where indexes of cargo say that crates are, by connection, and when they said it.
    downloads: Mutex<BTreeMap<String, (Instant, String)>>,
    /// Origins that failed, and when: they are left alone for a moment.
    failed: Mutex<BTreeMap<String, (Instant, Trouble)>>,
}

impl Outside {
    pub fn new(origins: BTreeMap<String, Origin>) -> Self {
        Self {
            origins,
            http: Http::default(),
            turns: Turns::default(),
            offers: Offers::default(),
            downloads: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Errors: `NotConfigured`.
    pub fn origin(&self, connection: &str) -> Result<&Origin, Trouble> {
        let not_configured = || Trouble::NotConfigured { connection: connection.to_owned() };
        self.origins.get(connection).ok_or_else(not_configured)
    }
}
