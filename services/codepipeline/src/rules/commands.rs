//! Commands as a rule: it passes if all of them succeed. They run as those of the compute action do, without outputs.

use async_trait::async_trait;

use super::code_build::outcome;
use super::{RuleOutcome, RuleProvider, RuleType};
use crate::catalogue::Count;
use crate::providers::{CommandsAction, Provider, Trouble, Work};

pub struct CommandsRule;

static RULE_TYPE: RuleType = RuleType {
    provider: "Commands",
    properties: &[],
    inputs: Count { min: 0, max: 10 },
    timeout_minutes: 55,
};

#[async_trait]
impl RuleProvider for CommandsRule {
    fn rule_type(&self) -> &'static RuleType {
        &RULE_TYPE
    }

    async fn start(&self, work: &Work) -> Result<RuleOutcome, Trouble> {
        CommandsAction.start(work).await.map(outcome)
    }

    async fn observe(&self, work: &Work, run: Option<&str>) -> Result<RuleOutcome, Trouble> {
        match run {
            Some(run) => CommandsAction.observe(work, run).await.map(outcome),
            None => self.start(work).await,
        }
    }

    async fn stop(&self, work: &Work, run: &str) -> Result<(), Trouble> {
        CommandsAction.stop(work, run).await
    }
}
