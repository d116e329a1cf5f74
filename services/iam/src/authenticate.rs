//! Keys and git passwords: who is behind them.

use std::sync::Arc;

use async_trait::async_trait;
use aws::{AccessKey, Authenticator, Caller, Principal, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Key, Range, ReadTx};
use subtle::ConstantTimeEq;

use crate::authorise::policies::session_policies;
use crate::cache::KnownSession;
use crate::error::Error;
use crate::iam::Iam;
use crate::records::{self, BY_ID, ServiceCredential, SessionKey, User};

/// What is sealed of temporary credentials.
#[derive(Serialize, Deserialize)]
pub struct SessionSecrets {
    pub secret: String,
    pub token: String,
}

#[async_trait]
impl Authenticator for Iam {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, aws::Error> {
        let id = access_key_id.to_owned();
        let known = self.cache.keys.get(&self.cache, &id, self.find_key(&id)).await?;
        Ok(known.map(|key| (*key).clone()))
    }

    async fn git_password(&self, user_name: &str, password: &Secret) -> Result<Option<Caller>, aws::Error> {
        let name = user_name.to_owned();
        let found: Result<_, Error> = self
            .store
            .read(move |tx| {
                let mut page = tx.scan_index::<ServiceCredential>(
                    ServiceCredential::BY_SERVICE_USER_NAME,
                    Key::of(&name),
                    1,
                )?;
                let Some(credential) = page.records.pop() else { return Ok(None) };
                let user = user_by_id(tx, &credential.user_id)?;
                Ok(user.map(|user| (credential.record, user)))
            })
            .await;
        let Some((credential, user)) = found? else { return Ok(None) };
        let given = password_hash(password.reveal());
        let right = bool::from(given.as_bytes().ct_eq(credential.password_sha256.as_bytes()));
        Ok((right && credential.active).then(|| Caller::of(principal_of(&user))))
    }
}

impl Iam {
    async fn find_key(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        if let Some(session) = self.session(id).await? {
            let record = &session.record;
            let secrets = self.sealer.open(&SessionKey::purpose(id), &record.sealed)?;
            let SessionSecrets { secret, token } =
                serde_json::from_slice(&secrets).map_err(|_| seal::SealError::Open)?;
            return Ok(Some(AccessKey {
                secret: Secret::new(secret),
                session_token: Some(Secret::new(token)),
                expires_at: Some(record.session.expires_at),
                active: true,
                caller: Caller {
                    principal: record.principal.clone(),
                    access_key_id: Some(id.to_owned()),
                    session: Some(Arc::new(record.session.clone())),
                },
            }));
        }
        self.find_long_term_key(id).await
    }

    async fn find_long_term_key(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        let key = records::AccessKey::key_of(id);
        let found: Option<(records::AccessKey, User)> = self
            .store
            .read(move |tx| {
                let Some(key) = tx.get::<records::AccessKey>(&key)? else { return Ok::<_, Error>(None) };
                let user = user_by_id(tx, &key.user_id)?;
                Ok(user.map(|user| (key.record, user)))
            })
            .await?;
        let Some((key, user)) = found else { return Ok(None) };
        let secret = self.sealer.open_text(&records::AccessKey::purpose(&key.id), &key.sealed_secret)?;
        Ok(Some(AccessKey {
            secret: Secret::new(secret),
            session_token: None,
            expires_at: None,
            active: key.active,
            caller: Caller { principal: principal_of(&user), access_key_id: Some(key.id), session: None },
        }))
    }

    /// The session behind a temporary key; `None` for every other key.
    pub(crate) async fn session(&self, access_key_id: &str) -> Result<Option<Arc<KnownSession>>, Error> {
        // Long-term keys begin otherwise: no lookup for them.
        if !access_key_id.starts_with("ASIA") {
            return Ok(None);
        }
        let id = access_key_id.to_owned();
        let load = async {
            let key = SessionKey::key_of(access_key_id);
            self.store
                .read(move |tx| {
                    let Some(record) = tx.get::<SessionKey>(&key)? else { return Ok::<_, Error>(None) };
                    let policies = session_policies(tx, &record)?;
                    Ok(Some(KnownSession { record: record.record, policies }))
                })
                .await
        };
        self.cache.sessions.get(&self.cache, &id, load).await
    }
}

/// The user of this unique id.
pub fn user_by_id(tx: &mut ReadTx<'_>, id: &str) -> Result<Option<User>, Error> {
    let page = tx.scan_index::<User>(BY_ID, Range::prefix(Key::of(id)), 1)?;
    Ok(page.into_records().pop())
}

pub fn principal_of(user: &User) -> Principal {
    Principal::User {
        account: user.account.clone(),
        path: user.path.clone(),
        name: user.name.clone(),
        id: user.id.clone(),
    }
}

/// SHA-256 in hexadecimal.
pub fn password_hash(password: &str) -> String {
    Sha256::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
