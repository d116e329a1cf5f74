//! Workers: claim a delivery, send it, and try again later what failed for now.

use std::sync::Arc;
use std::time::Duration;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Claimed, WriteTx};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::http::{Failure, Post};
use super::mail::{self, Mail};
use super::{LEASE, PAUSE, WORKER, queue};
use crate::Sns;
use crate::delivery_policy::{self, DeliveryPolicy};
use crate::error::Error;
use crate::message::{self, Confirmation, Envelope, Kind};
use crate::records::{MailFormat, Message, Protocol, Status, Subscription, Topic};

const QUEUE: &str = "sns/deliveries";
const USER_AGENT: &str = "Amazon Simple Notification Service Agent";
const MAIL_SUBJECT: &str = "AWS Notification Message";
const INVITATION_SUBJECT: &str = "AWS Notification - Subscription Confirmation";
const FAREWELL_SUBJECT: &str = "AWS Notification - Unsubscribe Confirmation";
/// If the server cannot do its part, for example read the key that signs.
const OWN_FAULT_DELAY: Duration = Duration::from_secs(20);

/// One delivery to one subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Delivery {
    topic: Uuid,
    subscription: Uuid,
    /// The same through all attempts.
    message_id: Uuid,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum What {
    /// The [`Message`] with the message id.
    Notification,
    /// Asks the endpoint to confirm its subscription.
    Invitation { at: Timestamp },
    /// Tells the endpoint that it is unsubscribed, and how to take that back.
    Farewell { at: Timestamp },
}

pub(super) fn enqueue_notification(
    tx: &mut WriteTx<'_>,
    message: &Message,
    subscription: Uuid,
) -> Result<(), store::Error> {
    let what = What::Notification;
    enqueue(tx, Delivery { topic: message.topic_id, subscription, message_id: message.id, what })
}

/// Asks an endpoint to confirm, in the transaction that subscribes it.
pub(crate) fn enqueue_confirmation(
    tx: &mut WriteTx<'_>,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), store::Error> {
    let (topic, message_id) = (subscription.topic_id, Uuid::new_v4());
    enqueue(tx, Delivery { topic, subscription: subscription.id, message_id, what: What::Invitation { at } })
}

/// Tells an endpoint that somebody cancelled its subscription, in the transaction that cancels it.
pub(crate) fn enqueue_farewell(
    tx: &mut WriteTx<'_>,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), store::Error> {
    let (topic, message_id) = (subscription.topic_id, Uuid::new_v4());
    enqueue(tx, Delivery { topic, subscription: subscription.id, message_id, what: What::Farewell { at } })
}

fn enqueue(tx: &mut WriteTx<'_>, delivery: Delivery) -> Result<(), store::Error> {
    let id = format!("{}/{}", delivery.message_id, delivery.subscription);
    tx.enqueue(QUEUE, &id, &delivery, None)?;
    Ok(())
}

pub(super) async fn run(sns: Arc<Sns>, workers: Arc<Semaphore>) {
    // Their own set: when the loop is dropped, so is what it was working on.
    let mut running = JoinSet::new();
    loop {
        let Ok(permit) = workers.clone().acquire_owned().await else { return };
        match sns.store.claim(QUEUE, WORKER, LEASE).await {
            Ok(claimed) => {
                let sns = sns.clone();
                running.spawn(async move {
                    if let Err(error) = carry_out(&sns, &claimed).await {
                        tracing::warn!(delivery = claimed.id, %error, "a delivery stops; it is claimed again when its lease ends");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no deliveries can be claimed");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while let Some(ended) = running.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(%error, "a delivery failed inside; it is claimed again");
            }
        }
    }
}

/// Tries once. Attempts that a crash cut off count; the last one is made all the same.
async fn carry_out(sns: &Sns, claimed: &Claimed) -> Result<(), store::Error> {
    let delivery: Delivery = claimed.payload.parse()?;
    let Some(parcel) = Parcel::load(sns, &delivery).await? else { return end(sns, claimed, delivery).await };
    let failure = match parcel.send(sns).await {
        Ok(Ok(())) => return end(sns, claimed, delivery).await,
        Ok(Err(failure)) => failure,
        Err(error) => {
            tracing::error!(delivery = claimed.id, %error, "a message could not be made");
            return sns.store.release(claimed, OWN_FAULT_DELAY).await;
        }
    };
    let delay = match &failure {
        Failure::Unavailable(_) => parcel.delay(claimed.attempt),
        Failure::Refused(_) => None,
    };
    match delay {
        Some(delay) => sns.store.release(claimed, delay).await,
        None => {
            tracing::warn!(
                topic = parcel.topic.arn(),
                subscription = parcel.subscription.arn(),
                message.id = %delivery.message_id,
                attempts = claimed.attempt,
                %failure,
                "a message could not be delivered"
            );
            match queue::give_up(sns, &parcel).await {
                Ok(()) => end(sns, claimed, delivery).await,
                Err(cause) => {
                    tracing::warn!(delivery = claimed.id, %cause, "the dead-letter queue is tried again");
                    sns.store.release(claimed, OWN_FAULT_DELAY).await
                }
            }
        }
    }
}

/// The last delivery of a message takes the message with it.
async fn end(sns: &Sns, claimed: &Claimed, delivery: Delivery) -> Result<(), store::Error> {
    let claimed = claimed.clone();
    let write = sns.store.write(move |tx| {
        tx.complete(&claimed)?;
        if delivery.what != What::Notification {
            return Ok(());
        }
        let Some(mut message) = tx.get::<Message>(&Message::key_of(delivery.message_id))? else {
            return Ok(());
        };
        message.pending = message.pending.saturating_sub(1);
        if message.is_done() {
            tx.delete::<Message>(&Message::key_of(delivery.message_id))?;
        } else {
            tx.update(&message)?;
        }
        Ok(())
    });
    write.await
}

/// Everything that one attempt needs.
pub(super) struct Parcel {
    pub topic: Topic,
    pub subscription: Subscription,
    content: Content,
    message_id: Uuid,
}

enum Content {
    Notification(Box<Message>),
    Confirmation { kind: Kind, at: Timestamp },
}

impl Parcel {
    /// `None`: nobody waits for it any more.
    async fn load(sns: &Sns, delivery: &Delivery) -> Result<Option<Self>, store::Error> {
        let delivery = delivery.clone();
        let read = sns.store.read(move |tx| {
            let key = Subscription::key_of(delivery.topic, delivery.subscription);
            let Some(subscription) = tx.get::<Subscription>(&key)?.map(store::Versioned::into_inner) else {
                return Ok(None);
            };
            let topic = tx.get::<Topic>(&Topic::key_of(&subscription.topic()))?;
            let Some(topic) = topic.filter(|topic| topic.id == delivery.topic) else { return Ok(None) };
            let wanted = match delivery.what {
                What::Notification => Status::Confirmed,
                What::Invitation { .. } => Status::Pending,
                What::Farewell { .. } => Status::Cancelled,
            };
            if subscription.status != wanted {
                return Ok(None);
            }
            let content = match delivery.what {
                What::Notification => match tx.get::<Message>(&Message::key_of(delivery.message_id))? {
                    Some(message) => Content::Notification(Box::new(message.into_inner())),
                    None => return Ok(None),
                },
                What::Invitation { at } => Content::Confirmation { kind: Kind::SubscriptionConfirmation, at },
                What::Farewell { at } => Content::Confirmation { kind: Kind::UnsubscribeConfirmation, at },
            };
            Ok(Some(Self {
                topic: topic.into_inner(),
                subscription,
                content,
                message_id: delivery.message_id,
            }))
        });
        read.await
    }

    /// Errors: outside, what is wrong here; inside, what is wrong there.
    async fn send(&self, sns: &Sns) -> Result<Result<(), Failure>, Error> {
        match self.subscription.protocol {
            Protocol::Http | Protocol::Https => self.post(sns).await,
            Protocol::Email(format) => self.mail(sns, format).await,
            Protocol::Sqs => queue::send(sns, self).await,
        }
    }

    async fn post(&self, sns: &Sns) -> Result<Result<(), Failure>, Error> {
        let envelope = self.envelope(sns)?;
        let policy = self.policy();
        let mut headers = vec![
            ("x-amz-sns-message-type", envelope.kind.as_str().to_owned()),
            ("x-amz-sns-message-id", envelope.message_id.clone()),
            ("x-amz-sns-topic-arn", envelope.topic_arn.clone()),
        ];
        if envelope.kind != Kind::SubscriptionConfirmation {
            headers.push(("x-amz-sns-subscription-arn", self.subscription.arn()));
        }
        let body = if self.subscription.raw && envelope.kind == Kind::Notification {
            headers.push(("x-amz-sns-rawdelivery", "true".to_owned()));
            envelope.message.clone()
        } else {
            envelope.json(&sns.sign(&envelope, self.topic.signature_version).await?)
        };
        headers.push(("content-type", policy.content_type().to_owned()));
        headers.push(("user-agent", USER_AGENT.to_owned()));
        headers.push(("accept-encoding", "gzip,deflate".to_owned()));
        Ok(sns.http.post(Post { url: &self.subscription.endpoint, headers, body }).await)
    }

    async fn mail(&self, sns: &Sns, format: MailFormat) -> Result<Result<(), Failure>, Error> {
        let Some(mailer) = &sns.mailer else {
            return Ok(Err(Failure::Unavailable("there is no [smtp] configuration any more".into())));
        };
        let envelope = self.envelope(sns)?;
        let link =
            |url: &Option<Confirmation>| url.as_ref().map(|it| it.subscribe_url.clone()).unwrap_or_default();
        let (subject, text) = match envelope.kind {
            Kind::Notification => {
                let subject = envelope.subject.as_deref().unwrap_or(MAIL_SUBJECT);
                let url = envelope.unsubscribe_url.as_deref().unwrap_or_default();
                (subject, mail::notification(&envelope.message, url))
            }
            Kind::SubscriptionConfirmation => {
                let url = link(&envelope.confirmation);
                (INVITATION_SUBJECT, mail::invitation(&envelope.topic_arn, &url))
            }
            Kind::UnsubscribeConfirmation => {
                let url = link(&envelope.confirmation);
                (FAREWELL_SUBJECT, mail::farewell(&envelope.topic_arn, &url))
            }
        };
        let text = match format {
            MailFormat::Text => text,
            MailFormat::Json => envelope.json(&sns.sign(&envelope, self.topic.signature_version).await?),
        };
        let mail = Mail {
            to: &self.subscription.endpoint,
            display_name: &self.topic.display_name,
            subject,
            text,
            message_id: &envelope.message_id,
        };
        Ok(mailer.send(&mail).await)
    }

    pub fn envelope(&self, sns: &Sns) -> Result<Envelope, Error> {
        let (topic_arn, message_id) = (self.topic.arn(), self.message_id.to_string());
        match &self.content {
            Content::Notification(message) => Ok(Envelope {
                kind: Kind::Notification,
                message_id,
                topic_arn,
                subject: message.subject.clone(),
                message: message.text_for(self.subscription.protocol.as_str()).to_owned(),
                timestamp: message.published.to_iso8601_millis(),
                confirmation: None,
                unsubscribe_url: Some(sns.unsubscribe_url(&self.subscription)),
                attributes: message.attributes.clone(),
            }),
            Content::Confirmation { kind, at } => {
                let token = sns.token_of(&self.subscription)?;
                let message = match kind {
                    Kind::UnsubscribeConfirmation => message::farewell(&self.subscription.arn()),
                    Kind::SubscriptionConfirmation | Kind::Notification => message::invitation(&topic_arn),
                };
                let subscribe_url = sns.subscribe_url(&self.subscription, &token);
                Ok(Envelope {
                    kind: *kind,
                    message_id,
                    topic_arn,
                    subject: None,
                    message,
                    timestamp: at.to_iso8601_millis(),
                    confirmation: Some(Confirmation { token, subscribe_url }),
                    unsubscribe_url: None,
                    attributes: Default::default(),
                })
            }
        }
    }

    /// When to try again after so many failed attempts.
    fn delay(&self, failed: u32) -> Option<Duration> {
        match self.subscription.protocol {
            Protocol::Http | Protocol::Https => self.policy().retries.unwrap_or_default().delay(failed),
            Protocol::Email(_) => delivery_policy::mail_delay(failed),
            Protocol::Sqs => delivery_policy::queue_delay(failed),
        }
    }

    fn policy(&self) -> DeliveryPolicy {
        let own = self.subscription.delivery_policy.as_deref();
        DeliveryPolicy::effective(self.topic.delivery_policy.as_deref(), own)
    }
}

impl Sns {
    /// The token of a subscription that is to be confirmed. Errors: `Seal`, also if it has none.
    fn token_of(&self, subscription: &Subscription) -> Result<String, Error> {
        let token = subscription.token.as_ref().ok_or(seal::SealError::Open)?;
        Ok(self.sealer.open_text(&subscription.token_purpose(), &token.sealed)?)
    }

    /// The version tells the front door which service is meant: who follows the link does not sign.
    fn subscribe_url(&self, subscription: &Subscription, token: &str) -> String {
        let topic = subscription.topic().arn();
        format!(
            "{}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}&Version={}",
            self.config.endpoint,
            sns_model::SNS.api_version
        )
    }

    fn unsubscribe_url(&self, subscription: &Subscription) -> String {
        let (arn, version) = (subscription.arn(), sns_model::SNS.api_version);
        format!("{}/?Action=Unsubscribe&SubscriptionArn={arn}&Version={version}", self.config.endpoint)
    }
}
