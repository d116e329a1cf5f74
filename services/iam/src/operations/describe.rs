//! Records as the API shows them.

use aws::AccountId;
use iam_model as model;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::{Key, Range, ReadTx};

use crate::error::Error;
use crate::managed::{AwsPolicy, CREATED_AT};
use crate::records::{
    BY_ATTACHED_POLICY, BY_BOUNDARY, BY_ID, Entity, Group, InstanceProfile, ManagedPolicy, PolicyVersion,
    Role, Tag, User, named, using,
};
use crate::tags;

/// What RFC 3986 leaves as it is.
const RFC_3986: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Documents are answered percent-encoded; clients decode them.
pub fn document(text: &str) -> String {
    utf8_percent_encode(text, RFC_3986).to_string()
}

pub fn user(user: &User) -> model::User {
    model::User {
        permissions_boundary: boundary(user.policies.boundary.as_deref()),
        tags: tags::shape(&user.tags),
        ..listed_user(user)
    }
}

/// Lists leave tags and boundary out.
pub fn listed_user(user: &User) -> model::User {
    model::User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.clone(),
        arn: user.arn(),
        create_date: user.created_at,
        ..model::User::default()
    }
}

pub fn group(group: &Group) -> model::Group {
    model::Group {
        path: group.path.clone(),
        group_name: group.name.clone(),
        group_id: group.id.clone(),
        arn: group.arn(),
        create_date: group.created_at,
    }
}

pub fn role(tx: &mut ReadTx<'_>, role: &Role) -> Result<model::Role, Error> {
    Ok(model::Role {
        permissions_boundary: boundary(role.policies.boundary.as_deref()),
        tags: tags::shape(&role.tags),
        role_last_used: Some(last_used(role)),
        ..listed_role(tx, role)?
    })
}

/// Lists leave tags, boundary and last use out.
pub fn listed_role(tx: &mut ReadTx<'_>, role: &Role) -> Result<model::Role, Error> {
    Ok(model::Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(),
        create_date: role.created_at,
        assume_role_policy_document: Some(document(&shown_trust_policy(tx, role)?)),
        description: role.description.clone(),
        max_session_duration: Some(role.max_session_seconds),
        ..model::Role::default()
    })
}

pub fn last_used(role: &Role) -> model::RoleLastUsed {
    let (at, region) = role.last_used.clone().unzip();
    model::RoleLastUsed { last_used_date: at, region }
}

/// The trust policy with the ids of principals that are gone in place of their ARNs.
pub fn shown_trust_policy(tx: &mut ReadTx<'_>, role: &Role) -> Result<String, Error> {
    let mut gone = Vec::new();
    for id in role.trust_policy.principal_ids.values() {
        let range = Range::prefix(Key::of(id));
        let present = if id.starts_with("AROA") {
            tx.count_index::<Role>(BY_ID, range)?
        } else {
            tx.count_index::<User>(BY_ID, range)?
        };
        if present == 0 {
            gone.push(id.clone());
        }
    }
    Ok(role.trust_policy.shown(&|id| gone.iter().any(|other| other == id)))
}

pub fn boundary(arn: Option<&str>) -> Option<model::AttachedPermissionsBoundary> {
    arn.map(|arn| model::AttachedPermissionsBoundary {
        permissions_boundary_type: Some(model::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy),
        permissions_boundary_arn: Some(arn.to_owned()),
    })
}

pub fn attached_policies(arns: &[String]) -> Vec<model::AttachedPolicy> {
    let attached = |arn: &String| model::AttachedPolicy {
        policy_name: arn.rsplit('/').next().map(str::to_owned),
        policy_arn: Some(arn.clone()),
    };
    arns.iter().map(attached).collect()
}

/// A managed policy of the customer's or of AWS's.
pub enum AnyPolicy {
    Customer(ManagedPolicy),
    Aws(&'static AwsPolicy),
}

impl AnyPolicy {
    pub fn arn(&self) -> String {
        match self {
            AnyPolicy::Customer(policy) => policy.arn(),
            AnyPolicy::Aws(policy) => policy.arn.clone(),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            AnyPolicy::Customer(policy) => &policy.name,
            AnyPolicy::Aws(policy) => &policy.name,
        }
    }

    pub fn path(&self) -> &str {
        match self {
            AnyPolicy::Customer(policy) => &policy.path,
            AnyPolicy::Aws(policy) => &policy.path,
        }
    }

    pub fn tags(&self) -> &[Tag] {
        match self {
            AnyPolicy::Customer(policy) => &policy.tags,
            AnyPolicy::Aws(_) => &[],
        }
    }

    pub fn versions(&self) -> Vec<model::PolicyVersion> {
        match self {
            AnyPolicy::Customer(policy) => {
                policy.versions.iter().rev().map(|version| policy_version(policy, version)).collect()
            }
            AnyPolicy::Aws(policy) => vec![model::PolicyVersion {
                document: Some(document(&policy.document)),
                version_id: Some("v1".to_owned()),
                is_default_version: Some(true),
                create_date: Some(CREATED_AT),
            }],
        }
    }
}

/// How often a policy is used: as a policy, and as a boundary.
pub struct Usage {
    pub attachments: u64,
    pub boundaries: u64,
}

/// Within one account.
pub fn usage(tx: &mut ReadTx<'_>, arn: &str, account: &AccountId) -> Result<Usage, Error> {
    let range = || Range::prefix(using(arn, account));
    Ok(Usage {
        attachments: tx.count_index::<User>(BY_ATTACHED_POLICY, range())?
            + tx.count_index::<Group>(BY_ATTACHED_POLICY, range())?
            + tx.count_index::<Role>(BY_ATTACHED_POLICY, range())?,
        boundaries: tx.count_index::<User>(BY_BOUNDARY, range())?
            + tx.count_index::<Role>(BY_BOUNDARY, range())?,
    })
}

/// A managed policy with description and tags.
pub fn policy(tx: &mut ReadTx<'_>, policy: &AnyPolicy, account: &AccountId) -> Result<model::Policy, Error> {
    let description = match policy {
        AnyPolicy::Customer(policy) => policy.description.clone(),
        AnyPolicy::Aws(policy) => Some(policy.description.clone()),
    };
    Ok(model::Policy { description, tags: tags::shape(policy.tags()), ..listed_policy(tx, policy, account)? })
}

/// Lists leave description and tags out.
pub fn listed_policy(
    tx: &mut ReadTx<'_>,
    policy: &AnyPolicy,
    account: &AccountId,
) -> Result<model::Policy, Error> {
    let usage = usage(tx, &policy.arn(), account)?;
    let (id, version, created_at, updated_at) = match policy {
        AnyPolicy::Customer(policy) => {
            (policy.id.clone(), policy.default_version, policy.created_at, policy.updated_at)
        }
        AnyPolicy::Aws(policy) => (policy.id.clone(), 1, CREATED_AT, CREATED_AT),
    };
    Ok(model::Policy {
        policy_name: Some(policy.name().to_owned()),
        policy_id: Some(id),
        arn: Some(policy.arn()),
        path: Some(policy.path().to_owned()),
        default_version_id: Some(format!("v{version}")),
        attachment_count: Some(count(usage.attachments)),
        permissions_boundary_usage_count: Some(count(usage.boundaries)),
        is_attachable: Some(true),
        create_date: Some(created_at),
        update_date: Some(updated_at),
        ..model::Policy::default()
    })
}

pub fn policy_version(policy: &ManagedPolicy, version: &PolicyVersion) -> model::PolicyVersion {
    model::PolicyVersion {
        document: Some(document(&version.document)),
        version_id: Some(version.id()),
        is_default_version: Some(version.number == policy.default_version),
        create_date: Some(version.created_at),
    }
}

pub fn instance_profile(
    tx: &mut ReadTx<'_>,
    profile: &InstanceProfile,
) -> Result<model::InstanceProfile, Error> {
    let mut roles = Vec::new();
    if let Some(name) = &profile.role
        && let Some(role) = tx.get::<Role>(&named(&profile.account, name))?
    {
        roles.push(listed_role(tx, &role)?);
    }
    Ok(model::InstanceProfile {
        path: profile.path.clone(),
        instance_profile_name: profile.name.clone(),
        instance_profile_id: profile.id.clone(),
        arn: profile.arn(),
        create_date: profile.created_at,
        roles,
        tags: tags::shape(&profile.tags),
    })
}

pub fn status(active: bool) -> model::StatusType {
    if active { model::StatusType::Active } else { model::StatusType::Inactive }
}

fn count(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
