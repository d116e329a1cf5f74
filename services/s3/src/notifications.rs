//! Event notifications of buckets to queues of SQS and topics of SNS.
//! Source: Amazon S3 User Guide, "Amazon S3 Event Notifications" and "Event message structure".
//!
//! A message is queued in the transaction that changes the object, and sent as S3 itself on behalf of the bucket: the policy
//! of the queue or topic must admit it. A crash may repeat a message; none is lost.

use std::sync::Arc;
use std::time::Duration;

use aws::{Arn, Client, Scope};
use s3s::dto::{NotificationConfiguration, NotificationConfigurationFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sns_model::Publish;
use sqs_model::SendMessage;
use store::{Claimed, WriteTx};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::S3;
use crate::error::Error;
use crate::records::Bucket;

const PRINCIPAL: &str = "s3.amazonaws.com";
const SUBJECT: &str = "Amazon S3 Notification";
const QUEUE: &str = "s3/notifications";
/// Messages that are sent at one time.
const WORKERS: usize = 8;
const LEASE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);
/// Between attempts: doubled each time, up to the longest.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(5 * 60);
/// Faults are waited out for about a day; what a queue or topic refuses is not tried again.
const MOST_ATTEMPTS: u32 = 300;
/// Of one bucket. Source: Amazon S3 quotas.
const MOST_CONFIGURATIONS: usize = 100;

/// Kinds of events, each with what it may be about. What never happens here is accepted as on AWS.
const EVENTS: [&str; 27] = [
    "s3:TestEvent",
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
];

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    Queue(String),
    Topic(String),
}

/// One configuration: which events of which keys go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    id: String,
    destination: Destination,
    events: Vec<String>,
    prefix: String,
    suffix: String,
}

impl Rule {
    /// `name` is that of an event, `ObjectCreated:Put`.
    fn wants(&self, name: &str, key: &str) -> bool {
        let fits = |wanted: &String| {
            let wanted = wanted.strip_prefix("s3:").unwrap_or(wanted);
            wanted == name || wanted.strip_suffix('*').is_some_and(|kind| name.starts_with(kind))
        };
        key.starts_with(&self.prefix) && key.ends_with(&self.suffix) && self.events.iter().any(fits)
    }

    /// Whether some event could go both ways.
    fn overlaps(&self, other: &Self) -> bool {
        let either =
            |one: &str, two: &str, within: fn(&str, &str) -> bool| within(one, two) || within(two, one);
        let same_event = |one: &String, two: &String| {
            let within = |one: &str, two: &str| {
                one == two || two.strip_suffix('*').is_some_and(|kind| one.starts_with(kind))
            };
            within(one, two) || within(two, one)
        };
        self.events.iter().any(|one| other.events.iter().any(|two| same_event(one, two)))
            && either(&self.prefix, &other.prefix, |one, two| one.starts_with(two))
            && either(&self.suffix, &other.suffix, |one, two| one.ends_with(two))
    }
}

/// The rules of a configuration that is kept.
pub fn rules(kept: &NotificationConfiguration) -> Vec<Rule> {
    let rule = |id: Option<&String>, destination, events: &[s3s::dto::Event], filter: Option<&_>| Rule {
        id: id.cloned().unwrap_or_default(),
        destination,
        events: events.iter().map(|event| event.as_ref().to_owned()).collect(),
        prefix: filter_value(filter, "prefix"),
        suffix: filter_value(filter, "suffix"),
    };
    let queues = kept.queue_configurations.iter().flatten().map(|found| {
        let to = Destination::Queue(found.queue_arn.clone());
        rule(found.id.as_ref(), to, &found.events, found.filter.as_ref())
    });
    let topics = kept.topic_configurations.iter().flatten().map(|found| {
        let to = Destination::Topic(found.topic_arn.clone());
        rule(found.id.as_ref(), to, &found.events, found.filter.as_ref())
    });
    queues.chain(topics).collect()
}

fn filter_rules(filter: Option<&NotificationConfigurationFilter>) -> impl Iterator<Item = (&str, &str)> {
    let key = filter.and_then(|filter| filter.key.as_ref());
    let rules = key.and_then(|key| key.filter_rules.as_ref()).into_iter().flatten();
    rules.map(|rule| {
        let name = rule.name.as_ref().map_or("", |name| name.as_str());
        (name, rule.value.as_deref().unwrap_or_default())
    })
}

fn filter_value(filter: Option<&NotificationConfigurationFilter>, name: &str) -> String {
    let mut found = filter_rules(filter).filter(|(own, _)| own.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// Gives configurations without an id one, and says what is wrong with the rest. Errors: `InvalidArgument`.
pub fn check(configuration: &mut NotificationConfiguration, scope: &Scope) -> Result<(), Error> {
    let refused = |message: &str| Err(Error::invalid_argument("notification", "configuration", message));
    if configuration.lambda_function_configurations.as_ref().is_some_and(|some| !some.is_empty()) {
        return Err(unreachable());
    }
    let queues = configuration.queue_configurations.iter_mut().flatten();
    let queues = queues.map(|found| (&mut found.id, &found.filter, &found.events));
    let topics = configuration.topic_configurations.iter_mut().flatten();
    let topics = topics.map(|found| (&mut found.id, &found.filter, &found.events));
    let mut count = 0;
    for (id, filter, events) in queues.chain(topics) {
        count += 1;
        id.get_or_insert_with(|| Uuid::new_v4().to_string());
        if events.is_empty() || !events.iter().all(|event| EVENTS.contains(&event.as_ref())) {
            return refused("A specified event is not supported for notifications.");
        }
        let mut seen = Vec::new();
        for (name, _) in filter_rules(filter.as_ref()) {
            let name = name.to_ascii_lowercase();
            if !["prefix", "suffix"].contains(&name.as_str()) {
                return refused("filter rule name must be either prefix or suffix");
            }
            if seen.contains(&name) {
                return refused("Cannot specify more than one prefix rule or suffix rule in a filter.");
            }
            seen.push(name);
        }
    }
    if count > MOST_CONFIGURATIONS {
        return refused("A bucket can have up to 100 notification configurations.");
    }
    let rules = rules(configuration);
    for (index, rule) in rules.iter().enumerate() {
        if rules[..index].iter().any(|before| before.id == rule.id) {
            return refused("Same ID used for multiple configurations. IDs must be unique");
        }
        if rules[..index].iter().any(|before| before.overlaps(rule)) {
            let message =
                "Configurations overlap. Configurations on the same bucket cannot share a common event type.";
            return refused(message);
        }
        let (arn, service) = match &rule.destination {
            Destination::Queue(arn) => (arn, "sqs"),
            Destination::Topic(arn) => (arn, "sns"),
        };
        let parsed: Option<Arn> = arn.parse().ok().filter(|arn: &Arn| arn.service == service);
        let Some(arn) = parsed else { return refused("The ARN is not well formed") };
        // Neither queues nor topics in order take what S3 sends.
        if arn.region != scope.region.as_str() || arn.resource.ends_with(".fifo") {
            return Err(unreachable());
        }
    }
    Ok(())
}

fn unreachable() -> Error {
    let message = "Unable to validate the following destination configurations";
    Error::invalid_argument("notification", "destination", message)
}

/// What an object's event says, beside where it goes.
pub struct Told<'t> {
    /// `ObjectCreated:Put`
    pub name: &'static str,
    pub time: String,
    pub principal_id: &'t str,
    pub source_ip: Option<String>,
    pub request_id: Option<&'t str>,
    /// Key, size, ETag, version and sequencer, as S3 names them.
    pub object: Value,
    /// Not quoted.
    pub key: &'t str,
}

/// A message on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Message {
    scope: Scope,
    bucket_arn: String,
    destination: Destination,
    body: String,
}

/// Queues a message for each rule that wants the event.
pub fn enqueue(
    tx: &mut WriteTx<'_>,
    bucket: &Bucket,
    kept: &NotificationConfiguration,
    told: &Told<'_>,
) -> Result<(), Error> {
    for rule in rules(kept).into_iter().filter(|rule| rule.wants(told.name, told.key)) {
        let message = Message {
            scope: bucket.scope.clone(),
            bucket_arn: bucket.arn(),
            body: body(bucket, &rule, told).to_string(),
            destination: rule.destination,
        };
        tx.enqueue(QUEUE, &Uuid::new_v4().to_string(), &message, None)?;
    }
    Ok(())
}

fn body(bucket: &Bucket, rule: &Rule, told: &Told<'_>) -> Value {
    let owner = bucket.scope.account.as_str();
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.scope.region,
        "eventTime": told.time,
        "eventName": told.name,
        "userIdentity": {"principalId": told.principal_id},
        "requestParameters": {"sourceIPAddress": told.source_ip.as_deref().unwrap_or(PRINCIPAL)},
        "responseElements": {"x-amz-request-id": told.request_id, "x-amz-id-2": told.request_id},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule.id,
            "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": owner}, "arn": bucket.arn()},
            "object": told.object,
        },
    }]})
}

/// Sends a test event to each destination, as on AWS, and so finds out whether they can be reached.
/// Errors: `InvalidArgument`.
pub async fn test(
    client: Option<&Client>,
    bucket: &Bucket,
    configuration: &NotificationConfiguration,
    time: String,
    request_id: String,
) -> Result<(), Error> {
    let body = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": time, "Bucket": bucket.name,
        "RequestId": request_id, "HostId": request_id});
    for rule in rules(configuration) {
        let message = Message {
            scope: bucket.scope.clone(),
            bucket_arn: bucket.arn(),
            destination: rule.destination,
            body: body.to_string(),
        };
        let sent = match client {
            Some(client) => send(client, &message).await,
            None => Err(aws::Error::not_implemented("S3", "Notifications")),
        };
        if let Err(error) = sent {
            tracing::debug!(bucket = bucket.name, %error, "a destination of notifications cannot be reached");
            return Err(unreachable());
        }
    }
    Ok(())
}

async fn send(client: &Client, message: &Message) -> Result<(), aws::Error> {
    let client = client.as_service(PRINCIPAL, message.scope.clone()).on_behalf_of(&message.bucket_arn);
    match &message.destination {
        Destination::Queue(arn) => {
            let arn: Arn = arn.parse().map_err(aws::Error::internal)?;
            let queue_url =
                format!("https://sqs.{}.amazonaws.com/{}/{}", arn.region, arn.account, arn.resource);
            let send =
                SendMessage { queue_url, message_body: message.body.clone(), ..SendMessage::default() };
            client.call(send).await.map(drop)
        }
        Destination::Topic(arn) => {
            let publish = Publish {
                topic_arn: Some(arn.clone()),
                message: message.body.clone(),
                subject: Some(SUBJECT.to_owned()),
                ..Publish::default()
            };
            client.call(publish).await.map(drop)
        }
    }
}

impl S3 {
    /// Sends what buckets tell, for as long as it is polled; ends at once without a client. Each node may run it.
    pub async fn run_notifications(self: Arc<Self>, worker: &str) {
        let Some(client) = self.client.clone() else { return };
        let workers = Arc::new(Semaphore::new(WORKERS));
        // Their own set: when the loop is dropped, so is what it was working on.
        let mut running = tokio::task::JoinSet::new();
        loop {
            let Ok(permit) = workers.clone().acquire_owned().await else { return };
            match self.store.claim(QUEUE, worker, LEASE).await {
                Ok(claimed) => {
                    let (s3, client) = (self.clone(), client.clone());
                    running.spawn(async move {
                        if let Err(error) = s3.deliver(&client, &claimed).await {
                            tracing::warn!(%error, "a notification stops; it is claimed again when its lease ends");
                        }
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no notifications can be claimed");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            while running.try_join_next().is_some() {}
        }
    }

    /// Tries once.
    async fn deliver(&self, client: &Client, claimed: &Claimed) -> Result<(), store::Error> {
        let message: Message = claimed.payload.parse()?;
        let sent = send(client, &message).await;
        let claimed = claimed.clone();
        match sent {
            Err(error) if error.is_fault() && claimed.attempt < MOST_ATTEMPTS => {
                let delay = store::backoff(claimed.attempt, FIRST_DELAY, LONGEST_DELAY);
                self.store.release(&claimed, delay).await
            }
            other => {
                if let Err(error) = other {
                    let (bucket, destination) = (&message.bucket_arn, &message.destination);
                    tracing::warn!(bucket, ?destination, %error, "a notification could not be sent and is lost");
                }
                self.store.write(move |tx| tx.complete(&claimed)).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(events: &[&str], prefix: &str, suffix: &str) -> Rule {
        Rule {
            id: "r".into(),
            destination: Destination::Queue("q".into()),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            prefix: prefix.into(),
            suffix: suffix.into(),
        }
    }

    #[test]
    fn rules_want_events_of_keys() {
        let uploads = rule(&["s3:ObjectCreated:*"], "in/", ".zip");
        assert!(uploads.wants("ObjectCreated:Put", "in/a.zip"));
        assert!(
            !uploads.wants("ObjectCreated:Put", "in/a.txt") && !uploads.wants("ObjectCreated:Put", "a.zip")
        );
        assert!(!uploads.wants("ObjectRemoved:Delete", "in/a.zip"));
        assert!(rule(&["s3:ObjectRemoved:Delete"], "", "").wants("ObjectRemoved:Delete", "x"));
        assert!(!rule(&["s3:ObjectRemoved:Delete"], "", "").wants("ObjectRemoved:DeleteMarkerCreated", "x"));
    }

    #[test]
    fn rules_overlap_only_if_an_event_could_go_both_ways() {
        let all = rule(&["s3:ObjectCreated:*"], "", "");
        assert!(all.overlaps(&rule(&["s3:ObjectCreated:Put"], "in/", "")));
        assert!(!all.overlaps(&rule(&["s3:ObjectRemoved:*"], "", "")));
        let images = rule(&["s3:ObjectCreated:*"], "images/", "");
        assert!(!images.overlaps(&rule(&["s3:ObjectCreated:*"], "texts/", "")));
        assert!(images.overlaps(&rule(&["s3:ObjectCreated:*"], "", ".png")));
        assert!(!rule(&["s3:ObjectCreated:*"], "", ".jpg").overlaps(&rule(
            &["s3:ObjectCreated:*"],
            "",
            ".png"
        )));
    }
}
