//! Git user names and passwords of IAM users. Source: IAM API Reference.

use aws::{AccountId, Ctx};
use iam_model as model;
use store::{Key, Range, ReadTx, Versioned};

use super::{Answer, describe, second};
use crate::access::user_name;
use crate::authenticate::password_hash;
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id, new_service_password};
use crate::limits;
use crate::page::Wanted;
use crate::records::{Entity, ServiceCredential, User, of_account};

/// The one service that takes such credentials here.
const CODECOMMIT: &str = "codecommit.amazonaws.com";

/// The password is answered here and never again. Errors: NoSuchEntity, LimitExceeded, ServiceNotSupported.
pub async fn create_service_specific_credential(
    iam: &Iam,
    ctx: &Ctx,
    input: model::CreateServiceSpecificCredential,
) -> Answer<model::CreateServiceSpecificCredentialOutput> {
    check_service(Some(&input.service_name))?;
    if input.credential_age_days.is_some() {
        let text = format!("CredentialAgeDays is not supported for {CODECOMMIT}.");
        return Err(Error::Validation(text));
    }
    let account = ctx.scope.account.clone();
    let (id, password, created_at) = (new_id(Prefix::ServiceCredential), new_service_password(), second(ctx));
    let password_sha256 = password_hash(&password);
    let (user, credential) = iam
        .change(move |tx| {
            let user = User::load(tx, &account, &input.user_name)?.into_inner();
            let owned = Range::prefix(Key::of(&user.id));
            let present = tx.count_index::<ServiceCredential>(ServiceCredential::BY_USER, owned)?;
            let limit = limits::SERVICE_CREDENTIALS_PER_USER;
            limits::room_for_one("ServiceSpecificCredentialsPerUser", present, limit)?;
            let credential = ServiceCredential {
                id: id.clone(),
                account: account.clone(),
                user_id: user.id.clone(),
                service: input.service_name.clone(),
                service_user_name: free_service_user_name(tx, &account, &user.name)?,
                password_sha256: password_sha256.clone(),
                active: true,
                created_at,
            };
            tx.put(&credential)?;
            Ok((user, credential))
        })
        .await?;
    Ok(model::CreateServiceSpecificCredentialOutput {
        service_specific_credential: Some(with_password(&user, credential, password)),
    })
}

/// Errors: NoSuchEntity, ServiceNotSupported, ValidationError.
pub async fn list_service_specific_credentials(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListServiceSpecificCredentials,
) -> Answer<model::ListServiceSpecificCredentialsOutput> {
    check_service(input.service_name.as_ref())?;
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let name = match (input.all_users, &input.user_name) {
        (Some(true), None) => None,
        (_, name) => Some(user_name(ctx, name.as_deref())?.to_owned()),
    };
    let all = iam
        .store
        .read(move |tx| {
            let users = match &name {
                Some(name) => vec![User::load(tx, &account, name)?.into_inner()],
                None => tx.scan::<User>(of_account(&account), limits::USERS)?.into_records(),
            };
            let mut all = Vec::new();
            for user in users {
                let owned = Range::prefix(Key::of(&user.id));
                let found = tx.scan_index::<ServiceCredential>(ServiceCredential::BY_USER, owned, 100)?;
                all.extend(found.into_records().into_iter().map(|credential| metadata(&user, credential)));
            }
            Ok::<_, Error>(all)
        })
        .await?;
    let page = wanted.slice(ctx, all.len(), |index| all[index].clone());
    Ok(model::ListServiceSpecificCredentialsOutput {
        is_truncated: Some(page.is_truncated()),
        service_specific_credentials: Some(page.items),
        marker: page.marker,
    })
}

/// Switches a credential on or off. Errors: NoSuchEntity.
pub async fn update_service_specific_credential(
    iam: &Iam,
    ctx: &Ctx,
    input: model::UpdateServiceSpecificCredential,
) -> Answer<model::UpdateServiceSpecificCredentialOutput> {
    let active = input.status == model::StatusType::Active;
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    iam.change(move |tx| {
        let (_, mut credential) = of_user(tx, &account, &name, &input.service_specific_credential_id)?;
        credential.active = active;
        tx.put(&credential.record)?;
        Ok(())
    })
    .await?;
    Ok(model::UpdateServiceSpecificCredentialOutput::default())
}

/// Gives a credential a new password, answered once. Errors: NoSuchEntity.
pub async fn reset_service_specific_credential(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ResetServiceSpecificCredential,
) -> Answer<model::ResetServiceSpecificCredentialOutput> {
    let password = new_service_password();
    let password_sha256 = password_hash(&password);
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    let (user, credential) = iam
        .change(move |tx| {
            let (user, mut credential) = of_user(tx, &account, &name, &input.service_specific_credential_id)?;
            credential.password_sha256.clone_from(&password_sha256);
            tx.put(&credential.record)?;
            Ok((user, credential.into_inner()))
        })
        .await?;
    Ok(model::ResetServiceSpecificCredentialOutput {
        service_specific_credential: Some(with_password(&user, credential, password)),
    })
}

/// Errors: NoSuchEntity.
pub async fn delete_service_specific_credential(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteServiceSpecificCredential,
) -> Answer<model::DeleteServiceSpecificCredentialOutput> {
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    iam.change(move |tx| {
        let (_, credential) = of_user(tx, &account, &name, &input.service_specific_credential_id)?;
        tx.delete::<ServiceCredential>(&ServiceCredential::key_of(&credential.id))?;
        Ok(())
    })
    .await?;
    Ok(model::DeleteServiceSpecificCredentialOutput::default())
}

fn check_service(name: Option<&String>) -> Result<(), Error> {
    match name {
        Some(name) if name != CODECOMMIT => Err(Error::ServiceNotSupported(name.clone())),
        Some(_) | None => Ok(()),
    }
}

/// `jane-at-123456789012`, then `jane+1-at-123456789012`.
fn free_service_user_name(
    tx: &mut ReadTx<'_>,
    account: &AccountId,
    user_name: &str,
) -> Result<String, Error> {
    let mut number = 0_u32;
    loop {
        let suffix = if number == 0 { String::new() } else { format!("+{number}") };
        let name = format!("{user_name}{suffix}-at-{account}");
        let range = Range::prefix(Key::of(&name));
        if tx.count_index::<ServiceCredential>(ServiceCredential::BY_SERVICE_USER_NAME, range)? == 0 {
            return Ok(name);
        }
        number += 1;
    }
}

fn of_user(
    tx: &mut ReadTx<'_>,
    account: &AccountId,
    user_name: &str,
    id: &str,
) -> Result<(User, Versioned<ServiceCredential>), Error> {
    let user = User::load(tx, account, user_name)?.into_inner();
    let credential = tx.get::<ServiceCredential>(&ServiceCredential::key_of(id))?;
    let credential = credential.filter(|credential| credential.user_id == user.id);
    credential
        .map(|credential| (user, credential))
        .ok_or_else(|| Error::NoSuchServiceCredential(id.to_owned()))
}

fn with_password(
    user: &User,
    credential: ServiceCredential,
    password: String,
) -> model::ServiceSpecificCredential {
    model::ServiceSpecificCredential {
        create_date: credential.created_at,
        service_name: credential.service,
        service_user_name: Some(credential.service_user_name),
        service_password: Some(password),
        service_specific_credential_id: credential.id,
        user_name: user.name.clone(),
        status: describe::status(credential.active),
        ..model::ServiceSpecificCredential::default()
    }
}

fn metadata(user: &User, credential: ServiceCredential) -> model::ServiceSpecificCredentialMetadata {
    model::ServiceSpecificCredentialMetadata {
        user_name: user.name.clone(),
        status: describe::status(credential.active),
        service_user_name: Some(credential.service_user_name),
        create_date: credential.created_at,
        service_specific_credential_id: credential.id,
        service_name: credential.service,
        ..model::ServiceSpecificCredentialMetadata::default()
    }
}
