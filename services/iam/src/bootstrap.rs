//! The first administrator of an account, made sure of at every start.

use aws::{AccountId, Caller, FIRST_USER, Secret, Timestamp};

use crate::authenticate::principal_of;
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id, new_secret};
use crate::managed::ADMINISTRATOR_ACCESS;
use crate::records::{AccessKey, Entity, Policies, User, named};

/// The administrator as it stands after [`Iam::bootstrap`].
pub struct Administrator {
    pub caller: Caller,
    /// A key that was made just now, because the administrator had none: to be shown once, and written nowhere.
    pub new_key: Option<(String, Secret)>,
}

impl Iam {
    /// Makes sure that the account has a user `administrator` to whom AdministratorAccess is attached and who has an
    /// access key: the given one, else any. Writes only what is missing or different, so it may be called at each
    /// start, and on several nodes at once.
    ///
    /// # Errors
    /// `InvalidInput` when the given key id belongs to somebody else.
    pub async fn bootstrap(
        &self,
        account: &AccountId,
        given: Option<(String, Secret)>,
    ) -> Result<Administrator, Error> {
        let created_at = Timestamp::from_millis(Timestamp::now().as_secs() * 1_000);
        // Made before the transaction, which may run twice.
        let (user_id, key_id, secret) = (new_id(Prefix::User), new_id(Prefix::LongTermKey), new_secret());
        let (is_given, key_id, secret) = match given {
            Some((id, secret)) => (true, id, secret.reveal().to_owned()),
            None => (false, key_id, secret),
        };
        let sealed_secret = self.sealer.seal(&AccessKey::purpose(&key_id), secret.as_bytes())?;
        let key = AccessKey {
            id: key_id.clone(),
            account: account.clone(),
            user_id: user_id.clone(),
            sealed_secret,
            active: true,
            created_at,
            last_used: None,
        };
        let account = account.clone();
        let sealer = self.sealer.clone();
        let wanted_secret = secret.clone();
        let (user, made) = self
            .change(move |tx| {
                let user = ensure_user(tx, &account, &user_id, created_at)?;
                let key = AccessKey { user_id: user.id.clone(), ..key.clone() };
                let made = if is_given {
                    ensure_key(tx, &key, |known| {
                        let purpose = AccessKey::purpose(&known.id);
                        sealer
                            .open_text(&purpose, &known.sealed_secret)
                            .is_ok_and(|text| text == wanted_secret)
                    })?;
                    false
                } else {
                    ensure_any_key(tx, &key)?
                };
                Ok((user, made))
            })
            .await?;
        let caller = Caller {
            principal: principal_of(&user),
            access_key_id: (is_given || made).then(|| key_id.clone()),
            session: None,
        };
        Ok(Administrator { caller, new_key: made.then(|| (key_id, Secret::new(secret))) })
    }
}

fn ensure_user(
    tx: &mut store::WriteTx<'_>,
    account: &AccountId,
    new_id: &str,
    created_at: Timestamp,
) -> Result<User, Error> {
    let known = tx.get::<User>(&named(account, FIRST_USER))?;
    let is_known = known.is_some();
    let mut user = known.map(store::Versioned::into_inner).unwrap_or_else(|| User {
        account: account.clone(),
        name: FIRST_USER.to_owned(),
        path: "/".to_owned(),
        id: new_id.to_owned(),
        created_at,
        groups: Vec::new(),
        policies: Policies::default(),
        tags: Vec::new(),
    });
    let attached = &mut user.policies_mut().attached;
    if !attached.iter().any(|arn| arn == ADMINISTRATOR_ACCESS) {
        attached.push(ADMINISTRATOR_ACCESS.to_owned());
        tx.put(&user)?;
    } else if !is_known {
        tx.put(&user)?;
    }
    Ok(user)
}

/// Stores the given key unless it is there as it should be.
fn ensure_key(
    tx: &mut store::WriteTx<'_>,
    key: &AccessKey,
    has_secret: impl Fn(&AccessKey) -> bool,
) -> Result<(), Error> {
    match tx.get::<AccessKey>(&AccessKey::key_of(&key.id))? {
        Some(known) if known.account != key.account => Err(Error::InvalidInput(format!(
            "The access key {} belongs to account {}, not to {}. Choose that account, or another key.",
            key.id, known.account, key.account
        ))),
        Some(known) if known.user_id != key.user_id => Err(Error::InvalidInput(format!(
            "The access key {} belongs to another user than the administrator.",
            key.id
        ))),
        Some(known) if known.active && has_secret(&known) => Ok(()),
        Some(_) | None => {
            tx.put(key)?;
            Ok(())
        }
    }
}

/// Stores the new key if the administrator has none. Answers whether it did.
fn ensure_any_key(tx: &mut store::WriteTx<'_>, key: &AccessKey) -> Result<bool, Error> {
    let keys = tx.scan_index::<AccessKey>(AccessKey::BY_USER, store::Key::of(&key.user_id), 1)?;
    if !keys.records.is_empty() {
        return Ok(false);
    }
    tx.put(key)?;
    Ok(true)
}
