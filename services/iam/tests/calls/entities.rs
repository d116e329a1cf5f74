//! Users, groups, roles and instance profiles.

use iam_model as model;

use crate::platform::{ACCOUNT, ALLOW_ALL, Platform, refused, trust};

fn create_user(name: &str) -> model::CreateUser {
    model::CreateUser { user_name: name.into(), ..Default::default() }
}

fn create_role(name: &str) -> model::CreateRole {
    model::CreateRole {
        role_name: name.into(),
        assume_role_policy_document: trust(r#"{"Service":"codebuild.amazonaws.com"}"#),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_user_comes_and_goes() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let create = model::CreateUser {
        path: Some("/team/x/".into()),
        tags: Some(vec![model::Tag { key: "a".into(), value: "1".into() }]),
        ..create_user("Jane")
    };
    let user = admin.call(create).await.expect("created").user.expect("answered");
    assert_eq!(user.arn, format!("arn:aws:iam::{ACCOUNT}:user/team/x/Jane"));
    assert_eq!(user.tags.as_ref().map(Vec::len), Some(1));
    // Names are unique whatever their case.
    let (code, message) = refused(&admin, create_user("jane")).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("EntityAlreadyExists", "User with name jane already exists.")
    );
    let got = admin.call(model::GetUser { user_name: Some("JANE".into()) }).await.expect("found").user;
    assert_eq!(got, user);
    let rename = model::UpdateUser {
        user_name: "Jane".into(),
        new_user_name: Some("Janet".into()),
        new_path: Some("/".into()),
    };
    admin.call(rename).await.expect("renamed");
    let got = admin.call(model::GetUser { user_name: Some("Janet".into()) }).await.expect("found").user;
    assert_eq!((got.user_id, got.arn), (user.user_id, format!("arn:aws:iam::{ACCOUNT}:user/Janet")));
    admin.call(model::DeleteUser { user_name: "Janet".into() }).await.expect("deleted");
    let (code, message) = refused(&admin, model::GetUser { user_name: Some("Janet".into()) }).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("NoSuchEntity", "The user with name Janet cannot be found.")
    );
}

#[tokio::test]
async fn what_a_user_has_is_in_the_way_of_its_deletion() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    platform.user("jane", &[ALLOW_ALL]).await;
    let delete = model::DeleteUser { user_name: "jane".into() };
    let (code, message) = refused(&admin, delete.clone()).await;
    assert_eq!(code, "DeleteConflict");
    assert_eq!(message, "Cannot delete entity, must delete policies first.");
    let policy = model::DeleteUserPolicy { user_name: "jane".into(), policy_name: "p0".into() };
    admin.call(policy).await.expect("deleted");
    assert_eq!(refused(&admin, delete).await.1, "Cannot delete entity, must delete access keys first.");
}

#[tokio::test]
async fn pages_of_users() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    for index in 0..25 {
        let path = if index % 2 == 0 { "/even/" } else { "/odd/" };
        let create =
            model::CreateUser { path: Some(path.into()), ..create_user(&format!("user-{index:02}")) };
        admin.call(create).await.expect("created");
    }
    let mut names = Vec::new();
    let mut marker = None;
    loop {
        let list = model::ListUsers { path_prefix: Some("/even/".into()), max_items: Some(5), marker };
        let page = admin.call(list).await.expect("listed");
        assert!(page.users.len() <= 5);
        assert_eq!(page.is_truncated, Some(page.marker.is_some()));
        names.extend(page.users.into_iter().map(|user| user.user_name));
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..25).step_by(2).map(|index| format!("user-{index:02}")).collect();
    assert_eq!(names, expected);
    let forged = model::ListUsers { marker: Some("forged".into()), ..Default::default() };
    assert_eq!(refused(&admin, forged).await.0, "ValidationError");
}

#[tokio::test]
async fn groups_give_their_policies_to_members() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let jane = platform.user("jane", &[]).await;
    let group = model::CreateGroup { group_name: "admins".into(), path: None };
    admin.call(group).await.expect("created");
    let put = model::PutGroupPolicy {
        group_name: "admins".into(),
        policy_name: "all".into(),
        policy_document: ALLOW_ALL.into(),
    };
    admin.call(put).await.expect("put");
    assert_eq!(refused(&jane, model::ListUsers::default()).await.0, "AccessDenied");
    let add = model::AddUserToGroup { group_name: "admins".into(), user_name: "jane".into() };
    admin.call(add.clone()).await.expect("added");
    admin.call(add).await.expect("adding again changes nothing");
    // The change counts at once.
    jane.call(model::ListUsers::default()).await.expect("allowed by the group");
    let rename = model::UpdateGroup {
        group_name: "admins".into(),
        new_group_name: Some("owners".into()),
        new_path: None,
    };
    admin.call(rename).await.expect("renamed");
    jane.call(model::ListUsers::default()).await.expect("still a member");
    let got = admin
        .call(model::GetGroup { group_name: "owners".into(), ..Default::default() })
        .await
        .expect("found");
    assert_eq!(got.users.len(), 1);
    let of_user = model::ListGroupsForUser { user_name: "jane".into(), ..Default::default() };
    assert_eq!(admin.call(of_user).await.expect("listed").groups[0].group_name, "owners");
    let delete = model::DeleteGroup { group_name: "owners".into() };
    assert_eq!(refused(&admin, delete).await.1, "Cannot delete entity, must remove users from group first.");
    let remove = model::RemoveUserFromGroup { group_name: "owners".into(), user_name: "jane".into() };
    admin.call(remove.clone()).await.expect("removed");
    assert_eq!(refused(&jane, model::ListUsers::default()).await.0, "AccessDenied");
    assert_eq!(refused(&admin, remove).await.0, "NoSuchEntity");
}

#[tokio::test]
async fn a_role_and_its_instance_profile() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let role = admin.call(create_role("build")).await.expect("created").role;
    assert_eq!(role.max_session_duration, Some(3_600));
    let document = role.assume_role_policy_document.expect("a document");
    assert!(document.starts_with("%7B%22Version%22%3A%222012-10-17%22"), "{document}");
    let (_, message) = refused(&admin, create_role("BUILD")).await;
    assert_eq!(message, "Role with name BUILD already exists.");
    let profile = model::CreateInstanceProfile { instance_profile_name: "p".into(), ..Default::default() };
    admin.call(profile).await.expect("created");
    let add =
        model::AddRoleToInstanceProfile { instance_profile_name: "p".into(), role_name: "build".into() };
    admin.call(add.clone()).await.expect("added");
    assert_eq!(refused(&admin, add).await.1, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    let get = model::GetInstanceProfile { instance_profile_name: "p".into() };
    assert_eq!(admin.call(get).await.expect("found").instance_profile.roles[0].role_name, "build");
    let delete = model::DeleteRole { role_name: "build".into() };
    let (_, message) = refused(&admin, delete.clone()).await;
    assert_eq!(message, "Cannot delete entity, must remove roles from instance profile first.");
    let remove =
        model::RemoveRoleFromInstanceProfile { instance_profile_name: "p".into(), role_name: "Build".into() };
    admin.call(remove).await.expect("removed");
    admin.call(delete).await.expect("deleted");
}

#[tokio::test]
async fn a_boundary_limits_a_user() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let jane = platform.user("jane", &[ALLOW_ALL]).await;
    let set = |arn: &str| model::PutUserPermissionsBoundary {
        user_name: "jane".into(),
        permissions_boundary: arn.into(),
    };
    let missing = "arn:aws:iam::123456789012:policy/missing";
    let (code, message) = refused(&admin, set(missing)).await;
    assert_eq!(code, "NoSuchEntity");
    assert_eq!(message, format!("Policy {missing} does not exist or is not attachable."));
    admin.call(set("arn:aws:iam::aws:policy/IAMReadOnlyAccess")).await.expect("set");
    jane.call(model::ListUsers::default()).await.expect("both allow");
    let (_, message) = refused(&jane, create_user("joe")).await;
    assert!(
        message.ends_with("because no permissions boundary allows the iam:CreateUser action"),
        "{message}"
    );
    let shown = admin.call(model::GetUser { user_name: Some("jane".into()) }).await.expect("found").user;
    let boundary = shown.permissions_boundary.expect("shown").permissions_boundary_arn;
    assert_eq!(boundary.as_deref(), Some("arn:aws:iam::aws:policy/IAMReadOnlyAccess"));
    admin.call(model::DeleteUserPermissionsBoundary { user_name: "jane".into() }).await.expect("deleted");
    jane.call(create_user("joe")).await.expect("nothing limits");
}

#[tokio::test]
async fn tags_are_keys_of_policies() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let own_team = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*",
        "Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}}}"#;
    let jane = platform.user("jane", &[own_team]).await;
    platform.user("joe", &[]).await;
    let tag = |name: &str, value: &str| model::TagUser {
        user_name: name.into(),
        tags: vec![model::Tag { key: "Team".into(), value: value.into() }],
    };
    let joe = || model::GetUser { user_name: Some("joe".into()) };
    assert_eq!(refused(&jane, joe()).await.0, "AccessDenied");
    admin.call(tag("jane", "a")).await.expect("tagged");
    admin.call(tag("joe", "a")).await.expect("tagged");
    jane.call(joe()).await.expect("the same team");
    admin.call(tag("joe", "b")).await.expect("tagged");
    assert_eq!(refused(&jane, joe()).await.0, "AccessDenied");
    let tags = admin.call(model::ListUserTags { user_name: "joe".into(), ..Default::default() }).await;
    assert_eq!(tags.expect("listed").tags, [model::Tag { key: "Team".into(), value: "b".into() }]);
    let untag = model::UntagUser { user_name: "joe".into(), tag_keys: vec!["team".into()] };
    admin.call(untag).await.expect("untagged");
    let twice = model::TagUser {
        user_name: "joe".into(),
        tags: vec![
            model::Tag { key: "x".into(), value: String::new() },
            model::Tag { key: "X".into(), value: String::new() },
        ],
    };
    let (code, message) = refused(&admin, twice).await;
    assert_eq!(code, "InvalidInput");
    assert_eq!(message, "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
}

#[tokio::test]
async fn account_details_hold_everything() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    platform.user("jane", &[ALLOW_ALL]).await;
    admin.call(create_role("build")).await.expect("created");
    let mut output = admin.call(model::GetAccountAuthorizationDetails::default()).await.expect("answered");
    let users = output.user_detail_list.take().expect("users");
    let names: Vec<_> = users.iter().filter_map(|user| user.user_name.as_deref()).collect();
    assert_eq!(names, ["administrator", "jane"]);
    assert_eq!(output.role_detail_list.expect("roles").len(), 1);
    let policies = output.policies.expect("policies");
    assert_eq!(policies[0].policy_name.as_deref(), Some("AdministratorAccess"));
    let only_roles = model::GetAccountAuthorizationDetails {
        filter: Some(vec![model::EntityType::Role]),
        ..Default::default()
    };
    let output = admin.call(only_roles).await.expect("answered");
    assert_eq!(output.user_detail_list.map(|users| users.len()), Some(0));
}
