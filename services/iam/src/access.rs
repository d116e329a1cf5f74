//! On which resources the policies are asked about IAM's operations: the ARN of the entity, path included, which
//! takes a look at the store. Source: Service Authorization Reference, "AWS Identity and Access Management".

use aws::{Access, Ctx, Principal};
use iam_model as model;

use crate::authorise::policies::customer_policy;
use crate::error::Error;
use crate::iam::Iam;
use crate::records::{Entity, Group, InstanceProfile, Role, Tag, User, iam_arn, named};

/// An operation on a user.
pub trait OnUser: Send + Sync + 'static {
    /// `None`: the caller itself.
    fn user_name(&self) -> Option<&str>;
    fn keys(&self) -> Keys {
        Vec::new()
    }
}

/// An operation on a group.
pub trait OnGroup: Send + Sync + 'static {
    fn group_name(&self) -> &str;
    fn keys(&self) -> Keys {
        Vec::new()
    }
}

/// An operation on a role.
pub trait OnRole: Send + Sync + 'static {
    fn role_name(&self) -> &str;
    fn keys(&self) -> Keys {
        Vec::new()
    }
}

/// An operation on an instance profile.
pub trait OnInstanceProfile: Send + Sync + 'static {
    fn instance_profile_name(&self) -> &str;
    fn keys(&self) -> Keys {
        Vec::new()
    }
}

/// Condition keys that an operation's input gives.
pub type Keys = Vec<(String, Vec<String>)>;

/// The user that an operation means: the one it names, else the caller.
///
/// # Errors
/// `ValidationError` when it names none and the caller is no user.
pub fn user_name<'a>(ctx: &'a Ctx, named: Option<&'a str>) -> Result<&'a str, Error> {
    match (named, &ctx.caller.principal) {
        (Some(name), _) => Ok(name),
        (None, Principal::User { name, .. }) => Ok(name),
        (None, _) => {
            Err(Error::Validation("Must specify userName when calling with non-User credentials".to_owned()))
        }
    }
}

pub async fn user<O: OnUser>(iam: &Iam, ctx: &Ctx, input: &O) -> Result<Vec<Access>, Error> {
    let name = user_name(ctx, input.user_name())?;
    entity::<User>(iam, ctx, name, input.keys()).await
}

pub async fn group<O: OnGroup>(iam: &Iam, ctx: &Ctx, input: &O) -> Result<Vec<Access>, Error> {
    entity::<Group>(iam, ctx, input.group_name(), input.keys()).await
}

pub async fn role<O: OnRole>(iam: &Iam, ctx: &Ctx, input: &O) -> Result<Vec<Access>, Error> {
    entity::<Role>(iam, ctx, input.role_name(), input.keys()).await
}

pub async fn instance_profile<O: OnInstanceProfile>(
    iam: &Iam,
    ctx: &Ctx,
    input: &O,
) -> Result<Vec<Access>, Error> {
    let name = input.instance_profile_name().to_owned();
    let key = named(&ctx.scope.account, &name);
    let found = iam.store.read(move |tx| Ok::<_, Error>(tx.get::<InstanceProfile>(&key)?)).await?;
    let mut access = match found {
        Some(profile) => with_tags(Access::to(profile.arn()), &profile.tags),
        None => Access::to(absent(ctx, "instance-profile", &name)),
    };
    access.context.extend(input.keys());
    Ok(vec![access])
}

/// The instance profile, and the role that is passed to the service that will use it.
pub async fn role_into_instance_profile(
    iam: &Iam,
    ctx: &Ctx,
    input: &model::AddRoleToInstanceProfile,
) -> Result<Vec<Access>, Error> {
    let mut accesses = instance_profile(iam, ctx, input).await?;
    for access in entity::<Role>(iam, ctx, &input.role_name, Vec::new()).await? {
        accesses.push(Access::pass_role(&access.resource, "ec2.amazonaws.com"));
    }
    Ok(accesses)
}

/// An operation on a managed policy.
pub trait OnPolicy: Send + Sync + 'static {
    fn policy_arn(&self) -> &str;
    fn keys(&self) -> Keys {
        Vec::new()
    }
}

pub async fn policy<O: OnPolicy>(iam: &Iam, _ctx: &Ctx, input: &O) -> Result<Vec<Access>, Error> {
    let arn = input.policy_arn().to_owned();
    let mut access = Access::to(&arn);
    if let Some(policy) = iam.store.read(move |tx| customer_policy(tx, &arn)).await? {
        access = with_tags(access, &policy.tags);
    }
    access.context.extend(input.keys());
    Ok(vec![access])
}

async fn entity<E: Entity>(iam: &Iam, ctx: &Ctx, name: &str, keys: Keys) -> Result<Vec<Access>, Error> {
    let key = named(&ctx.scope.account, name);
    let found = iam.store.read(move |tx| Ok::<_, Error>(tx.get::<E>(&key)?)).await?;
    let mut access = match &found {
        Some(entity) => {
            let access = with_tags(Access::to(entity.arn()), entity.tags());
            match &entity.policies().boundary {
                Some(boundary) => access.when("iam:PermissionsBoundary", boundary.as_str()),
                None => access,
            }
        }
        None => Access::to(absent(ctx, E::NOUN, name)),
    };
    for (key, values) in keys {
        access.context.retain(|(name, _)| *name != key);
        access.context.push((key, values));
    }
    Ok(vec![access])
}

fn with_tags(access: Access, tags: &[Tag]) -> Access {
    let pairs = || tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
    let mut access = access.with_resource_tags(pairs());
    // IAM has a key of its own beside the global one.
    access
        .context
        .extend(pairs().map(|(key, value)| (format!("iam:ResourceTag/{key}"), vec![value.to_owned()])));
    access
}

/// The ARN that something which does not exist would have without a path.
fn absent(ctx: &Ctx, noun: &str, name: &str) -> String {
    iam_arn(ctx.scope.account.as_str(), format_args!("{noun}/{name}"))
}

/// The ARN of something that is being created.
pub fn new_arn(account: &str, noun: &str, path: Option<&str>, name: &str) -> String {
    iam_arn(account, format_args!("{noun}{}{name}", path.unwrap_or("/")))
}

/// Adds the tags of a request.
pub fn tagged(access: Access, tags: Option<&[model::Tag]>) -> Access {
    let pairs = tags.into_iter().flatten().map(|tag| (tag.key.as_str(), tag.value.as_str()));
    access.with_request_tags(pairs)
}

/// Of a request that takes tags away.
fn tag_keys(keys: &[String]) -> Keys {
    vec![("aws:TagKeys".to_owned(), keys.to_vec())]
}

/// Of a request that adds tags.
fn request_tags(tags: &[model::Tag]) -> Keys {
    tagged(Access::any(), Some(tags)).context
}

macro_rules! on_user {
    ($($operation:ident $(($key:literal, $value:ident))?),* $(,)?) => {$(
        impl OnUser for model::$operation {
            fn user_name(&self) -> Option<&str> {
                Some(&self.user_name)
            }
            $(fn keys(&self) -> Keys {
                vec![($key.to_owned(), vec![self.$value.clone()])]
            })?
        }
    )*};
}

macro_rules! on_user_or_caller {
    ($($operation:ident),* $(,)?) => {$(
        impl OnUser for model::$operation {
            fn user_name(&self) -> Option<&str> {
                self.user_name.as_deref()
            }
        }
    )*};
}

macro_rules! on_group {
    ($($operation:ident $(($key:literal, $value:ident))?),* $(,)?) => {$(
        impl OnGroup for model::$operation {
            fn group_name(&self) -> &str {
                &self.group_name
            }
            $(fn keys(&self) -> Keys {
                vec![($key.to_owned(), vec![self.$value.clone()])]
            })?
        }
    )*};
}

macro_rules! on_role {
    ($($operation:ident $(($key:literal, $value:ident))?),* $(,)?) => {$(
        impl OnRole for model::$operation {
            fn role_name(&self) -> &str {
                &self.role_name
            }
            $(fn keys(&self) -> Keys {
                vec![($key.to_owned(), vec![self.$value.clone()])]
            })?
        }
    )*};
}

macro_rules! on_instance_profile {
    ($($operation:ident),* $(,)?) => {$(
        impl OnInstanceProfile for model::$operation {
            fn instance_profile_name(&self) -> &str {
                &self.instance_profile_name
            }
        }
    )*};
}

macro_rules! on_policy {
    ($($operation:ident),* $(,)?) => {$(
        impl OnPolicy for model::$operation {
            fn policy_arn(&self) -> &str {
                &self.policy_arn
            }
        }
    )*};
}

on_policy! {
    GetPolicy, DeletePolicy, CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion,
    DeletePolicyVersion, ListEntitiesForPolicy, ListPolicyTags,
}

on_user! {
    DeleteUser, UpdateUser, ListGroupsForUser, ListUserPolicies, GetUserPolicy, PutUserPolicy, DeleteUserPolicy,
    ListAttachedUserPolicies, AttachUserPolicy("iam:PolicyARN", policy_arn),
    DetachUserPolicy("iam:PolicyARN", policy_arn),
    PutUserPermissionsBoundary("iam:PermissionsBoundary", permissions_boundary), DeleteUserPermissionsBoundary,
    ListUserTags, CreateServiceSpecificCredential("iam:ServiceSpecificCredentialServiceName", service_name),
}

on_user_or_caller! {
    GetUser, CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey, ListServiceSpecificCredentials,
    UpdateServiceSpecificCredential, ResetServiceSpecificCredential, DeleteServiceSpecificCredential,
}

on_group! {
    GetGroup, DeleteGroup, UpdateGroup, AddUserToGroup, RemoveUserFromGroup, ListGroupPolicies, GetGroupPolicy,
    PutGroupPolicy, DeleteGroupPolicy, ListAttachedGroupPolicies, AttachGroupPolicy("iam:PolicyARN", policy_arn),
    DetachGroupPolicy("iam:PolicyARN", policy_arn),
}

on_role! {
    GetRole, DeleteRole, UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy, ListRolePolicies, GetRolePolicy,
    PutRolePolicy, DeleteRolePolicy, ListAttachedRolePolicies, AttachRolePolicy("iam:PolicyARN", policy_arn),
    DetachRolePolicy("iam:PolicyARN", policy_arn),
    PutRolePermissionsBoundary("iam:PermissionsBoundary", permissions_boundary), DeleteRolePermissionsBoundary,
    ListRoleTags, ListInstanceProfilesForRole,
}

on_instance_profile! {
    GetInstanceProfile, DeleteInstanceProfile, AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile,
    ListInstanceProfileTags,
}

impl OnUser for model::TagUser {
    fn user_name(&self) -> Option<&str> {
        Some(&self.user_name)
    }

    fn keys(&self) -> Keys {
        request_tags(&self.tags)
    }
}

impl OnUser for model::UntagUser {
    fn user_name(&self) -> Option<&str> {
        Some(&self.user_name)
    }

    fn keys(&self) -> Keys {
        tag_keys(&self.tag_keys)
    }
}

impl OnRole for model::TagRole {
    fn role_name(&self) -> &str {
        &self.role_name
    }

    fn keys(&self) -> Keys {
        request_tags(&self.tags)
    }
}

impl OnRole for model::UntagRole {
    fn role_name(&self) -> &str {
        &self.role_name
    }

    fn keys(&self) -> Keys {
        tag_keys(&self.tag_keys)
    }
}

impl OnInstanceProfile for model::TagInstanceProfile {
    fn instance_profile_name(&self) -> &str {
        &self.instance_profile_name
    }

    fn keys(&self) -> Keys {
        request_tags(&self.tags)
    }
}

impl OnInstanceProfile for model::UntagInstanceProfile {
    fn instance_profile_name(&self) -> &str {
        &self.instance_profile_name
    }

    fn keys(&self) -> Keys {
        tag_keys(&self.tag_keys)
    }
}

impl OnPolicy for model::TagPolicy {
    fn policy_arn(&self) -> &str {
        &self.policy_arn
    }

    fn keys(&self) -> Keys {
        request_tags(&self.tags)
    }
}

impl OnPolicy for model::UntagPolicy {
    fn policy_arn(&self) -> &str {
        &self.policy_arn
    }

    fn keys(&self) -> Keys {
        tag_keys(&self.tag_keys)
    }
}
