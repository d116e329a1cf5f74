//! GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy. Source: IAM API Reference.

use aws::Ctx;
use iam_model as model;

use super::Answer;
use super::simulate::{parse_input, policies_of_source};
use crate::iam::Iam;
use crate::policy::Document;

/// The condition keys that policies refer to. Errors: InvalidInput.
pub async fn get_context_keys_for_custom_policy(
    _iam: &Iam,
    _ctx: &Ctx,
    input: model::GetContextKeysForCustomPolicy,
) -> Answer<model::GetContextKeysForCustomPolicyOutput> {
    let policies = parse_input("PolicyInputList", &input.policy_input_list)?;
    let names = distinct(policies.iter().map(|policy| &policy.document));
    Ok(model::GetContextKeysForCustomPolicyOutput { context_key_names: Some(names) })
}

/// The condition keys that the policies of a user, group or role refer to, and further ones given.
/// Errors: NoSuchEntity, InvalidInput.
pub async fn get_context_keys_for_principal_policy(
    iam: &Iam,
    ctx: &Ctx,
    input: model::GetContextKeysForPrincipalPolicy,
) -> Answer<model::GetContextKeysForPrincipalPolicyOutput> {
    let source = policies_of_source(iam, ctx, &input.policy_source_arn).await?;
    let mut policies = source.policies.identity;
    policies.extend(parse_input("PolicyInputList", input.policy_input_list.as_deref().unwrap_or_default())?);
    let names = distinct(policies.iter().map(|policy| &policy.document));
    Ok(model::GetContextKeysForPrincipalPolicyOutput { context_key_names: Some(names) })
}

fn distinct<'a>(documents: impl Iterator<Item = &'a Document>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in documents.flat_map(Document::context_keys) {
        if !names.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    names
}
