//! TLS to a real PostgreSQL.
//!
//! Runs when `STAGEWRIGHT_TEST_POSTGRES` names a server on 127.0.0.1 that has TLS, and `STAGEWRIGHT_TEST_POSTGRES_TLS` a
//! folder with `ca.crt`, the authority of its certificate, which is for 127.0.0.1 only, and `stranger.crt`, another
//! authority. `scripts/test` sets both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "contract/rig.rs"]
mod rig;

use std::path::Path;

use rig::Rig;
use store::{Config, Error, Store};

const TLS: &str = "STAGEWRIGHT_TEST_POSTGRES_TLS";

struct Server {
    rig: Rig,
    certificates: String,
}

impl Server {
    /// `None`, with a note, when no folder of certificates is named.
    async fn given() -> Option<Self> {
        let Ok(certificates) = std::env::var(TLS) else {
            rig::note(&format!("{TLS} is not set: TLS to PostgreSQL was not tried."));
            return None;
        };
        Some(Self { rig: Rig::postgres().await?, certificates })
    }

    /// Opens a store over connections with these settings; answers the versions of TLS that they have, empty for none.
    async fn versions(&self, host: &str, settings: &str) -> Result<Vec<String>, Error> {
        let url = self.rig.postgres_url().replacen("127.0.0.1", host, 1);
        let store = Store::open(Config::Postgres { url: format!("{url}&{settings}") }).await?;
        let sql = format!(
            "SELECT DISTINCT coalesce(version, '') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = '{}' AND pid <> pg_backend_pid()",
            self.rig.schema()
        );
        let url = self.rig.postgres_url();
        let ask = move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            let rows = client.query(&sql, &[]).unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        };
        let versions = std::thread::spawn(ask).join().unwrap();
        store.close().await;
        Ok(versions)
    }

    async fn refusal(&self, host: &str, settings: &str) -> String {
        match self.versions(host, settings).await {
            Ok(versions) => panic!("{settings} was let in to {host} with {versions:?}"),
            Err(error) => error.to_string(),
        }
    }

    fn authority(&self, name: &str) -> String {
        format!("sslrootcert={}", Path::new(&self.certificates).join(name).display())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mode_says_whether_there_is_tls() {
    let Some(server) = Server::given().await else { return };
    assert_eq!(server.versions("127.0.0.1", "sslmode=disable").await.unwrap(), [""]);
    for mode in ["prefer", "require"] {
        assert_eq!(
            server.versions("127.0.0.1", &format!("sslmode={mode}")).await.unwrap(),
            ["TLSv1.3"],
            "{mode}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_the_authority_is_verified_by_chain_and_by_name() {
    let Some(server) = Server::given().await else { return };
    let ours = server.authority("ca.crt");
    for mode in ["require", "verify-ca", "verify-full"] {
        let settings = format!("sslmode={mode}&{ours}");
        assert_eq!(server.versions("127.0.0.1", &settings).await.unwrap(), ["TLSv1.3"], "{mode}");
    }
    // The same server under a name that its certificate does not have.
    assert_eq!(
        server.versions("localhost", &format!("sslmode=verify-ca&{ours}")).await.unwrap(),
        ["TLSv1.3"]
    );
    let message = server.refusal("localhost", &format!("sslmode=verify-full&{ours}")).await;
    assert!(message.contains("the certificate that localhost shows is not trusted"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_is_refused_and_nothing_is_sent_in_the_clear() {
    let Some(server) = Server::given().await else { return };
    for (mode, authority) in [
        ("require", server.authority("stranger.crt")),
        ("verify-ca", server.authority("stranger.crt")),
        ("verify-full", server.authority("stranger.crt")),
        ("verify-full", "sslrootcert=system".to_owned()),
    ] {
        let message = server.refusal("127.0.0.1", &format!("sslmode={mode}&{authority}")).await;
        let says = "the certificate that 127.0.0.1 shows is not trusted: UnknownIssuer. sslrootcert names";
        assert!(message.contains(says), "{mode}: {message}");
    }
}
