use aws::Ctx;
use secretsmanager_model::{ListSecretVersionIds, ListSecretVersionIdsOutput, SecretVersionsListEntry};

use super::{find, page_size, page_start};
use crate::SecretsManager;
use crate::error::Error;
use crate::records::Version;

/// The versions in the order in which they were made; those without labels only on request. Errors: `NotFound`.
/// Source: Secrets Manager API Reference, ListSecretVersionIds.
pub(super) async fn list_secret_version_ids(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: ListSecretVersionIds,
) -> Result<ListSecretVersionIdsOutput, Error> {
    let after = page_start(ctx, input.next_token.as_ref())?;
    let (all, size) = (input.include_deprecated == Some(true), page_size(input.max_results));
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let secret = secretsmanager.store.read(move |tx| find(tx, &scope, &input.secret_id, now)).await?;
    let mut wanted: Vec<&Version> =
        secret.versions.iter().filter(|version| all || !version.stages.is_empty()).collect();
    if let Some(after) = after {
        // The version at which the page before ended may be gone since: then it begins anew.
        let begin = wanted.iter().position(|version| version.id.as_bytes() == after).map_or(0, |at| at + 1);
        wanted.drain(..begin);
    }
    let next = wanted.get(size - 1).filter(|_| wanted.len() > size).map(|last| last.id.as_bytes());
    let versions = wanted.iter().take(size).map(|version| SecretVersionsListEntry {
        version_id: Some(version.id.clone()),
        version_stages: Some(version.stages.iter().cloned().collect::<Vec<_>>())
            .filter(|stages| !stages.is_empty()),
        last_accessed_date: version.accessed,
        created_date: Some(version.created),
        kms_key_ids: Some(vec!["DefaultEncryptionKey".to_owned()]),
    });
    Ok(ListSecretVersionIdsOutput {
        versions: Some(versions.collect()),
        next_token: next.map(|position| ctx.seal_page_token(position)),
        arn: Some(secret.arn()),
        name: Some(secret.name.clone()),
    })
}
