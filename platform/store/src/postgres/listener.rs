//! The thread that hears from other nodes that a transaction was committed for which somebody here may wait.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;

use crate::Error;
use crate::signal::Signal;
use crate::sql::{self, Connection, Parameter};

use super::Server;
use super::connection::{Postgres, failure};

/// How often the thread looks whether the store was closed, should the word of it not arrive.
const LOOK_UP: Duration = Duration::from_secs(2);
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// PostgreSQL refuses longer messages than 8,000 bytes.
const LONGEST_MESSAGE: usize = 7_000;

/// The channel of the schema that the connection uses.
pub(super) fn channel(postgres: &mut Postgres) -> Result<String, Error> {
    let sql = "SELECT 'stagewright_' || oid FROM pg_namespace WHERE nspname = current_schema()";
    let channel = sql::first(postgres, sql, &[], |row| row.text(0).map(str::to_owned))?;
    channel.ok_or_else(|| Error::engine("the search path names no schema that exists"))
}

pub(super) fn run(server: &Server) {
    while !server.closing.load(Ordering::Acquire) {
        if let Err(error) = listen(server) {
            tracing::warn!(%error, "Notifications from other nodes are interrupted; trying again.");
            std::thread::sleep(RECONNECT_AFTER);
        }
    }
}

/// Tells other nodes. Errors are of no consequence beyond time: who waits looks again by itself.
pub(super) fn notify(
    postgres: &mut Postgres,
    server: &Server,
    signals: &BTreeSet<Signal>,
) -> Result<(), Error> {
    signals.iter().try_for_each(|signal| send(postgres, server, &message(&server.node, signal)))
}

/// Wakes the listening thread of this node, to find that the store was closed.
pub(super) fn notify_closing(postgres: &mut Postgres, server: &Server) -> Result<(), Error> {
    send(postgres, server, &server.node)
}

fn send(postgres: &mut Postgres, server: &Server, message: &str) -> Result<(), Error> {
    let parameters = [Parameter::Text(&server.channel), Parameter::Text(message)];
    postgres.query("SELECT pg_notify(?1, ?2)", &parameters, &mut |_| Ok(()))
}

fn listen(server: &Server) -> Result<(), Error> {
    let mut postgres = Postgres::connect(&server.address)?;
    postgres.batch(&format!("LISTEN {}", server.channel))?;
    // What was committed while nobody listened.
    server.aftermath.signals.raise_all();
    while !server.closing.load(Ordering::Acquire) {
        let mut notifications = postgres.client.notifications();
        let mut heard = notifications.timeout_iter(LOOK_UP);
        while let Some(notification) = heard.next().map_err(|error| failure(&error))? {
            hear(server, notification.payload());
            if server.closing.load(Ordering::Acquire) {
                return Ok(());
            }
        }
        drop(heard);
        drop(notifications);
        if postgres.is_closed() {
            return Err(Error::Unavailable { cause: "the connection was closed".into() });
        }
    }
    Ok(())
}

fn message(node: &str, signal: &Signal) -> String {
    let (kind, name) = match signal {
        Signal::Topic(name) => ("topic", name),
        Signal::Queue(name) => ("queue", name),
        Signal::News(name) => ("news", name),
    };
    if name.len() > LONGEST_MESSAGE { format!("{node} all") } else { format!("{node} {kind} {name}") }
}

fn hear(server: &Server, message: &str) {
    let Some((node, what)) = message.split_once(' ') else { return };
    if node == server.node {
        // Who waits here was woken by the commit itself.
        return;
    }
    match what.split_once(' ') {
        Some(("topic", name)) => server.aftermath.signals.raise(&Signal::Topic(name.to_owned())),
        Some(("queue", name)) => server.aftermath.signals.raise(&Signal::Queue(name.to_owned())),
        Some(("news", name)) => server.aftermath.signals.raise(&Signal::News(name.to_owned())),
        _ => server.aftermath.signals.raise_all(),
    }
}
