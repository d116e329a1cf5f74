//! The API: which operations are served, and on which resources the policies are asked.
//! Source of resources and condition keys: Service Authorization Reference, "AWS Secrets Manager".

mod create_secret;
mod delete_secret;
mod describe_secret;
mod get_secret_value;
mod list_secret_version_ids;
mod list_secrets;
mod put_secret_value;
mod restore_secret;
mod tags;
mod update_secret;
mod update_secret_version_stage;

use std::sync::Arc;

use aws::{Access, Ctx, Router, Scope, Timestamp};
use seal::Sealer;
use secretsmanager_model as model;
use store::{Key, ReadTx, WriteTx};

use crate::error::Error;
use crate::names;
use crate::records::{Secret, Value};
use crate::{Content, SecretsManager};

/// The key that AWS seals with if the caller names none.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";
const LARGEST_PAGE: usize = 100;

/// What is served.
pub fn router(secretsmanager: Arc<SecretsManager>) -> Router {
    use model::*;
    Router::of(&SECRETSMANAGER, secretsmanager)
        .on_resolved::<CreateSecret, _, _>(create_secret::create_secret, create_secret::access)
        .on_resolved::<GetSecretValue, _, _>(get_secret_value::get_secret_value, access::<GetSecretValue>)
        .on_resolved::<PutSecretValue, _, _>(put_secret_value::put_secret_value, access::<PutSecretValue>)
        .on_resolved::<UpdateSecret, _, _>(update_secret::update_secret, access::<UpdateSecret>)
        .on_resolved::<DeleteSecret, _, _>(delete_secret::delete_secret, access::<DeleteSecret>)
        .on_resolved::<RestoreSecret, _, _>(restore_secret::restore_secret, access::<RestoreSecret>)
        .on_resolved::<DescribeSecret, _, _>(describe_secret::describe_secret, access::<DescribeSecret>)
        .on::<ListSecrets, _>(list_secrets::list_secrets, |_, _| vec![Access::any()])
        .on_resolved::<ListSecretVersionIds, _, _>(
            list_secret_version_ids::list_secret_version_ids,
            access::<ListSecretVersionIds>,
        )
        .on_resolved::<UpdateSecretVersionStage, _, _>(
            update_secret_version_stage::update_secret_version_stage,
            access::<UpdateSecretVersionStage>,
        )
        .on_resolved::<TagResource, _, _>(tags::tag_resource, tags::access_to_tag)
        .on_resolved::<UntagResource, _, _>(tags::untag_resource, tags::access_to_untag)
        .build()
}

/// An input that names a secret.
trait Names: Sync {
    fn secret(&self) -> &str;
}

macro_rules! secret_in {
    ($($input:ident . $member:ident),*) => {
        $(impl Names for model::$input {
            fn secret(&self) -> &str {
                &self.$member
            }
        })*
    };
}

secret_in!(
    CreateSecret.name,
    GetSecretValue.secret_id,
    PutSecretValue.secret_id,
    UpdateSecret.secret_id,
    DeleteSecret.secret_id,
    RestoreSecret.secret_id,
    DescribeSecret.secret_id,
    ListSecretVersionIds.secret_id,
    UpdateSecretVersionStage.secret_id,
    TagResource.secret_id,
    UntagResource.secret_id
);

/// The secret that an input names, with its tags.
async fn access<I: Names>(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: &I,
) -> Result<Vec<Access>, Error> {
    let (scope, given, now) = (ctx.scope.clone(), input.secret().to_owned(), ctx.now());
    let read = secretsmanager.store.read(move |tx| Ok::<_, Error>(names::meant(tx, &scope, &given, now)?));
    let Some(secret) = read.await? else {
        return Ok(vec![Access::to(names::arn_of_none(&ctx.scope, input.secret()))]);
    };
    let tags = secret.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let mut access = Access::to(secret.arn()).with_resource_tags(tags.clone());
    for (key, value) in tags {
        access = access.when(&format!("secretsmanager:ResourceTag/{key}"), value);
    }
    Ok(vec![access])
}

/// Errors: `NotFound`.
fn find(tx: &mut ReadTx<'_>, scope: &Scope, given: &str, now: Timestamp) -> Result<Secret, Error> {
    names::meant(tx, scope, given, now)?.ok_or(Error::NotFound)
}

/// One that is not to be deleted. Errors: `NotFound`, `MarkedForDeletion`.
fn find_live(tx: &mut ReadTx<'_>, scope: &Scope, given: &str, now: Timestamp) -> Result<Secret, Error> {
    let found = find(tx, scope, given, now)?;
    if found.deletion.is_none() { Ok(found) } else { Err(Error::MarkedForDeletion) }
}

/// Keys of customers are refused, not forgotten.
fn check_key(key: Option<&String>) -> Result<(), Error> {
    match key.is_some_and(|key| !key.is_empty() && key != DEFAULT_KEY) {
        true => Err(Error::NotImplemented("Customer managed keys of secrets are")),
        false => Ok(()),
    }
}

/// Adds a version and its value. The client's token is the id of the version: one that is there already holds the same
/// value, or is refused. Answers whether it was added. Errors: `TokenInUse`, `LimitExceeded`.
fn add_version(
    tx: &mut WriteTx<'_>,
    sealer: &Sealer,
    secret: &mut Secret,
    new: &NewVersion,
) -> Result<bool, Error> {
    if secret.version(&new.token).is_some() {
        let value = tx.get::<Value>(&Value::key_of(secret.id, &new.token))?;
        let same =
            value.is_some_and(|value| Content::open(sealer, &value).is_ok_and(|old| old == new.content));
        return match same {
            true => Ok(false),
            false => Err(Error::TokenInUse { token: new.token.clone(), arn: secret.arn() }),
        };
    }
    for forgotten in secret.add(&new.token, &new.stages, new.at)? {
        tx.delete::<Value>(&Value::key_of(secret.id, &forgotten))?;
    }
    tx.put(&new.content.seal(sealer, secret, &new.token)?)?;
    Ok(true)
}

/// A version that is to be.
#[derive(Clone)]
struct NewVersion {
    token: String,
    content: Content,
    stages: Vec<String>,
    at: Timestamp,
}

/// The id of a version: the client's token, which makes a call repeatable, or one that nobody has.
fn token_of(given: Option<String>) -> String {
    given.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// Where a page begins. Errors: `InvalidNextToken` for a token that was not made here.
fn page_start(ctx: &Ctx, token: Option<&String>) -> Result<Option<Vec<u8>>, Error> {
    let Some(token) = token else { return Ok(None) };
    ctx.open_page_token(token).map(Some).ok_or(Error::InvalidNextToken)
}

fn key_of_page(position: Option<Vec<u8>>) -> Result<Option<Key>, Error> {
    position.map(|bytes| Key::from_bytes(bytes).map_err(|_| Error::InvalidNextToken)).transpose()
}

/// How many results a page has; the model bounds what is asked for.
fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE)
}
