//! Packages from outside: through the external connection of a repository, from an address that only the operator gives.
//!
//! What is known of a package outside is kept in a record, and asked for again when it is old; a package that is not
//! there is remembered for a short time. While the origin cannot be reached, what is known goes on being served. Bytes are
//! fetched when somebody reads them, once for all who wait, held against the hashes that the index says, and from then on
//! are the domain's.
//!
//! Instead of an address there may be a folder or a bundle (`local`): everything else is the same.

mod bring;
mod cargo;
mod connections;
mod fetch;
mod known;
mod local;
mod maven;
mod npm;
mod nuget;
mod offers;
mod pypi;
mod ruby;
mod turns;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use bring::{Wanted, bring};
pub use connections::Connection;
pub use known::refresh;
pub use maven::offered;
pub use ruby::list as gems;

use self::fetch::{Http, Page};
use self::local::Mirror;
use self::offers::Offers;
use self::turns::Turns;
use crate::content::Receiver;
use crate::error::Error;

/// How long it is good what an index has said of where its files are.
const FRESH: Duration = Duration::from_secs(300);

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
    mirrors: BTreeMap<String, Mirror>,
    http: Http,
    turns: Turns,
    offers: Offers,
    /// Where an index of cargo says that crates are, and one of NuGet that registrations are, by connection, and when it said so.
    places: Mutex<BTreeMap<String, (Instant, String)>>,
    /// The lists of all gems, by connection, and when they were asked for.
    gems: Mutex<BTreeMap<String, (Instant, Bytes)>>,
    /// Origins that failed, and when: they are left alone for a moment.
    failed: Mutex<BTreeMap<String, (Instant, Trouble)>>,
}

impl Outside {
    /// `mirrors` are folders and bundles that stand for addresses.
    pub fn new(mut origins: BTreeMap<String, Origin>, mirrors: &BTreeMap<String, PathBuf>) -> Self {
        let mirrors = local::all(mirrors);
        for connection in mirrors.keys() {
            let origin = Origin { url: local::ROOT.to_owned(), file_hosts: Vec::new() };
            origins.insert(connection.clone(), origin);
        }
        Self {
            origins,
            mirrors,
            http: Http::default(),
            turns: Turns::default(),
            offers: Offers::default(),
            places: Mutex::default(),
            gems: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Whether folders and bundles can be read. Errors: `Internal`, if one cannot.
    pub async fn check(&self) -> Result<(), Error> {
        for (connection, mirror) in &self.mirrors {
            let checked = mirror.check().await;
            checked.map_err(|why| Error::Internal(format!("the origin of {connection}: {why}")))?;
        }
        Ok(())
    }

    /// As `Http::page`, from wherever the origin is.
    async fn page(&self, connection: &str, url: &str, accept: &str) -> Result<Page, Trouble> {
        match self.mirrors.get(connection) {
            Some(mirror) => mirror.page(url).await,
            None => self.http.page(connection, url, accept).await,
        }
    }

    /// As `Http::file`.
    async fn file(
        &self,
        connection: &str,
        url: &str,
        receiver: &mut Receiver,
    ) -> Result<Result<(), Trouble>, Error> {
        match self.mirrors.get(connection) {
            Some(mirror) => mirror.file(url, receiver).await,
            None => self.http.file(connection, url, receiver).await,
        }
    }

    /// Where an index has said that its files are, if that is not long ago.
    fn place(&self, connection: &str) -> Option<String> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(connection).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, place)| place.clone())
    }

    fn note_place(&self, connection: &str, place: &str) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(connection.to_owned(), (Instant::now(), place.to_owned()));
    }

    /// Errors: `NotConfigured`.
    pub fn origin(&self, connection: &str) -> Result<&Origin, Trouble> {
        let not_configured = || Trouble::NotConfigured { connection: connection.to_owned() };
        self.origins.get(connection).ok_or_else(not_configured)
    }
}
