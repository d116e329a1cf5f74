//! Users. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;
use store::{Key, Range, WriteTx};

use super::boundaries::check_boundary;
use super::{Answer, describe, second};
use crate::access::user_name;
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id};
use crate::limits;
use crate::page::{Wanted, marker};
use crate::records::{AccessKey, Entity, Policies, ServiceCredential, User, named, of_account};
use crate::tags;

/// Errors: EntityAlreadyExists, LimitExceeded, NoSuchEntity (the boundary), InvalidInput (tags).
pub async fn create_user(iam: &Iam, ctx: &Ctx, input: model::CreateUser) -> Answer<model::CreateUserOutput> {
    let user = User {
        account: ctx.scope.account.clone(),
        name: input.user_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(Prefix::User),
        created_at: second(ctx),
        groups: Vec::new(),
        policies: Policies { boundary: input.permissions_boundary, ..Policies::default() },
        tags: tags::checked(input.tags.as_deref().unwrap_or_default())?,
    };
    let created = user.clone();
    iam.change(move |tx| {
        if tx.exists::<User>(&named(&user.account, &user.name))? {
            return Err(Error::AlreadyExists { noun: "User", name: user.name.clone() });
        }
        limits::room_for_one("UsersPerAccount", tx.count::<User>(of_account(&user.account))?, limits::USERS)?;
        check_boundary(tx, user.policies.boundary.as_deref())?;
        tx.put(&user)?;
        Ok(())
    })
    .await?;
    Ok(model::CreateUserOutput { user: Some(describe::user(&created)) })
}

/// The caller's own user when none is named. Errors: NoSuchEntity, ValidationError.
pub async fn get_user(iam: &Iam, ctx: &Ctx, input: model::GetUser) -> Answer<model::GetUserOutput> {
    let account = ctx.scope.account.clone();
    let name = user_name(ctx, input.user_name.as_deref())?.to_owned();
    let user = iam.store.read(move |tx| User::load(tx, &account, &name)).await?;
    Ok(model::GetUserOutput { user: describe::user(&user) })
}

pub async fn list_users(iam: &Iam, ctx: &Ctx, input: model::ListUsers) -> Answer<model::ListUsersOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let prefix = input.path_prefix.unwrap_or_default();
    let (users, next) = iam
        .store
        .read(move |tx| {
            wanted.scan(tx, &of_account(&account), |user: &User| user.path.starts_with(prefix.as_str()))
        })
        .await?;
    Ok(model::ListUsersOutput {
        users: users.iter().map(describe::listed_user).collect(),
        is_truncated: Some(next.is_some()),
        marker: marker(ctx, next),
    })
}

/// Renames or moves a user; its id, and whatever rests on that, stays. Errors: NoSuchEntity, EntityAlreadyExists.
pub async fn update_user(iam: &Iam, ctx: &Ctx, input: model::UpdateUser) -> Answer<model::UpdateUserOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut user = User::load(tx, &account, &input.user_name)?.into_inner();
        let old_key = named(&account, &user.name);
        if let Some(path) = &input.new_path {
            user.path.clone_from(path);
        }
        if let Some(name) = &input.new_user_name {
            let new_key = named(&account, name);
            if new_key != old_key && tx.exists::<User>(&new_key)? {
                return Err(Error::AlreadyExists { noun: "User", name: name.clone() });
            }
            user.name.clone_from(name);
        }
        tx.delete::<User>(&old_key)?;
        tx.put(&user)?;
        Ok(())
    })
    .await?;
    Ok(model::UpdateUserOutput::default())
}

/// Errors: NoSuchEntity, DeleteConflict while groups, policies, keys or credentials are left.
pub async fn delete_user(iam: &Iam, ctx: &Ctx, input: model::DeleteUser) -> Answer<model::DeleteUserOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let user = User::load(tx, &account, &input.user_name)?;
        if let Some(what) = in_the_way(tx, &user)? {
            return Err(Error::DeleteConflict(what));
        }
        tx.delete::<User>(&named(&account, &input.user_name))?;
        Ok(())
    })
    .await?;
    Ok(model::DeleteUserOutput::default())
}

fn in_the_way(tx: &mut WriteTx<'_>, user: &User) -> Result<Option<&'static str>, Error> {
    let owned = || Range::prefix(Key::of(&user.id));
    Ok(if !user.groups.is_empty() {
        Some("remove users from group")
    } else if !user.policies.attached.is_empty() {
        Some("detach all policies")
    } else if !user.policies.inline.is_empty() {
        Some("delete policies")
    } else if tx.count_index::<AccessKey>(AccessKey::BY_USER, owned())? > 0 {
        Some("delete access keys")
    } else if tx.count_index::<ServiceCredential>(ServiceCredential::BY_USER, owned())? > 0 {
        Some("remove referenced objects")
    } else {
        None
    })
}
