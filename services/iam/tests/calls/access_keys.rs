//! Access keys and git passwords.

use aws::{Authenticator, Secret};
use iam_model as model;
use sts_model::GetCallerIdentity;

use crate::platform::{ADMIN_KEY, Platform, refused};

#[tokio::test]
async fn a_key_until_it_is_switched_off_and_deleted() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    platform.user("jane", &[]).await;
    let key = platform.new_key("jane").await;
    let create = model::CreateAccessKey { user_name: Some("jane".into()) };
    let (code, message) = refused(&admin, create).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
    );
    let jane = platform.with(key.clone());
    jane.call(GetCallerIdentity {}).await.expect("good");
    let update = |status| model::UpdateAccessKey {
        user_name: Some("jane".into()),
        access_key_id: key.access_key_id.clone(),
        status,
    };
    admin.call(update(model::StatusType::Inactive)).await.expect("switched off");
    assert_eq!(refused(&jane, GetCallerIdentity {}).await.0, "UnrecognizedClientException");
    admin.call(update(model::StatusType::Active)).await.expect("switched on");
    jane.call(GetCallerIdentity {}).await.expect("good again");
    // Users without permissions of their own: the key belongs to another user.
    let foreign = model::DeleteAccessKey {
        user_name: Some("administrator".into()),
        access_key_id: key.access_key_id.clone(),
    };
    let (code, message) = refused(&admin, foreign).await;
    assert_eq!(code, "NoSuchEntity");
    assert_eq!(message, format!("The Access Key with id {} cannot be found.", key.access_key_id));
    let delete =
        model::DeleteAccessKey { user_name: Some("jane".into()), access_key_id: key.access_key_id.clone() };
    admin.call(delete).await.expect("deleted");
    assert_eq!(refused(&jane, GetCallerIdentity {}).await.0, "UnrecognizedClientException");
}

#[tokio::test]
async fn secrets_are_not_stored_in_the_clear() {
    let platform = Platform::start().await;
    platform.user("jane", &[]).await;
    let key = platform.new_key("jane").await;
    let id = key.access_key_id.clone();
    let stored = platform
        .store
        .read(move |tx| tx.get::<iam::records::AccessKey>(&iam::records::AccessKey::key_of(&id)))
        .await
        .expect("read")
        .expect("there");
    let text = serde_json::to_string(&stored.record).expect("JSON");
    assert!(!text.contains(key.secret_access_key.reveal()), "{text}");
}

#[tokio::test]
async fn the_last_use_of_a_key_is_known() {
    let platform = Platform::start().await;
    platform.user("jane", &[]).await;
    let key = platform.new_key("jane").await;
    let get = || model::GetAccessKeyLastUsed { access_key_id: key.access_key_id.clone() };
    let never = platform.admin().call(get()).await.expect("answered");
    let last_used = never.access_key_last_used.expect("answered");
    assert_eq!((last_used.last_used_date, last_used.service_name.as_str()), (None, "N/A"));
    // Refused, yet a use.
    refused(&platform.with(key.clone()), model::ListUsers::default()).await;
    platform.iam.flush().await;
    let used = platform.admin().call(get()).await.expect("answered");
    assert_eq!(used.user_name.as_deref(), Some("jane"));
    let last_used = used.access_key_last_used.expect("answered");
    assert!(last_used.last_used_date.is_some());
    assert_eq!((last_used.service_name.as_str(), last_used.region.as_str()), ("iam", "eu-west-1"));
}

#[tokio::test]
async fn git_passwords() {
    let platform = Platform::start().await;
    let admin = platform.admin();
    platform.user("jane", &[]).await;
    let create = |service: &str| model::CreateServiceSpecificCredential {
        user_name: "jane".into(),
        service_name: service.into(),
        credential_age_days: None,
    };
    let (code, message) = refused(&admin, create("s3.amazonaws.com")).await;
    assert_eq!(code, "NoSuchEntity");
    assert_eq!(message, "No such service s3.amazonaws.com is supported for Service Specific Credentials");
    let mut made = Vec::new();
    for expected in ["jane-at-123456789012", "jane+1-at-123456789012"] {
        let output = admin.call(create("codecommit.amazonaws.com")).await.expect("made");
        let credential = output.service_specific_credential.expect("answered");
        assert_eq!(credential.service_user_name.as_deref(), Some(expected));
        made.push(credential);
    }
    assert_eq!(refused(&admin, create("codecommit.amazonaws.com")).await.0, "LimitExceeded");
    let (first, second) = (&made[0], &made[1]);
    let check = async |user: &str, password: &str| {
        platform.iam.git_password(user, &Secret::new(password)).await.expect("answers").is_some()
    };
    let name = first.service_user_name.as_deref().expect("a name");
    let password = first.service_password.as_deref().expect("a password");
    assert!(check(name, password).await);
    assert!(!check(name, "wrong").await);
    assert!(!check(name, second.service_password.as_deref().expect("a password")).await);
    assert!(!check("nobody-at-123456789012", password).await);
    let reset = model::ResetServiceSpecificCredential {
        user_name: Some("jane".into()),
        service_specific_credential_id: first.service_specific_credential_id.clone(),
    };
    let reset = admin.call(reset).await.expect("reset").service_specific_credential.expect("answered");
    let new_password = reset.service_password.expect("a password");
    assert!(!check(name, password).await && check(name, &new_password).await);
    let off = model::UpdateServiceSpecificCredential {
        user_name: Some("jane".into()),
        service_specific_credential_id: first.service_specific_credential_id.clone(),
        status: model::StatusType::Inactive,
    };
    admin.call(off).await.expect("switched off");
    assert!(!check(name, &new_password).await);
    let list = model::ListServiceSpecificCredentials { user_name: Some("jane".into()), ..Default::default() };
    let listed = admin.call(list).await.expect("listed").service_specific_credentials.expect("credentials");
    assert_eq!(listed.len(), 2);
}

#[tokio::test]
async fn own_keys_need_no_name() {
    let platform = Platform::start().await;
    let keys = platform.admin().call(model::ListAccessKeys::default()).await.expect("listed");
    assert_eq!(keys.access_key_metadata[0].access_key_id.as_deref(), Some(ADMIN_KEY));
    let service = platform.service("codebuild.amazonaws.com");
    let (code, message) = refused(&service, model::ListAccessKeys::default()).await;
    assert_eq!(code, "ValidationError");
    assert_eq!(message, "Must specify userName when calling with non-User credentials");
}
