//! Telling a topic of each log file that was delivered.
//! Source: CloudTrail User Guide, "Configuring Amazon SNS notifications for CloudTrail".
//!
//! A notice is queued in the transaction that notes the file as delivered. A crash may repeat one; none is lost.

use std::time::Duration;

use aws::{Client, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sns_model::Publish;
use store::{Claimed, Record, WriteTx};

use super::{LEASE, PAUSE, WORKER};
use crate::records::{Course, Notices, PlannedFile, Trail};
use crate::{CloudTrail, PRINCIPAL};

const QUEUE: &str = "cloudtrail/notices";
/// Between attempts: doubled each time, up to the longest.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(5 * 60);
/// Faults are waited out for about a day; what a topic refuses is not tried again.
const MOST_ATTEMPTS: u32 = 300;

/// A file that a topic is to be told of.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Notice {
    trail: Trail,
    topic_arn: String,
    bucket: String,
    object: String,
}

/// Queues what is to be told of a file that was delivered, if the trail has a topic.
pub(super) fn enqueue(tx: &mut WriteTx<'_>, trail: &Trail, file: &PlannedFile) -> Result<(), store::Error> {
    let Some(topic_arn) = trail.topic_arn() else { return Ok(()) };
    let (trail, bucket, object) = (trail.clone(), file.bucket.clone(), file.object.clone());
    let id = format!("{bucket}/{object}");
    tx.enqueue(QUEUE, &id, &Notice { trail, topic_arn, bucket, object }, None)?;
    Ok(())
}

/// Publishes to a topic, as the service on behalf of the trail; the policy of the topic must admit it.
pub(crate) async fn publish(
    client: &Client,
    trail: &Trail,
    topic_arn: &str,
    message: String,
) -> Result<(), aws::Error> {
    let mut scope = trail.scope.clone();
    if let Some(region) = topic_arn.split(':').nth(3).and_then(|region| region.parse().ok()) {
        scope.region = region;
    }
    let client = client.as_service(PRINCIPAL, scope).on_behalf_of(&trail.arn());
    let publish = Publish { topic_arn: Some(topic_arn.to_owned()), message, ..Publish::default() };
    client.call(publish).await.map(|_| ())
}

pub(super) async fn work(cloudtrail: &CloudTrail) {
    loop {
        let done = match cloudtrail.store.claim(QUEUE, WORKER, LEASE).await {
            Ok(claimed) => tell(cloudtrail, &claimed).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "a notice of a trail stops; it is taken up again");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Tries once.
async fn tell(cloudtrail: &CloudTrail, claimed: &Claimed) -> Result<(), store::Error> {
    let Notice { trail, topic_arn, bucket, object } = claimed.payload.parse()?;
    let message = json!({"s3Bucket": bucket, "s3ObjectKey": [object]}).to_string();
    let published = publish(&cloudtrail.client, &trail, &topic_arn, message).await;
    let again = matches!(&published, Err(error) if error.is_fault() && claimed.attempt < MOST_ATTEMPTS);
    let now = Timestamp::now();
    let (id, key, claimed) = (trail.id, trail.key(), claimed.clone());
    if let Err(error) = &published {
        tracing::warn!(trail = trail.arn(), topic = topic_arn, %error, "a topic could not be told of a log file");
    }
    let write = cloudtrail.store.write(move |tx| {
        let known = tx.get::<Notices>(&Notices::key_of(id))?.map(store::Versioned::into_inner);
        let before = known.map(|known| known.course).unwrap_or_default();
        let course = match &published {
            Ok(()) => Course { attempted: Some(now), succeeded: Some(now), error: None },
            Err(error) => {
                Course { attempted: Some(now), error: Some(error.code.clone().into_owned()), ..before }
            }
        };
        // Nothing takes away what is noted of a trail that is gone.
        if tx.get::<Trail>(&key)?.is_some_and(|trail| trail.id == id) {
            tx.put(&Notices { trail: id, course })?;
        }
        match again {
            true => tx.release(&claimed, store::backoff(claimed.attempt, FIRST_DELAY, LONGEST_DELAY)),
            false => tx.complete(&claimed),
        }
    });
    write.await
}
