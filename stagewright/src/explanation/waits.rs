//! What an execution in progress waits for.

use codepipeline_model::{
    ActionDetail, ConditionDetail, RuleDetail, StageDetail, WaitingExecution, WaitingJob,
};

use super::{Facts, Kind, Wait, ago, ahead, quoted};

/// Others that are named in a sentence.
const NAMED: usize = 3;

pub(super) fn waits(facts: &Facts) -> Vec<Wait> {
    let mut waits = Vec::new();
    if let Some(waiting) = &facts.execution.waiting {
        waits.extend(in_front(facts, waiting));
    }
    let running = facts.execution.stages.iter().filter(|stage| is_open(stage));
    for stage in running {
        waits.extend(stop(facts, stage));
        let actions = stage.actions.iter().filter(|action| action.status.as_deref() == Some("InProgress"));
        waits.extend(actions.map(|action| running_action(facts, stage, action)));
        for condition in stage.conditions.iter().filter(|condition| condition.status == "InProgress") {
            let rules = condition.rules.iter().filter(|rule| rule.status == "InProgress");
            waits.extend(rules.map(|rule| running_rule(facts, stage, condition, rule)));
        }
    }
    waits
}

fn is_open(stage: &StageDetail) -> bool {
    matches!(stage.status.as_deref(), Some("InProgress" | "Stopping"))
}

/// The execution is in front of a stage.
fn in_front(facts: &Facts, waiting: &WaitingExecution) -> Vec<Wait> {
    let (stage, pipeline) = (&waiting.stage_name, quoted(&facts.execution.pipeline_name));
    let since = ago(waiting.since, facts.now);
    let wait = |kind, sentence, command| Wait {
        kind,
        stage: stage.clone(),
        action: None,
        since: Some(waiting.since),
        sentence,
        command,
    };
    let mut waits = Vec::new();
    if waiting.transition.enabled == Some(false) {
        let by = waiting.transition.last_changed_by.as_deref().unwrap_or("somebody");
        let at = waiting.transition.last_changed_at.map(|at| format!(" at {}", ago(at, facts.now)));
        let why = waiting.transition.disabled_reason.as_deref().unwrap_or_default();
        let sentence = format!(
            "It waits in front of stage '{stage}' since {since}: the transition into it was disabled by {by}{}, \
             because: '{why}'.",
            at.unwrap_or_default()
        );
        let command = format!(
            "aws codepipeline enable-stage-transition --pipeline-name {pipeline} --stage-name {} --transition-type \
             Inbound",
            quoted(stage)
        );
        waits.push(wait(Kind::Transition, sentence, Some(command)));
    }
    if let Some(holder) = &waiting.held_by {
        let sentence =
            format!("It waits in front of stage '{stage}' since {since}: execution {holder} is inside.");
        waits.push(wait(Kind::StageLock, sentence, Some(look_at(&pipeline, holder))));
    }
    if let Some(expected) = &waiting.expected {
        let sentence = format!(
            "It waits in front of stage '{stage}' since {since}: the earlier execution {expected} runs on another \
             version of the pipeline and has yet to pass the stage."
        );
        waits.push(wait(Kind::EarlierVersion, sentence, Some(look_at(&pipeline, expected))));
    }
    if let Some(first) = waiting.ahead.first() {
        let named = waiting.ahead.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = waiting.ahead.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let sentence = format!(
            "It is number {} of those that wait for stage '{stage}'; before it {named}{more}.",
            waiting.position
        );
        waits.push(wait(Kind::Queue, sentence, Some(look_at(&pipeline, first))));
    }
    waits
}

fn look_at(pipeline: &str, execution: &str) -> String {
    format!("stagewright explain pipeline {pipeline} {execution}")
}

/// It only waits for what runs to end.
fn stop(facts: &Facts, stage: &StageDetail) -> Option<Wait> {
    let execution = &facts.execution;
    let (sentence, command) = if execution.status == "Stopping" {
        let command = format!(
            "aws codepipeline stop-pipeline-execution --pipeline-name {} --pipeline-execution-id {} --abandon",
            quoted(&execution.pipeline_name),
            execution.pipeline_execution_id
        );
        ("It stops as soon as the actions that run have ended.", Some(command))
    } else if execution.cancelling {
        ("The pipeline was updated: it is cancelled as soon as the actions that run have ended.", None)
    } else {
        return None;
    };
    Some(Wait {
        kind: Kind::Stop,
        stage: stage.stage_name.clone(),
        action: None,
        since: Some(execution.last_update_time),
        sentence: sentence.to_owned(),
        command,
    })
}

fn running_action(facts: &Facts, stage: &StageDetail, action: &ActionDetail) -> Wait {
    let (kind, what, command) = match (&action.token, &action.job, &action.external_execution_id) {
        (Some(_), _, _) => approval(facts, stage, action),
        (None, Some(job), _) => {
            let (sentence, command) = of_job(facts, job);
            (Kind::JobWorker, sentence, command)
        }
        (None, None, Some(build)) if action.action_type_id.provider == "CodeBuild" => {
            (Kind::Build, of_build(facts, build), None)
        }
        (None, None, _) => (Kind::Action, format!("{} works on it.", action.action_type_id.provider), None),
    };
    let attempt = if action.attempts > 1 { format!(", attempt {}", action.attempts) } else { String::new() };
    let since = action.start_time.map(|at| ago(at, facts.now)).unwrap_or_default();
    let until = action.times_out_at.map(|at| format!(" It fails by itself at {}.", ahead(at, facts.now)));
    let sentence = format!(
        "Action '{}' of stage '{}' runs since {since}{attempt}: {what}{}",
        action.action_name,
        stage.stage_name,
        until.unwrap_or_default()
    );
    Wait {
        kind,
        stage: stage.stage_name.clone(),
        action: Some(action.action_name.clone()),
        since: action.start_time,
        sentence,
        command,
    }
}

fn approval(facts: &Facts, stage: &StageDetail, action: &ActionDetail) -> (Kind, String, Option<String>) {
    let execution = &facts.execution;
    let configuration = action.resolved_configuration.as_ref();
    let told = |key: &str| configuration.and_then(|configuration| configuration.get(key));
    let about = told("CustomData").map(|text| format!(" It says: '{text}'.")).unwrap_or_default();
    let link = told("ExternalEntityLink").map(|link| format!(" To be looked at: {link}")).unwrap_or_default();
    let sentence = format!(
        "it waits for somebody's decision, who is allowed codepipeline:PutApprovalResult on {}/{}/{}.{about}{link}",
        execution.pipeline_arn, stage.stage_name, action.action_name
    );
    let command = format!(
        "stagewright pipeline approve {} --execution {} --action {}",
        quoted(&execution.pipeline_name),
        execution.pipeline_execution_id,
        quoted(&action.action_name)
    );
    (Kind::Approval, sentence, Some(command))
}

fn of_job(facts: &Facts, job: &WaitingJob) -> (String, Option<String>) {
    // Stored as OWNER/CATEGORY/PROVIDER/VERSION.
    let parts: Vec<&str> = job.action_type.split('/').collect();
    let action_type = match parts.as_slice() {
        [owner, category, provider, version] => format!("{category}/{owner}/{provider}/{version}"),
        _ => job.action_type.clone(),
    };
    let polled = match job.last_poll {
        Some(at) => format!("a worker last asked for jobs of this type at {}", ago(at, facts.now)),
        None => "nobody has asked this server for jobs of this type since it was started".to_owned(),
    };
    let wanted = job.queried_value.as_ref().map(|value| format!(" with the value '{value}'"));
    let wanted = wanted.unwrap_or_default();
    match job.status.as_str() {
        "Queued" => {
            let what = if job.is_continuation { "a worker put it off, and its next job" } else { "its job" };
            let sentence = format!("{what} waits for a worker of {action_type}{wanted}; {polled}.");
            let query = job.queried_value.as_ref().map(|value| format!(" --query KEY={}", quoted(value)));
            let command = format!(
                "stagewright job-worker --action-type {}{} -- COMMAND",
                quoted(&action_type),
                query.unwrap_or_default()
            );
            (sentence, parts.first().is_some_and(|owner| *owner == "Custom").then_some(command))
        }
        "Dispatched" => {
            let again =
                job.due_at.map(|at| format!("; it is handed out again from {} on", at.to_iso8601_millis()));
            let sentence = format!(
                "job {} was handed out to a worker of {action_type}, which has not acknowledged it{}.",
                job.job_id,
                again.unwrap_or_default()
            );
            (sentence, None)
        }
        _ => {
            (format!("a worker of {action_type} has acknowledged job {} and works on it.", job.job_id), None)
        }
    }
}

fn of_build(facts: &Facts, build: &str) -> String {
    let Some(known) = facts.builds.get(build) else { return format!("build {build} runs.") };
    if let Some(why) = &known.unreadable {
        return format!("build {build} runs; it could not be looked at: {why}.");
    }
    let since = known.phase_since.map(|at| format!(" since {}", ago(at, facts.now))).unwrap_or_default();
    match known.phase.as_deref() {
        Some("SUBMITTED" | "QUEUED") => {
            format!("build {build} waits{since} until the server, or its fleet, has room for it.")
        }
        Some(phase) => format!("build {build} is in phase {phase}{since}."),
        None => format!("build {build} runs."),
    }
}

fn running_rule(facts: &Facts, stage: &StageDetail, condition: &ConditionDetail, rule: &RuleDetail) -> Wait {
    let when = match condition.condition_type.as_str() {
        "BEFORE_ENTRY" => "before it is entered",
        "ON_SUCCESS" => "after its success",
        _ => "after its failure",
    };
    let told = |key: &str| rule.resolved_configuration.as_ref().and_then(|known| known.get(key));
    let what = match (rule.provider.as_str(), rule.looks_at) {
        ("DeploymentWindow", Some(at)) => {
            let cron = told("Cron").map(|cron| format!(" '{cron}'")).unwrap_or_default();
            format!("the window{cron} is shut until {}", ahead(at, facts.now))
        }
        (provider, Some(at)) => format!("{provider} looks again at {}", ahead(at, facts.now)),
        ("CodeBuild", None) => match &rule.external_execution_id {
            Some(build) => of_build(facts, build).trim_end_matches('.').to_owned(),
            None => "its build is about to start".to_owned(),
        },
        (provider, None) => format!("{provider} evaluates it"),
    };
    let since = rule.start_time.map(|at| ago(at, facts.now)).unwrap_or_default();
    let until = rule.times_out_at.map(|at| format!(" It counts as failed from {} on.", ahead(at, facts.now)));
    let overridable = condition.condition_type != "ON_FAILURE" && condition.result != "SKIP";
    let command = overridable.then(|| {
        format!(
            "aws codepipeline override-stage-condition --pipeline-name {} --stage-name {} --pipeline-execution-id {} \
             --condition-type {}",
            quoted(&facts.execution.pipeline_name),
            quoted(&stage.stage_name),
            facts.execution.pipeline_execution_id,
            condition.condition_type
        )
    });
    Wait {
        kind: Kind::Condition,
        stage: stage.stage_name.clone(),
        action: None,
        since: rule.start_time,
        sentence: format!(
            "Stage '{}' is checked {when} by rule '{}' since {since}: {what}.{}",
            stage.stage_name,
            rule.rule_name,
            until.unwrap_or_default()
        ),
        command,
    }
}
