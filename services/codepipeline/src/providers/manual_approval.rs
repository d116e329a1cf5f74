//! Manual approval: waits for a person. The engine holds its token and ends it; here somebody is told.

use async_trait::async_trait;
use serde_json::json;
use sns_model::Publish;

use super::{Approval, Outcome, Provider, Report, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};
use crate::review_page;

pub struct ManualApproval;

/// Names in the subject are cut to so many characters.
const SHOWN: usize = 24;

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

    /// An approval that nobody would hear of fails rather than waits for a week. After a crash the topic may be told
    /// twice, with the same token.
    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        if let (Some(topic), Some(approval)) = (work.optional("NotificationArn"), &work.approval) {
            let publish = Publish {
                topic_arn: Some(topic.to_owned()),
                subject: Some(subject(approval, &work.action)),
                message: message(approval, work),
                ..Publish::default()
            };
            work.client().await?.call(publish).await?;
        }
        Ok(Outcome::InProgress(Report::default()))
    }
}

fn subject(approval: &Approval, action: &str) -> String {
    format!("APPROVAL NEEDED: AWS CodePipeline {} for action {}", cut(&approval.pipeline), cut(action))
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

/// Source: CodePipeline User Guide, "JSON data format for manual approval notifications".
fn message(approval: &Approval, work: &Work) -> String {
    let Approval { pipeline, stage, token, expires, endpoint } = approval;
    let (region, action) = (&work.scope.region, &work.action);
    let console = review_page::address(endpoint, pipeline, region.as_str());
    json!({
        "region": region.as_str(),
        "consoleLink": console,
        "approval": {
            "pipelineName": pipeline,
            "stageName": stage,
            "actionName": action,
            "token": token,
            "expires": expires.format("%Y-%m-%dT%H:%MZ"),
            "externalEntityLink": work.optional("ExternalEntityLink"),
            "approvalReviewLink": format!("{console}#/{stage}/{action}/approve/{token}"),
            "customData": work.optional("CustomData"),
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("ABCDEFGHIJKLMNOPQRSTUVWX"), "ABCDEFGHIJKLMNOPQRSTUVWX");
        assert_eq!(cut("ABCDEFGHIJKLMNOPQRSTUVWXY"), "ABCDEFGHIJKLMNOPQRSTUVWX...");
    }
}
