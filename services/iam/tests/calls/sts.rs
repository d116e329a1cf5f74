//! Roles are assumed, sessions limited, refusals worded.

use crate::platform::{ACCOUNT, ALLOW_ALL, Platform, credentials, refused, statement, trust};
use iam_model as model;
use sts_model::{
    AssumeRole, DecodeAuthorizationMessage, GetAccessKeyInfo, GetCallerIdentity, GetFederationToken,
    GetSessionToken,
};

fn assume(role_arn: &str) -> AssumeRole {
    AssumeRole { role_arn: role_arn.into(), role_session_name: "one".into(), ..Default::default() }
}

fn get_role(name: &str) -> model::GetRole {
    model::GetRole { role_name: name.into() }
}

#[tokio::test]
async fn everyone_may_ask_who_they_are() {
    let platform = Platform::start().await;
    let deny = statement("Deny", "*", "*");
    let jane = platform.user("jane", &[&deny]).await;
    let identity = jane.call(GetCallerIdentity {}).await.expect("needs no permission");
    assert_eq!(identity.arn.as_deref(), Some("arn:aws:iam::123456789012:user/jane"));
    assert_eq!(identity.account.as_deref(), Some(ACCOUNT));
    assert!(identity.user_id.is_some_and(|id| id.starts_with("AIDA") && id.len() == 21));
}

#[tokio::test]
async fn a_service_assumes_a_role_that_trusts_it() {
    let platform = Platform::start().await;
    let allow = statement("Allow", "iam:GetRole", "*");
    let arn = platform.role("pipeline", r#"{"Service":"codepipeline.amazonaws.com"}"#, &[&allow]).await;
    let service = platform.service("codepipeline.amazonaws.com");
    let output = service.call(assume(&arn)).await.expect("trusted");
    let user = output.assumed_role_user.expect("answered");
    assert_eq!(user.arn, "arn:aws:sts::123456789012:assumed-role/pipeline/one");
    let session = platform.with(credentials(output.credentials.expect("answered")));
    session.call(get_role("pipeline")).await.expect("the role may");
    let (code, message) = refused(&session, model::ListUsers::default()).await;
    assert_eq!(code, "AccessDenied");
    assert_eq!(
        message,
        "User: arn:aws:sts::123456789012:assumed-role/pipeline/one is not authorized to perform: iam:ListUsers on \
         resource: arn:aws:iam::123456789012:user/ because no identity-based policy allows the iam:ListUsers action"
    );
    let (code, message) = refused(&platform.service("codebuild.amazonaws.com"), assume(&arn)).await;
    assert_eq!(code, "AccessDenied");
    assert_eq!(
        message,
        "User: codebuild.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::123456789012:role/pipeline"
    );
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_refused_alike() {
    let platform = Platform::start().await;
    let missing = "arn:aws:iam::123456789012:role/missing";
    let (code, message) = refused(&platform.admin(), assume(missing)).await;
    assert_eq!(code, "AccessDenied");
    assert!(message.ends_with(
        "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/missing"
    ));
    let (code, message) = refused(&platform.admin(), assume("arn:aws:s3:::not-a-role-at-all")).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("ValidationError", "arn:aws:s3:::not-a-role-at-all is invalid")
    );
}

#[tokio::test]
async fn trust_in_the_account_leaves_it_to_its_policies() {
    let platform = Platform::start().await;
    let arn = platform.role("deploy", r#"{"AWS":"123456789012"}"#, &[ALLOW_ALL]).await;
    let jane = platform.user("jane", &[]).await;
    assert_eq!(refused(&jane, assume(&arn)).await.0, "AccessDenied");
    let allow = statement("Allow", "sts:AssumeRole", &arn);
    let joe = platform.user("joe", &[&allow]).await;
    joe.call(assume(&arn)).await.expect("both allow");
}

#[tokio::test]
async fn trust_in_a_user_ends_with_that_user() {
    let platform = Platform::start().await;
    let jane = platform.user("jane", &[]).await;
    let arn = platform.role("deploy", r#"{"AWS":"arn:aws:iam::123456789012:user/jane"}"#, &[]).await;
    jane.call(assume(&arn)).await.expect("named");
    let admin = platform.admin();
    let keys =
        admin.call(model::ListAccessKeys { user_name: Some("jane".into()), ..Default::default() }).await;
    for key in keys.expect("listed").access_key_metadata {
        let delete = model::DeleteAccessKey {
            user_name: Some("jane".into()),
            access_key_id: key.access_key_id.expect("an id"),
        };
        admin.call(delete).await.expect("deleted");
    }
    admin.call(model::DeleteUser { user_name: "jane".into() }).await.expect("deleted");
    // The same name, another user.
    let other_jane = platform.user("jane", &[]).await;
    assert_eq!(refused(&other_jane, assume(&arn)).await.0, "AccessDenied");
    let shown = admin.call(get_role("deploy")).await.expect("shown").role.assume_role_policy_document;
    let shown = shown.expect("a document");
    assert!(shown.contains("AIDA") && !shown.contains("user%2Fjane"), "{shown}");
}

#[tokio::test]
async fn a_trust_policy_names_only_who_exists() {
    let platform = Platform::start().await;
    let create = model::CreateRole {
        role_name: "r".into(),
        assume_role_policy_document: trust(r#"{"AWS":"arn:aws:iam::123456789012:user/nobody"}"#),
        ..Default::default()
    };
    let (code, message) = refused(&platform.admin(), create).await;
    assert_eq!(code, "MalformedPolicyDocument");
    assert_eq!(message, "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:user/nobody\"");
}

#[tokio::test]
async fn a_session_policy_limits_the_role() {
    let platform = Platform::start().await;
    let arn = platform.role("deploy", r#"{"AWS":"123456789012"}"#, &[ALLOW_ALL]).await;
    let policy = statement("Allow", "iam:GetRole", "*");
    let input = AssumeRole { policy: Some(policy), ..assume(&arn) };
    let output = platform.admin().call(input).await.expect("allowed");
    assert!(output.packed_policy_size.is_some_and(|size| size >= 1));
    let session = platform.with(credentials(output.credentials.expect("answered")));
    session.call(get_role("deploy")).await.expect("both allow");
    let (_, message) = refused(&session, model::ListRoles::default()).await;
    assert!(message.ends_with("because no session policy allows the iam:ListRoles action"), "{message}");
}

#[tokio::test]
async fn durations() {
    let platform = Platform::start().await;
    let arn = platform.role("deploy", r#"{"AWS":"123456789012"}"#, &[ALLOW_ALL]).await;
    let longer = AssumeRole { duration_seconds: Some(7_200), ..assume(&arn) };
    let (code, message) = refused(&platform.admin(), longer.clone()).await;
    assert_eq!(code, "ValidationError");
    assert_eq!(message, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    let update = model::UpdateRole {
        role_name: "deploy".into(),
        max_session_duration: Some(43_200),
        ..Default::default()
    };
    platform.admin().call(update).await.expect("updated");
    let output = platform.admin().call(longer.clone()).await.expect("now allowed");
    let chained = platform.with(credentials(output.credentials.expect("answered")));
    let (_, message) = refused(&chained, longer).await;
    assert_eq!(
        message,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    );
    let short = AssumeRole { duration_seconds: Some(60), ..assume(&arn) };
    assert_eq!(refused(&platform.admin(), short).await.0, "ValidationError");
}

#[tokio::test]
async fn session_tags_need_a_permission_of_their_own_and_are_keys_of_policies() {
    let platform = Platform::start().await;
    let by_tag = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetRole","Resource":"*",
        "Condition":{"StringEquals":{"aws:PrincipalTag/team":"a"}}}}"#;
    let arn = platform.role("deploy", r#"{"AWS":"123456789012"}"#, &[by_tag]).await;
    let tag = |value: &str| sts_model::Tag { key: "team".into(), value: value.into() };
    let tagged = |value| AssumeRole { tags: Some(vec![tag(value)]), ..assume(&arn) };
    let (_, message) = refused(&platform.admin(), tagged("a")).await;
    assert!(message.contains("sts:TagSession"), "{message}");
    let update = model::UpdateAssumeRolePolicy {
        role_name: "deploy".into(),
        policy_document: trust(r#"{"AWS":"123456789012"}"#).replace("\"sts:AssumeRole\"", "\"sts:*\""),
    };
    platform.admin().call(update).await.expect("updated");
    for (value, may) in [("a", true), ("b", false)] {
        let output = platform.admin().call(tagged(value)).await.expect("allowed");
        let session = platform.with(credentials(output.credentials.expect("answered")));
        assert_eq!(session.call(get_role("deploy")).await.is_ok(), may, "{value}");
    }
}

#[tokio::test]
async fn an_external_id_is_asked_for() {
    let platform = Platform::start().await;
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},
        "Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x-1"}}}}"#;
    let create = model::CreateRole {
        role_name: "partner".into(),
        assume_role_policy_document: document.into(),
        ..Default::default()
    };
    let arn = platform.admin().call(create).await.expect("created").role.arn;
    assert_eq!(refused(&platform.admin(), assume(&arn)).await.0, "AccessDenied");
    let right = AssumeRole { external_id: Some("x-1".into()), ..assume(&arn) };
    platform.admin().call(right).await.expect("the id is right");
}

#[tokio::test]
async fn a_session_token_is_the_user_but_may_not_call_iam() {
    let platform = Platform::start().await;
    let jane = platform.user("jane", &[ALLOW_ALL]).await;
    let issued = jane.call(GetSessionToken::default()).await.expect("allowed").credentials.expect("answered");
    let session = platform.with(credentials(issued));
    let identity = session.call(GetCallerIdentity {}).await.expect("allowed");
    assert_eq!(identity.arn.as_deref(), Some("arn:aws:iam::123456789012:user/jane"));
    assert_eq!(refused(&session, model::ListUsers::default()).await.0, "InvalidClientTokenId");
    let (code, message) = refused(&session, GetSessionToken::default()).await;
    assert_eq!(code, "AccessDenied");
    assert_eq!(message, "Cannot call GetSessionToken with session credentials");
}

/// What a session policy leaves of the user's permissions is shown by the client tests, on a service that both may call.
#[tokio::test]
async fn a_federated_user_may_only_ask_sts_who_it_is_whatever_policies_allow() {
    let platform = Platform::start().await;
    let jane = platform.user("jane", &[&statement("Allow", "sts:*", "*")]).await;
    let federate =
        GetFederationToken { name: "bob".into(), policy: Some(ALLOW_ALL.into()), ..Default::default() };
    let issued = jane.call(federate).await.expect("allowed");
    let arn = issued.federated_user.expect("answered").arn;
    assert_eq!(arn, "arn:aws:sts::123456789012:federated-user/bob");
    let session = platform.with(credentials(issued.credentials.expect("answered")));
    assert_eq!(session.call(GetCallerIdentity {}).await.expect("allowed").arn, Some(arn));
    let decode = DecodeAuthorizationMessage { encoded_message: "x".into() };
    let (code, message) = refused(&session, decode).await;
    assert_eq!(code, "AccessDenied");
    assert_eq!(message, "Cannot call DecodeAuthorizationMessage with session credentials");
}

#[tokio::test]
async fn a_refusal_can_be_decoded_by_those_who_may() {
    let platform = Platform::start().await;
    let jane = platform.user("jane", &[]).await;
    let refusal = jane.call(model::ListUsers::default()).await.expect_err("refused");
    let encoded_message = refusal.members["encodedMessage"].as_str().expect("a message").to_owned();
    let decode = DecodeAuthorizationMessage { encoded_message };
    assert_eq!(refused(&jane, decode.clone()).await.0, "AccessDenied");
    let decoded = platform.admin().call(decode).await.expect("decoded").decoded_message.expect("a message");
    let message: serde_json::Value = serde_json::from_str(&decoded).expect("JSON");
    assert_eq!(message["context"]["action"], "iam:ListUsers");
    assert_eq!(message["explicitDeny"], false);
}

#[tokio::test]
async fn a_temporary_key_needs_its_token_and_ends() {
    let platform = Platform::start().await;
    let arn = platform.role("deploy", r#"{"AWS":"123456789012"}"#, &[ALLOW_ALL]).await;
    let output = platform.admin().call(assume(&arn)).await.expect("allowed");
    let mut held = credentials(output.credentials.expect("answered"));
    let info = GetAccessKeyInfo { access_key_id: held.access_key_id.clone() };
    let account = platform.admin().call(info).await.expect("known").account;
    assert_eq!(account.as_deref(), Some(ACCOUNT));
    held.session_token = Some("other".to_owned().into());
    assert_eq!(refused(&platform.with(held), GetCallerIdentity {}).await.0, "UnrecognizedClientException");
}

#[tokio::test]
async fn refused_calls_are_audited() {
    let platform = Platform::start().await;
    let jane = platform.user("jane", &[]).await;
    refused(&jane, model::ListUsers::default()).await;
    let audited = platform.audited.0.lock().expect("not poisoned");
    assert_eq!(audited.last(), Some(&("ListUsers".to_owned(), Some("AccessDenied".to_owned()))));
}
