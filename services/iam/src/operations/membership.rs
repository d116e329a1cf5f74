//! Users in groups. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;
use store::{Key, Range};

use super::{Answer, describe};
use crate::error::Error;
use crate::iam::Iam;
use crate::limits;
use crate::page::Wanted;
use crate::records::{BY_ID, Entity, Group, User};

/// Adding a member again changes nothing. Errors: NoSuchEntity, LimitExceeded.
pub async fn add_user_to_group(
    iam: &Iam,
    ctx: &Ctx,
    input: model::AddUserToGroup,
) -> Answer<model::AddUserToGroupOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let group = Group::load(tx, &account, &input.group_name)?;
        let mut user = User::load(tx, &account, &input.user_name)?;
        if !user.groups.contains(&group.id) {
            limits::room_for_one("GroupsPerUser", user.groups.len() as u64, limits::GROUPS_PER_USER)?;
            user.groups.push(group.id.clone());
            tx.put(&user.record)?;
        }
        Ok(())
    })
    .await?;
    Ok(model::AddUserToGroupOutput::default())
}

/// Errors: NoSuchEntity, also when the user is no member.
pub async fn remove_user_from_group(
    iam: &Iam,
    ctx: &Ctx,
    input: model::RemoveUserFromGroup,
) -> Answer<model::RemoveUserFromGroupOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let group = Group::load(tx, &account, &input.group_name)?;
        let mut user = User::load(tx, &account, &input.user_name)?;
        let before = user.groups.len();
        user.groups.retain(|id| *id != group.id);
        if user.groups.len() == before {
            let text = format!("User {} not in group {}", input.user_name, input.group_name);
            return Err(Error::NoSuchEntity(text));
        }
        tx.put(&user.record)?;
        Ok(())
    })
    .await?;
    Ok(model::RemoveUserFromGroupOutput::default())
}

/// Errors: NoSuchEntity.
pub async fn list_groups_for_user(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListGroupsForUser,
) -> Answer<model::ListGroupsForUserOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let groups = iam
        .store
        .read(move |tx| {
            let user = User::load(tx, &account, &input.user_name)?;
            let mut groups = Vec::new();
            for id in &user.groups {
                groups.extend(tx.scan_index::<Group>(BY_ID, Range::prefix(Key::of(id)), 1)?.into_records());
            }
            Ok::<_, Error>(groups)
        })
        .await?;
    let page = wanted.cut(ctx, groups, |group| group.name.to_lowercase());
    Ok(model::ListGroupsForUserOutput {
        is_truncated: Some(page.is_truncated()),
        groups: page.items.iter().map(describe::group).collect(),
        marker: page.marker,
    })
}
