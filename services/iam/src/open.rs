//! `auth = "open"`: any key is the account's administrator. For test rigs; the binary allows it on loopback only.

use std::sync::Arc;

use async_trait::async_trait;
use aws::{AccessKey, Authenticator, Caller, Secret};

use crate::iam::Iam;

/// Knows the keys that exist as what they are – a session of a role stays one – and takes every other key for the
/// administrator's. Signatures are not checked.
pub struct OpenAuthenticator {
    iam: Arc<Iam>,
    administrator: Caller,
}

impl OpenAuthenticator {
    pub fn new(iam: Arc<Iam>, administrator: Caller) -> Self {
        OpenAuthenticator { iam, administrator }
    }
}

#[async_trait]
impl Authenticator for OpenAuthenticator {
    async fn access_key(&self, access_key_id: &str) -> Result<Option<AccessKey>, aws::Error> {
        if let Some(known) = self.iam.access_key(access_key_id).await? {
            return Ok(Some(known));
        }
        let caller = Caller { access_key_id: Some(access_key_id.to_owned()), ..self.administrator.clone() };
        Ok(Some(AccessKey {
            secret: Secret::default(),
            session_token: None,
            expires_at: None,
            active: true,
            caller,
        }))
    }

    async fn git_password(&self, user_name: &str, password: &Secret) -> Result<Option<Caller>, aws::Error> {
        let known = self.iam.git_password(user_name, password).await?;
        Ok(Some(known.unwrap_or_else(|| self.administrator.clone())))
    }

    fn is_open(&self) -> bool {
        true
    }
}
