//! Policies of projects and report groups: whom they are shared with. Pure.
//! Source: CodeBuild User Guide, "Working with shared projects" and "Working with shared report groups".

use std::collections::BTreeSet;

use aws::{AccountId, Arn, Principal};
use serde_json::Value;

use crate::records::Shared;

/// A policy may be so long.
const MAX_BYTES: usize = 20_480;

/// What those may do whom a project is shared with: look at it and its builds.
const OF_PROJECTS: [&str; 3] =
    ["codebuild:BatchGetProjects", "codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject"];
/// As of projects.
const OF_REPORT_GROUPS: [&str; 6] = [
    "codebuild:BatchGetReportGroups",
    "codebuild:BatchGetReports",
    "codebuild:ListReportsForReportGroup",
    "codebuild:DescribeTestCases",
    "codebuild:DescribeCodeCoverages",
    "codebuild:GetReportGroupTrend",
];

/// The principals that a policy shares a resource with: accounts by their ids, others by their ARNs. Errors: what is wrong
/// with the policy.
pub(crate) fn principals(policy: &str, kind: Shared, resource: &str) -> Result<BTreeSet<String>, String> {
    if policy.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    let document: Value = serde_json::from_str(policy).map_err(|_| "it is no JSON".to_owned())?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err("it has no statements".to_owned()),
    };
    let mut principals = BTreeSet::new();
    for statement in statements {
        check(statement, kind, resource)?;
        let named = statement.pointer("/Principal/AWS").and_then(texts);
        let named = named.ok_or("a statement needs a Principal with AWS accounts, users or roles")?;
        for who in named {
            principals.insert(principal(who).ok_or_else(|| format!("{who} is no account, user or role"))?);
        }
    }
    Ok(principals)
}

fn check(statement: &Value, kind: Shared, resource: &str) -> Result<(), String> {
    const KEYS: [&str; 6] = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let members = statement.as_object().ok_or("a statement is no object")?;
    if let Some(unknown) = members.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("a statement cannot have {unknown}"));
    }
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err("a statement needs the Effect Allow or Deny".to_owned());
    }
    let actions: &[&str] = match kind {
        Shared::Project => &OF_PROJECTS,
        Shared::ReportGroup => &OF_REPORT_GROUPS,
    };
    let asked = statement.get("Action").and_then(texts).ok_or("a statement needs an Action")?;
    if let Some(other) =
        asked.iter().find(|asked| !actions.iter().any(|known| known.eq_ignore_ascii_case(asked)))
    {
        return Err(format!("{other} cannot be shared: expected {}", actions.join(", ")));
    }
    let resources = statement.get("Resource").and_then(texts).ok_or("a statement needs a Resource")?;
    if resources != [resource] {
        return Err(format!("the Resource must be {resource}"));
    }
    let is_condition = |condition: &Value| {
        condition.as_object().is_some_and(|operators| operators.values().all(Value::is_object))
    };
    match statement.get("Condition").is_none_or(is_condition) {
        true => Ok(()),
        false => Err("the Condition of a statement must be a map of operators".to_owned()),
    }
}

/// One text or a list of them, at least one.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) if !values.is_empty() => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// An account is its id, also if it is named by its root.
fn principal(text: &str) -> Option<String> {
    if text.parse::<AccountId>().is_ok() {
        return Some(text.to_owned());
    }
    let arn: Arn = text.parse().ok()?;
    let is_known = matches!(arn.service.as_str(), "iam" | "sts") && arn.account.parse::<AccountId>().is_ok();
    let is_user = ["user/", "role/", "assumed-role/"].iter().any(|kind| arn.resource.starts_with(kind));
    match arn.resource.as_str() {
        "root" if is_known => Some(arn.account),
        _ if is_known && is_user => Some(text.to_owned()),
        _ => None,
    }
}

/// What policies may call a caller.
pub(crate) fn names_of(caller: &Principal) -> BTreeSet<String> {
    let account = caller.account().map(|account| account.as_str().to_owned());
    let role = match caller {
        Principal::AssumedRole { account, role_path, role_name, .. } => {
            Some(format!("arn:aws:iam::{account}:role{role_path}{role_name}"))
        }
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::FederatedUser { .. }
        | Principal::Service { .. }
        | Principal::Anonymous => None,
    };
    account.into_iter().chain(role).chain([caller.arn()]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:codebuild:us-east-1:123456789012:project/demo";

    #[test]
    fn whom_a_policy_names() {
        let policy = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": ["210987654321", "arn:aws:iam::310987654321:root", "arn:aws:iam::123456789012:user/u"]},
            "Action": ["codebuild:BatchGetProjects"],
            "Resource": ARN,
        }});
        let named = principals(&policy.to_string(), Shared::Project, ARN).unwrap();
        assert_eq!(
            Vec::from_iter(named),
            ["210987654321", "310987654321", "arn:aws:iam::123456789012:user/u"]
        );
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        let whole = json!({
            "Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": "codebuild:BatchGetBuilds", "Resource": ARN,
        });
        let refusal = |statement: &Value| {
            let policy = json!({"Statement": [statement]}).to_string();
            principals(&policy, Shared::Project, ARN).err()
        };
        assert_eq!(refusal(&whole), None);
        for member in ["Effect", "Principal", "Action", "Resource"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(member);
            assert!(refusal(&part).is_some(), "without {member}");
        }
        for (member, value) in [
            ("Action", json!("codebuild:StartBuild")),
            ("Action", json!("*")),
            ("Resource", json!("*")),
            ("Principal", json!("*")),
            ("Principal", json!({"AWS": "*"})),
            ("Principal", json!({"AWS": "arn:aws:iam::210987654321:group/g"})),
            ("Condition", json!({"StringEquals": 1})),
            ("NotAction", json!("codebuild:StartBuild")),
        ] {
            let mut other = whole.clone();
            other[member] = value.clone();
            assert!(refusal(&other).is_some(), "{member}: {value}");
        }
        for policy in ["{", "[]", r#"{"Statement": []}"#, &" ".repeat(30_000)] {
            assert!(principals(policy, Shared::Project, ARN).is_err(), "{policy}");
        }
    }
}
