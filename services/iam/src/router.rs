//! What the two services serve, and on which resources the policies are asked.

use std::sync::Arc;

use aws::{Access, Router, Scope};
use iam_model::*;
use sts_model::{
    AssumeRole, DecodeAuthorizationMessage, GetAccessKeyInfo, GetCallerIdentity, GetFederationToken,
    GetSessionToken, STS,
};

use crate::access::{self, group, instance_profile, new_arn, role, tagged, user};
use crate::iam::Iam;
use crate::operations::*;
use crate::sts::{
    assume_role, authorization_message, get_access_key_info, get_caller_identity, get_federation_token,
    get_session_token,
};

pub fn sts_router(iam: Arc<Iam>) -> Router {
    Router::of(&STS, iam)
        .on_resolved::<AssumeRole, _, _>(assume_role::assume_role, assume_role::access)
        .on::<DecodeAuthorizationMessage, _>(authorization_message::decode_authorization_message, anything)
        .on::<GetAccessKeyInfo, _>(get_access_key_info::get_access_key_info, anything)
        .on::<GetCallerIdentity, _>(get_caller_identity::get_caller_identity, no_permission)
        .on::<GetFederationToken, _>(get_federation_token::get_federation_token, get_federation_token::access)
        .on::<GetSessionToken, _>(get_session_token::get_session_token, no_permission)
        .build()
}

#[rustfmt::skip]
pub fn iam_router(iam: Arc<Iam>) -> Router {
    Router::of(&IAM, iam)
        .on::<CreateUser, _>(users::create_user, |op, scope| vec![with_boundary(tagged(
            created(scope, "user", op.path.as_deref(), &op.user_name), op.tags.as_deref()), op.permissions_boundary.as_ref())])
        .on_resolved::<GetUser, _, _>(users::get_user, user)
        .on::<ListUsers, _>(users::list_users, |op, scope| below(scope, "user", op.path_prefix.as_deref()))
        .on_resolved::<UpdateUser, _, _>(users::update_user, user)
        .on_resolved::<DeleteUser, _, _>(users::delete_user, user)
        .on_resolved::<ListGroupsForUser, _, _>(membership::list_groups_for_user, user)

        .on::<CreateGroup, _>(groups::create_group, |op, scope| vec![created(scope, "group", op.path.as_deref(), &op.group_name)])
        .on_resolved::<GetGroup, _, _>(groups::get_group, group)
        .on::<ListGroups, _>(groups::list_groups, |op, scope| below(scope, "group", op.path_prefix.as_deref()))
        .on_resolved::<UpdateGroup, _, _>(groups::update_group, group)
        .on_resolved::<DeleteGroup, _, _>(groups::delete_group, group)
        .on_resolved::<AddUserToGroup, _, _>(membership::add_user_to_group, group)
        .on_resolved::<RemoveUserFromGroup, _, _>(membership::remove_user_from_group, group)

        .on::<CreateRole, _>(roles::create_role, |op, scope| vec![with_boundary(tagged(
            created(scope, "role", op.path.as_deref(), &op.role_name), op.tags.as_deref()), op.permissions_boundary.as_ref())])
        .on_resolved::<GetRole, _, _>(roles::get_role, role)
        .on::<ListRoles, _>(roles::list_roles, |op, scope| below(scope, "role", op.path_prefix.as_deref()))
        .on_resolved::<UpdateRole, _, _>(roles::update_role, role)
        .on_resolved::<UpdateRoleDescription, _, _>(roles::update_role_description, role)
        .on_resolved::<UpdateAssumeRolePolicy, _, _>(roles::update_assume_role_policy, role)
        .on_resolved::<DeleteRole, _, _>(roles::delete_role, role)

        .on_resolved::<PutUserPermissionsBoundary, _, _>(boundaries::put_user_permissions_boundary, user)
        .on_resolved::<DeleteUserPermissionsBoundary, _, _>(boundaries::delete_user_permissions_boundary, user)
        .on_resolved::<PutRolePermissionsBoundary, _, _>(boundaries::put_role_permissions_boundary, role)
        .on_resolved::<DeleteRolePermissionsBoundary, _, _>(boundaries::delete_role_permissions_boundary, role)

        .on_resolved::<PutUserPolicy, _, _>(inline_policies::put_user_policy, user)
        .on_resolved::<GetUserPolicy, _, _>(inline_policies::get_user_policy, user)
        .on_resolved::<DeleteUserPolicy, _, _>(inline_policies::delete_user_policy, user)
        .on_resolved::<ListUserPolicies, _, _>(inline_policies::list_user_policies, user)
        .on_resolved::<PutGroupPolicy, _, _>(inline_policies::put_group_policy, group)
        .on_resolved::<GetGroupPolicy, _, _>(inline_policies::get_group_policy, group)
        .on_resolved::<DeleteGroupPolicy, _, _>(inline_policies::delete_group_policy, group)
        .on_resolved::<ListGroupPolicies, _, _>(inline_policies::list_group_policies, group)
        .on_resolved::<PutRolePolicy, _, _>(inline_policies::put_role_policy, role)
        .on_resolved::<GetRolePolicy, _, _>(inline_policies::get_role_policy, role)
        .on_resolved::<DeleteRolePolicy, _, _>(inline_policies::delete_role_policy, role)
        .on_resolved::<ListRolePolicies, _, _>(inline_policies::list_role_policies, role)

        .on_resolved::<AttachUserPolicy, _, _>(attachments::attach_user_policy, user)
        .on_resolved::<DetachUserPolicy, _, _>(attachments::detach_user_policy, user)
        .on_resolved::<ListAttachedUserPolicies, _, _>(attachments::list_attached_user_policies, user)
        .on_resolved::<AttachGroupPolicy, _, _>(attachments::attach_group_policy, group)
        .on_resolved::<DetachGroupPolicy, _, _>(attachments::detach_group_policy, group)
        .on_resolved::<ListAttachedGroupPolicies, _, _>(attachments::list_attached_group_policies, group)
        .on_resolved::<AttachRolePolicy, _, _>(attachments::attach_role_policy, role)
        .on_resolved::<DetachRolePolicy, _, _>(attachments::detach_role_policy, role)
        .on_resolved::<ListAttachedRolePolicies, _, _>(attachments::list_attached_role_policies, role)

        .on::<CreatePolicy, _>(policies::create_policy, |op, scope| vec![tagged(
            created(scope, "policy", op.path.as_deref(), &op.policy_name), op.tags.as_deref())])
        .on_resolved::<GetPolicy, _, _>(policies::get_policy, access::policy)
        .on::<ListPolicies, _>(policies::list_policies, anything)
        .on_resolved::<DeletePolicy, _, _>(policies::delete_policy, access::policy)
        .on_resolved::<CreatePolicyVersion, _, _>(policy_versions::create_policy_version, access::policy)
        .on_resolved::<GetPolicyVersion, _, _>(policy_versions::get_policy_version, access::policy)
        .on_resolved::<ListPolicyVersions, _, _>(policy_versions::list_policy_versions, access::policy)
        .on_resolved::<SetDefaultPolicyVersion, _, _>(policy_versions::set_default_policy_version, access::policy)
        .on_resolved::<DeletePolicyVersion, _, _>(policy_versions::delete_policy_version, access::policy)
        .on_resolved::<ListEntitiesForPolicy, _, _>(entities_for_policy::list_entities_for_policy, access::policy)

        .on_resolved::<CreateAccessKey, _, _>(access_keys::create_access_key, user)
        .on_resolved::<ListAccessKeys, _, _>(access_keys::list_access_keys, user)
        .on_resolved::<UpdateAccessKey, _, _>(access_keys::update_access_key, user)
        .on_resolved::<DeleteAccessKey, _, _>(access_keys::delete_access_key, user)
        .on::<GetAccessKeyLastUsed, _>(access_keys::get_access_key_last_used, anything)

        .on_resolved::<CreateServiceSpecificCredential, _, _>(service_credentials::create_service_specific_credential, user)
        .on_resolved::<ListServiceSpecificCredentials, _, _>(service_credentials::list_service_specific_credentials, user)
        .on_resolved::<UpdateServiceSpecificCredential, _, _>(service_credentials::update_service_specific_credential, user)
        .on_resolved::<ResetServiceSpecificCredential, _, _>(service_credentials::reset_service_specific_credential, user)
        .on_resolved::<DeleteServiceSpecificCredential, _, _>(service_credentials::delete_service_specific_credential, user)

        .on::<CreateInstanceProfile, _>(instance_profiles::create_instance_profile, |op, scope| vec![tagged(
            created(scope, "instance-profile", op.path.as_deref(), &op.instance_profile_name), op.tags.as_deref())])
        .on_resolved::<GetInstanceProfile, _, _>(instance_profiles::get_instance_profile, instance_profile)
        .on::<ListInstanceProfiles, _>(instance_profiles::list_instance_profiles, |op, scope| below(scope, "instance-profile", op.path_prefix.as_deref()))
        .on_resolved::<ListInstanceProfilesForRole, _, _>(instance_profiles::list_instance_profiles_for_role, role)
        .on_resolved::<DeleteInstanceProfile, _, _>(instance_profiles::delete_instance_profile, instance_profile)
        .on_resolved::<AddRoleToInstanceProfile, _, _>(instance_profiles::add_role_to_instance_profile, access::role_into_instance_profile)
        .on_resolved::<RemoveRoleFromInstanceProfile, _, _>(instance_profiles::remove_role_from_instance_profile, instance_profile)

        .on_resolved::<TagUser, _, _>(tagging::tag_user, user)
        .on_resolved::<UntagUser, _, _>(tagging::untag_user, user)
        .on_resolved::<ListUserTags, _, _>(tagging::list_user_tags, user)
        .on_resolved::<TagRole, _, _>(tagging::tag_role, role)
        .on_resolved::<UntagRole, _, _>(tagging::untag_role, role)
        .on_resolved::<ListRoleTags, _, _>(tagging::list_role_tags, role)
        .on_resolved::<TagPolicy, _, _>(tagging::tag_policy, access::policy)
        .on_resolved::<UntagPolicy, _, _>(tagging::untag_policy, access::policy)
        .on_resolved::<ListPolicyTags, _, _>(tagging::list_policy_tags, access::policy)
        .on_resolved::<TagInstanceProfile, _, _>(tagging::tag_instance_profile, instance_profile)
        .on_resolved::<UntagInstanceProfile, _, _>(tagging::untag_instance_profile, instance_profile)
        .on_resolved::<ListInstanceProfileTags, _, _>(tagging::list_instance_profile_tags, instance_profile)

        .on::<SimulateCustomPolicy, _>(simulate::simulate_custom_policy, anything)
        .on::<SimulatePrincipalPolicy, _>(simulate::simulate_principal_policy, |op, _| vec![Access::to(&op.policy_source_arn)])
        .on::<GetContextKeysForCustomPolicy, _>(context_keys::get_context_keys_for_custom_policy, anything)
        .on::<GetContextKeysForPrincipalPolicy, _>(context_keys::get_context_keys_for_principal_policy, |op, _| vec![Access::to(&op.policy_source_arn)])
        .on::<GetAccountAuthorizationDetails, _>(authorization_details::get_account_authorization_details, anything)
        .build()
}

/// For operations that need no permission: not even an explicit deny stops them.
fn no_permission<O>(_input: &O, _scope: &Scope) -> Vec<Access> {
    Vec::new()
}

/// For operations that name no resource.
fn anything<O>(_input: &O, _scope: &Scope) -> Vec<Access> {
    vec![Access::any()]
}

/// The ARN of what is being created.
fn created(scope: &Scope, noun: &str, path: Option<&str>, name: &str) -> Access {
    Access::to(new_arn(scope.account.as_str(), noun, path, name))
}

/// Lists are asked for on the path that they are about.
fn below(scope: &Scope, noun: &str, path_prefix: Option<&str>) -> Vec<Access> {
    vec![Access::to(new_arn(scope.account.as_str(), noun, path_prefix, ""))]
}

fn with_boundary(access: Access, boundary: Option<&String>) -> Access {
    match boundary {
        Some(arn) => access.when("iam:PermissionsBoundary", arn.as_str()),
        None => access,
    }
}
