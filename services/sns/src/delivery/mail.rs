//! Messages as e-mail, handed over to the operator's mail server.
//! Source: SNS Developer Guide, "Email notifications".

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::http::Failure;
use crate::config::{Smtp, SmtpTls, Unusable};

/// Of each step of the conversation with the mail server.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Who sends, if the topic has no display name.
const SENDER: &str = "AWS Notifications";

/// Hands e-mails over.
pub(crate) struct Mailer {
    from: Address,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

pub(crate) struct Mail<'m> {
    pub to: &'m str,
    /// The topic's.
    pub display_name: &'m str,
    pub subject: &'m str,
    pub text: String,
    pub message_id: &'m str,
}

impl Mailer {
    pub fn new(smtp: &Smtp) -> Result<Self, Unusable> {
        let from = smtp.from.parse().map_err(|_| Unusable::Sender(smtp.from.clone()))?;
        let tls = match smtp.tls {
            SmtpTls::Starttls => Tls::Required(TlsParameters::new(smtp.host.clone())?),
            SmtpTls::Implicit => Tls::Wrapper(TlsParameters::new(smtp.host.clone())?),
            SmtpTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
            .port(smtp.port)
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = &smtp.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
        }
        Ok(Self { from, transport: builder.build() })
    }

    /// Whether an endpoint is the address of one mailbox.
    pub fn is_address(endpoint: &str) -> bool {
        endpoint.parse::<Address>().is_ok()
    }

    /// The mail server has taken the e-mail; whether it arrives, nobody tells. Errors: `Refused` if the mail server said
    /// that it never will, else `Unavailable`.
    pub async fn send(&self, mail: &Mail<'_>) -> Result<(), Failure> {
        let refused = |error: &dyn std::fmt::Display| Failure::Refused(error.to_string());
        let to: Address = mail.to.parse().map_err(|error: lettre::address::AddressError| refused(&error))?;
        let name = if mail.display_name.is_empty() { SENDER } else { mail.display_name };
        let message = Message::builder()
            .from(Mailbox::new(Some(name.to_owned()), self.from.clone()))
            .to(Mailbox::new(None, to))
            .subject(mail.subject)
            .message_id(Some(format!("<{}@{}>", mail.message_id, self.from.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| refused(&error))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Failure::Refused(error.to_string())),
            Err(error) => Err(Failure::Unavailable(error.to_string())),
        }
    }
}

/// A notification with the way out of the subscription.
pub(super) fn notification(message: &str, unsubscribe_url: &str) -> String {
    format!(
        "{message}\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit the link \
         below to unsubscribe:\n{unsubscribe_url}\n\nPlease do not reply directly to this email.\n"
    )
}

pub(super) fn invitation(topic_arn: &str, subscribe_url: &str) -> String {
    format!(
        "You have chosen to subscribe to the topic:\n{topic_arn}\n\nTo confirm this subscription, click or visit the link \
         below (if this was in error, no action is necessary):\n{subscribe_url}\n\nPlease do not reply directly to this \
         email.\n"
    )
}

pub(super) fn farewell(topic_arn: &str, subscribe_url: &str) -> String {
    format!(
        "Your subscription to the topic below has been deactivated:\n{topic_arn}\n\nIf this was in error, click or visit \
         the link below to restore it:\n{subscribe_url}\n\nPlease do not reply directly to this email.\n"
    )
}
