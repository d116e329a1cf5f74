use aws::Ctx;
use cloudtrail_model::{ListTrails, ListTrailsOutput, TrailInfo};
use store::Range;

use crate::CloudTrail;
use crate::error::Error;
use crate::records::Trail;

const PAGE: usize = 100;

/// The trails of the account, of all regions. Errors: `ValidationException` for a token that was not made here.
/// Source: CloudTrail API Reference, ListTrails.
pub(super) async fn list_trails(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: ListTrails,
) -> Result<ListTrailsOutput, Error> {
    let range = Range::prefix(Trail::of_account(&ctx.scope.account));
    let range = super::page(ctx, range, input.next_token.as_deref())
        .map_err(|error| Error::Passed(aws::Error::validation(error.to_string())))?;
    let page = cloudtrail.store.read(move |tx| tx.scan::<Trail>(range.clone(), PAGE)).await?;
    let next_token = page.next.as_ref().map(|next| ctx.seal_page_token(next.as_bytes()));
    let info = |trail: Trail| TrailInfo {
        trail_arn: Some(trail.arn()),
        home_region: Some(trail.scope.region.to_string()),
        name: Some(trail.name),
    };
    Ok(ListTrailsOutput { trails: Some(page.into_records().into_iter().map(info).collect()), next_token })
}
