//! ARNs of topics and subscriptions.

use aws::{Arn, Scope};
use uuid::Uuid;

use crate::error::Error;

/// A topic by its account, region and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicName {
    pub scope: Scope,
    pub name: String,
}

/// A subscription by its topic's ARN and its own id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionName {
    pub topic: TopicName,
    pub id: Uuid,
}

impl TopicName {
    /// Errors: `InvalidParameter`, with `parameter` as its name.
    pub fn parse(arn: &str, parameter: &str) -> Result<Self, Error> {
        let parsed = parts(arn, parameter)?;
        let (scope, name) = topic(&parsed).ok_or_else(|| Error::invalid(parameter))?;
        if name.contains(':') { Err(Error::invalid(parameter)) } else { Ok(Self { scope, name }) }
    }

    /// As `parse`; a topic of another region is refused, as a region's endpoint knows only its own.
    pub fn in_region(arn: &str, parameter: &str, here: &Scope) -> Result<Self, Error> {
        let topic = Self::parse(arn, parameter)?;
        if topic.scope.region == here.region { Ok(topic) } else { Err(Error::invalid(parameter)) }
    }

    pub fn arn(&self) -> String {
        self.scope.arn("sns", &self.name).to_string()
    }
}

impl SubscriptionName {
    /// Errors: `InvalidParameter`.
    pub fn parse(arn: &str) -> Result<Self, Error> {
        let parsed = parts(arn, "SubscriptionArn")?;
        let wrong = || {
            Error::invalid("SubscriptionArn Reason: Wrong number of slashes in relative portion of the ARN.")
        };
        let (scope, resource) = topic(&parsed).ok_or_else(wrong)?;
        let (name, id) = resource.rsplit_once(':').ok_or_else(wrong)?;
        let id = id.parse().map_err(|_| Error::invalid("SubscriptionId"))?;
        Ok(Self { topic: TopicName { scope, name: name.to_owned() }, id })
    }
}

fn parts(arn: &str, parameter: &str) -> Result<Arn, Error> {
    let count = arn.split(':').count();
    if count < 6 {
        return Err(Error::InvalidParameter(format!(
            "{parameter} Reason: An ARN must have at least 6 elements, not {count}"
        )));
    }
    arn.parse().map_err(|_| Error::invalid(parameter))
}

fn topic(arn: &Arn) -> Option<(Scope, String)> {
    let scope = Scope::new(arn.account.parse().ok()?, arn.region.parse().ok()?);
    (arn.service == "sns" && arn.partition == scope.partition).then(|| (scope, arn.resource.clone()))
}

/// Where the queue of an ARN is, and its name.
pub fn queue(arn: &str) -> Option<(Scope, String)> {
    let arn: Arn = arn.parse().ok()?;
    let scope = Scope::new(arn.account.parse().ok()?, arn.region.parse().ok()?);
    let is_queue = arn.service == "sqs" && !arn.resource.is_empty() && !arn.resource.contains([':', '/']);
    is_queue.then_some((scope, arn.resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arn: &str) -> String {
        TopicName::parse(arn, "TopicArn").map_or_else(|error| error.to_string(), |topic| topic.name)
    }

    #[test]
    fn topics_are_named_by_arn() {
        assert_eq!(refusal("arn:aws:sns:us-east-1:123456789012:news"), "news");
        assert_eq!(
            refusal("news"),
            "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"
        );
        for wrong in [
            "arn:aws:sqs:us-east-1:123456789012:news",
            "arn:aws:sns:us-east-1:12:news",
            "arn:aws:sns:us-east-1:123456789012:news:1",
            "arn:aws-cn:sns:us-east-1:123456789012:news",
        ] {
            assert_eq!(refusal(wrong), "Invalid parameter: TopicArn", "{wrong}");
        }
    }

    #[test]
    fn subscriptions_are_a_topics_arn_and_an_id() {
        let arn = "arn:aws:sns:us-east-1:123456789012:news:7d2f5a44-1b2c-4d3e-8f90-123456789abc";
        let name = SubscriptionName::parse(arn).unwrap();
        assert_eq!(
            (name.topic.name.as_str(), format!("{}:{}", name.topic.arn(), name.id).as_str()),
            ("news", arn)
        );
        assert!(SubscriptionName::parse("arn:aws:sns:us-east-1:123456789012:news").is_err());
        assert!(SubscriptionName::parse("arn:aws:sns:us-east-1:123456789012:news:x").is_err());
    }
}
