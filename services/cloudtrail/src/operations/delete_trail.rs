use aws::Ctx;
use cloudtrail_model::{DeleteTrail, DeleteTrailOutput};
use store::Record;

use super::{TrailName, find_at_home};
use crate::CloudTrail;
use crate::delivery;
use crate::error::Error;
use crate::records::{Closing, Trail};

/// Deletes a trail; its files stay, and what it has yet to deliver is delivered.
/// Errors: `TrailNotFound`, `InvalidHomeRegion`. Source: CloudTrail API Reference, DeleteTrail.
pub(super) async fn delete_trail(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: DeleteTrail,
) -> Result<DeleteTrailOutput, Error> {
    let name = TrailName::of(ctx, &input.name)?;
    let ctx = ctx.clone();
    let write = cloudtrail.store.write(move |tx| {
        let trail = find_at_home(tx, &ctx, &name)?;
        tx.delete::<Trail>(&trail.key())?;
        tx.put(&Closing { since: ctx.now(), trail: trail.clone() })?;
        // The record of this call comes after it, and is the trail's last.
        delivery::schedule_last(tx, trail.id, ctx.now())?;
        Ok::<_, Error>(())
    });
    write.await?;
    Ok(DeleteTrailOutput::default())
}
