use aws::Ctx;
use secretsmanager_model::{ListSecrets, ListSecretsOutput, SecretListEntry, SortByType, SortOrderType};
use store::{Key, Page, Range, ReadTx, Record};

use super::{key_of_page, page_size, page_start, tags};
use crate::SecretsManager;
use crate::error::Error;
use crate::filter::Filter;
use crate::records::Secret;

/// How many records are read at once while looking for those that match.
const READ_AT_ONCE: usize = 200;

#[derive(Clone, Copy)]
enum Order {
    Name,
    Creation,
}

impl Order {
    fn scan(self, tx: &mut ReadTx<'_>, range: Range) -> Result<Page<Secret>, store::Error> {
        match self {
            Self::Name => tx.scan(range, READ_AT_ONCE),
            Self::Creation => tx.scan_index(Secret::BY_CREATION, range, READ_AT_ONCE),
        }
    }

    /// Where a page goes on after a secret.
    fn position(self, secret: &Secret) -> Option<Key> {
        match self {
            Self::Name => Some(secret.key()),
            // An entry of an index is its key and that of the record.
            Self::Creation => secret.indexes().pop().map(|index| index.key.join(&secret.key())),
        }
    }
}

/// In the order in which they were made, or of their names. Those that are to be deleted only on request.
/// Source: Secrets Manager API Reference, ListSecrets.
pub(super) async fn list_secrets(
    secretsmanager: &SecretsManager,
    ctx: &Ctx,
    input: ListSecrets,
) -> Result<ListSecretsOutput, Error> {
    let order = match &input.sort_by {
        None | Some(SortByType::CreatedDate) => Order::Creation,
        Some(SortByType::Name) => Order::Name,
        Some(_) => return Err(Error::NotImplemented("Sorting secrets by anything but creation and name is")),
    };
    let descending = input.sort_order == Some(SortOrderType::Desc);
    let filters = input.filters.unwrap_or_default();
    let filters = filters.into_iter().map(Filter::of).collect::<Result<Vec<_>, _>>()?;
    let start = key_of_page(page_start(ctx, input.next_token.as_ref())?)?;
    let (size, deleted_too) = (page_size(input.max_results), input.include_planned_deletion == Some(true));
    let (scope, now) = (ctx.scope.clone(), ctx.now());
    let read = secretsmanager.store.read(move |tx| {
        let mut range = Range::prefix(Secret::in_scope(&scope)).after(start.clone());
        if descending {
            range = range.descending();
        }
        let mut found: Vec<Secret> = Vec::new();
        loop {
            let page = order.scan(tx, range.clone())?;
            let next = page.next.clone();
            for secret in page.into_records() {
                let is_there = !secret.is_gone(now) && (deleted_too || secret.deletion.is_none());
                if !is_there || !filters.iter().all(|filter| filter.fits(&secret)) {
                    continue;
                }
                if found.len() == size {
                    let last = found.last().and_then(|last| order.position(last));
                    return Ok::<_, Error>((found, last));
                }
                found.push(secret);
            }
            match next {
                Some(next) => range = range.after(next),
                None => return Ok((found, None)),
            }
        }
    });
    let (found, next) = read.await?;
    Ok(ListSecretsOutput {
        secret_list: Some(found.into_iter().map(shown).collect()),
        next_token: next.map(|key| ctx.seal_page_token(key.as_bytes())),
    })
}

fn shown(secret: Secret) -> SecretListEntry {
    let stages = secret.stages();
    SecretListEntry {
        arn: Some(secret.arn()),
        last_changed_date: Some(secret.changed),
        last_accessed_date: secret.accessed,
        deleted_date: secret.deletion.map(|deletion| deletion.asked),
        tags: Some(tags::shown(&secret.tags)),
        secret_versions_to_stages: Some(stages).filter(|stages| !stages.is_empty()),
        created_date: Some(secret.created),
        name: Some(secret.name),
        description: secret.description,
        ..SecretListEntry::default()
    }
}
