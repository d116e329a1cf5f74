//! ListEntitiesForPolicy. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;
use store::{Range, ReadTx};

use super::Answer;
use super::attachments::check_arn;
use super::policies::any_policy;
use crate::error::Error;
use crate::iam::Iam;
use crate::limits;
use crate::page::Wanted;
use crate::records::{BY_ATTACHED_POLICY, BY_BOUNDARY, Entity, Group, Role, User, using};

/// One user, group or role that uses a policy.
struct Found {
    noun: &'static str,
    name: String,
    id: String,
}

/// Who has a policy attached, or as a boundary. Errors: NoSuchEntity, InvalidInput.
pub async fn list_entities_for_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::ListEntitiesForPolicy,
) -> Answer<model::ListEntitiesForPolicyOutput> {
    check_arn(&input.policy_arn)?;
    let wanted = Wanted::new(ctx, input.max_items, input.marker.as_deref())?;
    let account = ctx.scope.account.clone();
    let found = iam
        .store
        .read(move |tx| {
            any_policy(tx, &input.policy_arn)?;
            let mut found = Vec::new();
            let of_kind =
                |kind: &model::EntityType| input.entity_filter.as_ref().is_none_or(|filter| filter == kind);
            if of_kind(&model::EntityType::Group) {
                found.extend(users_of::<Group>(tx, &account, &input)?);
            }
            if of_kind(&model::EntityType::User) {
                found.extend(users_of::<User>(tx, &account, &input)?);
            }
            if of_kind(&model::EntityType::Role) {
                found.extend(users_of::<Role>(tx, &account, &input)?);
            }
            Ok::<_, Error>(found)
        })
        .await?;
    let page = wanted.cut(ctx, found, |found| format!("{}/{}", found.noun, found.name));
    let mut output = model::ListEntitiesForPolicyOutput {
        policy_groups: Some(Vec::new()),
        policy_users: Some(Vec::new()),
        policy_roles: Some(Vec::new()),
        is_truncated: Some(page.is_truncated()),
        marker: page.marker,
    };
    for Found { noun, name, id } in page.items {
        let (name, id) = (Some(name), Some(id));
        match noun {
            Group::NOUN => {
                output
                    .policy_groups
                    .get_or_insert_default()
                    .push(model::PolicyGroup { group_name: name, group_id: id });
            }
            User::NOUN => {
                output
                    .policy_users
                    .get_or_insert_default()
                    .push(model::PolicyUser { user_name: name, user_id: id });
            }
            _ => output
                .policy_roles
                .get_or_insert_default()
                .push(model::PolicyRole { role_name: name, role_id: id }),
        }
    }
    Ok(output)
}

/// The users, groups or roles of the account that use the policy as asked.
fn users_of<E: Entity>(
    tx: &mut ReadTx<'_>,
    account: &aws::AccountId,
    input: &model::ListEntitiesForPolicy,
) -> Result<Vec<Found>, Error> {
    let (attached, boundary) = match &input.policy_usage_filter {
        Some(model::PolicyUsageType::PermissionsPolicy) => (true, false),
        Some(model::PolicyUsageType::PermissionsBoundary) => (false, true),
        Some(model::PolicyUsageType::Other(_)) | None => (true, true),
    };
    let mut found: Vec<Found> = Vec::new();
    for (index, is_wanted) in [(BY_ATTACHED_POLICY, attached), (BY_BOUNDARY, boundary)] {
        if !is_wanted {
            continue;
        }
        let range = Range::prefix(using(&input.policy_arn, account));
        for entity in tx.scan_index::<E>(index, range, limits::USERS)?.into_records() {
            let path_fits =
                input.path_prefix.as_ref().is_none_or(|prefix| entity.path().starts_with(prefix.as_str()));
            if path_fits && !found.iter().any(|other| other.id == entity.id()) {
                found.push(Found {
                    noun: E::NOUN,
                    name: entity.name().to_owned(),
                    id: entity.id().to_owned(),
                });
            }
        }
    }
    Ok(found)
}
