//! The administrator's key at each start, the master key, and the open mode.

use std::sync::Arc;

use aws::{Authenticator, Principal, Secret};
use iam::{Iam, OpenAuthenticator, Unusable};
use seal::Sealer;

use crate::platform::{ACCOUNT, ADMIN_KEY, ADMIN_SECRET, Platform};

fn given(secret: &str) -> Option<(String, Secret)> {
    Some((ADMIN_KEY.to_owned(), Secret::new(secret)))
}

#[tokio::test]
async fn the_given_key_is_the_administrators_at_every_start() {
    let platform = Platform::start().await;
    let account = ACCOUNT.parse().expect("an account");
    let secret = async || platform.iam.access_key(ADMIN_KEY).await.expect("answers").expect("known").secret;
    assert_eq!(secret().await.reveal(), ADMIN_SECRET);
    let again = platform.iam.bootstrap(&account, given(ADMIN_SECRET)).await.expect("the same");
    assert!(again.new_key.is_none());
    platform.iam.bootstrap(&account, given("another-secret")).await.expect("changed");
    assert_eq!(secret().await.reveal(), "another-secret");
}

#[tokio::test]
async fn without_a_given_key_one_is_made_once() {
    let platform = Platform::start().await;
    let account = "999999999999".parse().expect("an account");
    let first = platform.iam.bootstrap(&account, None).await.expect("made");
    let (id, secret) = first.new_key.expect("a new key");
    let known = platform.iam.access_key(&id).await.expect("answers").expect("known");
    assert_eq!(known.secret, secret);
    let second = platform.iam.bootstrap(&account, None).await.expect("there");
    assert!(second.new_key.is_none());
}

#[tokio::test]
async fn another_master_key_is_noticed_at_the_start() {
    let platform = Platform::start().await;
    let other = Iam::open(platform.store.clone(), Sealer::new([8; 32])).await;
    assert!(matches!(other, Err(Unusable::WrongMasterKey)));
    assert!(Iam::open(platform.store.clone(), Sealer::new([7; 32])).await.is_ok());
}

#[tokio::test]
async fn in_open_mode_any_key_is_the_administrators_but_known_ones_stay() {
    let platform = Platform::start().await;
    platform.user("jane", &[]).await;
    let key = platform.new_key("jane").await;
    let account = ACCOUNT.parse().expect("an account");
    let administrator = platform.iam.bootstrap(&account, given(ADMIN_SECRET)).await.expect("there").caller;
    let open = OpenAuthenticator::new(Arc::clone(&platform.iam), administrator);
    assert!(open.is_open());
    let name =
        async |id: &str| match open.access_key(id).await.expect("answers").expect("known").caller.principal {
            Principal::User { name, .. } => name,
            other => panic!("{other:?}"),
        };
    assert_eq!(name("anything").await, "administrator");
    assert_eq!(name(&key.access_key_id).await, "jane");
}
