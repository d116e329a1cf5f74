//! The policy simulator.

use iam_model as model;
use model::PolicyEvaluationDecisionType::{Allowed, ExplicitDeny, ImplicitDeny};

use crate::platform::{ALLOW_ALL, Platform, refused, statement};

const JANE: &str = "arn:aws:iam::123456789012:user/jane";

fn custom(policies: &[&str], actions: &[&str]) -> model::SimulateCustomPolicy {
    model::SimulateCustomPolicy {
        policy_input_list: policies.iter().map(|&text| text.to_owned()).collect(),
        action_names: actions.iter().map(|&text| text.to_owned()).collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn decisions_for_each_action_and_resource() {
    let platform = Platform::start().await;
    let allow = statement("Allow", "s3:Get*", "arn:aws:s3:::b/*");
    let deny = statement("Deny", "s3:GetObjectAcl", "*");
    let simulate = model::SimulateCustomPolicy {
        resource_arns: Some(vec!["arn:aws:s3:::b/k".into(), "arn:aws:s3:::c/k".into()]),
        ..custom(&[&allow, &deny], &["s3:GetObject", "s3:GetObjectAcl"])
    };
    let output = platform.admin().call(simulate).await.expect("simulated");
    let results = output.evaluation_results.expect("results");
    let decisions: Vec<_> = results.iter().map(|result| result.eval_decision.clone()).collect();
    assert_eq!(decisions, [Allowed, ImplicitDeny, ExplicitDeny, ExplicitDeny]);
    let matched = results[0].matched_statements.as_ref().expect("statements");
    assert_eq!(matched[0].source_policy_id.as_deref(), Some("PolicyInputList.1"));
}

#[tokio::test]
async fn missing_context_is_named() {
    let platform = Platform::start().await;
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*",
        "Condition":{"Bool":{"aws:SecureTransport":"true"}}}}"#;
    let output = platform.admin().call(custom(&[policy], &["s3:GetObject"])).await.expect("simulated");
    let result = &output.evaluation_results.expect("results")[0];
    assert_eq!(result.eval_decision, ImplicitDeny);
    assert_eq!(result.missing_context_values.as_deref(), Some(&["aws:SecureTransport".to_owned()][..]));
    let entry = model::ContextEntry {
        context_key_name: Some("aws:securetransport".into()),
        context_key_values: Some(vec!["true".into()]),
        context_key_type: Some(model::ContextKeyTypeEnum::Boolean),
    };
    let with = model::SimulateCustomPolicy {
        context_entries: Some(vec![entry]),
        ..custom(&[policy], &["s3:GetObject"])
    };
    let output = platform.admin().call(with).await.expect("simulated");
    assert_eq!(output.evaluation_results.expect("results")[0].eval_decision, Allowed);
}

#[tokio::test]
async fn a_principals_own_policies_and_boundary() {
    let platform = Platform::start().await;
    platform.user("jane", &[ALLOW_ALL]).await;
    let boundary = model::PutUserPermissionsBoundary {
        user_name: "jane".into(),
        permissions_boundary: "arn:aws:iam::aws:policy/IAMReadOnlyAccess".into(),
    };
    platform.admin().call(boundary).await.expect("set");
    let simulate = model::SimulatePrincipalPolicy {
        policy_source_arn: JANE.into(),
        action_names: vec!["iam:GetUser".into(), "iam:CreateUser".into()],
        ..Default::default()
    };
    let output = platform.admin().call(simulate.clone()).await.expect("simulated");
    let results = output.evaluation_results.expect("results");
    assert_eq!([&results[0].eval_decision, &results[1].eval_decision], [&Allowed, &ImplicitDeny]);
    let detail = results[1].permissions_boundary_decision_detail.as_ref().expect("a boundary");
    assert_eq!(detail.allowed_by_permissions_boundary, Some(false));
    let paged = model::SimulatePrincipalPolicy { max_items: Some(1), ..simulate.clone() };
    let first = platform.admin().call(paged.clone()).await.expect("simulated");
    assert_eq!(first.is_truncated, Some(true));
    let second =
        platform.admin().call(model::SimulatePrincipalPolicy { marker: first.marker, ..paged }).await;
    let second = second.expect("simulated");
    assert_eq!(
        (second.is_truncated, second.evaluation_results.map(|list| list.len())),
        (Some(false), Some(1))
    );
    let nobody = model::SimulatePrincipalPolicy {
        policy_source_arn: "arn:aws:iam::123456789012:user/nobody".into(),
        ..simulate
    };
    assert_eq!(refused(&platform.admin(), nobody).await.0, "NoSuchEntity");
}

#[tokio::test]
async fn context_keys_of_policies() {
    let platform = Platform::start().await;
    let own = statement("Allow", "iam:*", "arn:aws:iam::*:user/${aws:username}");
    platform.user("jane", &[&own]).await;
    let keys =
        model::GetContextKeysForPrincipalPolicy { policy_source_arn: JANE.into(), policy_input_list: None };
    let names = platform.admin().call(keys).await.expect("answered").context_key_names;
    assert_eq!(names, Some(vec!["aws:username".to_owned()]));
    let invalid = model::GetContextKeysForCustomPolicy { policy_input_list: vec!["{}".into()] };
    assert_eq!(refused(&platform.admin(), invalid).await.0, "InvalidInput");
}
