use std::collections::BTreeMap;

use aws::Ctx;
use cloudtrail_model::{CreateTrail, CreateTrailOutput};
use uuid::Uuid;

use super::{MOST_TRAILS, tags, trail_name, trail_settings};
use crate::CloudTrail;
use crate::error::Error;
use crate::records::Trail;
use crate::selector::Selectors;

/// Of one region. Source: CloudTrail quotas.
const LIMIT: u64 = 5;

/// Makes a trail, which does not log before StartLogging.
/// Errors: names, `BucketDoesNotExist`, `InsufficientBucketPolicy`, `InsufficientTopicPolicy`, `TrailExists`,
/// `TooManyTrails`, what the log group or its role lack, `NotImplemented` (keys). Source: CloudTrail API Reference, CreateTrail.
pub(super) async fn create_trail(
    cloudtrail: &CloudTrail,
    ctx: &Ctx,
    input: CreateTrail,
) -> Result<CreateTrailOutput, Error> {
    trail_name::check(&input.name)?;
    let unserved = trail_settings::Unserved {
        kms_key: input.kms_key_id.as_deref(),
        of_organization: input.is_organization_trail,
    };
    unserved.check()?;
    let (group, role) = (input.cloud_watch_logs_log_group_arn, input.cloud_watch_logs_role_arn);
    let mut own_tags = BTreeMap::new();
    tags::add(&mut own_tags, input.tags_list.as_deref().unwrap_or_default())?;
    let trail = Trail {
        id: Uuid::new_v4(),
        scope: ctx.scope.clone(),
        name: input.name,
        bucket: input.s3_bucket_name,
        prefix: input.s3_key_prefix.filter(|prefix| !prefix.is_empty()),
        global_events: input.include_global_service_events.unwrap_or(true),
        multi_region: input.is_multi_region_trail.unwrap_or(false),
        validates: input.enable_log_file_validation.unwrap_or(false),
        log_group: trail_settings::log_group(group.as_deref(), role.as_deref())?,
        topic: trail_settings::topic(input.sns_topic_name.as_deref().unwrap_or_default())?,
        selectors: Selectors::default(),
        insights_set: false,
        tags: own_tags,
        logging: false,
        draining: false,
        started: None,
        stopped: None,
    };
    trail_settings::check(cloudtrail, &trail).await?;
    trail_settings::check_topic(cloudtrail, &trail).await?;
    let new = trail.clone();
    let write = cloudtrail.store.write(move |tx| {
        let account = new.scope.account.to_string();
        let known = tx.scan::<Trail>(Trail::of_account(&new.scope.account), MOST_TRAILS)?.into_records();
        let here = |trail: &&Trail| trail.scope.region == new.scope.region;
        // A trail of all regions has its name in all of them.
        let mut same = known.iter().filter(|trail| trail.name == new.name);
        if same.any(|trail| here(&trail) || trail.multi_region || new.multi_region) {
            return Err(Error::TrailExists { name: new.name.clone(), account });
        }
        if known.iter().filter(here).count() as u64 >= LIMIT {
            let region = new.scope.region.to_string();
            return Err(Error::TooManyTrails { account, limit: LIMIT, region });
        }
        tx.put(&new)?;
        Ok(())
    });
    write.await?;
    let shown = trail_settings::shown(&trail);
    Ok(CreateTrailOutput {
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
        ..CreateTrailOutput::default()
    })
}
