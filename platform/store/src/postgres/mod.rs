//! PostgreSQL, for several nodes.
//!
//! Writing transactions are serialisable and are run again when they give way to another; single statements (claims,
//! heartbeats, acknowledgements) run under the statement-level isolation for which they are written. Each database
//! thread has its own connection, made when it is first needed and again when it broke.

mod connection;
mod listener;
mod schema;
mod tls;
mod worker;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::aftermath::Aftermath;
use crate::job::Job;
use crate::pool::{Jobs, Threads};
use crate::{Error, Options};

use connection::Postgres;
use tls::Tls;
use worker::Worker;

/// What the threads of one store share.
struct Server {
    address: Address,
    /// The channel on which the nodes that use this schema notify each other.
    channel: String,
    /// Tells our own notifications from those of other nodes.
    node: String,
    aftermath: Aftermath,
    closing: AtomicBool,
}

/// Where the server is, and how connections to it are made.
struct Address {
    config: postgres::Config,
    tls: Tls,
}

/// Connects, migrates the schema and starts the threads.
pub(crate) fn start(
    url: &str,
    options: &Options,
    reads: mpsc::Receiver<Box<dyn Job>>,
    writes: mpsc::Receiver<Box<dyn Job>>,
    threads: &Threads,
    aftermath: &Aftermath,
) -> Result<(), Error> {
    let address = Address::of(url)?;
    let mut connection = Postgres::connect(&address)?;
    schema::migrate(&mut connection)?;
    let server = Arc::new(Server {
        address,
        channel: listener::channel(&mut connection)?,
        node: format!("{:016x}", RandomState::new().hash_one(std::process::id())),
        aftermath: aftermath.clone(),
        closing: AtomicBool::new(false),
    });
    let (reads, writes) = (Jobs::new(reads), Jobs::new(writes));
    let mut first = Some(connection);
    for number in 0..options.writers.max(1) {
        let (worker, jobs) = (Worker::new(server.clone(), first.take()), writes.clone());
        threads.spawn(&format!("store-writer-{number}"), move || worker.run(&jobs))?;
    }
    for number in 0..options.readers.max(1) {
        let (worker, jobs) = (Worker::new(server.clone(), None), reads.clone());
        threads.spawn(&format!("store-reader-{number}"), move || worker.run(&jobs))?;
    }
    threads.spawn("store-listener", move || listener::run(&server))
}

impl Address {
    fn of(url: &str) -> Result<Self, Error> {
        let (settings, url) = tls::settings(url)?;
        let mut config: postgres::Config = url.parse().map_err(|error: postgres::Error| {
            // The URL holds a password, so it is not repeated.
            Error::engine(format!("the database URL cannot be read: {error}"))
        })?;
        config.ssl_mode(settings.mode.negotiated());
        if config.get_application_name().is_none() {
            config.application_name("stagewright");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        if config.get_tcp_user_timeout().is_none() {
            // Notice within this time that the server is gone, rather than within the kernel's quarter of an hour.
            config.tcp_user_timeout(Duration::from_secs(30));
        }
        Ok(Self { config, tls: Tls::new(&settings)? })
    }
}
