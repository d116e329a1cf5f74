use aws::Ctx;
use cloudtrail_model::{DescribeTrails, DescribeTrailsOutput};

use super::{MOST_TRAILS, TrailName, trail_settings};
use crate::CloudTrail;
use crate::error::Error;
use crate::records::Trail;

/// The trails of the region, and the shadows of those of all regions unless they are not wanted. Names that are not
/// there are passed over. Errors: `InvalidTrailName`, `InvalidArn`. Source: CloudTrail API Reference, DescribeTrails.
pub(super) async fn describe_trails(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: DescribeTrails,
) -> Result<DescribeTrailsOutput, Error> {
    let names = input.trail_name_list.unwrap_or_default();
    let names: Vec<TrailName> =
        names.iter().map(|name| TrailName::of(ctx, name)).collect::<Result<_, _>>()?;
    let account = ctx.scope.account.clone();
    let read = cloudtrail.store.read(move |tx| tx.scan::<Trail>(Trail::of_account(&account), MOST_TRAILS));
    let shadows = input.include_shadow_trails.unwrap_or(true);
    let is_named = |trail: &Trail| {
        let fits = |name: &TrailName| trail.name == name.name && (!name.is_arn || trail.scope == name.scope);
        names.is_empty() || names.iter().any(fits)
    };
    let is_here = |trail: &Trail| trail.scope.region == ctx.scope.region || (trail.multi_region && shadows);
    let trails = read.await?.into_records();
    let shown = trails.iter().filter(|trail| is_here(trail) && is_named(trail)).map(trail_settings::shown);
    Ok(DescribeTrailsOutput { trail_list: Some(shown.collect()) })
}
