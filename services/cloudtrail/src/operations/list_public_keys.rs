use aws::Ctx;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudtrail_model::{ListPublicKeys, ListPublicKeysOutput, PublicKey};
use store::Range;

use crate::CloudTrail;
use crate::error::Error;
use crate::records::KeyPair;

const PAGE: usize = 100;

/// The public keys that were good at any instant between the two times; now, if none is given.
/// Errors: `InvalidTimeRange`, `InvalidToken`. Source: CloudTrail API Reference, ListPublicKeys.
pub(super) async fn list_public_keys(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: ListPublicKeys,
) -> Result<ListPublicKeysOutput, Error> {
    let end = input.end_time.unwrap_or_else(|| ctx.now());
    let start = input.start_time.unwrap_or(end);
    if start > end {
        return Err(Error::InvalidTimeRange);
    }
    let range = Range::prefix(KeyPair::in_scope(&ctx.scope));
    let range = super::page(ctx, range, input.next_token.as_deref())?;
    let page = cloudtrail.store.read(move |tx| tx.scan::<KeyPair>(range.clone(), PAGE)).await?;
    let next_token = page.next.as_ref().map(|next| ctx.seal_page_token(next.as_bytes()));
    let pairs = page.into_records();
    let good = pairs.into_iter().filter(|pair| pair.from <= end && pair.until >= start);
    let shown = good.map(|pair| PublicKey {
        value: STANDARD.decode(&pair.public).ok().map(Into::into),
        validity_start_time: Some(pair.from),
        validity_end_time: Some(pair.until),
        fingerprint: Some(pair.fingerprint),
    });
    Ok(ListPublicKeysOutput { public_key_list: Some(shown.collect()), next_token })
}
