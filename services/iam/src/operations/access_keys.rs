//! Long-term access keys. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;
use store::{Key, Range, ReadTx, Versioned};

use super::{Answer, describe, second};
use crate::access::user_name;
use crate::authenticate::user_by_id;
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id, new_secret};
use crate::limits;
use crate::page::Wanted;
use crate::records::{AccessKey, Entity, User};

/// The secret is answered here and never again. Errors: NoSuchEntity, LimitExceeded, ValidationError.
pub async fn create_access_key(
    iam: &Iam,
    ctx: &Ctx,
    input: model::CreateAccessKey,
) -> Answer<model::CreateAccessKeyOutput> {
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    let (id, secret, created_at) = (new_id(Prefix::LongTermKey), new_secret(), second(ctx));
    let sealed_secret = iam.sealer.seal(&AccessKey::purpose(&id), secret.as_bytes())?;
    let key = AccessKey {
        id: id.clone(),
        account: account.clone(),
        user_id: String::new(),
        sealed_secret,
        active: true,
        created_at,
        last_used: None,
    };
    let user_name = iam
        .change(move |tx| {
            let user = User::load(tx, &account, &name)?.into_inner();
            let owned = Range::prefix(Key::of(&user.id));
            let present = tx.count_index::<AccessKey>(AccessKey::BY_USER, owned)?;
            limits::room_for_one("AccessKeysPerUser", present, limits::ACCESS_KEYS_PER_USER)?;
            tx.put(&AccessKey { user_id: user.id, ..key.clone() })?;
            Ok(user.name)
        })
        .await?;
    Ok(model::CreateAccessKeyOutput {
        access_key: model::AccessKey {
            user_name,
            access_key_id: id,
            status: describe::status(true),
            secret_access_key: secret,
            create_date: Some(created_at),
        },
    })
}

/// Oldest first. Errors: NoSuchEntity, ValidationError.
pub async fn list_access_keys(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListAccessKeys,
) -> Answer<model::ListAccessKeysOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    let (user, keys) = iam
        .store
        .read(move |tx| {
            let user = User::load(tx, &account, &name)?.into_inner();
            let owned = Range::prefix(Key::of(&user.id));
            // The administrator may have one more: the key that the server was started with.
            let keys = tx.scan_index::<AccessKey>(AccessKey::BY_USER, owned, 100)?.into_records();
            Ok::<_, Error>((user, keys))
        })
        .await?;
    let page = wanted.slice(ctx, keys.len(), |index| model::AccessKeyMetadata {
        user_name: Some(user.name.clone()),
        access_key_id: Some(keys[index].id.clone()),
        status: Some(describe::status(keys[index].active)),
        create_date: Some(keys[index].created_at),
    });
    Ok(model::ListAccessKeysOutput {
        is_truncated: Some(page.is_truncated()),
        access_key_metadata: page.items,
        marker: page.marker,
    })
}

/// Switches a key on or off. Errors: NoSuchEntity, ValidationError.
pub async fn update_access_key(
    iam: &Iam,
    ctx: &Ctx,
    input: model::UpdateAccessKey,
) -> Answer<model::UpdateAccessKeyOutput> {
    let active = input.status == model::StatusType::Active;
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    iam.change(move |tx| {
        let mut key = key_of_user(tx, &account, &name, &input.access_key_id)?;
        key.active = active;
        tx.put(&key.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UpdateAccessKeyOutput::default())
}

/// Errors: NoSuchEntity, ValidationError.
pub async fn delete_access_key(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteAccessKey,
) -> Answer<model::DeleteAccessKeyOutput> {
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    iam.change(move |tx| {
        let key = key_of_user(tx, &account, &name, &input.access_key_id)?;
        tx.delete::<AccessKey>(&AccessKey::key_of(&key.id))?;
        Ok(())
    })
    .await?;
    Ok(model::DeleteAccessKeyOutput::default())
}

/// `N/A` stands for never. Errors: AccessDenied for keys of other accounts, and for those that nobody has.
pub async fn get_access_key_last_used(
    iam: &Iam,
    ctx: &Ctx,
    input: model::GetAccessKeyLastUsed,
) -> Answer<model::GetAccessKeyLastUsedOutput> {
    let account = ctx.scope.account.clone();
    let refusal = format!(
        "User: {} is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key {}",
        ctx.caller.principal.arn(),
        input.access_key_id
    );
    let (user, last_used) = iam
        .store
        .read(move |tx| {
            let key = tx.get::<AccessKey>(&AccessKey::key_of(&input.access_key_id))?;
            let key = key.filter(|key| key.account == account);
            let key = key.ok_or_else(|| Error::AccessDenied(refusal.clone()))?.into_inner();
            Ok::<_, Error>((user_by_id(tx, &key.user_id)?, key.last_used))
        })
        .await?;
    let never = || "N/A".to_owned();
    Ok(model::GetAccessKeyLastUsedOutput {
        user_name: user.map(|user| user.name),
        access_key_last_used: Some(match last_used {
            Some(last_use) => model::AccessKeyLastUsed {
                last_used_date: Some(last_use.at),
                service_name: last_use.service,
                region: last_use.region,
            },
            None => model::AccessKeyLastUsed { last_used_date: None, service_name: never(), region: never() },
        }),
    })
}

fn key_of_user(
    tx: &mut ReadTx<'_>,
    account: &aws::AccountId,
    user_name: &str,
    id: &str,
) -> Result<Versioned<AccessKey>, Error> {
    let user = User::load(tx, account, user_name)?;
    let key = tx.get::<AccessKey>(&AccessKey::key_of(id))?;
    key.filter(|key| key.user_id == user.id).ok_or_else(|| Error::NoSuchAccessKey(id.to_owned()))
}
