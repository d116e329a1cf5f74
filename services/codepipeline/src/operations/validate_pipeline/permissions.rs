use std::collections::{BTreeMap, BTreeSet};

use aws::Client;
use codepipeline_model::PipelineFinding;
use iam_model::{PolicyEvaluationDecisionType, SimulatePrincipalPolicy};
use serde_json::json;

use super::{ERROR, WARNING, finding};
use crate::needs::Permission;

/// Simulations at most: each reads the policies of a role. The largest definition needs more only if every action has a
/// role, a project and a bucket of its own.
const SIMULATIONS: usize = 500;

/// Permissions that a role lacks by its own policies.
pub(super) async fn lacking(
    caller: &Client,
    permissions: &BTreeMap<Permission, String>,
) -> Vec<PipelineFinding> {
    // By role and resource, so that one simulation answers for all calls on it.
    let mut wanted: BTreeMap<(&str, &str), Vec<&Permission>> = BTreeMap::new();
    for permission in permissions.keys() {
        wanted.entry((&permission.role, &permission.resource)).or_default().push(permission);
    }
    let mut findings = Vec::new();
    let mut unknown = BTreeSet::new();
    let left_out = wanted.len().saturating_sub(SIMULATIONS);
    for ((role, resource), needed) in wanted.into_iter().take(SIMULATIONS) {
        if unknown.contains(role) {
            continue;
        }
        match simulate(caller, role, resource, &needed).await {
            Ok(denied) => findings.extend(denied.into_iter().map(|(permission, is_explicit)| {
                of_denied(permission, &permissions[permission], is_explicit)
            })),
            Err(error) => {
                unknown.insert(role);
                let path = needed.first().map_or("", |permission| permissions[*permission].as_str());
                let message = format!("What {role} may do could not be simulated: {}", error.message);
                findings.push(finding(WARNING, &error.code, path, message));
            }
        }
    }
    if left_out > 0 {
        let message = format!("The permissions on {left_out} more resources were not simulated.");
        findings.push(finding(WARNING, "LimitExceeded", "pipeline", message));
    }
    findings
}

/// The permissions that are denied, each with whether a statement denies it.
async fn simulate<'a>(
    caller: &Client,
    role: &str,
    resource: &str,
    needed: &[&'a Permission],
) -> Result<Vec<(&'a Permission, bool)>, aws::Error> {
    let input = SimulatePrincipalPolicy {
        policy_source_arn: role.to_owned(),
        action_names: needed.iter().map(|permission| permission.action.to_owned()).collect(),
        resource_arns: Some(vec![resource.to_owned()]),
        ..SimulatePrincipalPolicy::default()
    };
    let results = caller.call(input).await?.evaluation_results.unwrap_or_default();
    let mut denied = Vec::new();
    for result in results.iter().filter(|one| one.eval_decision != PolicyEvaluationDecisionType::Allowed) {
        let is_explicit = result.eval_decision == PolicyEvaluationDecisionType::ExplicitDeny;
        let of = needed.iter().find(|permission| permission.action == result.eval_action_name);
        denied.extend(of.map(|permission| (*permission, is_explicit)));
    }
    Ok(denied)
}

fn of_denied(permission: &Permission, path: &str, is_explicit: bool) -> PipelineFinding {
    let Permission { role, action, resource } = permission;
    if is_explicit {
        let message = format!("A policy of {role} denies {action} on {resource}.");
        return finding(ERROR, "PermissionError", path, message);
    }
    // A bucket policy may allow what no policy of the role does.
    let by_bucket = action.starts_with("s3:");
    let unless = if by_bucket { " unless the policy of the bucket does" } else { "" };
    let message = format!("No policy of {role} allows {action} on {resource}{unless}.");
    let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource}).to_string();
    let severity = if by_bucket { WARNING } else { ERROR };
    PipelineFinding { statement: Some(statement), ..finding(severity, "PermissionError", path, message) }
}
