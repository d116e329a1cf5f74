//! Events in a log group: at least once, as a crash repeats the batch that was under way.
//! Source: CloudTrail User Guide, "Sending events to CloudWatch Logs".

use aws::{Client, Region};
use logs_model::{InputLogEvent, PutLogEvents};
use store::{Claimed, Key, Record};

use super::Failure;
use crate::CloudTrail;
use crate::records::{LogGroup, Trail, Undelivered, Waiting, Way};
use crate::role;

/// Records that are read at once.
const PAGE: usize = 16;
/// Of one PutLogEvents, less than the service's own bounds.
const MOST_EVENTS: usize = 5_000;
const LARGEST_BYTES: usize = 900_000;
const OVERHEAD: usize = 26;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// Delivers all that waits for the trail's log group. Answers whether that was anything. Without a group, what waits
/// for one that was taken away is given up.
pub(super) async fn deliver(
    cloudtrail: &CloudTrail,
    trail: &Trail,
    claimed: &Claimed,
) -> Result<bool, Failure> {
    let prefix = Undelivered::on_way(trail.id, Way::LogGroup);
    let Some(to) = &trail.log_group else {
        super::delete_all::<Undelivered>(&cloudtrail.store, prefix).await?;
        return Ok(false);
    };
    let mut writer: Option<Writer> = None;
    let mut any = false;
    loop {
        let range = prefix.clone();
        let read = cloudtrail.store.read(move |tx| tx.scan::<Undelivered>(range.clone(), PAGE));
        let page = read.await?.into_records();
        let Some(region) = page.first().map(|first| first.region.clone()) else { return Ok(any) };
        let mut of_region = page;
        of_region.retain(|undelivered| undelivered.region == region);
        let keys: Vec<Key> = of_region.iter().map(Record::key).collect();
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(Writer::of(cloudtrail, trail, to).await?),
        };
        let events = of_region.into_iter().flat_map(|undelivered| undelivered.events).collect();
        for batch in batches(events) {
            writer.put(&region, batch).await?;
        }
        let write = cloudtrail.store.write(move |tx| {
            for key in &keys {
                tx.delete::<Undelivered>(key)?;
            }
            Ok::<_, store::Error>(())
        });
        write.await?;
        any = true;
        if !super::holds(cloudtrail, claimed).await? {
            return Ok(any);
        }
    }
}

/// What PutLogEvents takes at once: in order of time, within a day, within its bounds.
fn batches(mut events: Vec<Waiting>) -> Vec<Vec<InputLogEvent>> {
    events.sort_by_key(|event| event.at);
    let mut batches: Vec<Vec<InputLogEvent>> = Vec::new();
    let mut size = 0;
    for Waiting { at, text } in events {
        let timestamp = at.as_millis();
        let message = text.as_str().to_owned();
        let own = message.len() + OVERHEAD;
        let fits = batches.last().is_some_and(|batch| {
            let first = batch.first().map_or(timestamp, |first| first.timestamp);
            batch.len() < MOST_EVENTS && size + own <= LARGEST_BYTES && timestamp - first < DAY_MILLIS
        });
        let event = InputLogEvent { timestamp, message };
        match batches.last_mut().filter(|_| fits) {
            Some(batch) => {
                size += own;
                batch.push(event);
            }
            None => {
                size = own;
                batches.push(vec![event]);
            }
        }
    }
    batches
}

/// Writes into a group, as the trail's role.
struct Writer {
    client: Client,
    group: String,
    account: String,
}

impl Writer {
    async fn of(cloudtrail: &CloudTrail, trail: &Trail, to: &LogGroup) -> Result<Self, Failure> {
        let broken = || Failure::Refused("InvalidParameterException".to_owned());
        let (region, group) = to.parts().ok_or_else(broken)?;
        let client = role::assume(&cloudtrail.as_service(trail), &to.role_arn, region).await;
        let client = client.map_err(|error| Failure::Refused(error.code.into_owned()))?;
        Ok(Self { client, group, account: trail.scope.account.to_string() })
    }

    async fn put(&self, region: &Region, events: Vec<InputLogEvent>) -> Result<(), Failure> {
        let stream = role::stream(&self.account, region);
        let put = PutLogEvents {
            log_group_name: self.group.clone(),
            log_stream_name: stream.clone(),
            log_events: events,
            ..PutLogEvents::default()
        };
        let mut answer = self.client.call(put.clone()).await;
        if matches!(&answer, Err(error) if error.code == "ResourceNotFoundException") {
            role::make_stream(&self.client, &self.group, &stream)
                .await
                .map_err(|error| Failure::Refused(error.code.into_owned()))?;
            answer = self.client.call(put).await;
        }
        answer.map_err(|error| Failure::Refused(error.code.into_owned()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws::Timestamp;

    use super::*;

    #[test]
    fn a_batch_spans_less_than_a_day_and_is_in_order() {
        let event = |at: i64| Waiting {
            at: Timestamp::from_millis(at),
            text: serde_json::from_str("{\"a\":1}").expect("JSON"),
        };
        let made = batches(vec![event(DAY_MILLIS + 5), event(7), event(5), event(DAY_MILLIS + 4)]);
        let times: Vec<Vec<i64>> =
            made.iter().map(|batch| batch.iter().map(|event| event.timestamp).collect()).collect();
        assert_eq!(times, [vec![5, 7, DAY_MILLIS + 4], vec![DAY_MILLIS + 5]]);
    }
}
