use aws::Ctx;
use cloudtrail_model::{UpdateTrail, UpdateTrailOutput};

use super::{TrailName, find_at_home, trail_settings};
use crate::CloudTrail;
use crate::delivery;
use crate::error::Error;
use crate::records::Trail;

/// Changes what is given, and leaves the rest; an empty text takes a setting away.
/// Errors: as CreateTrail, `TrailNotFound`, `InvalidHomeRegion`. Source: CloudTrail API Reference, UpdateTrail.
pub(super) async fn update_trail(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: UpdateTrail,
) -> Result<UpdateTrailOutput, Error> {
    let name = TrailName::of(ctx, &input.name)?;
    let unserved = trail_settings::Unserved {
        kms_key: input.kms_key_id.as_deref(),
        of_organization: input.is_organization_trail,
    };
    unserved.check()?;
    let (caller, sought) = (ctx.clone(), name.clone());
    let known = cloudtrail.store.read(move |tx| find_at_home(tx, &caller, &sought)).await?;
    let changed = changed(known, &input)?;
    trail_settings::check(cloudtrail, &changed).await?;
    if input.sns_topic_name.is_some() {
        trail_settings::check_topic(cloudtrail, &changed).await?;
    }
    let caller = ctx.clone();
    let write = cloudtrail.store.write(move |tx| {
        // Whether it logs may have changed meanwhile, and its selectors and tags.
        let known = find_at_home(tx, &caller, &name)?;
        let trail = self::changed(known.clone(), &input)?;
        if trail.multi_region && !known.multi_region {
            let others = tx.scan::<Trail>(Trail::of_account(&trail.scope.account), super::MOST_TRAILS)?;
            if others.into_records().iter().any(|other| other.name == trail.name && other.id != trail.id) {
                let account = trail.scope.account.to_string();
                return Err(Error::TrailExists { name: trail.name, account });
            }
        }
        tx.put(&trail)?;
        if trail.logging && trail.validates && !known.validates {
            delivery::begin_digests(tx, &trail, caller.now())?;
        }
        if trail.logging {
            // What a former setting refused is tried again.
            delivery::schedule(tx, trail.id, caller.now(), std::time::Duration::ZERO)?;
        }
        Ok(trail)
    });
    let shown = trail_settings::shown(&write.await?);
    Ok(UpdateTrailOutput {
        name: shown.name,
        s3_bucket_name: shown.s3_bucket_name,
        s3_key_prefix: shown.s3_key_prefix,
        sns_topic_name: shown.sns_topic_name,
        sns_topic_arn: shown.sns_topic_arn,
        include_global_service_events: shown.include_global_service_events,
        is_multi_region_trail: shown.is_multi_region_trail,
        trail_arn: shown.trail_arn,
        log_file_validation_enabled: shown.log_file_validation_enabled,
        cloud_watch_logs_log_group_arn: shown.cloud_watch_logs_log_group_arn,
        cloud_watch_logs_role_arn: shown.cloud_watch_logs_role_arn,
        is_organization_trail: shown.is_organization_trail,
        ..UpdateTrailOutput::default()
    })
}

fn changed(mut trail: Trail, input: &UpdateTrail) -> Result<Trail, Error> {
    if let Some(bucket) = &input.s3_bucket_name {
        trail.bucket.clone_from(bucket);
    }
    if let Some(prefix) = &input.s3_key_prefix {
        trail.prefix = Some(prefix.clone()).filter(|prefix| !prefix.is_empty());
    }
    if input.cloud_watch_logs_log_group_arn.is_some() || input.cloud_watch_logs_role_arn.is_some() {
        let known = trail.log_group.as_ref();
        let arn = input.cloud_watch_logs_log_group_arn.as_deref().or(known.map(|known| known.arn.as_str()));
        let role = input.cloud_watch_logs_role_arn.as_deref();
        let role = role.or(known.map(|known| known.role_arn.as_str()));
        trail.log_group = trail_settings::log_group(arn, role)?;
    }
    if let Some(topic) = &input.sns_topic_name {
        trail.topic = trail_settings::topic(topic)?;
    }
    trail.global_events = input.include_global_service_events.unwrap_or(trail.global_events);
    trail.multi_region = input.is_multi_region_trail.unwrap_or(trail.multi_region);
    trail.validates = input.enable_log_file_validation.unwrap_or(trail.validates);
    Ok(trail)
}
