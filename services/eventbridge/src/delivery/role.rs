//! Whose permissions a target is called with: the target's role, really assumed.

use std::collections::HashMap;
use std::time::Duration;

use aws::{Client, Credentials, Scope, Secret, Timestamp};
use sts_model::AssumeRole;
use tokio::sync::Mutex;

use super::targets::Failure;
use crate::PRINCIPAL;
use crate::records::Rule;

/// Sessions are renewed when they are good for less than this.
const RENEW_BEFORE: Duration = Duration::from_secs(10 * 60);
/// Sessions kept at most; they are made anew when there are more.
const MOST_SESSIONS: usize = 1_000;
const LONGEST_SESSION_NAME: usize = 64;

/// The sessions of roles, each for one rule.
#[derive(Default)]
pub(crate) struct Roles(Mutex<HashMap<Session, Credentials>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    role: String,
    rule: String,
}

impl Roles {
    /// A client that acts as the role, on behalf of the rule.
    /// Errors: `FAILED_TO_ASSUME_ROLE` if the role does not admit EventBridge or does not exist.
    pub(super) async fn client(&self, client: &Client, rule: &Rule, role: &str) -> Result<Client, Failure> {
        let service = as_service(client, rule);
        let session = Session { role: role.to_owned(), rule: rule.arn() };
        let mut sessions = self.0.lock().await;
        let good =
            |held: &Credentials| held.expires_at.is_none_or(|end| end > Timestamp::now().plus(RENEW_BEFORE));
        let credentials = match sessions.get(&session).filter(|held| good(held)) {
            Some(held) => held.clone(),
            None => {
                let assumed = assume(&service, &rule.name, role).await?;
                if sessions.len() >= MOST_SESSIONS {
                    sessions.clear();
                }
                sessions.insert(session, assumed.clone());
                assumed
            }
        };
        Ok(service.with_credentials(credentials, rule.scope.region.clone()).invoked_by(PRINCIPAL))
    }

    /// A role that was deleted and made again needs a new session.
    pub(super) async fn forget(&self, rule: &Rule, role: &str) -> bool {
        let session = Session { role: role.to_owned(), rule: rule.arn() };
        self.0.lock().await.remove(&session).is_some()
    }
}

/// As EventBridge itself, on behalf of the rule.
pub(super) fn as_service(client: &Client, rule: &Rule) -> Client {
    let scope: Scope = rule.scope.clone();
    client.as_service(PRINCIPAL, scope).on_behalf_of(&rule.arn())
}

async fn assume(service: &Client, rule: &str, role: &str) -> Result<Credentials, Failure> {
    let session: String = format!("AWSEvents_{rule}").chars().take(LONGEST_SESSION_NAME).collect();
    let input = AssumeRole { role_arn: role.to_owned(), role_session_name: session, ..AssumeRole::default() };
    let answer = service.call(input).await.map_err(|error| match error.is_fault() {
        true => Failure::later("TRANSIENT_ASSUME_ROLE", error.message),
        false => {
            let message =
                format!("EventBridge is not authorized to perform: sts:AssumeRole on resource: {role}");
            Failure::never("FAILED_TO_ASSUME_ROLE", message)
        }
    })?;
    let none = || Failure::later("TRANSIENT_ASSUME_ROLE", "AssumeRole answered no credentials.");
    let credentials = answer.credentials.ok_or_else(none)?;
    Ok(Credentials {
        access_key_id: credentials.access_key_id,
        secret_access_key: Secret::new(credentials.secret_access_key),
        session_token: Some(Secret::new(credentials.session_token)),
        expires_at: Some(credentials.expiration),
    })
}
