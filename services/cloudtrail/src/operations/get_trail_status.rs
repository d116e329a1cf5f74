use aws::{Ctx, Timestamp};
use cloudtrail_model::{GetTrailStatus, GetTrailStatusOutput};

use super::{TrailName, find};
use crate::CloudTrail;
use crate::error::Error;
use crate::records::{Notices, Progress};

/// Errors: `TrailNotFound`. Source: CloudTrail API Reference, GetTrailStatus.
pub(super) async fn get_trail_status(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: GetTrailStatus,
) -> Result<GetTrailStatusOutput, Error> {
    let (name, ctx) = (TrailName::of(ctx, &input.name)?, ctx.clone());
    let read = cloudtrail.store.read(move |tx| {
        let trail = find(tx, &ctx, &name)?;
        let progress = tx.get::<Progress>(&Progress::key_of(trail.id))?;
        let notices = tx.get::<Notices>(&Notices::key_of(trail.id))?;
        let notices = notices.map(|known| known.into_inner().course).unwrap_or_default();
        Ok::<_, Error>((trail, progress.map(store::Versioned::into_inner).unwrap_or_default(), notices))
    });
    let (trail, Progress { files, digests, log_group, .. }, notices) = read.await?;
    let text = |time: Option<Timestamp>| Some(time.map(Timestamp::to_iso8601_secs).unwrap_or_default());
    Ok(GetTrailStatusOutput {
        is_logging: Some(trail.logging),
        latest_delivery_error: files.error,
        latest_delivery_time: files.succeeded,
        start_logging_time: trail.started,
        stop_logging_time: trail.stopped,
        latest_cloud_watch_logs_delivery_error: log_group.error,
        latest_cloud_watch_logs_delivery_time: log_group.succeeded,
        latest_digest_delivery_time: digests.succeeded,
        latest_digest_delivery_error: digests.error,
        latest_delivery_attempt_time: text(files.attempted),
        latest_notification_attempt_time: text(notices.attempted),
        latest_notification_attempt_succeeded: text(notices.succeeded),
        latest_notification_time: notices.succeeded,
        latest_notification_error: notices.error,
        latest_delivery_attempt_succeeded: text(files.succeeded),
        time_logging_started: text(trail.started),
        time_logging_stopped: text(trail.stopped),
    })
}
