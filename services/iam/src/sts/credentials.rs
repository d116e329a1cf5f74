//! Issuing temporary credentials.

use std::time::Duration;

use aws::{Ctx, Principal, Session, Timestamp};
use sts_model as model;

use crate::authenticate::SessionSecrets;
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id, new_secret, new_session_token};
use crate::records::SessionKey;
use seal::SealError;

/// Ended sessions that are cleared away with each new one: more than one, so that they cannot pile up.
const CLEARED_AT_ONCE: usize = 20;

/// What a session is to be.
pub struct NewSession {
    pub principal: Principal,
    pub session: Session,
    pub federating_user_id: Option<String>,
}

/// When a session that is made now for so many seconds begins and ends.
pub fn lifetime(ctx: &Ctx, seconds: i32) -> (Timestamp, Timestamp) {
    let issued_at = Timestamp::from_millis(ctx.now().as_secs() * 1_000);
    let seconds = u64::try_from(seconds).unwrap_or(0);
    (issued_at, issued_at.plus(Duration::from_secs(seconds)))
}

/// Makes credentials. They are durable when this returns.
pub async fn issue(iam: &Iam, ctx: &Ctx, new: NewSession) -> Result<model::Credentials, Error> {
    let (id, secret, token) = (new_id(Prefix::TemporaryKey), new_secret(), new_session_token());
    let secrets = SessionSecrets { secret: secret.clone(), token: token.clone() };
    let secrets = serde_json::to_vec(&secrets).map_err(|_| SealError::Seal)?;
    let expiration = new.session.expires_at;
    let key = SessionKey {
        id: id.clone(),
        sealed: iam.sealer.seal(&SessionKey::purpose(&id), &secrets)?,
        principal: new.principal,
        session: new.session,
        federating_user_id: new.federating_user_id,
    };
    let now = ctx.now();
    iam.store
        .write(move |tx| {
            let ended = tx.scan_index::<SessionKey>(
                SessionKey::BY_EXPIRY,
                SessionKey::ended_before(now),
                CLEARED_AT_ONCE,
            )?;
            for session in ended.records {
                tx.delete::<SessionKey>(&SessionKey::key_of(&session.id))?;
            }
            tx.put(&key)?;
            Ok::<_, Error>(())
        })
        .await?;
    Ok(model::Credentials { access_key_id: id, secret_access_key: secret, session_token: token, expiration })
}
