//! Tokens of machines: of a role, for one repository, until they are revoked.
//!
//! Whoever bears one acts in a session of the role, really assumed, that a session policy narrows to what the token is for.
//! So it ends when the token is revoked, when the role is gone, and it can never do more than the role. A session is renewed
//! when it has less than 10 of its 60 minutes left: that the role does not admit this service any more tells 50 minutes later
//! at the latest. Unlike the sealed tokens of GetAuthorizationToken it is a record, so that it can be listed.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws::{Authenticator, Caller, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sts_model::AssumeRole;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::CodeArtifact;
use crate::error::Error;
use crate::names::RepositoryName;
use crate::records::{Domain, Repository, ServiceToken, TokenPermission};

/// The service as roles admit it.
pub const PRINCIPAL: &str = "codeartifact.amazonaws.com";
/// What each begins with, so that one that leaked is found by who looks for secrets.
const PREFIX: &str = "sst_";
/// Sessions are renewed when they are good for less than this.
const RENEW_BEFORE: Duration = Duration::from_secs(10 * 60);
/// In seconds: what every role allows.
const SESSION: i32 = 3_600;
/// Sessions kept at most; they are made anew when there are more.
const MOST_SESSIONS: usize = 1_000;
/// How exactly it is noted when a token was used: a record for each request would be a write for each.
const USED_EXACTLY: Duration = Duration::from_secs(3_600);

/// A token that a request shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    id: Uuid,
    secret: String,
}

/// Why it does not admit its bearer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("The service token is not valid, or it was revoked.")]
    Unknown,
    #[error("The service token is for repository {0}, not for this one.")]
    OtherRepository(String),
    #[error("The service token has expired.")]
    Expired,
    #[error("The role of the service token, {role}, cannot be assumed: {why}")]
    Role { role: String, why: String },
}

/// The sessions of roles, by the token that each is for.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<Uuid, Session>>);

#[derive(Clone)]
struct Session {
    access_key_id: String,
    expires: Timestamp,
}

impl Shown {
    /// A new one.
    pub fn new(id: Uuid) -> Self {
        // 244 random bits.
        Self { id, secret: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()) }
    }

    /// `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(Self { id: Uuid::try_parse(id).ok()?, secret: secret.to_owned() })
    }

    /// Letters that need no escape in URLs, configuration files and headers.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}_{}", self.id.simple(), self.secret)
    }

    /// What is kept of it. The secret is random and long, so that a fast hash does.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.secret.as_bytes()))
    }
}

/// The bearer of a token for a repository. Errors: only faults; a token that admits nobody is an answer.
pub async fn bearer(
    ca: &CodeArtifact,
    authenticator: &dyn Authenticator,
    shown: &Shown,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<Result<Caller, Invalid>, aws::Error> {
    let (id, at) = (shown.id, name.clone());
    let read = ca.store.read(move |tx| {
        let domain = tx.get::<Domain>(&Domain::key_of(&at.domain))?;
        let repository = tx.get::<Repository>(&Repository::key_of(&at))?;
        let token = match &domain {
            Some(domain) => tx.get::<ServiceToken>(&ServiceToken::key_of(domain.id, id))?,
            None => None,
        };
        Ok::<_, Error>((token.map(store::Versioned::into_inner), repository.map(|repository| repository.id)))
    });
    let (token, repository) = read.await?;
    let Some(token) = token.filter(|token| token.secret_hash == shown.hash()) else {
        return Ok(Err(Invalid::Unknown));
    };
    if repository != Some(token.repository) {
        return Ok(Err(Invalid::OtherRepository(token.repository_name)));
    }
    if token.expires.is_some_and(|expires| expires <= now) {
        return Ok(Err(Invalid::Expired));
    }
    let role = |why: String| Invalid::Role { role: token.role_arn.clone(), why };
    let key = match session(ca, &token, name, now).await {
        Ok(key) => key,
        Err(error) if error.is_fault() => return Err(error),
        Err(refused) => return Ok(Err(role(refused.message))),
    };
    note_use(ca, &token, now).await?;
    let key = authenticator.access_key(&key).await?;
    Ok(key.map(|key| key.caller).ok_or_else(|| role("its session has ended".to_owned())))
}

/// The key of a session of the role, narrowed to what the token is for. Errors: as those of AssumeRole.
async fn session(
    ca: &CodeArtifact,
    token: &ServiceToken,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<String, aws::Error> {
    let mut sessions = ca.sessions.0.lock().await;
    let is_good = |session: &&Session| session.expires > now.plus(RENEW_BEFORE);
    if let Some(session) = sessions.get(&token.id).filter(is_good) {
        return Ok(session.access_key_id.clone());
    }
    let session = assume(ca, name, &token.role_arn, token.id, &token.permissions).await?;
    if sessions.len() >= MOST_SESSIONS {
        sessions.clear();
    }
    sessions.insert(token.id, session.clone());
    Ok(session.access_key_id)
}

/// Errors: as those of AssumeRole.
async fn assume(
    ca: &CodeArtifact,
    name: &RepositoryName,
    role_arn: &str,
    id: Uuid,
    permissions: &BTreeSet<TokenPermission>,
) -> Result<Session, aws::Error> {
    let service = ca.client.as_service(PRINCIPAL, name.domain.scope.clone());
    let input = AssumeRole {
        role_arn: role_arn.to_owned(),
        role_session_name: format!("service-token-{}", id.simple()),
        policy: Some(policy(name, permissions)),
        duration_seconds: Some(SESSION),
        ..AssumeRole::default()
    };
    let answer = service.on_behalf_of(&name.arn().to_string()).call(input).await?;
    let none = || aws::Error::internal("AssumeRole answered no credentials");
    let credentials = answer.credentials.ok_or_else(none)?;
    Ok(Session { access_key_id: credentials.access_key_id, expires: credentials.expiration })
}

/// Whether the role can be had for a token. Errors: as those of AssumeRole.
pub async fn check_role(
    ca: &CodeArtifact,
    name: &RepositoryName,
    role_arn: &str,
    id: Uuid,
) -> Result<(), aws::Error> {
    assume(ca, name, role_arn, id, &BTreeSet::from([TokenPermission::Read])).await.map(|_| ())
}

/// What a token is for, as a policy of sessions.
fn policy(name: &RepositoryName, permissions: &BTreeSet<TokenPermission>) -> String {
    let scope = &name.domain.scope;
    let packages = scope.arn("codeartifact", format!("package/{}/{}/*", name.domain.name, name.name));
    let statements: Vec<_> = permissions
        .iter()
        .map(|permission| match permission {
            TokenPermission::Read => json!({
                "Effect": "Allow", "Action": "codeartifact:ReadFromRepository", "Resource": name.arn().to_string(),
            }),
            TokenPermission::Publish => json!({
                "Effect": "Allow",
                "Action": ["codeartifact:PublishPackageVersion", "codeartifact:PutPackageMetadata"],
                "Resource": packages.to_string(),
            }),
        })
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

async fn note_use(ca: &CodeArtifact, token: &ServiceToken, now: Timestamp) -> Result<(), aws::Error> {
    if token.last_used.is_some_and(|last| now.since(last) < USED_EXACTLY) {
        return Ok(());
    }
    let key = ServiceToken::key_of(token.domain, token.id);
    let write = ca.store.write(move |tx| {
        // One that was revoked meanwhile stays so.
        if let Some(known) = tx.get::<ServiceToken>(&key)? {
            let mut known = known.into_inner();
            known.last_used = Some(now);
            tx.put(&known)?;
        }
        Ok::<_, Error>(())
    });
    Ok(write.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written() {
        let token = Shown::new(Uuid::new_v4());
        let text = token.text();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{text}");
        assert_eq!(Shown::parse(&text), Some(token.clone()));
        assert_ne!(Shown::parse(&format!("{text}0")).map(|other| other.hash()), Some(token.hash()));
        for other in ["", "sst_", "sst_x_y", "eyJ2"] {
            assert_eq!(Shown::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_session_can_do_what_the_token_is_for() {
        let scope = aws::Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        let name = crate::names::DomainName { scope, name: "d".into() }.repository("r");
        let read = policy(&name, &BTreeSet::from([TokenPermission::Read]));
        assert!(read.contains(":repository/d/r") && !read.contains("Publish"), "{read}");
        let both = policy(&name, &BTreeSet::from([TokenPermission::Read, TokenPermission::Publish]));
        assert!(both.contains(":package/d/r/*") && both.contains("ReadFromRepository"), "{both}");
    }
}
