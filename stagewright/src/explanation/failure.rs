//! The first cause of a failed execution.

use aws::Timestamp;
use codepipeline_model::{ActionDetail, ConditionDetail, RuleDetail, StageDetail};

use super::{Build, Facts, Failure, Missing, ago, quoted};

pub(super) fn failure(facts: &Facts) -> Option<Failure> {
    let stage = facts
        .execution
        .stages
        .iter()
        .find(|stage| stage.status.as_deref() == Some("Failed") || stage.actions.iter().any(is_failed))?;
    let failed = stage.actions.iter().filter(|action| is_failed(action));
    let first = failed.min_by_key(|action| action.last_status_change.map(Timestamp::as_millis));
    match first {
        Some(action) => Some(of_action(facts, stage, action)),
        None => of_conditions(facts, stage),
    }
}

fn is_failed(action: &ActionDetail) -> bool {
    action.status.as_deref() == Some("Failed")
}

fn of_action(facts: &Facts, stage: &StageDetail, action: &ActionDetail) -> Failure {
    let build = action.external_execution_id.as_ref().and_then(|id| facts.builds.get(id));
    let error = action.error_details.as_ref();
    let message = error.and_then(|error| error.message.as_deref()).unwrap_or_default();
    let code = error.and_then(|error| error.code.as_deref());
    let what = match (code, is_approval(action)) {
        (None, true) => rejected(action),
        (Some(code), _) => format!("failed with {code}: {}", ended(message)),
        (None, false) => match action.summary.as_deref() {
            Some(summary) => format!("failed: {}", ended(summary)),
            None => "failed.".to_owned(),
        },
    };
    let at = action.last_status_change;
    let attempt = if action.attempts > 1 { format!(" (attempt {})", action.attempts) } else { String::new() };
    let sentence = format!("Action '{}' of stage '{}'{attempt} {what}", action.action_name, stage.stage_name);
    failure_of(facts, stage, Some(action.action_name.clone()), at, sentence, message, build)
}

fn is_approval(action: &ActionDetail) -> bool {
    action.action_type_id.category.as_str() == "Approval" && action.action_type_id.owner.as_str() == "AWS"
}

fn rejected(action: &ActionDetail) -> String {
    let by = action.last_updated_by.as_deref().unwrap_or("somebody");
    match action.summary.as_deref().filter(|summary| !summary.is_empty()) {
        Some(summary) => format!("was rejected by {by}: '{summary}'."),
        None => format!("was rejected by {by}."),
    }
}

fn of_conditions(facts: &Facts, stage: &StageDetail) -> Option<Failure> {
    let not_met = |condition: &&ConditionDetail| matches!(condition.status.as_str(), "Failed" | "Errored");
    let condition = stage.conditions.iter().find(not_met)?;
    let failed = condition.rules.iter().find(|rule| rule.status == "Failed");
    let message = failed.and_then(rule_message).unwrap_or_default();
    let rule = failed.map(|rule| format!("rule '{}' ({})", rule.rule_name, rule.provider));
    let sentence = format!(
        "The condition {} of stage '{}' was not met: {} failed{}",
        condition.condition_type,
        stage.stage_name,
        rule.unwrap_or_else(|| "a rule".to_owned()),
        if message.is_empty() { ".".to_owned() } else { format!(": {}", ended(&message)) }
    );
    let build = failed.and_then(|rule| facts.builds.get(rule.external_execution_id.as_ref()?));
    Some(failure_of(facts, stage, None, Some(condition.since), sentence, &message, build))
}

fn rule_message(rule: &RuleDetail) -> Option<String> {
    let error = rule.error_details.as_ref().and_then(|error| error.message.clone());
    error.or_else(|| rule.summary.clone())
}

fn failure_of(
    facts: &Facts,
    stage: &StageDetail,
    action: Option<String>,
    at: Option<Timestamp>,
    sentence: String,
    message: &str,
    build: Option<&Build>,
) -> Failure {
    let mut details: Vec<String> = build.map(|build| build.messages.clone()).unwrap_or_default();
    if let Some(why) = build.and_then(|build| build.unreadable.as_ref()) {
        details.push(format!("The build could not be looked at: {why}"));
    }
    details.retain(|detail| !message.contains(detail.as_str()));
    let log = build.map(|build| build.log.clone()).unwrap_or_default();
    let texts = std::iter::once(message).chain(details.iter().map(String::as_str));
    let missing_permission = texts.chain(log.iter().map(String::as_str)).find_map(Missing::in_text);
    let over = facts.execution.status == "Failed";
    let retry = format!(
        "aws codepipeline retry-stage-execution --pipeline-name {} --stage-name {} --pipeline-execution-id {} \
         --retry-mode FAILED_ACTIONS",
        quoted(&facts.execution.pipeline_name),
        quoted(&stage.stage_name),
        facts.execution.pipeline_execution_id
    );
    let sentence = match at {
        Some(at) => format!("At {}: {sentence}", ago(at, facts.now)),
        None => sentence,
    };
    Failure {
        stage: stage.stage_name.clone(),
        action,
        at,
        sentence,
        details,
        log,
        missing_permission,
        command: over.then_some(retry),
    }
}

/// A text as the end of a sentence.
fn ended(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}
