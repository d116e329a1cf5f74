use std::collections::BTreeMap;

use aws::{Access, Ctx};
use seal::Sealer;
use secretsmanager_model::{CreateSecret, CreateSecretOutput};
use store::WriteTx;
use uuid::Uuid;

use super::{NewVersion, add_version, check_key, tags, token_of};
use crate::error::Error;
use crate::names;
use crate::records::Secret;
use crate::{Content, SecretsManager};

/// Of one account and region.
const MOST_SECRETS: u64 = 10_000;

/// Tags need the permission to tag, too.
pub(super) async fn access(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: &CreateSecret,
) -> Result<Vec<Access>, Error> {
    let mut accesses = super::access(secretsmanager, ctx, input).await?;
    if let Some(tags) = input.tags.as_ref().filter(|tags| !tags.is_empty()) {
        let resource = accesses.first().map(|access| access.resource.clone()).unwrap_or_default();
        accesses.push(Access::to(resource).action("secretsmanager:TagResource"));
        accesses = accesses.into_iter().map(|access| access.with_request_tags(tags::pairs(tags))).collect();
    }
    Ok(accesses)
}

/// Makes a secret, with its first version if a value is given. A repeated call with the same token and value answers as
/// the first did. Source: Secrets Manager API Reference, CreateSecret.
pub(super) async fn create_secret(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: CreateSecret,
) -> Result<CreateSecretOutput, Error> {
    names::check(&input.name)?;
    check_key(input.kms_key_id.as_ref())?;
    if input.add_replica_regions.is_some_and(|regions| !regions.is_empty()) {
        return Err(Error::NotImplemented("Replicas of secrets are"));
    }
    if input.r#type.is_some_and(|kind| !kind.is_empty()) {
        return Err(Error::NotImplemented("Secrets that partners manage are"));
    }
    let mut tags = BTreeMap::new();
    tags::add(&mut tags, &input.tags.unwrap_or_default())?;
    let at = ctx.now();
    let content = Content::given(input.secret_string, input.secret_binary)?;
    let new = content.map(|content| NewVersion {
        token: token_of(input.client_request_token),
        content,
        stages: Vec::new(),
        at,
    });
    let secret = Secret {
        scope: ctx.scope.clone(),
        name: input.name,
        suffix: names::suffix(rand::random()),
        id: Uuid::new_v4(),
        description: input.description,
        tags,
        created: at,
        changed: at,
        accessed: None,
        deletion: None,
        versions: Vec::new(),
    };
    let (sealer, asked) = (secretsmanager.sealer.clone(), new.clone());
    let made = secretsmanager.store.write(move |tx| create(tx, &sealer, &secret, asked.as_ref())).await?;
    Ok(CreateSecretOutput {
        arn: Some(made.arn()),
        name: Some(made.name),
        version_id: new.map(|new| new.token),
        replication_status: None,
    })
}

fn create(
    tx: &mut WriteTx<'_>,
    sealer: &Sealer,
    secret: &Secret,
    new: Option<&NewVersion>,
) -> Result<Secret, Error> {
    let before = Secret::find(tx, &secret.scope, &secret.name)?;
    if let Some(before) = &before {
        if before.is_gone(secret.created) {
            crate::deleted::forget_plan(tx, before)?;
            crate::deleted::remove(tx, before)?;
        } else if before.deletion.is_some() {
            return Err(Error::NameIsDeleted);
        } else {
            return repeated(tx, sealer, before, new);
        }
    }
    if tx.count::<Secret>(Secret::in_scope(&secret.scope))? >= MOST_SECRETS {
        return Err(Error::LimitExceeded("secrets of an account"));
    }
    let mut made = secret.clone();
    if let Some(new) = new {
        add_version(tx, sealer, &mut made, new)?;
    }
    tx.put(&made)?;
    Ok(made)
}

/// The secret that is there, if the call that made it is repeated. Errors: `Exists`, `TokenInUse`.
fn repeated(
    tx: &mut WriteTx<'_>,
    sealer: &Sealer,
    before: &Secret,
    new: Option<&NewVersion>,
) -> Result<Secret, Error> {
    match new.filter(|new| before.version(&new.token).is_some()) {
        Some(new) => {
            add_version(tx, sealer, &mut before.clone(), new)?;
            Ok(before.clone())
        }
        None => Err(Error::Exists(before.name.clone())),
    }
}
