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
    let mut buckets = BTreeMap::new();
    let left_out = wanted.len().saturating_sub(SIMULATIONS);
    for ((role, resource), needed) in wanted.into_iter().take(SIMULATIONS) {
        if unknown.contains(role) {
            continue;
        }
        let of_bucket = match bucket(resource) {
            Some(bucket) => policy(caller, bucket, &mut buckets).await,
            None => OfBucket::None,
        };
        match simulate(caller, role, resource, &needed, &of_bucket).await {
            Ok(denied) => findings.extend(denied.into_iter().map(|(permission, is_explicit)| {
                of_denied(permission, &permissions[permission], is_explicit, &of_bucket)
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

/// The policy of a bucket.
#[derive(Clone)]
enum OfBucket {
    None,
    Policy(String),
    /// The caller may not see it, or the bucket is not there.
    Unknown,
}

/// The bucket of an S3 resource.
fn bucket(resource: &str) -> Option<&str> {
    let (_, named) = resource.split_once(":s3:::")?;
    named.split('/').next()
}

async fn policy(caller: &Client, bucket: &str, known: &mut BTreeMap<String, OfBucket>) -> OfBucket {
    if let Some(known) = known.get(bucket) {
        return known.clone();
    }
    let policy = match caller.bucket_policy(bucket).await {
        Ok(Some(policy)) => OfBucket::Policy(policy),
        Ok(None) => OfBucket::None,
        Err(_) => OfBucket::Unknown,
    };
    known.insert(bucket.to_owned(), policy.clone());
    policy
}

/// The permissions that are denied, each with whether a statement denies it.
async fn simulate<'a>(
    caller: &Client,
    role: &str,
    resource: &str,
    needed: &[&'a Permission],
    of_bucket: &OfBucket,
) -> Result<Vec<(&'a Permission, bool)>, aws::Error> {
    let input = SimulatePrincipalPolicy {
        policy_source_arn: role.to_owned(),
        action_names: needed.iter().map(|permission| permission.action.to_owned()).collect(),
        resource_arns: Some(vec![resource.to_owned()]),
        resource_policy: match of_bucket {
            OfBucket::Policy(policy) => Some(policy.clone()),
            OfBucket::None | OfBucket::Unknown => None,
        },
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

fn of_denied(
    permission: &Permission,
    path: &str,
    is_explicit: bool,
    of_bucket: &OfBucket,
) -> PipelineFinding {
    let Permission { role, action, resource } = permission;
    if is_explicit {
        let whose = if matches!(of_bucket, OfBucket::Policy(_)) { " or of the bucket" } else { "" };
        let message = format!("A policy of {role}{whose} denies {action} on {resource}.");
        return finding(ERROR, "PermissionError", path, message);
    }
    let (severity, more) = match of_bucket {
        OfBucket::None => (ERROR, ""),
        OfBucket::Policy(_) => (ERROR, ", nor does that of the bucket"),
        OfBucket::Unknown => (WARNING, " unless the policy of the bucket does, which could not be seen"),
    };
    let message = format!("No policy of {role} allows {action} on {resource}{more}.");
    let statement = json!({"Effect": "Allow", "Action": action, "Resource": resource}).to_string();
    PipelineFinding { statement: Some(statement), ..finding(severity, "PermissionError", path, message) }
}
