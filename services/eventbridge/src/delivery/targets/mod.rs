//! Targets: which there are, and how each is called. One file each.

mod api_destination;
mod codebuild;
mod codepipeline;
pub(super) mod dead_letters;
mod event_bus;
mod log_group;
mod queue;
mod topic;

use std::time::Duration;

use aws::{Arn, Client, Event};
use serde_json::Value;

use super::role;
use super::rules::document;
use crate::EventBridge;
use crate::input::{Circumstances, Path, Transformer};
use crate::names::BusName;
use crate::records::{Delivery, Input, Rule, Target};

pub(crate) use api_destination::Turns;

/// What a target's ARN names, of the kinds that are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Pipeline {
        name: String,
    },
    BuildProject {
        name: String,
    },
    LogGroup {
        name: String,
    },
    EventBus(BusName),
    /// A topic of SNS.
    Topic,
    /// A queue of SQS.
    Queue {
        is_fifo: bool,
    },
    /// An API destination.
    Endpoint {
        name: String,
    },
}

/// Why a call of a target failed.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::delivery) struct Failure {
    /// Source: EventBridge User Guide, "Using dead-letter queues", error codes.
    pub code: &'static str,
    pub message: String,
    pub retry: Retry,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::delivery) enum Retry {
    Never,
    Later {
        /// What the target asked for.
        not_before: Option<Duration>,
    },
}

/// One call of a target.
struct Call<'c> {
    eventbridge: &'c EventBridge,
    rule: &'c Rule,
    target: &'c Target,
    delivery: &'c Delivery,
    event: &'c Event,
    /// What the target is given.
    payload: String,
}

impl Destination {
    /// `None` for what is not served.
    pub fn of(arn: &Arn) -> Option<Self> {
        let resource = arn.resource.as_str();
        match arn.service.as_str() {
            "codepipeline" if !resource.contains([':', '/']) => {
                Some(Self::Pipeline { name: resource.to_owned() })
            }
            "codebuild" => {
                resource.strip_prefix("project/").map(|name| Self::BuildProject { name: name.to_owned() })
            }
            "logs" => resource
                .strip_prefix("log-group:")
                .map(|name| Self::LogGroup { name: name.trim_end_matches(":*").to_owned() }),
            "sns" if !resource.contains(':') => Some(Self::Topic),
            "sqs" if !resource.contains([':', '/']) => {
                Some(Self::Queue { is_fifo: resource.ends_with(".fifo") })
            }
            "events" => match resource.strip_prefix("api-destination/") {
                Some(rest) => rest.split('/').next().map(|name| Self::Endpoint { name: name.to_owned() }),
                None => BusName::in_arn(arn).map(Self::EventBus),
            },
            _ => None,
        }
    }

    /// Buses, topics and queues have policies that admit EventBridge. So has CloudWatch Logs on AWS; there are none here, so a
    /// role it must be.
    pub fn needs_role(&self) -> bool {
        !self.is_bus() && !matches!(self, Self::Topic | Self::Queue { .. })
    }

    pub fn is_bus(&self) -> bool {
        matches!(self, Self::EventBus(_))
    }
}

/// Calls the target once. Answers what it made, for example an execution's id.
pub(super) async fn deliver(
    eventbridge: &EventBridge,
    rule: &Rule,
    target: &Target,
    delivery: &Delivery,
) -> Result<Option<String>, Failure> {
    let gone = || Failure::never("INTERNAL_ERROR", "The event is not kept any more.");
    let event = delivery.event.as_ref().ok_or_else(gone)?;
    let payload = payload(rule, target, delivery, event)?;
    let call = Call { eventbridge, rule, target, delivery, event, payload };
    let result = call.make().await;
    // A role that was deleted and made again meanwhile is another one.
    let refused = matches!(&result, Err(failure) if failure.code == "NO_PERMISSIONS");
    if refused
        && let Some(role) = &target.role_arn
        && eventbridge.roles.forget(rule, role).await
    {
        return call.make().await;
    }
    result
}

impl Call<'_> {
    async fn make(&self) -> Result<Option<String>, Failure> {
        let arn: Option<Arn> = self.target.arn.parse().ok();
        match arn.as_ref().and_then(Destination::of) {
            Some(Destination::Pipeline { name }) => codepipeline::start(self, &name).await,
            Some(Destination::BuildProject { name }) => codebuild::start(self, &name).await,
            Some(Destination::LogGroup { name }) => log_group::put(self, &name).await,
            Some(Destination::EventBus(bus)) => event_bus::forward(self, &bus).await,
            Some(Destination::Topic) => topic::publish(self).await,
            Some(Destination::Queue { .. }) => queue::send(self).await,
            Some(Destination::Endpoint { name }) => api_destination::invoke(self, &name).await,
            None => Err(Failure::never("INVALID_PARAMETER", "Targets of this kind are not served here.")),
        }
    }

    /// A client that acts as the target's role; without one, as EventBridge itself.
    async fn client(&self) -> Result<Client, Failure> {
        match &self.target.role_arn {
            Some(role) => self.eventbridge.roles.client(&self.eventbridge.client, self.rule, role).await,
            None => Ok(role::as_service(&self.eventbridge.client, self.rule)),
        }
    }

    /// The payload if it is a JSON object.
    fn members(&self) -> serde_json::Map<String, Value> {
        serde_json::from_str(&self.payload).unwrap_or_default()
    }
}

/// What the target is given. Errors: `INVALID_JSON` if a transformer's output is none.
fn payload(rule: &Rule, target: &Target, delivery: &Delivery, event: &Event) -> Result<String, Failure> {
    let broken = || Failure::never("INVALID_PARAMETER", "The input of the target is not valid.");
    match &target.input {
        Input::Event => Ok(document(event).to_string()),
        Input::Constant(text) => Ok(text.clone()),
        Input::Path(path) => {
            let path = Path::parse(path).ok_or_else(broken)?;
            Ok(path.of(&document(event)).unwrap_or(&Value::Null).to_string())
        }
        Input::Transformer { paths, template, .. } => {
            let transformer = Transformer::parse(paths, template).map_err(|_| broken())?;
            let circumstances = Circumstances {
                rule_arn: &rule.arn(),
                rule_name: &rule.name,
                ingestion_time: &delivery.ingested.to_iso8601_millis(),
            };
            transformer.apply(&document(event), &circumstances).map_err(|output| {
                let start: String = output.chars().take(200).collect();
                Failure::never("INVALID_JSON", format!("The input transformer made no valid JSON: {start}"))
            })
        }
    }
}

impl Failure {
    pub fn never(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: Retry::Never }
    }

    pub fn later(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: Retry::Later { not_before: None } }
    }

    /// Of a call of another service.
    fn of(error: aws::Error) -> Self {
        let message = format!("{}: {}", error.code, error.message);
        let code = &*error.code;
        if error.is_fault() && code != "NotImplemented" {
            return Self::later("ERROR_FROM_TARGET", message);
        }
        if code.contains("Throttl") || code.contains("LimitExceeded") || code.contains("Concurrent") {
            return Self::later("THROTTLING", message);
        }
        Self::never(
            match code {
                "AccessDenied"
                | "AccessDeniedException"
                | "AuthorizationError"
                | "ExpiredTokenException"
                | "UnrecognizedClientException" => "NO_PERMISSIONS",
                _ if code.contains("NotFound")
                    || code.contains("DoesNotExist")
                    || code.contains("NoSuch") =>
                {
                    "NO_RESOURCE"
                }
                _ if code.contains("Validation") || code.contains("Invalid") => "INVALID_PARAMETER",
                _ => "SDK_CLIENT_ERROR",
            },
            message,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(arn: &str) -> Option<Destination> {
        Destination::of(&arn.parse().unwrap())
    }

    #[test]
    fn arns_name_destinations() {
        let here =
            |service: &str, resource: &str| format!("arn:aws:{service}:us-east-1:123456789012:{resource}");
        assert_eq!(destination(&here("codepipeline", "p")), Some(Destination::Pipeline { name: "p".into() }));
        assert_eq!(
            destination(&here("codebuild", "project/b")),
            Some(Destination::BuildProject { name: "b".into() })
        );
        let group = Some(Destination::LogGroup { name: "/aws/events/x".into() });
        assert_eq!(destination(&here("logs", "log-group:/aws/events/x:*")), group);
        assert!(
            destination(&here("events", "event-bus/other")).is_some_and(|destination| destination.is_bus())
        );
        assert_eq!(destination(&here("sns", "t")), Some(Destination::Topic));
        assert_eq!(destination(&here("lambda", "function:f")), None);
    }

    #[test]
    fn what_cannot_get_better_is_not_tried_again() {
        let of = |code: &'static str, status| Failure::of(aws::Error::new(code, "m").with_status(status));
        assert_eq!(of("PipelineNotFoundException", 400).code, "NO_RESOURCE");
        assert_eq!(of("AccessDeniedException", 400).retry, Retry::Never);
        assert_eq!(of("NotImplemented", 501).retry, Retry::Never);
        assert_eq!(of("AccountLimitExceededException", 400).retry, Retry::Later { not_before: None });
        assert_eq!(of("InternalFailure", 500).code, "ERROR_FROM_TARGET");
    }
}
