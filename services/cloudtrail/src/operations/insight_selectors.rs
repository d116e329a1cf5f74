//! PutInsightSelectors and GetInsightSelectors. Insights are not collected: they can be set to none alone.

use aws::Ctx;
use cloudtrail_model::{
    GetInsightSelectors, GetInsightSelectorsOutput, PutInsightSelectors, PutInsightSelectorsOutput,
};

use super::{TrailName, find, find_at_home};
use crate::CloudTrail;
use crate::error::Error;

/// Errors: `InsightsNotCollected` for any insight and for event data stores, `TrailNotFound`, `InvalidHomeRegion`.
/// Source: CloudTrail API Reference, PutInsightSelectors.
pub(super) async fn put(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: PutInsightSelectors,
) -> Result<PutInsightSelectorsOutput, Error> {
    let name = trail_name(ctx, input.trail_name.as_deref(), input.event_data_store.is_some())?;
    let asks = !input.insight_selectors.is_empty() || input.insights_destination.is_some();
    let ctx = ctx.clone();
    let write = cloudtrail.store.write(move |tx| {
        let mut trail = find_at_home(tx, &ctx, &name)?;
        if asks {
            return Err(Error::InsightsNotCollected);
        }
        trail.insights_set = true;
        tx.put(&trail)?;
        Ok(trail.arn())
    });
    let (trail_arn, insight_selectors) = (Some(write.await?), Some(Vec::new()));
    Ok(PutInsightSelectorsOutput { trail_arn, insight_selectors, ..PutInsightSelectorsOutput::default() })
}

/// Errors: `InsightNotEnabled` unless they were set to none, `TrailNotFound`.
/// Source: CloudTrail API Reference, GetInsightSelectors.
pub(super) async fn get(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: GetInsightSelectors,
) -> Result<GetInsightSelectorsOutput, Error> {
    let name = trail_name(ctx, input.trail_name.as_deref(), input.event_data_store.is_some())?;
    let ctx = ctx.clone();
    let trail = cloudtrail.store.read(move |tx| find(tx, &ctx, &name)).await?;
    if !trail.insights_set {
        return Err(Error::InsightNotEnabled(trail.arn()));
    }
    let (trail_arn, insight_selectors) = (Some(trail.arn()), Some(Vec::new()));
    Ok(GetInsightSelectorsOutput { trail_arn, insight_selectors, ..GetInsightSelectorsOutput::default() })
}

fn trail_name(ctx: &Ctx, trail: Option<&str>, has_store: bool) -> Result<TrailName, Error> {
    match trail {
        Some(_) if has_store => Err(Error::InvalidParameterCombination(
            "TrailName and EventDataStore cannot be specified together.".to_owned(),
        )),
        Some(name) => TrailName::of(ctx, name),
        None => Err(Error::InsightsNotCollected),
    }
}
