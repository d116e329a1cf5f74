//! When a delivery that failed is tried again.
//! Source: SNS Developer Guide, "Creating an Amazon SNS delivery policy".

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// The retries of a subscription by HTTP, in four phases: at once, at the shortest delay, growing, at the longest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// In seconds.
    min_delay_target: u32,
    /// In seconds.
    max_delay_target: u32,
    num_retries: u32,
    num_no_delay_retries: u32,
    num_min_delay_retries: u32,
    num_max_delay_retries: u32,
    backoff_function: Backoff,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Backoff {
    #[default]
    Linear,
    Arithmetic,
    Geometric,
    Exponential,
}

/// What a topic or a subscription says of its deliveries by HTTP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryPolicy {
    pub retries: Option<RetryPolicy>,
    /// `headerContentType`
    pub content_type: Option<String>,
    /// Of a topic: what subscriptions say does not count.
    pub disables_overrides: bool,
}

pub const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";
const LONGEST_SECONDS: u32 = 3_600;
const MOST_RETRIES: u32 = 100;
/// Of deliveries to queues: within 23 days.
const QUEUE_ATTEMPTS: u32 = 100_015;
const LONGEST_QUEUE_DELAY: Duration = Duration::from_secs(20);
/// Of deliveries by e-mail: 50 attempts within some six hours.
const MAIL_ATTEMPTS: u32 = 50;
const FIRST_MAIL_DELAY: Duration = Duration::from_secs(20);
const LONGEST_MAIL_DELAY: Duration = Duration::from_secs(8 * 60);

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            min_delay_target: 20,
            max_delay_target: 20,
            num_retries: 3,
            num_no_delay_retries: 0,
            num_min_delay_retries: 0,
            num_max_delay_retries: 0,
            backoff_function: Backoff::Linear,
        }
    }
}

impl RetryPolicy {
    /// How long to wait after so many attempts have failed; `None`: no more.
    pub fn delay(&self, failed: u32) -> Option<Duration> {
        let retry = failed.checked_sub(1)?;
        if retry >= self.num_retries {
            return None;
        }
        let (shortest, longest) = (f64::from(self.min_delay_target), f64::from(self.max_delay_target));
        let growing = self.growing();
        let seconds = match retry.checked_sub(self.num_no_delay_retries) {
            None => 0.0,
            Some(rest) if rest < self.num_min_delay_retries => shortest,
            Some(rest) => {
                let step = rest - self.num_min_delay_retries;
                if step >= growing {
                    longest
                } else {
                    self.backoff_function.between(shortest, longest, step, growing)
                }
            }
        };
        Some(Duration::from_secs_f64(seconds))
    }

    fn growing(&self) -> u32 {
        let fixed = [self.num_no_delay_retries, self.num_min_delay_retries, self.num_max_delay_retries];
        fixed.into_iter().fold(self.num_retries, u32::saturating_sub)
    }

    fn check(&self) -> Result<(), &'static str> {
        let fixed = [self.num_no_delay_retries, self.num_min_delay_retries, self.num_max_delay_retries];
        if self.num_retries > MOST_RETRIES {
            return Err("numRetries must be between 0 and 100");
        }
        if self.min_delay_target < 1 || self.min_delay_target > self.max_delay_target {
            return Err("minDelayTarget must be between 1 and maxDelayTarget");
        }
        if self.max_delay_target > LONGEST_SECONDS {
            return Err("maxDelayTarget must be between minDelayTarget and 3600");
        }
        if fixed.iter().fold(0_u32, |sum, retries| sum.saturating_add(*retries)) > self.num_retries {
            return Err("numRetries must be at least the sum of the retries of the phases");
        }
        let delays = (1..=self.num_retries).filter_map(|failed| self.delay(failed));
        if delays.sum::<Duration>() > Duration::from_secs(u64::from(LONGEST_SECONDS)) {
            return Err("the retries take more than 3600 seconds");
        }
        Ok(())
    }

    fn json(&self) -> Value {
        json!({
            "minDelayTarget": self.min_delay_target,
            "maxDelayTarget": self.max_delay_target,
            "numRetries": self.num_retries,
            "numMaxDelayRetries": self.num_max_delay_retries,
            "numNoDelayRetries": self.num_no_delay_retries,
            "numMinDelayRetries": self.num_min_delay_retries,
            "backoffFunction": self.backoff_function.as_str(),
        })
    }
}

impl Backoff {
    /// Seconds at a step of some, from the shortest delay to the longest. AWS draws these curves and gives no formula.
    fn between(self, shortest: f64, longest: f64, step: u32, steps: u32) -> f64 {
        let part = if steps > 1 { f64::from(step) / f64::from(steps - 1) } else { 0.0 };
        let grown = match self {
            Self::Linear => part,
            Self::Arithmetic => part * (part + 1.0) / 2.0,
            Self::Geometric => return shortest * (longest / shortest).powf(part),
            Self::Exponential => (2.0_f64.powf(part * 10.0) - 1.0) / 1023.0,
        };
        shortest + (longest - shortest) * grown
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Arithmetic => "arithmetic",
            Self::Geometric => "geometric",
            Self::Exponential => "exponential",
        }
    }
}

impl DeliveryPolicy {
    /// Of a topic: everything lies under `http`. Errors: `InvalidParameter`.
    pub fn of_topic(text: &str) -> Result<Self, Error> {
        let document = object(text)?;
        let http = match document.get("http") {
            Some(Value::Object(http)) if document.len() == 1 => http,
            _ => return Err(refusal("it must be an object with the member http")),
        };
        known(
            http,
            &[
                "defaultHealthyRetryPolicy",
                "disableSubscriptionOverrides",
                "defaultThrottlePolicy",
                "defaultRequestPolicy",
            ],
        )?;
        let disables = http.get("disableSubscriptionOverrides");
        Ok(Self {
            retries: retries(http.get("defaultHealthyRetryPolicy"))?,
            content_type: content_type(http.get("defaultRequestPolicy"))?,
            disables_overrides: disables.is_some_and(|value| value == &Value::Bool(true)),
        })
    }

    /// Of a subscription. Errors: `InvalidParameter`.
    pub fn of_subscription(text: &str) -> Result<Self, Error> {
        let document = object(text)?;
        known(
            &document,
            &["healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"],
        )?;
        Ok(Self {
            retries: retries(document.get("healthyRetryPolicy"))?,
            content_type: content_type(document.get("requestPolicy"))?,
            disables_overrides: false,
        })
    }

    /// What holds for a subscription, given what its topic says and what it says itself.
    pub fn effective(topic: Option<&str>, subscription: Option<&str>) -> Self {
        let topic = topic.and_then(|text| Self::of_topic(text).ok()).unwrap_or_default();
        if topic.disables_overrides {
            return topic;
        }
        let own = subscription.and_then(|text| Self::of_subscription(text).ok()).unwrap_or_default();
        Self {
            retries: own.retries.or(topic.retries),
            content_type: own.content_type.or(topic.content_type),
            disables_overrides: false,
        }
    }

    /// As the attribute `EffectiveDeliveryPolicy` of a topic shows it.
    pub fn topic_json(&self) -> String {
        let (retries, content_type) = (self.shown_retries(), self.content_type());
        json!({"http": {
            "defaultHealthyRetryPolicy": retries,
            "disableSubscriptionOverrides": self.disables_overrides,
            "defaultRequestPolicy": {"headerContentType": content_type},
        }})
        .to_string()
    }

    /// As the attribute `EffectiveDeliveryPolicy` of a subscription shows it.
    pub fn subscription_json(&self) -> String {
        json!({
            "healthyRetryPolicy": self.shown_retries(),
            "sicklyRetryPolicy": null,
            "throttlePolicy": null,
            "requestPolicy": {"headerContentType": self.content_type()},
            "guaranteed": false,
        })
        .to_string()
    }

    pub fn content_type(&self) -> &str {
        self.content_type.as_deref().unwrap_or(CONTENT_TYPE)
    }

    fn shown_retries(&self) -> Value {
        self.retries.clone().unwrap_or_default().json()
    }
}

/// How long to wait after so many attempts to send an e-mail have failed; `None`: no more.
pub fn mail_delay(failed: u32) -> Option<Duration> {
    (failed < MAIL_ATTEMPTS).then(|| store::backoff(failed, FIRST_MAIL_DELAY, LONGEST_MAIL_DELAY))
}

/// How long to wait after so many attempts to reach a queue have failed; `None`: no more.
/// Source: SNS Developer Guide, "Amazon SNS message delivery retries".
pub fn queue_delay(failed: u32) -> Option<Duration> {
    match failed {
        0..3 => Some(Duration::ZERO),
        3..5 => Some(Duration::from_secs(1)),
        5..15 => Some(Duration::from_secs(1 << (failed - 5).min(4)).min(LONGEST_QUEUE_DELAY)),
        15..QUEUE_ATTEMPTS => Some(LONGEST_QUEUE_DELAY),
        _ => None,
    }
}

fn refusal(reason: &str) -> Error {
    Error::InvalidParameter(format!("DeliveryPolicy: {reason}"))
}

fn object(text: &str) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(text).map_err(|_| refusal("it is no JSON object"))
}

fn known(object: &Map<String, Value>, names: &[&str]) -> Result<(), Error> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(refusal(&format!("unknown member {unknown}"))),
        None => Ok(()),
    }
}

fn retries(value: Option<&Value>) -> Result<Option<RetryPolicy>, Error> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let policy: RetryPolicy =
        serde_json::from_value(value.clone()).map_err(|error| refusal(&error.to_string()))?;
    policy.check().map_err(refusal)?;
    Ok(Some(policy))
}

fn content_type(value: Option<&Value>) -> Result<Option<String>, Error> {
    let Some(given) = value.and_then(|value| value.get("headerContentType")) else { return Ok(None) };
    let text = given.as_str().filter(|text| {
        text.len() <= 256 && text.contains('/') && text.bytes().all(|byte| (0x20..0x7F).contains(&byte))
    });
    text.map(|text| Some(text.to_owned())).ok_or_else(|| refusal("headerContentType is no content type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(policy: &Value) -> Vec<u64> {
        let text = json!({"healthyRetryPolicy": policy}).to_string();
        let policy = DeliveryPolicy::of_subscription(&text).unwrap().retries.unwrap();
        (1..).map_while(|failed| policy.delay(failed)).map(|delay| delay.as_secs()).collect()
    }

    #[test]
    fn three_retries_20_seconds_apart_by_default() {
        assert_eq!(delays(&json!({})), [20, 20, 20]);
        assert_eq!(delays(&json!({"numRetries": 0})), [0; 0]);
    }

    #[test]
    fn phases_follow_one_another() {
        let policy = json!({"numRetries": 8, "numNoDelayRetries": 2, "numMinDelayRetries": 1, "numMaxDelayRetries": 2,
            "minDelayTarget": 1, "maxDelayTarget": 21});
        assert_eq!(delays(&policy), [0, 0, 1, 1, 11, 21, 21, 21]);
        let growing = |function: &str| {
            delays(
                &json!({"numRetries": 3, "minDelayTarget": 1, "maxDelayTarget": 100, "backoffFunction": function}),
            )
        };
        assert_eq!(growing("geometric"), [1, 10, 100]);
        assert_eq!(growing("arithmetic"), [1, 38, 100]);
        assert_eq!(growing("exponential"), [1, 4, 100]);
    }

    #[test]
    fn bounds_are_aws_s() {
        let refused = |policy: Value| {
            let text = json!({"healthyRetryPolicy": policy}).to_string();
            DeliveryPolicy::of_subscription(&text).unwrap_err().to_string()
        };
        assert!(refused(json!({"numRetries": 101})).contains("numRetries"));
        assert!(refused(json!({"minDelayTarget": 0})).contains("minDelayTarget"));
        assert!(refused(json!({"maxDelayTarget": 3601})).contains("maxDelayTarget"));
        assert!(refused(json!({"numRetries": 1, "numNoDelayRetries": 2})).contains("sum"));
        assert!(refused(json!({"numRetries": 100, "maxDelayTarget": 3600})).contains("3600 seconds"));
        assert!(refused(json!({"backoffFunction": "wild"})).contains("wild"));
        assert!(DeliveryPolicy::of_topic("{}").is_err() && DeliveryPolicy::of_topic("[]").is_err());
    }

    #[test]
    fn a_topic_may_forbid_others_to_differ() {
        let own = json!({"healthyRetryPolicy": {"numRetries": 1}}).to_string();
        let topic = |disable: bool| {
            json!({"http": {"defaultHealthyRetryPolicy": {"numRetries": 2}, "disableSubscriptionOverrides": disable}})
                .to_string()
        };
        let retries = |disable| {
            let effective = DeliveryPolicy::effective(Some(&topic(disable)), Some(&own));
            effective.retries.unwrap().num_retries
        };
        assert_eq!((retries(false), retries(true)), (1, 2));
    }

    #[test]
    fn a_queue_is_tried_for_23_days() {
        let all: Duration = (1..).map_while(queue_delay).sum();
        assert_eq!((1..).map_while(queue_delay).count(), 100_014);
        assert_eq!(all.as_secs() / 86_400, 23);
    }

    #[test]
    fn mail_is_tried_for_six_hours() {
        let all: Duration = (1..).map_while(mail_delay).sum();
        assert_eq!((1..).map_while(mail_delay).count(), 49);
        assert!(all > Duration::from_secs(5 * 3600) && all < Duration::from_secs(7 * 3600), "{all:?}");
    }
}
