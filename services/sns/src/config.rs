//! What the operator sets.

use aws::Secret;
use outbound::Guard;
use serde::Deserialize;

/// What the service is told of its surroundings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address of this server as subscribers reach it, without a slash at its end.
    pub endpoint: String,
    /// Makes the connections to subscribers by HTTP.
    pub guard: Guard,
    /// Without it, there are no subscriptions by e-mail.
    pub smtp: Option<Smtp>,
}

/// The mail server that takes messages for subscribers by e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: SmtpTls,
    /// The sender's address.
    pub from: String,
    pub credentials: Option<(String, Secret)>,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Plain at first, then TLS; without TLS nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Plain, for a mail server on the same machine.
    None,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("[smtp] from: `{0}` is no e-mail address")]
    Sender(String),
    #[error("[smtp] host: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
}
