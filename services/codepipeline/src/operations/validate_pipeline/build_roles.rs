use std::collections::BTreeMap;

use aws::{Client, Scope};
use codebuild_model::{BatchGetProjects, LogsConfigStatusType, Project};
use codepipeline_model::PipelineFinding;
use iam_model::GetRole;
use serde_json::Value;

use super::resources::unseen;
use super::{ERROR, finding};
use crate::needs::{Need, Permission, Resource};

const CODEBUILD: &str = "codebuild.amazonaws.com";

/// Build projects that are not there, and roles of projects that are not or do not admit CodeBuild; what the others must be
/// allowed is noted in `permissions`.
pub(super) async fn look(
    caller: &(dyn Fn(Scope) -> Client + Sync),
    scope: &Scope,
    needs: &[Need],
    permissions: &mut BTreeMap<Permission, String>,
) -> Vec<PipelineFinding> {
    let mut findings = Vec::new();
    for need in needs {
        let Resource::Project { name, region, artifacts } = &need.resource else { continue };
        let scope = &Scope { region: region.clone(), ..scope.clone() };
        let caller = &caller(scope.clone());
        let project = match caller.call(BatchGetProjects { names: vec![name.clone()] }).await {
            Ok(found) => found.projects.into_iter().flatten().next(),
            Err(error) => {
                findings.push(unseen(need, &error));
                continue;
            }
        };
        let Some(project) = project else {
            let message = format!("There is no build project '{name}'.");
            findings.push(finding(ERROR, "ResourceNotFoundException", &need.path, message));
            continue;
        };
        let Some(role) = project.service_role.clone() else { continue };
        if let Some(found) = admits(caller, &role, need).await {
            findings.push(found);
            continue;
        }
        for (action, resource) in artifacts.iter().cloned().chain(logs(&project, scope)) {
            let permission = Permission { role: role.clone(), action, resource };
            permissions.entry(permission).or_insert_with(|| need.path.clone());
        }
    }
    findings
}

/// What writing the log of a build takes. The log group is made only if it is not there.
fn logs(project: &Project, scope: &Scope) -> Vec<(&'static str, String)> {
    let config = project.logs_config.as_ref().and_then(|config| config.cloud_watch_logs.as_ref());
    if config.is_some_and(|config| config.status == LogsConfigStatusType::Disabled) {
        return Vec::new();
    }
    let name = project.name.as_deref().unwrap_or_default();
    let group = config.and_then(|config| config.group_name.clone());
    let group = group.unwrap_or_else(|| format!("/aws/codebuild/{name}"));
    let streams = scope.arn("logs", format!("log-group:{group}:log-stream:*")).to_string();
    ["logs:CreateLogStream", "logs:PutLogEvents"].map(|call| (call, streams.clone())).into()
}

/// What keeps CodeBuild from taking a role.
async fn admits(caller: &Client, role: &str, need: &Need) -> Option<PipelineFinding> {
    let name = role.rsplit('/').next().unwrap_or(role).to_owned();
    let found = match caller.call(GetRole { role_name: name }).await {
        Ok(found) => found.role,
        Err(error) if error.code == "NoSuchEntity" => {
            let message = format!("The role {role} of the build project is not there.");
            return Some(finding(ERROR, &error.code, &need.path, message));
        }
        Err(error) => return Some(unseen(need, &error)),
    };
    let text = found.assume_role_policy_document.unwrap_or_default();
    (!trusts(&decoded(&text), CODEBUILD)).then(|| {
        let message =
            format!("The trust policy of {role}, the role of the build project, does not admit {CODEBUILD}.");
        finding(ERROR, "PermissionError", &need.path, message)
    })
}

/// A policy as IAM's answers have it: percent-encoded.
fn decoded(text: &str) -> Value {
    let bytes =
        form_urlencoded::parse(format!("={text}").as_bytes()).next().map(|(_, value)| value.into_owned());
    serde_json::from_str(&bytes.unwrap_or_default()).unwrap_or_default()
}

/// Whether a statement lets the service in; conditions, and statements that deny, are passed over.
fn trusts(policy: &Value, service: &str) -> bool {
    let statements = one_or_many(&policy["Statement"]);
    statements.iter().any(|statement| {
        statement["Effect"] == "Allow"
            && one_or_many(&statement["Principal"]["Service"]).iter().any(|principal| **principal == service)
    })
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |several| several.iter().collect())
}
