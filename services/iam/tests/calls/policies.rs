//! Inline and managed policies, and what they decide.

use iam_model as model;

use crate::platform::{ALLOW_ALL, Platform, refused, statement};

const READ_ONLY: &str = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";

fn create_policy(name: &str, document: &str) -> model::CreatePolicy {
    model::CreatePolicy { policy_name: name.into(), policy_document: document.into(), ..Default::default() }
}

fn attach(user: &str, arn: &str) -> model::AttachUserPolicy {
    model::AttachUserPolicy { user_name: user.into(), policy_arn: arn.into() }
}

#[tokio::test]
async fn inline_policies_are_answered_encoded() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    platform.user("jane", &[ALLOW_ALL]).await;
    let get = model::GetUserPolicy { user_name: "jane".into(), policy_name: "p0".into() };
    let got = admin.call(get).await.expect("found");
    assert!(got.policy_document.starts_with("%7B%22Version%22"), "{}", got.policy_document);
    let list = model::ListUserPolicies { user_name: "jane".into(), ..Default::default() };
    assert_eq!(admin.call(list).await.expect("listed").policy_names, ["p0"]);
    let missing = model::GetUserPolicy { user_name: "jane".into(), policy_name: "p1".into() };
    assert_eq!(refused(&admin, missing).await.1, "The user policy with name p1 cannot be found.");
}

#[tokio::test]
async fn malformed_documents_are_refused() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let (code, message) = refused(&admin, create_policy("p", "{")).await;
    assert_eq!((code.as_str(), message.as_str()), ("MalformedPolicyDocument", "Syntax errors in policy."));
    let long = statement("Allow", &format!("s3:{}", "x".repeat(7_000)), "*");
    let (code, message) = refused(&admin, create_policy("p", &long)).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    );
    platform.user("jane", &[]).await;
    let put = model::PutUserPolicy {
        user_name: "jane".into(),
        policy_name: "long".into(),
        policy_document: statement("Allow", &format!("s3:{}", "x".repeat(3_000)), "*"),
    };
    let (code, message) = refused(&admin, put).await;
    assert_eq!(code, "LimitExceeded");
    assert_eq!(message, "Maximum policy size of 2048 bytes exceeded for user jane");
}

#[tokio::test]
async fn a_managed_policy_through_its_versions() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let jane = platform.user("jane", &[]).await;
    let created =
        admin.call(create_policy("p", &statement("Allow", "iam:ListUsers", "*"))).await.expect("created");
    let arn = created.policy.expect("answered").arn.expect("an ARN");
    admin.call(attach("jane", &arn)).await.expect("attached");
    admin.call(attach("jane", &arn)).await.expect("attaching again changes nothing");
    jane.call(model::ListUsers::default()).await.expect("allowed");
    let version = |effect: &str| model::CreatePolicyVersion {
        policy_arn: arn.clone(),
        policy_document: statement(effect, "iam:ListUsers", "*"),
        set_as_default: Some(true),
    };
    admin.call(version("Deny")).await.expect("created");
    let (_, message) = refused(&jane, model::ListUsers::default()).await;
    assert!(
        message.ends_with(&format!("with an explicit deny in an identity-based policy: {arn}")),
        "{message}"
    );
    let set = model::SetDefaultPolicyVersion { policy_arn: arn.clone(), version_id: "v1".into() };
    admin.call(set).await.expect("set");
    jane.call(model::ListUsers::default()).await.expect("allowed again");
    for _ in 0..3 {
        admin.call(version("Allow")).await.expect("created");
    }
    let (code, message) = refused(&admin, version("Allow")).await;
    assert_eq!(code, "LimitExceeded");
    assert!(message.starts_with("A managed policy can have up to 5 versions."), "{message}");
    let delete = |id: &str| model::DeletePolicyVersion { policy_arn: arn.clone(), version_id: id.into() };
    assert_eq!(refused(&admin, delete("v5")).await.1, "Cannot delete the default version of a policy.");
    admin.call(delete("v2")).await.expect("deleted");
    admin.call(version("Allow")).await.expect("there is room");
    let list = model::ListPolicyVersions { policy_arn: arn.clone(), ..Default::default() };
    let versions = admin.call(list).await.expect("listed").versions.expect("versions");
    let ids: Vec<_> = versions.iter().filter_map(|version| version.version_id.as_deref()).collect();
    assert_eq!(ids, ["v6", "v5", "v4", "v3", "v1"]);
}

#[tokio::test]
async fn a_policy_in_use_is_not_deleted() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    platform.user("jane", &[]).await;
    let created = admin.call(create_policy("p", ALLOW_ALL)).await.expect("created");
    let arn = created.policy.expect("answered").arn.expect("an ARN");
    admin.call(attach("jane", &arn)).await.expect("attached");
    let get = model::GetPolicy { policy_arn: arn.clone() };
    let count = admin.call(get).await.expect("found").policy.expect("answered").attachment_count;
    assert_eq!(count, Some(1));
    let delete = model::DeletePolicy { policy_arn: arn.clone() };
    let (code, message) = refused(&admin, delete.clone()).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("DeleteConflict", "Cannot delete a policy attached to entities.")
    );
    let users = model::ListEntitiesForPolicy { policy_arn: arn.clone(), ..Default::default() };
    let users = admin.call(users).await.expect("listed").policy_users.expect("users");
    assert_eq!(users[0].user_name.as_deref(), Some("jane"));
    let detach = model::DetachUserPolicy { user_name: "jane".into(), policy_arn: arn.clone() };
    admin.call(detach.clone()).await.expect("detached");
    assert_eq!(refused(&admin, detach).await.1, format!("Policy {arn} was not found."));
    admin.call(delete).await.expect("deleted");
    let (code, _) = refused(&admin, model::GetPolicy { policy_arn: arn }).await;
    assert_eq!(code, "NoSuchEntity");
}

#[tokio::test]
async fn managed_policies_of_aws() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    let jane = platform.user("jane", &[]).await;
    admin.call(attach("jane", READ_ONLY)).await.expect("attached");
    jane.call(model::ListUsers::default()).await.expect("allowed");
    let attached = model::ListAttachedUserPolicies { user_name: "jane".into(), ..Default::default() };
    let attached = admin.call(attached).await.expect("listed").attached_policies.expect("policies");
    assert_eq!(attached[0].policy_name.as_deref(), Some("IAMReadOnlyAccess"));
    let version = model::GetPolicyVersion { policy_arn: READ_ONLY.into(), version_id: "v1".into() };
    admin.call(version).await.expect("found");
    assert_eq!(refused(&admin, model::DeletePolicy { policy_arn: READ_ONLY.into() }).await.0, "AccessDenied");
    let missing = "arn:aws:iam::aws:policy/Missing";
    assert_eq!(
        refused(&admin, attach("jane", missing)).await.1,
        format!("Policy {missing} does not exist or is not attachable.")
    );
    assert_eq!(refused(&admin, attach("jane", "arn:aws:s3:::some-bucket")).await.0, "InvalidInput");
    let list = model::ListPolicies {
        scope: Some(model::PolicyScopeType::Aws),
        only_attached: Some(true),
        ..Default::default()
    };
    let policies = admin.call(list).await.expect("listed").policies.expect("policies");
    let names: Vec<_> = policies.iter().filter_map(|policy| policy.policy_name.as_deref()).collect();
    assert_eq!(names, ["AdministratorAccess", "IAMReadOnlyAccess"]);
}

#[tokio::test]
async fn a_policy_may_say_what_is_attached() {
    let platform = Platform::start().await;
    let only_read_only = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:AttachUserPolicy","Resource":"*",
            "Condition":{{"ArnEquals":{{"iam:PolicyARN":"{READ_ONLY}"}}}}}}}}"#
    );
    let jane = platform.user("jane", &[&only_read_only]).await;
    jane.call(attach("jane", READ_ONLY)).await.expect("allowed");
    assert_eq!(
        refused(&jane, attach("jane", "arn:aws:iam::aws:policy/AdministratorAccess")).await.0,
        "AccessDenied"
    );
}

#[tokio::test]
async fn paths_are_part_of_what_is_allowed() {
    let platform = Platform::start().await;
    let team = statement("Allow", "iam:*", "arn:aws:iam::123456789012:user/team/*");
    let jane = platform.user("jane", &[&team]).await;
    let create = |path: Option<&str>| model::CreateUser {
        user_name: "joe".into(),
        path: path.map(str::to_owned),
        ..Default::default()
    };
    assert_eq!(refused(&jane, create(None)).await.0, "AccessDenied");
    jane.call(create(Some("/team/"))).await.expect("allowed");
    jane.call(model::GetUser { user_name: Some("joe".into()) }).await.expect("its path is looked up");
    assert_eq!(refused(&jane, model::GetUser { user_name: None }).await.0, "AccessDenied");
}
