//! What stages do by themselves: results on failure, and conditions.
//! Source of the wording: answers of CodePipeline as they were observed; of what was not observed, the rules are those
//! of the CodePipeline User Guide, "Configure conditions for a stage".

use std::collections::BTreeSet;

use codepipeline_model::{
    self as model, Condition, ExecutionMode, FailureConditions, PipelineDeclaration, RuleDeclaration,
    StageDeclaration,
};

use super::MILLIS_PER_MINUTE;
use super::check::{Findings, Placed, placed};
use super::references;
use crate::engine::{ConditionPlan, ConditionResult, ConditionType, RulePlan};
use crate::rules::{self, RuleType};

const TYPES: [ConditionType; 3] =
    [ConditionType::BeforeEntry, ConditionType::OnSuccess, ConditionType::OnFailure];

/// The conditions of a type that a stage declares: none or one.
pub(crate) fn declared(stage: &StageDeclaration, condition: ConditionType) -> &[Condition] {
    match condition {
        ConditionType::BeforeEntry => stage.before_entry.as_ref().map(|entry| &entry.conditions),
        ConditionType::OnSuccess => stage.on_success.as_ref().map(|success| &success.conditions),
        ConditionType::OnFailure => stage.on_failure.as_ref().and_then(|failure| failure.conditions.as_ref()),
    }
    .map_or(&[], Vec::as_slice)
}

/// The roles of all rules that have one of their own.
pub(crate) fn roles(declaration: &PipelineDeclaration) -> impl Iterator<Item = &str> {
    rules(declaration).filter_map(|rule| rule.role_arn.as_deref())
}

/// All rules.
pub(super) fn rules(declaration: &PipelineDeclaration) -> impl Iterator<Item = &RuleDeclaration> {
    let conditions = declaration
        .stages
        .iter()
        .flat_map(|stage| TYPES.into_iter().flat_map(move |condition| declared(stage, condition)));
    conditions.flat_map(|condition| &condition.rules).flatten()
}

/// The member of a stage in which a condition is declared.
fn member(condition: ConditionType) -> &'static str {
    match condition {
        ConditionType::BeforeEntry => "beforeEntry",
        ConditionType::OnSuccess => "onSuccess",
        ConditionType::OnFailure => "onFailure",
    }
}

/// What the engine must know of a stage's conditions.
pub(super) fn plans(stage: &StageDeclaration) -> impl Iterator<Item = (ConditionType, ConditionPlan)> {
    TYPES.into_iter().filter_map(|condition| {
        let declared = declared(stage, condition).first()?;
        let rules = declared.rules.iter().flatten().map(|rule| {
            let default = rules::rule_type(&rule.rule_type_id).map_or(60, |known| known.timeout_minutes);
            let minutes = rule.timeout_in_minutes.map_or(default, i64::from);
            RulePlan { name: rule.name.as_str().into(), timeout: minutes.saturating_mul(MILLIS_PER_MINUTE) }
        });
        let result = match &declared.result {
            Some(model::Result::Skip) => ConditionResult::Skip,
            Some(model::Result::Rollback) => ConditionResult::Rollback,
            // Others do not pass the check.
            Some(model::Result::Fail | model::Result::Retry | model::Result::Other(_)) | None => {
                ConditionResult::Fail
            }
        };
        Some((condition, ConditionPlan { result, rules: rules.collect() }))
    })
}

pub(super) fn check(declaration: &PipelineDeclaration, findings: &mut Findings) {
    for (index, stage) in declaration.stages.iter().enumerate() {
        if let Some(failure) = &stage.on_failure {
            let path = format!("pipeline.stages[{index}].onFailure");
            check_failure(&path, &stage.name, failure, findings);
        }
        for condition in TYPES {
            for found in declared(stage, condition) {
                let path = format!("pipeline.stages[{index}].{}.conditions[0]", member(condition));
                check_condition(&path, stage, condition, found, findings);
            }
        }
    }
    check_rollback(declaration, findings);
}

fn check_failure(path: &str, stage: &str, failure: &FailureConditions, findings: &mut Findings) {
    if failure.result.is_some() && failure.conditions.is_some() {
        let message = format!(
            "The following stage cannot have a failure exit gate configured with both top level result and conditions: \
             '{stage}'"
        );
        findings.stage(path, message);
    }
    if failure.result.is_none() && failure.conditions.is_none() {
        let message = format!("The onFailure of stage '{stage}' must have either a result or conditions");
        findings.stage(path, message);
    }
    if let Some(model::Result::Skip) = failure.result {
        let message = format!("Result SKIP cannot be used in the onFailure of stage '{stage}'");
        findings.stage(format!("{path}.result"), message);
    }
    if failure.retry_configuration.is_some() && failure.result != Some(model::Result::Retry) {
        let message = format!(
            "A retryConfiguration in stage '{stage}' can only be used together with the result RETRY"
        );
        findings.stage(format!("{path}.retryConfiguration"), message);
    }
}

fn check_condition(
    path: &str,
    stage: &StageDeclaration,
    condition: ConditionType,
    declared: &Condition,
    findings: &mut Findings,
) {
    use model::Result::{Fail, Rollback, Skip};
    let allowed = match condition {
        ConditionType::BeforeEntry => [Fail, Skip],
        ConditionType::OnSuccess | ConditionType::OnFailure => [Fail, Rollback],
    };
    if !declared.result.as_ref().is_some_and(|result| allowed.contains(result)) {
        let message = format!(
            "A condition in the {} of stage '{}' must have one of the results {} and {}",
            member(condition),
            stage.name,
            allowed[0],
            allowed[1]
        );
        findings.stage(format!("{path}.result"), message);
    }
    if declared.rules.as_ref().is_none_or(Vec::is_empty) {
        let message = format!("A condition in stage '{}' must have at least 1 rule", stage.name);
        findings.stage(format!("{path}.rules"), message);
    }
    let mut names = BTreeSet::new();
    for (index, rule) in declared.rules.iter().flatten().enumerate() {
        let path = format!("{path}.rules[{index}]");
        if !names.insert(&rule.name) {
            let message =
                format!("Rule name '{}' is used more than once in stage '{}'", rule.name, stage.name);
            findings.stage(format!("{path}.name"), message);
        }
        match rules::rule_type(&rule.rule_type_id) {
            Some(rule_type) => check_rule(&path, stage, declared, rule, rule_type, findings),
            None => {
                let message = format!(
                    "RuleType (Category: 'Rule', Provider: '{}') in rule '{}' of stage '{}' is not available",
                    rule.rule_type_id.provider, rule.name, stage.name
                );
                findings.stage(format!("{path}.ruleTypeId"), message);
            }
        }
    }
}

fn check_rule(
    path: &str,
    stage: &StageDeclaration,
    condition: &Condition,
    rule: &RuleDeclaration,
    rule_type: &RuleType,
    findings: &mut Findings,
) {
    let name = &rule.name;
    let has = |key: &str| rule.configuration.as_ref().is_some_and(|given| given.contains_key(key));
    for property in rule_type.properties.iter().filter(|property| property.required && !has(property.key)) {
        let message = format!(
            "Rule configuration for rule '{name}' is missing required configuration '{}'",
            property.key
        );
        findings.stage(format!("{path}.configuration"), message);
    }
    for key in rule.configuration.iter().flatten().map(|(key, _)| key) {
        if rule_type.property(key).is_none() {
            let message =
                format!("Rule configuration for rule '{name}' contains unknown configuration '{key}'");
            findings.stage(format!("{path}.configuration.{key}"), message);
        }
    }
    let count = i32::try_from(rule.input_artifacts.as_ref().map_or(0, Vec::len)).unwrap_or(i32::MAX);
    if count < rule_type.inputs.min || count > rule_type.inputs.max {
        let message = format!(
            "Rule {name} declares {count} input artifacts, which must be between {} and {}",
            rule_type.inputs.min, rule_type.inputs.max
        );
        findings.stage(format!("{path}.inputArtifacts"), message);
    }
    if rule.commands.is_some() != (rule_type.provider == "Commands") {
        let message = format!("Rule {name} must have commands if, and only if, its provider is Commands");
        findings.stage(format!("{path}.commands"), message);
    }
    if condition.result == Some(model::Result::Skip)
        && !matches!(rule_type.provider, "LambdaInvoke" | "VariableCheck")
    {
        let message = format!(
            "The result SKIP in stage '{}' can only be used with the rules LambdaInvoke and VariableCheck",
            stage.name
        );
        findings.stage(path, message);
    }
}

/// Where nothing can be rolled back to.
fn check_rollback(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let parallel = declaration.execution_mode == Some(ExecutionMode::Parallel);
    for (index, stage) in declaration.stages.iter().enumerate() {
        let path = format!("pipeline.stages[{index}]");
        let plain = stage.on_failure.as_ref().and_then(|failure| failure.result.as_ref());
        let conditions = TYPES.into_iter().flat_map(|condition| declared(stage, condition));
        let mut results =
            plain.into_iter().chain(conditions.filter_map(|condition| condition.result.as_ref()));
        if !results.any(|result| *result == model::Result::Rollback) {
            continue;
        }
        if parallel {
            let message =
                "Failure conditions with rollback result type cannot be added to a PARALLEL pipeline.";
            findings.stage(path.as_str(), message);
        }
        if index == 0 {
            let message = format!("Stage '{}' is the source stage, which cannot be rolled back", stage.name);
            findings.stage(path, message);
        }
    }
}

/// Whether every variable and every artifact of a rule will be there.
pub(super) fn check_needs(declaration: &PipelineDeclaration, findings: &mut Findings) {
    let actions = placed(declaration);
    for (stage_index, stage) in declaration.stages.iter().enumerate() {
        for condition in TYPES {
            // What is evaluated on success comes after all actions of its stage; on failure they may have done nothing,
            // and what they have not done is found out only then.
            let before = |other: &Placed<'_>| match condition {
                ConditionType::BeforeEntry => other.stage_index < stage_index,
                ConditionType::OnSuccess | ConditionType::OnFailure => other.stage_index <= stage_index,
            };
            let rules = declared(stage, condition).iter().flat_map(|found| &found.rules).flatten();
            for (index, rule) in rules.enumerate() {
                let member = member(condition);
                let path = format!("pipeline.stages[{stage_index}].{member}.conditions[0].rules[{index}]");
                let user = references::User { path: &path, stage: &stage.name, name: &rule.name };
                for text in references::texts_of_rule(rule) {
                    references::check_rule_text(declaration, &actions, &before, &user, &text, findings);
                }
                for input in rule.input_artifacts.iter().flatten() {
                    let mut makers = actions.iter().filter(|maker| before(maker));
                    if !makers.any(|maker| super::outputs(maker.action).any(|output| output == input.name)) {
                        let message = format!(
                            "Input Artifact Bundle {} in rule {} is not declared as Output Artifact Bundle in any of \
                             the preceding actions",
                            input.name, rule.name
                        );
                        findings.stage(format!("{path}.inputArtifacts"), message);
                    }
                }
            }
        }
    }
}
