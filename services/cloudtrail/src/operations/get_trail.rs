use aws::Ctx;
use cloudtrail_model::{GetTrail, GetTrailOutput};

use super::{TrailName, find, trail_settings};
use crate::CloudTrail;
use crate::error::Error;

/// Errors: `TrailNotFound`. Source: CloudTrail API Reference, GetTrail.
pub(super) async fn get_trail(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: GetTrail,
) -> Result<GetTrailOutput, Error> {
    let (name, ctx) = (TrailName::of(ctx, &input.name)?, ctx.clone());
    let trail = cloudtrail.store.read(move |tx| find(tx, &ctx, &name)).await?;
    Ok(GetTrailOutput { trail: Some(trail_settings::shown(&trail)) })
}
