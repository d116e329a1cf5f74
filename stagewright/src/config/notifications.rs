//! `[sns]` and `[smtp]`: where messages may go, and the mail server that takes those to subscribers by e-mail.

use std::path::PathBuf;

use aws::Secret;
use outbound::Network;
use serde::Deserialize;
use sns::{Smtp, SmtpTls};

use super::Error;

/// `[sns]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notifications {
    /// Networks that no message is sent to by HTTP, and no event: for example `10.0.0.0/8`.
    pub refused_networks: Vec<Network>,
}

/// `[smtp]`: the mail server for subscriptions by e-mail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmtpSection {
    host: String,
    /// 587 if TLS is begun, 465 if the connection begins with it, 25 without.
    port: Option<u16>,
    #[serde(default)]
    tls: SmtpTls,
    /// The sender's address.
    from: String,
    username: Option<String>,
    /// The password stands in a file of its own, on its first line.
    password_file: Option<PathBuf>,
}

pub(super) fn smtp(section: SmtpSection) -> Result<Smtp, Error> {
    let credentials = match (section.username, section.password_file) {
        (None, None) => None,
        (Some(username), Some(path)) => {
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|cause| Error::PasswordFile { path, cause })?;
            Some((username, Secret::new(text.lines().next().unwrap_or_default())))
        }
        _ => return Err(Error::HalfACredential),
    };
    let usual = match section.tls {
        SmtpTls::Starttls => 587,
        SmtpTls::Implicit => 465,
        SmtpTls::None => 25,
    };
    let port = section.port.unwrap_or(usual);
    Ok(Smtp { host: section.host, port, tls: section.tls, from: section.from, credentials })
}
