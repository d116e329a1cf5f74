//! StartLogging and StopLogging.

use aws::Ctx;
use cloudtrail_model::{StartLogging, StartLoggingOutput, StopLogging, StopLoggingOutput};

use super::{TrailName, find_at_home};
use crate::CloudTrail;
use crate::delivery;
use crate::error::Error;
use crate::records::Progress;

/// From now on the trail takes events in. One that logs already goes on.
/// Errors: `TrailNotFound`, `InvalidHomeRegion`. Source: CloudTrail API Reference, StartLogging.
pub(super) async fn start_logging(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: StartLogging,
) -> Result<StartLoggingOutput, Error> {
    let (name, ctx, intervals) = (TrailName::of(ctx, &input.name)?, ctx.clone(), cloudtrail.intervals);
    let write = cloudtrail.store.write(move |tx| {
        let mut trail = find_at_home(tx, &ctx, &name)?;
        if trail.logging {
            return Ok::<_, Error>(());
        }
        let now = ctx.now();
        delivery::begin_digests(tx, &trail, now)?;
        trail.logging = true;
        trail.draining = false;
        trail.started = Some(now);
        tx.put(&trail)?;
        let known = tx.get::<Progress>(&Progress::key_of(trail.id))?.map(store::Versioned::into_inner);
        let progress = Progress {
            trail: trail.id,
            next_files: now.plus(intervals.files),
            next_digest: now.plus(intervals.digests),
            ..known.unwrap_or_default()
        };
        tx.put(&progress)?;
        delivery::schedule(tx, trail.id, now, intervals.files.min(intervals.digests))?;
        Ok(())
    });
    write.await?;
    Ok(StartLoggingOutput::default())
}

/// The trail takes no more events in, but this call; what it has is delivered, with a last digest.
/// Errors: `TrailNotFound`, `InvalidHomeRegion`. Source: CloudTrail API Reference, StopLogging.
pub(super) async fn stop_logging(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: StopLogging,
) -> Result<StopLoggingOutput, Error> {
    let (name, ctx) = (TrailName::of(ctx, &input.name)?, ctx.clone());
    let write = cloudtrail.store.write(move |tx| {
        let mut trail = find_at_home(tx, &ctx, &name)?;
        if !trail.logging {
            return Ok::<_, Error>(());
        }
        trail.logging = false;
        trail.draining = true;
        trail.stopped = Some(ctx.now());
        tx.put(&trail)?;
        delivery::schedule_last(tx, trail.id, ctx.now())?;
        Ok(())
    });
    write.await?;
    Ok(StopLoggingOutput::default())
}
