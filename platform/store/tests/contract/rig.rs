//! An empty database of each engine, and the records that the tests store.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::io::Write;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store::{Config, Index, Key, Options, Record, Store};
use tempfile::TempDir;

const POSTGRES: &str = "STAGEWRIGHT_TEST_POSTGRES";

/// How long anything that is to happen may take on a busy machine; far less than any fallback of the store.
pub const SOON: Duration = Duration::from_secs(15);

pub struct Rig {
    config: Config,
    /// Removes the database in the end.
    place: Place,
}

enum Place {
    Folder { _dir: TempDir },
    Schema { url: String, schema: String },
}

impl Rig {
    pub fn sqlite() -> Rig {
        let dir = tempfile::tempdir().unwrap();
        Rig { config: Config::Sqlite { dir: dir.path().join("data") }, place: Place::Folder { _dir: dir } }
    }

    /// `None`, with a note, when no database is named. A named one that does not answer fails the test.
    pub async fn postgres() -> Option<Rig> {
        static NOTE: Once = Once::new();
        static SCHEMAS: AtomicU32 = AtomicU32::new(0);
        let Ok(url) = std::env::var(POSTGRES) else {
            NOTE.call_once(|| note(&format!("{POSTGRES} is not set: the PostgreSQL half did not run.")));
            return None;
        };
        let schema = format!("contract_{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
        execute(url.clone(), format!("CREATE SCHEMA {schema}")).await;
        let separator = if url.contains('?') { '&' } else { '?' };
        let config = Config::Postgres {
            url: format!("{url}{separator}application_name={schema}&options=-csearch_path%3D{schema}"),
        };
        Some(Rig { config, place: Place::Schema { url, schema } })
    }

    pub fn config(&self) -> Config {
        self.config.clone()
    }

    pub fn postgres_url(&self) -> String {
        match &self.config {
            Config::Postgres { url } => url.clone(),
            Config::Sqlite { dir } => panic!("{} is not on PostgreSQL", dir.display()),
        }
    }

    /// The PostgreSQL schema, which is also the name of the connections.
    pub fn schema(&self) -> &str {
        match &self.place {
            Place::Schema { schema, .. } => schema,
            Place::Folder { .. } => panic!("SQLite has no schemas"),
        }
    }

    pub async fn open(&self) -> Store {
        self.open_with(Options::default()).await
    }

    pub async fn open_with(&self, options: Options) -> Store {
        Store::open_with(self.config.clone(), options).await.unwrap()
    }

    pub async fn reopen(&self, store: Store) -> Store {
        store.close().await;
        self.open().await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Place::Schema { url, schema } = self {
            let (url, drop) = (url.clone(), format!("DROP SCHEMA {schema} CASCADE"));
            std::thread::spawn(move || {
                postgres::Client::connect(&url, postgres::NoTls)?.batch_execute(&drop)
            })
            .join()
            .unwrap()
            .unwrap();
        }
    }
}

async fn execute(url: String, statement: String) {
    let done = tokio::task::spawn_blocking(move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls)
            .unwrap_or_else(|error| panic!("{POSTGRES} is set but cannot be reached: {error}"));
        client.batch_execute(&statement).unwrap();
    });
    done.await.unwrap();
}

#[expect(
    clippy::explicit_write,
    reason = "goes past the test harness, which swallows what passing tests print"
)]
pub fn note(text: &str) {
    writeln!(std::io::stderr(), "NOTE: {text}").unwrap();
}

/// Waits for what is expected soon, and fails when it does not come.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it should have happened by now")
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    pub project: String,
    pub number: u64,
    pub status: String,
}

impl Build {
    pub fn new(project: &str, number: u64, status: &str) -> Build {
        Build { project: project.to_owned(), number, status: status.to_owned() }
    }

    pub fn key_of(project: &str, number: u64) -> Key {
        Key::of(project).and_u64(number)
    }
}

impl Record for Build {
    const KIND: &'static str = "test/build";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Build::key_of(&self.project, self.number)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new("status", Key::of(&self.status))]
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    pub name: String,
    pub value: u64,
}

impl Record for Counter {
    const KIND: &'static str = "test/counter";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Key::of(&self.name)
    }
}
