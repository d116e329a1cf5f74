//! Rule types whose services are not here: definitions with them are accepted, their rules fail and say so.

use async_trait::async_trait;

use super::{Property, RuleOutcome, RuleProvider, RuleType};
use crate::catalogue::{Count, NONE};
use crate::providers::{Trouble, Work};

pub struct Declared(RuleType);

pub static LAMBDA_INVOKE: Declared = Declared(RuleType {
    provider: "LambdaInvoke",
    properties: &[
        Property::required("FunctionName", "The Lambda function that decides."),
        Property::optional("UserParameters", "What the function is given."),
    ],
    inputs: Count { min: 0, max: 5 },
    timeout_minutes: 24 * 60,
});

pub static CLOUD_WATCH_ALARM: Declared = Declared(RuleType {
    provider: "CloudWatchAlarm",
    properties: &[
        Property::required("AlarmName", "The alarm to look at."),
        Property::optional(
            "AlarmStates",
            "The states that the alarm should have: ALARM, OK, INSUFFICIENT_DATA.",
        ),
        Property::optional("WaitTime", "How many minutes to watch the alarm."),
    ],
    inputs: NONE,
    timeout_minutes: 24 * 60,
});

#[async_trait]
impl RuleProvider for Declared {
    fn rule_type(&self) -> &'static RuleType {
        // The statics above are all there are.
        match self.0.provider {
            "LambdaInvoke" => &LAMBDA_INVOKE.0,
            _ => &CLOUD_WATCH_ALARM.0,
        }
    }

    fn is_served(&self) -> bool {
        false
    }

    async fn start(&self, _work: &Work) -> Result<RuleOutcome, Trouble> {
        Err(Trouble::configuration(format!("The rule provider {} is not available here", self.0.provider)))
    }
}
