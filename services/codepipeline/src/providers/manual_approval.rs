//! Manual approval: waits for a person. The engine holds its token and ends it; there is nothing to work on.

use async_trait::async_trait;

use super::{Outcome, Provider, Report, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct ManualApproval;

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::aws(
    Category::Approval,
    "Manual",
    &[
        Key::optional("NotificationArn", "The SNS topic that is told when an approval is needed."),
        Key::optional("ExternalEntityLink", "What the approver should look at."),
        Key::optional("CustomData", "What the approver should know."),
    ],
)
.timeout_minutes(7 * 24 * 60)];

#[async_trait]
impl Provider for ManualApproval {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    /// An approval that nobody would hear of fails rather than waits for a week.
    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        match work.optional("NotificationArn") {
            None => Ok(Outcome::InProgress(Report::default())),
            Some(topic) => Err(Trouble::configuration(format!(
                "The approval request cannot be sent to '{topic}': SNS is not built yet. Leave NotificationArn out."
            ))),
        }
    }
}
