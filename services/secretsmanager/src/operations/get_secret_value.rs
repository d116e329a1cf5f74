use aws::{Ctx, Timestamp};
use secretsmanager_model::{GetSecretValue, GetSecretValueOutput};
use store::ReadTx;

use super::find_live;
use crate::error::Error;
use crate::records::{Secret, Value, Version};
use crate::{Content, SecretsManager};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Errors: `NotFound`, `NoSuchVersion`, `MarkedForDeletion`, `InvalidRequest`.
/// Source: Secrets Manager API Reference, GetSecretValue.
pub(super) async fn get_secret_value(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: GetSecretValue,
) -> Result<GetSecretValueOutput, Error> {
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let read = secretsmanager.store.read(move |tx| {
        let secret = find_live(tx, &scope, &input.secret_id, now)?;
        let (version, value) =
            value(tx, &secret, input.version_id.as_deref(), input.version_stage.as_deref())?;
        Ok::<_, Error>((secret, version, value))
    });
    let (secret, version, value) = read.await?;
    let content = secretsmanager.open(&value)?;
    note_access(secretsmanager, &secret, &version, now).await?;
    let mut output = GetSecretValueOutput {
        arn: Some(secret.arn()),
        name: Some(secret.name),
        version_id: Some(version.id),
        version_stages: Some(version.stages.into_iter().collect()),
        created_date: Some(version.created),
        ..GetSecretValueOutput::default()
    };
    match content {
        Content::Text(text) => output.secret_string = Some(text),
        Content::Binary(bytes) => output.secret_binary = Some(aws::Blob(bytes.into())),
    }
    Ok(output)
}

fn value(
    tx: &mut ReadTx<'_>,
    secret: &Secret,
    id: Option<&str>,
    stage: Option<&str>,
) -> Result<(Version, Value), Error> {
    let version = secret.selected(id, stage)?.clone();
    let found = tx.get::<Value>(&Value::key_of(secret.id, &version.id))?;
    let value = found.ok_or_else(|| Error::NoSuchVersion(format!("VersionId: {}", version.id)))?;
    Ok((version, value.into_inner()))
}

/// Once a day, as AWS tells no more than the day.
async fn note_access(
    secretsmanager: &SecretsManager,
    secret: &Secret,
    version: &Version,
    now: Timestamp,
) -> Result<(), Error> {
    let today = Timestamp::from_millis(now.as_millis() - now.as_millis().rem_euclid(DAY_MILLIS));
    if secret.accessed == Some(today) && version.accessed == Some(today) {
        return Ok(());
    }
    let (key, id, version) = (Secret::key_of(&secret.scope, &secret.name), secret.id, version.id.clone());
    let write = secretsmanager.store.write(move |tx| {
        let Some(mut found) = tx.get::<Secret>(&key)? else { return Ok(()) };
        if found.record.id == id {
            found.record.accessed = Some(today);
            for one in found.record.versions.iter_mut().filter(|one| one.id == version) {
                one.accessed = Some(today);
            }
            tx.update(&found)?;
        }
        Ok(())
    });
    write.await
}
