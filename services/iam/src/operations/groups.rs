//! Groups. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;
use store::{Key, Range};

use super::{Answer, describe, second};
use crate::error::Error;
use crate::iam::Iam;
use crate::ids::{Prefix, new_id};
use crate::limits;
use crate::page::{Wanted, marker};
use crate::records::{Entity, Group, Policies, User, named, of_account};

/// Errors: EntityAlreadyExists, LimitExceeded.
pub async fn create_group(
    iam: &Iam,
    ctx: &Ctx,
    input: model::CreateGroup,
) -> Answer<model::CreateGroupOutput> {
    let group = Group {
        account: ctx.scope.account.clone(),
        name: input.group_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(Prefix::Group),
        created_at: second(ctx),
        policies: Policies::default(),
    };
    let created = group.clone();
    iam.change(move |tx| {
        if tx.exists::<Group>(&named(&group.account, &group.name))? {
            return Err(Error::AlreadyExists { noun: "Group", name: group.name.clone() });
        }
        limits::room_for_one(
            "GroupsPerAccount",
            tx.count::<Group>(of_account(&group.account))?,
            limits::GROUPS,
        )?;
        tx.put(&group)?;
        Ok(())
    })
    .await?;
    Ok(model::CreateGroupOutput { group: describe::group(&created) })
}

/// The group and its users, page by page. Errors: NoSuchEntity.
pub async fn get_group(iam: &Iam, ctx: &Ctx, input: model::GetGroup) -> Answer<model::GetGroupOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let (group, users) = iam
        .store
        .read(move |tx| {
            let group = Group::load(tx, &account, &input.group_name)?.into_inner();
            let range = Range::prefix(Key::of(&group.id));
            let users = tx.scan_index::<User>(User::BY_GROUP, range, limits::USERS)?.into_records();
            Ok::<_, Error>((group, users))
        })
        .await?;
    let page = wanted.cut(ctx, users, |user| user.name.to_lowercase());
    Ok(model::GetGroupOutput {
        group: describe::group(&group),
        is_truncated: Some(page.is_truncated()),
        users: page.items.iter().map(describe::listed_user).collect(),
        marker: page.marker,
    })
}

pub async fn list_groups(iam: &Iam, ctx: &Ctx, input: model::ListGroups) -> Answer<model::ListGroupsOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let prefix = input.path_prefix.unwrap_or_default();
    let (groups, next) = iam
        .store
        .read(move |tx| {
            wanted.scan(tx, &of_account(&account), |group: &Group| group.path.starts_with(prefix.as_str()))
        })
        .await?;
    Ok(model::ListGroupsOutput {
        groups: groups.iter().map(describe::group).collect(),
        is_truncated: Some(next.is_some()),
        marker: marker(ctx, next),
    })
}

/// Errors: NoSuchEntity, EntityAlreadyExists.
pub async fn update_group(
    iam: &Iam,
    ctx: &Ctx,
    input: model::UpdateGroup,
) -> Answer<model::UpdateGroupOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let mut group = Group::load(tx, &account, &input.group_name)?.into_inner();
        let old_key = named(&account, &group.name);
        if let Some(path) = &input.new_path {
            group.path.clone_from(path);
        }
        if let Some(name) = &input.new_group_name {
            let new_key = named(&account, name);
            if new_key != old_key && tx.exists::<Group>(&new_key)? {
                return Err(Error::AlreadyExists { noun: "Group", name: name.clone() });
            }
            group.name.clone_from(name);
        }
        tx.delete::<Group>(&old_key)?;
        tx.put(&group)?;
        Ok(())
    })
    .await?;
    Ok(model::UpdateGroupOutput::default())
}

/// Errors: NoSuchEntity, DeleteConflict while it has users or policies.
pub async fn delete_group(
    iam: &Iam,
    ctx: &Ctx,
    input: model::DeleteGroup,
) -> Answer<model::DeleteGroupOutput> {
    let account = ctx.scope.account.clone();
    iam.change(move |tx| {
        let group = Group::load(tx, &account, &input.group_name)?;
        let members = tx.count_index::<User>(User::BY_GROUP, Range::prefix(Key::of(&group.id)))?;
        let in_the_way = if members > 0 {
            Some("remove users from group")
        } else if !group.policies.attached.is_empty() {
            Some("detach all policies")
        } else if !group.policies.inline.is_empty() {
            Some("delete policies")
        } else {
            None
        };
        if let Some(what) = in_the_way {
            return Err(Error::DeleteConflict(what));
        }
        tx.delete::<Group>(&named(&account, &input.group_name))?;
        Ok(())
    })
    .await?;
    Ok(model::DeleteGroupOutput::default())
}
