//! PutEventSelectors and GetEventSelectors.

use aws::Ctx;
use cloudtrail_model::{
    GetEventSelectors, GetEventSelectorsOutput, PutEventSelectors, PutEventSelectorsOutput,
};

use super::{TrailName, find, find_at_home};
use crate::CloudTrail;
use crate::error::Error;
use crate::selector::Selectors;

/// Decides from now on which events the trail takes in.
/// Errors: `InvalidEventSelectors`, `NotImplemented` for data events that are not recorded here, `TrailNotFound`,
/// `InvalidHomeRegion`. Source: CloudTrail API Reference, PutEventSelectors.
pub(super) async fn put(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: PutEventSelectors,
) -> Result<PutEventSelectorsOutput, Error> {
    let (name, ctx) = (TrailName::of(ctx, &input.trail_name)?, ctx.clone());
    let selectors = Selectors::of(&input)?;
    let (event_selectors, advanced_event_selectors) = selectors.shown();
    let write = cloudtrail.store.write(move |tx| {
        let mut trail = find_at_home(tx, &ctx, &name)?;
        trail.selectors = selectors.clone();
        tx.put(&trail)?;
        Ok::<_, Error>(trail.arn())
    });
    let trail_arn = Some(write.await?);
    Ok(PutEventSelectorsOutput { trail_arn, event_selectors, advanced_event_selectors })
}

/// Errors: `TrailNotFound`. Source: CloudTrail API Reference, GetEventSelectors.
pub(super) async fn get(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: GetEventSelectors,
) -> Result<GetEventSelectorsOutput, Error> {
    let (name, ctx) = (TrailName::of(ctx, &input.trail_name)?, ctx.clone());
    let trail = cloudtrail.store.read(move |tx| find(tx, &ctx, &name)).await?;
    let (event_selectors, advanced_event_selectors) = trail.selectors.shown();
    Ok(GetEventSelectorsOutput { trail_arn: Some(trail.arn()), event_selectors, advanced_event_selectors })
}
