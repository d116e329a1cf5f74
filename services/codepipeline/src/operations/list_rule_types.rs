use aws::Ctx;
use codepipeline_model::{ListRuleTypes, ListRuleTypesOutput};

use crate::CodePipeline;
use crate::error::Error;
use crate::rules::{self, RuleType};

/// The rule types that conditions can use here; they are the same in every region, and all AWS's.
/// Errors: none of its own. Source: CodePipeline API Reference, ListRuleTypes.
pub(super) async fn list_rule_types(
    _codepipeline: &CodePipeline,
    _ctx: &Ctx,
    input: ListRuleTypes,
) -> Result<ListRuleTypesOutput, Error> {
    let wanted = input.rule_owner_filter.is_none_or(|owner| owner.as_str() == RuleType::OWNER);
    let types = rules::rule_types().filter(|_| wanted);
    Ok(ListRuleTypesOutput { rule_types: types.map(RuleType::to_model).collect() })
}
