//! What is known of an execution, and what changed since the last look. Pure.

use std::collections::VecDeque;

use aws::Timestamp;
use codepipeline_model::{
    ActionDeclaration, ActionExecutionDetail, ActionExecutionStatus, PipelineDeclaration,
    PipelineExecutionStatus,
};

use super::plan::LeftOut;

/// How many lines of an action's log are remembered: the most that stay on the screen after a failure.
pub const LOG_LINES: usize = 20;
/// The provider of actions that wait for a person.
const APPROVAL: &str = "Manual";

/// How an action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Waiting,
    InProgress,
    Succeeded,
    Failed,
    Abandoned,
    /// Taken out of the definition for this run.
    LeftOut,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Succeeded,
    Failed,
    Stopped,
    Superseded,
    Cancelled,
}

#[derive(Clone, Debug)]
pub struct Progress {
    pub pipeline: String,
    pub stages: Vec<Stage>,
    pub began: Timestamp,
    pub ended: Option<(Ending, Timestamp)>,
}

#[derive(Clone, Debug)]
pub struct Stage {
    pub name: String,
    pub actions: Vec<Action>,
}

#[derive(Clone, Debug)]
pub struct Action {
    pub name: String,
    /// `CodeBuild`
    pub provider: String,
    pub status: Status,
    /// Ids of the attempts at it, the newest last.
    attempts: Vec<String>,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub summary: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The last lines, cleaned.
    pub log: VecDeque<String>,
    /// What the approver should know and look at.
    pub question: Vec<String>,
}

/// Where an action is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub stage: String,
    pub action: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An action began, ended, or was left out.
    Action { place: Place, status: Status, seconds: f64, summary: Option<String>, error: Option<String> },
    /// Lines of an action's log as they were written.
    Log { place: Place, lines: Vec<String> },
    /// An approval waits for an answer.
    Approval { place: Place, token: String, question: Vec<String> },
    /// The execution is over.
    Ended { ending: Ending, seconds: f64 },
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Abandoned => "Abandoned",
            Self::LeftOut => "LeftOut",
        }
    }

    /// None for one that this version does not know.
    fn of(status: &ActionExecutionStatus) -> Option<Self> {
        match status {
            ActionExecutionStatus::InProgress => Some(Self::InProgress),
            ActionExecutionStatus::Succeeded => Some(Self::Succeeded),
            ActionExecutionStatus::Failed => Some(Self::Failed),
            ActionExecutionStatus::Abandoned => Some(Self::Abandoned),
            ActionExecutionStatus::Other(_) => None,
        }
    }
}

impl Ending {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
            Self::Superseded => "Superseded",
            Self::Cancelled => "Cancelled",
        }
    }

    /// None for an execution that is not over.
    pub fn of(status: &PipelineExecutionStatus) -> Option<Self> {
        match status {
            PipelineExecutionStatus::Succeeded => Some(Self::Succeeded),
            PipelineExecutionStatus::Failed => Some(Self::Failed),
            PipelineExecutionStatus::Stopped => Some(Self::Stopped),
            PipelineExecutionStatus::Superseded => Some(Self::Superseded),
            PipelineExecutionStatus::Cancelled => Some(Self::Cancelled),
            PipelineExecutionStatus::InProgress
            | PipelineExecutionStatus::Stopping
            | PipelineExecutionStatus::Other(_) => None,
        }
    }
}

impl Progress {
    /// Of an execution that has just begun; left out actions stand where they stood in `original`.
    pub fn new(original: &PipelineDeclaration, left_out: &[LeftOut], began: Timestamp) -> Self {
        let stages = original.stages.iter().map(|stage| Stage {
            name: stage.name.clone(),
            actions: stage
                .actions
                .iter()
                .map(|action| {
                    let is_left_out =
                        left_out.iter().any(|out| out.stage == stage.name && out.action == action.name);
                    Action::new(action, if is_left_out { Status::LeftOut } else { Status::Waiting })
                })
                .collect(),
        });
        Self { pipeline: original.name.clone(), stages: stages.collect(), began, ended: None }
    }

    /// Takes over what the attempts at actions are now, those that began first before the others, and tells what is new.
    pub fn observe(&mut self, attempts: &[ActionExecutionDetail]) -> Vec<Change> {
        attempts.iter().filter_map(|attempt| self.observe_attempt(attempt)).collect()
    }

    /// Takes over what an attempt at an action is now, and tells what is new. Nothing is new of one that was followed
    /// by another.
    pub fn observe_attempt(&mut self, attempt: &ActionExecutionDetail) -> Option<Change> {
        let place = Place { stage: attempt.stage_name.clone()?, action: attempt.action_name.clone()? };
        let status = Status::of(attempt.status.as_ref()?)?;
        let action = self.action_mut(&place)?;
        let id = attempt.action_execution_id.as_ref()?;
        match action.attempts.contains(id) {
            true if action.attempts.last() != Some(id) || action.status == status => return None,
            true => {}
            false => action.attempts.push(id.clone()),
        }
        let result = attempt.output.as_ref().and_then(|output| output.execution_result.as_ref());
        action.started = attempt.start_time;
        action.summary = result.and_then(|result| result.external_execution_summary.clone());
        let error = result.and_then(|result| result.error_details.as_ref());
        action.error = error.and_then(|error| error.message.clone().or_else(|| error.code.clone()));
        if status == Status::InProgress && action.provider == APPROVAL {
            // Without its token it cannot be answered yet: the next look finds it.
            let token = result.and_then(|result| result.external_execution_id.clone())?;
            (action.status, action.question) = (status, question(attempt));
            return Some(Change::Approval { place, token, question: action.question.clone() });
        }
        action.status = status;
        action.ended = attempt.last_update_time.filter(|_| status != Status::InProgress);
        Some(Change::Action {
            status,
            seconds: action.seconds(Timestamp::now()).unwrap_or_default(),
            summary: action.summary.clone(),
            error: action.error.clone(),
            place,
        })
    }

    /// Remembers the last of an action's lines.
    pub fn log(&mut self, place: &Place, lines: &[String]) {
        let Some(action) = self.action_mut(place) else { return };
        action.log.extend(lines.iter().cloned());
        let surplus = action.log.len().saturating_sub(LOG_LINES);
        action.log.drain(..surplus);
    }

    /// The execution is over.
    pub fn end(&mut self, ending: Ending, at: Timestamp) -> Change {
        self.ended = Some((ending, at));
        Change::Ended { ending, seconds: seconds(self.began, at) }
    }

    /// What was left out, as changes.
    pub fn left_out(&self) -> Vec<Change> {
        let actions =
            self.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
        let left_out = actions.filter(|(_, action)| action.status == Status::LeftOut);
        let changes = left_out.map(|(stage, action)| Change::Action {
            place: Place { stage: stage.name.clone(), action: action.name.clone() },
            status: Status::LeftOut,
            seconds: 0.0,
            summary: None,
            error: None,
        });
        changes.collect()
    }

    /// The actions of some providers that are in progress.
    pub fn running(&self, providers: &[&str]) -> impl Iterator<Item = Place> {
        let actions =
            self.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
        let running = actions.filter(move |(_, action)| {
            action.status == Status::InProgress && providers.contains(&action.provider.as_str())
        });
        running.map(|(stage, action)| Place { stage: stage.name.clone(), action: action.name.clone() })
    }

    fn action_mut(&mut self, place: &Place) -> Option<&mut Action> {
        let stage = self.stages.iter_mut().find(|stage| stage.name == place.stage)?;
        stage.actions.iter_mut().find(|action| action.name == place.action)
    }
}

impl Action {
    fn new(declared: &ActionDeclaration, status: Status) -> Self {
        Self {
            name: declared.name.clone(),
            provider: declared.action_type_id.provider.clone(),
            status,
            attempts: Vec::new(),
            started: None,
            ended: None,
            summary: None,
            error: None,
            log: VecDeque::new(),
            question: Vec::new(),
        }
    }

    /// How long it took, or has taken until now; none if it has not begun.
    pub fn seconds(&self, now: Timestamp) -> Option<f64> {
        Some(seconds(self.started?, self.ended.unwrap_or(now)))
    }
}

pub fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).as_secs_f64()
}

/// What the definition says to the approver.
fn question(attempt: &ActionExecutionDetail) -> Vec<String> {
    let input = attempt.input.as_ref();
    let resolved = input.and_then(|input| input.resolved_configuration.as_ref());
    let setting =
        |key| resolved.and_then(|settings| settings.get(key)).filter(|text| !text.is_empty()).cloned();
    setting("CustomData").into_iter().chain(setting("ExternalEntityLink")).collect()
}

#[cfg(test)]
pub mod tests {
    use aws::protocol::json;
    use codepipeline_model::{ACTION_EXECUTION_DETAIL, PIPELINE_DECLARATION};
    use expect_test::expect;
    use serde_json::{Value, json};

    use super::*;

    /// `Source: Fetch/S3 | Build: Make/CodeBuild, Lint/CodeBuild`
    pub fn progress(definition: &str, left_out: &[LeftOut]) -> Progress {
        let stages: Vec<Value> = definition
            .split(" | ")
            .map(|stage| {
                let (name, actions) = stage.split_once(": ").unwrap();
                let actions = actions.split(", ").map(|action| {
                    let (name, provider) = action.split_once('/').unwrap();
                    json!({"name": name, "actionTypeId":
                        {"category": "Build", "owner": "AWS", "provider": provider, "version": "1"}})
                });
                json!({"name": name, "actions": actions.collect::<Vec<_>>()})
            })
            .collect();
        let declaration = json!({"name": "web", "roleArn": "r", "stages": stages});
        let declaration = json::from_value(&PIPELINE_DECLARATION, &declaration).unwrap();
        Progress::new(&declaration, left_out, Timestamp::from_millis(0))
    }

    /// An action execution that began and was last heard of at these seconds.
    pub fn detail(
        stage: &str,
        action: &str,
        status: &str,
        began: f64,
        heard: f64,
        result: Value,
    ) -> ActionExecutionDetail {
        let detail = json!({"actionExecutionId": format!("{action} at {began}"), "stageName": stage,
            "actionName": action, "status": status, "startTime": began, "lastUpdateTime": heard, "output": {"executionResult": result},
            "input": {"resolvedConfiguration": {"CustomData": "Really?"}}});
        json::from_value(&ACTION_EXECUTION_DETAIL, &detail).unwrap()
    }

    #[test]
    fn each_change_is_told_once() {
        let mut progress = progress("Source: Fetch/S3 | Build: Make/CodeBuild", &[]);
        let fetched =
            detail("Source", "Fetch", "Succeeded", 1.0, 1.5, json!({"externalExecutionSummary": "3 files"}));
        let failed = json!({"errorDetails": {"code": "JobFailed", "message": "exit status 2"}});
        let made = detail("Build", "Make", "Failed", 2.0, 5.25, failed);
        let told = progress.observe(&[fetched.clone(), made.clone()]);
        expect![[r#"
            [
                Action {
                    place: Place {
                        stage: "Source",
                        action: "Fetch",
                    },
                    status: Succeeded,
                    seconds: 0.5,
                    summary: Some(
                        "3 files",
                    ),
                    error: None,
                },
                Action {
                    place: Place {
                        stage: "Build",
                        action: "Make",
                    },
                    status: Failed,
                    seconds: 3.25,
                    summary: None,
                    error: Some(
                        "exit status 2",
                    ),
                },
            ]
        "#]]
        .assert_debug_eq(&told);
        assert_eq!(progress.observe(&[fetched, made]), []);
    }

    #[test]
    fn each_attempt_is_told_though_it_was_followed_by_another() {
        let mut progress = progress("Build: Make/CodeBuild", &[]);
        let attempt = |status, began| detail("Build", "Make", status, began, began + 1.0, json!({}));
        let told = |changes: Vec<Change>| -> Vec<_> {
            let status = |change| match change {
                Change::Action { status, .. } => status,
                other => panic!("{other:?}"),
            };
            changes.into_iter().map(status).collect()
        };
        let both = [attempt("Failed", 1.0), attempt("Failed", 2.0)];
        assert_eq!(told(progress.observe(&both)), [Status::Failed, Status::Failed]);
        assert_eq!(progress.observe(&both), []);
        let third = [both[0].clone(), both[1].clone(), attempt("InProgress", 3.0)];
        assert_eq!(told(progress.observe(&third)), [Status::InProgress]);
        assert_eq!(progress.observe(&third), []);
    }

    #[test]
    fn an_approval_asks_with_its_token() {
        let mut progress = progress("Source: Fetch/S3 | Ask: Approve/Manual", &[]);
        let waiting =
            detail("Ask", "Approve", "InProgress", 1.0, 1.0, json!({"externalExecutionId": "token-1"}));
        let place = Place { stage: "Ask".into(), action: "Approve".into() };
        let question = vec!["Really?".to_owned()];
        assert_eq!(
            progress.observe(&[waiting]),
            [Change::Approval { place, token: "token-1".into(), question }]
        );
    }

    #[test]
    fn only_the_last_lines_are_remembered() {
        let mut progress = progress("Build: Make/CodeBuild", &[]);
        let place = Place { stage: "Build".into(), action: "Make".into() };
        for number in 0..LOG_LINES + 3 {
            progress.log(&place, &[number.to_string()]);
        }
        let log = &progress.stages[0].actions[0].log;
        assert_eq!((log.len(), log.front().unwrap().as_str()), (LOG_LINES, "3"));
    }

    #[test]
    fn what_is_left_out_is_told() {
        let out = LeftOut { stage: "Build".into(), action: "Lint".into(), action_type: "x".into() };
        let progress = progress("Source: Fetch/S3 | Build: Make/CodeBuild, Lint/CodeBuild", &[out]);
        let told = progress.left_out();
        assert!(
            matches!(&told[..], [Change::Action { status: Status::LeftOut, place, .. }] if place.action == "Lint")
        );
    }
}
