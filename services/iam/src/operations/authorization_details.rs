//! GetAccountAuthorizationDetails: all users, groups, roles and policies. Source: IAM API Reference.

use aws::{AccountId, Ctx};
use iam_model as model;
use store::{Key, Range, ReadTx};

use super::describe::{self, AnyPolicy};
use super::{Answer, instance_profiles};
use crate::error::Error;
use crate::iam::Iam;
use crate::limits;
use crate::managed::AWS_POLICIES;
use crate::page::Wanted;
use crate::records::{BY_ID, Entity, Group, ManagedPolicy, Policies, Role, User, of_account};
use crate::tags;

enum Item {
    User(Box<User>),
    Group(Group),
    Role(Box<Role>),
    Policy(Box<AnyPolicy>),
}

impl Item {
    /// Users come first, policies last.
    fn position(&self) -> String {
        match self {
            Item::User(user) => format!("1/{}", user.name.to_lowercase()),
            Item::Group(group) => format!("2/{}", group.name.to_lowercase()),
            Item::Role(role) => format!("3/{}", role.name.to_lowercase()),
            Item::Policy(policy) => format!("4/{}", policy.arn()),
        }
    }
}

/// AWS's policies are shown where they are used, or when they are asked for alone.
pub async fn get_account_authorization_details(
    iam: &Iam,
    ctx: &Ctx,
    input: model::GetAccountAuthorizationDetails,
) -> Answer<model::GetAccountAuthorizationDetailsOutput> {
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let filter = input.filter.filter(|filter| !filter.is_empty());
    let account = ctx.scope.account.clone();
    let items = iam.store.read(move |tx| collect(tx, &account, filter.as_deref())).await?;
    let page = wanted.cut(ctx, items, Item::position);
    let (is_truncated, marker, items) = (page.is_truncated(), page.marker, page.items);
    let account = ctx.scope.account.clone();
    let output = iam.store.read(move |tx| shapes(tx, &account, &items)).await?;
    Ok(model::GetAccountAuthorizationDetailsOutput { is_truncated: Some(is_truncated), marker, ..output })
}

fn collect(
    tx: &mut ReadTx<'_>,
    account: &AccountId,
    filter: Option<&[model::EntityType]>,
) -> Result<Vec<Item>, Error> {
    let is_wanted = |kind: &model::EntityType| filter.is_none_or(|filter| filter.contains(kind));
    let all = || of_account(account);
    let mut items = Vec::new();
    if is_wanted(&model::EntityType::User) {
        let users = tx.scan::<User>(all(), limits::USERS)?.into_records();
        items.extend(users.into_iter().map(|user| Item::User(Box::new(user))));
    }
    if is_wanted(&model::EntityType::Group) {
        items.extend(tx.scan::<Group>(all(), limits::GROUPS)?.into_records().into_iter().map(Item::Group));
    }
    if is_wanted(&model::EntityType::Role) {
        let roles = tx.scan::<Role>(all(), limits::ROLES)?.into_records();
        items.extend(roles.into_iter().map(|role| Item::Role(Box::new(role))));
    }
    let mut policies = Vec::new();
    if is_wanted(&model::EntityType::LocalManagedPolicy) {
        let local = tx.scan::<ManagedPolicy>(all(), limits::CUSTOMER_POLICIES)?.into_records();
        policies.extend(local.into_iter().map(AnyPolicy::Customer));
    }
    if is_wanted(&model::EntityType::AwsManagedPolicy) {
        for policy in AWS_POLICIES.values() {
            let usage = describe::usage(tx, &policy.arn, account)?;
            if usage.attachments + usage.boundaries > 0 {
                policies.push(AnyPolicy::Aws(policy));
            }
        }
    }
    items.extend(policies.into_iter().map(|policy| Item::Policy(Box::new(policy))));
    Ok(items)
}

fn shapes(
    tx: &mut ReadTx<'_>,
    account: &AccountId,
    items: &[Item],
) -> Result<model::GetAccountAuthorizationDetailsOutput, Error> {
    let (mut users, mut groups, mut roles, mut policies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::User(user) => users.push(user_detail(tx, user)?),
            Item::Group(group) => groups.push(group_detail(group)),
            Item::Role(role) => roles.push(role_detail(tx, role)?),
            Item::Policy(policy) => policies.push(policy_detail(tx, policy, account)?),
        }
    }
    Ok(model::GetAccountAuthorizationDetailsOutput {
        user_detail_list: Some(users),
        group_detail_list: Some(groups),
        role_detail_list: Some(roles),
        policies: Some(policies),
        ..model::GetAccountAuthorizationDetailsOutput::default()
    })
}

fn inline(policies: &Policies) -> Vec<model::PolicyDetail> {
    let detail = |(name, text): (&String, &String)| model::PolicyDetail {
        policy_name: Some(name.clone()),
        policy_document: Some(describe::document(text)),
    };
    policies.inline.iter().map(detail).collect()
}

fn user_detail(tx: &mut ReadTx<'_>, user: &User) -> Result<model::UserDetail, Error> {
    let mut groups = Vec::new();
    for id in &user.groups {
        let found = tx.scan_index::<Group>(BY_ID, Range::prefix(Key::of(id)), 1)?;
        groups.extend(found.into_records().into_iter().map(|group| group.name));
    }
    Ok(model::UserDetail {
        path: Some(user.path.clone()),
        user_name: Some(user.name.clone()),
        user_id: Some(user.id.clone()),
        arn: Some(user.arn()),
        create_date: Some(user.created_at),
        user_policy_list: Some(inline(&user.policies)),
        group_list: Some(groups),
        attached_managed_policies: Some(describe::attached_policies(&user.policies.attached)),
        permissions_boundary: describe::boundary(user.policies.boundary.as_deref()),
        tags: Some(tags::shapes(&user.tags)),
    })
}

fn group_detail(group: &Group) -> model::GroupDetail {
    model::GroupDetail {
        path: Some(group.path.clone()),
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.clone()),
        arn: Some(group.arn()),
        create_date: Some(group.created_at),
        group_policy_list: Some(inline(&group.policies)),
        attached_managed_policies: Some(describe::attached_policies(&group.policies.attached)),
    }
}

fn role_detail(tx: &mut ReadTx<'_>, role: &Role) -> Result<model::RoleDetail, Error> {
    let profiles = instance_profiles::of_role(tx, role)?;
    Ok(model::RoleDetail {
        path: Some(role.path.clone()),
        role_name: Some(role.name.clone()),
        role_id: Some(role.id.clone()),
        arn: Some(role.arn()),
        create_date: Some(role.created_at),
        assume_role_policy_document: Some(describe::document(&describe::shown_trust_policy(tx, role)?)),
        instance_profile_list: Some(instance_profiles::describe_all(tx, &profiles)?),
        role_policy_list: Some(inline(&role.policies)),
        attached_managed_policies: Some(describe::attached_policies(&role.policies.attached)),
        permissions_boundary: describe::boundary(role.policies.boundary.as_deref()),
        tags: Some(tags::shapes(&role.tags)),
        role_last_used: Some(describe::last_used(role)),
    })
}

fn policy_detail(
    tx: &mut ReadTx<'_>,
    policy: &AnyPolicy,
    account: &AccountId,
) -> Result<model::ManagedPolicyDetail, Error> {
    let shape = describe::policy(tx, policy, account)?;
    Ok(model::ManagedPolicyDetail {
        policy_name: shape.policy_name,
        policy_id: shape.policy_id,
        arn: shape.arn,
        path: shape.path,
        default_version_id: shape.default_version_id,
        attachment_count: shape.attachment_count,
        permissions_boundary_usage_count: shape.permissions_boundary_usage_count,
        is_attachable: shape.is_attachable,
        description: shape.description,
        create_date: shape.create_date,
        update_date: shape.update_date,
        policy_version_list: Some(policy.versions()),
    })
}
