//! The types of events that rules name, and of which of them an event is.
//! Source: Developer Tools console User Guide, "Notification concepts".

use aws::Event;
use serde_json::Value;

/// A service whose resources have rules.
#[expect(clippy::enum_variant_names, reason = "the names of the services")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    CodeBuild,
    CodeCommit,
    CodeDeploy,
    CodePipeline,
}

/// A type of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    pub service: Service,
    pub id: &'static str,
    pub name: &'static str,
}

const fn of(service: Service, id: &'static str, name: &'static str) -> EventType {
    EventType { service, id, name }
}

/// All types, by service, in the order of `ListEventTypes`.
pub static EVENT_TYPES: [EventType; 38] = [
    of(Service::CodeBuild, "codebuild-project-build-state-failed", "Build state: Failed"),
    of(Service::CodeBuild, "codebuild-project-build-state-succeeded", "Build state: Succeeded"),
    of(Service::CodeBuild, "codebuild-project-build-state-in-progress", "Build state: In-progress"),
    of(Service::CodeBuild, "codebuild-project-build-state-stopped", "Build state: Stopped"),
    of(Service::CodeBuild, "codebuild-project-build-phase-failure", "Build phase: Failure"),
    of(Service::CodeBuild, "codebuild-project-build-phase-success", "Build phase: Success"),
    of(Service::CodeCommit, "codecommit-repository-comments-on-commits", "Comments: On commits"),
    of(Service::CodeCommit, "codecommit-repository-comments-on-pull-requests", "Comments: On pull requests"),
    of(Service::CodeCommit, "codecommit-repository-approvals-status-changed", "Approvals: Status changed"),
    of(Service::CodeCommit, "codecommit-repository-approvals-rule-override", "Approvals: Rule override"),
    of(Service::CodeCommit, "codecommit-repository-pull-request-created", "Pull request: Created"),
    of(
        Service::CodeCommit,
        "codecommit-repository-pull-request-source-updated",
        "Pull request: Source updated",
    ),
    of(
        Service::CodeCommit,
        "codecommit-repository-pull-request-status-changed",
        "Pull request: Status changed",
    ),
    of(Service::CodeCommit, "codecommit-repository-pull-request-merged", "Pull request: Merged"),
    of(Service::CodeCommit, "codecommit-repository-branches-and-tags-created", "Branches and tags: Created"),
    of(Service::CodeCommit, "codecommit-repository-branches-and-tags-deleted", "Branches and tags: Deleted"),
    of(Service::CodeCommit, "codecommit-repository-branches-and-tags-updated", "Branches and tags: Updated"),
    of(Service::CodeDeploy, "codedeploy-application-deployment-failed", "Deployment: Failed"),
    of(Service::CodeDeploy, "codedeploy-application-deployment-succeeded", "Deployment: Succeeded"),
    of(Service::CodeDeploy, "codedeploy-application-deployment-started", "Deployment: Started"),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-action-execution-succeeded",
        "Action execution: Succeeded",
    ),
    of(Service::CodePipeline, "codepipeline-pipeline-action-execution-failed", "Action execution: Failed"),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-action-execution-canceled",
        "Action execution: Canceled",
    ),
    of(Service::CodePipeline, "codepipeline-pipeline-action-execution-started", "Action execution: Started"),
    of(Service::CodePipeline, "codepipeline-pipeline-stage-execution-started", "Stage execution: Started"),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-stage-execution-succeeded",
        "Stage execution: Succeeded",
    ),
    of(Service::CodePipeline, "codepipeline-pipeline-stage-execution-resumed", "Stage execution: Resumed"),
    of(Service::CodePipeline, "codepipeline-pipeline-stage-execution-canceled", "Stage execution: Canceled"),
    of(Service::CodePipeline, "codepipeline-pipeline-stage-execution-failed", "Stage execution: Failed"),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-pipeline-execution-failed",
        "Pipeline execution: Failed",
    ),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-pipeline-execution-canceled",
        "Pipeline execution: Canceled",
    ),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-pipeline-execution-started",
        "Pipeline execution: Started",
    ),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-pipeline-execution-resumed",
        "Pipeline execution: Resumed",
    ),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-pipeline-execution-succeeded",
        "Pipeline execution: Succeeded",
    ),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-pipeline-execution-superseded",
        "Pipeline execution: Superseded",
    ),
    of(Service::CodePipeline, "codepipeline-pipeline-manual-approval-failed", "Manual approval: Failed"),
    of(Service::CodePipeline, "codepipeline-pipeline-manual-approval-needed", "Manual approval: Needed"),
    of(
        Service::CodePipeline,
        "codepipeline-pipeline-manual-approval-succeeded",
        "Manual approval: Succeeded",
    ),
];

impl Service {
    /// As `ServiceName` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeBuild => "CodeBuild",
            Self::CodeCommit => "CodeCommit",
            Self::CodeDeploy => "CodeDeploy",
            Self::CodePipeline => "CodePipeline",
        }
    }

    /// As `ResourceType` shows it.
    pub fn resource_type(self) -> &'static str {
        match self {
            Self::CodeBuild => "Project",
            Self::CodeCommit => "Repository",
            Self::CodeDeploy => "Application",
            Self::CodePipeline => "Pipeline",
        }
    }

    /// The service of a resource that can have rules.
    pub fn of_resource(arn: &aws::Arn) -> Option<Self> {
        let resource = arn.resource.as_str();
        match arn.service.as_str() {
            "codebuild" => resource.strip_prefix("project/").map(|_| Self::CodeBuild),
            "codecommit" => Some(Self::CodeCommit),
            "codedeploy" => resource.strip_prefix("application:").map(|_| Self::CodeDeploy),
            "codepipeline" if !resource.contains([':', '/']) => Some(Self::CodePipeline),
            _ => None,
        }
    }
}

/// The type of an id.
pub fn find(id: &str) -> Option<&'static EventType> {
    EVENT_TYPES.iter().find(|event_type| event_type.id == id)
}

/// The resource whose rules an event is for.
pub fn resource_of(event: &Event) -> Option<String> {
    if event.source != "aws.codebuild" {
        return event.resources.first().cloned();
    }
    // Its resource is the build.
    let project = event.detail.get("project-name")?.as_str()?;
    Some(event.scope()?.arn("codebuild", format!("project/{project}")).to_string())
}

/// The types that an event is of: an approval is an action, too.
pub fn types_of(event: &Event) -> Vec<&'static str> {
    let detail = |name: &str| event.detail.get(name).and_then(Value::as_str).unwrap_or_default();
    match event.detail_type.as_str() {
        "CodePipeline Pipeline Execution State Change" => of_pipeline(detail("state")).into_iter().collect(),
        "CodePipeline Stage Execution State Change" => of_stage(detail("state")).into_iter().collect(),
        "CodePipeline Action Execution State Change" => {
            let category = event.detail.pointer("/type/category").and_then(Value::as_str);
            of_action(detail("state"), category == Some("Approval"))
        }
        "CodeBuild Build State Change" => of_build(detail("build-status")).into_iter().collect(),
        "CodeBuild Build Phase Change" => of_phase(detail("completed-phase-status")).into_iter().collect(),
        "CodeCommit Repository State Change"
        | "CodeCommit Pull Request State Change"
        | "CodeCommit Comment on Commit"
        | "CodeCommit Comment on Pull Request" => of_repository(detail("event")).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn of_pipeline(state: &str) -> Option<&'static str> {
    Some(match state {
        "STARTED" => "codepipeline-pipeline-pipeline-execution-started",
        "SUCCEEDED" => "codepipeline-pipeline-pipeline-execution-succeeded",
        "FAILED" => "codepipeline-pipeline-pipeline-execution-failed",
        "CANCELED" => "codepipeline-pipeline-pipeline-execution-canceled",
        "RESUMED" => "codepipeline-pipeline-pipeline-execution-resumed",
        "SUPERSEDED" => "codepipeline-pipeline-pipeline-execution-superseded",
        _ => return None,
    })
}

fn of_stage(state: &str) -> Option<&'static str> {
    Some(match state {
        "STARTED" => "codepipeline-pipeline-stage-execution-started",
        "SUCCEEDED" => "codepipeline-pipeline-stage-execution-succeeded",
        "FAILED" => "codepipeline-pipeline-stage-execution-failed",
        "CANCELED" => "codepipeline-pipeline-stage-execution-canceled",
        "RESUMED" => "codepipeline-pipeline-stage-execution-resumed",
        _ => return None,
    })
}

fn of_action(state: &str, approval: bool) -> Vec<&'static str> {
    let (action, decision) = match state {
        "STARTED" => {
            ("codepipeline-pipeline-action-execution-started", "codepipeline-pipeline-manual-approval-needed")
        }
        "SUCCEEDED" => (
            "codepipeline-pipeline-action-execution-succeeded",
            "codepipeline-pipeline-manual-approval-succeeded",
        ),
        "FAILED" => {
            ("codepipeline-pipeline-action-execution-failed", "codepipeline-pipeline-manual-approval-failed")
        }
        "CANCELED" | "ABANDONED" => return vec!["codepipeline-pipeline-action-execution-canceled"],
        _ => return Vec::new(),
    };
    if approval { vec![action, decision] } else { vec![action] }
}

fn of_build(status: &str) -> Option<&'static str> {
    Some(match status {
        "IN_PROGRESS" => "codebuild-project-build-state-in-progress",
        "SUCCEEDED" => "codebuild-project-build-state-succeeded",
        "FAILED" | "FAULT" | "TIMED_OUT" => "codebuild-project-build-state-failed",
        "STOPPED" => "codebuild-project-build-state-stopped",
        _ => return None,
    })
}

fn of_phase(status: &str) -> Option<&'static str> {
    Some(match status {
        "SUCCEEDED" => "codebuild-project-build-phase-success",
        "FAILED" | "FAULT" | "TIMED_OUT" | "CLIENT_ERROR" => "codebuild-project-build-phase-failure",
        _ => return None,
    })
}

fn of_repository(event: &str) -> Option<&'static str> {
    Some(match event {
        "referenceCreated" => "codecommit-repository-branches-and-tags-created",
        "referenceUpdated" => "codecommit-repository-branches-and-tags-updated",
        "referenceDeleted" => "codecommit-repository-branches-and-tags-deleted",
        "commentOnCommitCreated" | "commentOnCommitUpdated" => "codecommit-repository-comments-on-commits",
        "commentOnPullRequestCreated" | "commentOnPullRequestUpdated" => {
            "codecommit-repository-comments-on-pull-requests"
        }
        "pullRequestCreated" => "codecommit-repository-pull-request-created",
        "pullRequestSourceBranchUpdated" => "codecommit-repository-pull-request-source-updated",
        "pullRequestStatusChanged" => "codecommit-repository-pull-request-status-changed",
        "pullRequestMergeStatusUpdated" => "codecommit-repository-pull-request-merged",
        "pullRequestApprovalStateChanged" => "codecommit-repository-approvals-status-changed",
        "pullRequestApprovalRuleOverridden" => "codecommit-repository-approvals-rule-override",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aws::{Scope, Timestamp};
    use serde_json::json;

    use super::*;

    fn event(source: &str, detail_type: &str, detail: Value) -> Event {
        let scope = Scope::new("123456789012".parse().unwrap(), "us-east-1".parse().unwrap());
        Event::new(&scope, source, detail_type, Timestamp::default(), vec!["r".to_owned()], detail)
    }

    #[test]
    fn ids_are_found_and_distinct() {
        let ids: HashSet<&str> = EVENT_TYPES.iter().map(|event_type| event_type.id).collect();
        assert_eq!(ids.len(), EVENT_TYPES.len());
        assert!(find("codebuild-project-build-state-failed").is_some() && find("x").is_none());
    }

    #[test]
    fn every_type_that_an_event_can_be_of_is_declared() {
        let states = ["STARTED", "SUCCEEDED", "FAILED", "CANCELED", "RESUMED", "SUPERSEDED", "ABANDONED"];
        let pipelines = states.iter().filter_map(|state| of_pipeline(state));
        let stages = states.iter().filter_map(|state| of_stage(state));
        let actions = states.iter().flat_map(|state| of_action(state, true));
        let statuses = ["IN_PROGRESS", "SUCCEEDED", "FAILED", "STOPPED"];
        let builds = statuses.iter().filter_map(|status| of_build(status));
        let phases = statuses.iter().filter_map(|status| of_phase(status));
        for id in pipelines.chain(stages).chain(actions).chain(builds).chain(phases) {
            assert!(find(id).is_some(), "{id}");
        }
    }

    #[test]
    fn an_approval_is_an_action_too() {
        let of = |category: &str| {
            let detail = json!({"state": "STARTED", "type": {"category": category}});
            types_of(&event("aws.codepipeline", "CodePipeline Action Execution State Change", detail))
        };
        assert_eq!(of("Build"), ["codepipeline-pipeline-action-execution-started"]);
        let approval = [
            "codepipeline-pipeline-action-execution-started",
            "codepipeline-pipeline-manual-approval-needed",
        ];
        assert_eq!(of("Approval"), approval);
    }

    #[test]
    fn a_build_belongs_to_its_project() {
        let build = event("aws.codebuild", "CodeBuild Build State Change", json!({"project-name": "p"}));
        assert_eq!(resource_of(&build).unwrap(), "arn:aws:codebuild:us-east-1:123456789012:project/p");
        assert_eq!(resource_of(&event("aws.codecommit", "t", json!({}))).unwrap(), "r");
    }
}
