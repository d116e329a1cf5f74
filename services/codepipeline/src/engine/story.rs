//! Tests in the domain's words: `story.start("e1").succeed("e1", "App")`, then what came of it as lines of text.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use expect_test::Expect;
use uuid::Uuid;

use super::{
    ActionExecutionId, ActionPlan, ApprovalToken, Change, Command, ConditionPlan, ConditionResult,
    ConditionRun, ConditionType, Ended, Event, Execution, ExecutionId, ExecutionMode, ExecutionState, Moment,
    Name, OnFailure, Pipeline, Plan, Position, Refusal, RetryMode, RollbackTarget, RuleExecutionId, RulePlan,
    StagePlan, StageState, Subject, TransitionType, Verdict,
};

pub(super) const TIMEOUT: i64 = 60_000;

/// `"Source: App, Docs | Build(retry all): Lint, Test@2, Ask!"`: `@` gives the run order, `!` marks a manual approval;
/// in brackets what the stage does when it fails.
pub(super) fn plan(version: u32, mode: ExecutionMode, text: &str) -> Arc<Plan> {
    let stages = text.split('|').map(|stage| {
        let (name, actions) = stage.split_once(':').expect("a stage is written 'Name: Action, ...'");
        let actions = actions.split(',').map(|action| {
            let approval = action.contains('!');
            let action = action.trim().trim_end_matches('!');
            let (name, run_order) = action.split_once('@').unwrap_or((action, "1"));
            let run_order = run_order.parse().expect("a run order is a number");
            ActionPlan { name: name.into(), run_order, approval, timeout: TIMEOUT }
        });
        let (name, options) = name.split_once('(').unwrap_or((name, ")"));
        let options = options.trim().trim_end_matches(')').split(',').map(str::trim);
        let plan = StagePlan::new(name.trim(), actions.collect());
        options.fold(plan, |plan, option| match option {
            "" => plan,
            "retry failed" => plan.on_failure(OnFailure::Retry(RetryMode::FailedActions)),
            "retry all" => plan.on_failure(OnFailure::Retry(RetryMode::AllActions)),
            "rollback" => plan.on_failure(OnFailure::Rollback),
            other => {
                let (condition, declared) = condition(other);
                plan.condition(condition, declared)
            }
        })
    });
    Arc::new(Plan { version, mode, stages: stages.collect() })
}

/// `"entry skip window+check"`
fn condition(text: &str) -> (ConditionType, ConditionPlan) {
    let [condition, result, rules] = text.split(' ').collect::<Vec<_>>()[..] else {
        panic!("'{text}' is nothing that a stage does")
    };
    let condition = match condition {
        "entry" => ConditionType::BeforeEntry,
        "success" => ConditionType::OnSuccess,
        "failure" => ConditionType::OnFailure,
        other => panic!("no condition is called '{other}'"),
    };
    let result = match result {
        "fail" => ConditionResult::Fail,
        "skip" => ConditionResult::Skip,
        "rollback" => ConditionResult::Rollback,
        other => panic!("no result is called '{other}'"),
    };
    let rules = rules.split('+').map(|name| RulePlan { name: name.into(), timeout: TIMEOUT });
    (condition, ConditionPlan { result, rules: rules.collect() })
}

#[derive(Clone)]
pub(super) struct Story {
    pub(super) state: Pipeline,
    clock: i64,
    told: Vec<String>,
    names: BTreeMap<ExecutionId, String>,
    succeeded: HashSet<(ExecutionId, Name)>,
    actions: HashMap<ActionExecutionId, (Name, Name)>,
    rules: HashMap<RuleExecutionId, (Name, Name)>,
    kept: HashMap<ExecutionId, Ended>,
}

type Told = Result<(), Refusal>;

impl Story {
    pub(super) fn new(mode: ExecutionMode, text: &str) -> Self {
        Self {
            state: Pipeline::new(plan(1, mode, text)),
            clock: 0,
            told: Vec::new(),
            names: BTreeMap::new(),
            succeeded: HashSet::new(),
            actions: HashMap::new(),
            rules: HashMap::new(),
            kept: HashMap::new(),
        }
    }

    pub(super) fn tell(&mut self, event: &Event) -> Told {
        self.clock += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.clock.to_le_bytes());
        let plans = self.state.plans.clone();
        let commands = self.state.decide(&Moment { at: self.clock, seed }, event)?;
        for command in commands {
            self.note(command, &plans);
        }
        Ok(())
    }

    fn note(&mut self, command: Command, plans: &BTreeMap<u32, Arc<Plan>>) {
        let line = match command {
            Command::StartAction { execution, stage, action, id, .. } => {
                let line = format!("start {} {stage}/{action}", self.names[&execution]);
                assert!(
                    self.actions.insert(id, (stage, action)).is_none(),
                    "the same action was started twice"
                );
                line
            }
            Command::StopAction { execution, id } => {
                let (stage, action) = &self.actions[&id];
                format!("stop {} {stage}/{action}", self.names[&execution])
            }
            Command::StartRule { execution, stage, rule, id, .. } => {
                let line = format!("evaluate {} {stage}?{rule}", self.names[&execution]);
                assert!(self.rules.insert(id, (stage, rule)).is_none(), "the same rule was started twice");
                line
            }
            Command::StopRule { execution, id } => {
                let (stage, rule) = &self.rules[&id];
                format!("stop {} {stage}?{rule}", self.names[&execution])
            }
            Command::EndRule { execution, id, status } => {
                let (stage, rule) = &self.rules[&id];
                format!("{} {stage}?{rule} {}", self.names[&execution], status.as_str())
            }
            Command::Announce(change) => {
                self.remember(&change);
                self.line(&change)
            }
            Command::Keep(execution) => {
                let plan = plans.get(&execution.version).or(self.state.plans.get(&execution.version));
                let plan = plan.expect("an execution ends on a known definition").clone();
                self.kept.insert(execution.id, Ended { execution, plan });
                return;
            }
            Command::SetTimer { .. } | Command::CancelTimer { .. } => return,
        };
        self.told.push(line);
    }

    /// Executions that start by themselves are called r1, r2, …
    fn remember(&mut self, change: &Change) {
        if !self.names.contains_key(&change.execution) {
            let known = self.names.values().filter(|name| name.starts_with('r')).count();
            self.names.insert(change.execution, format!("r{}", known + 1));
        }
        if let Subject::Stage { stage, state, .. } = &change.subject {
            let key = (change.execution, stage.clone());
            match state {
                StageState::Succeeded => self.succeeded.insert(key),
                _ => self.succeeded.remove(&key),
            };
        }
    }

    fn line(&self, change: &Change) -> String {
        let who = &self.names[&change.execution];
        let rollback = self.state.executions.get(&change.execution).and_then(|execution| execution.rollback);
        let live = self
            .state
            .executions
            .get(&change.execution)
            .or(self.kept.get(&change.execution).map(|ended| &*ended.execution));
        let rerun = live.and_then(|execution| execution.rerun.as_ref());
        let line = match (&change.subject, rollback) {
            (Subject::Execution { state: ExecutionState::Started }, None) if rerun.is_some() => {
                let of = rerun.map(|rerun| self.names[&rerun.of].clone()).unwrap_or_default();
                format!("{who} STARTED ({of} again)")
            }
            (Subject::Execution { state: ExecutionState::Started }, Some(rollback)) => {
                let because =
                    rollback.failed.map(|failed| format!(" because {} failed", self.names[&failed]));
                let target = &self.names[&rollback.target];
                format!("{who} STARTED (rollback to {target}{})", because.unwrap_or_default())
            }
            (Subject::Execution { state }, _) => format!("{who} {}", state.as_str()),
            (Subject::Stage { stage, state, .. }, _) => format!("{who} {stage} {}", state.as_str()),
            (Subject::Action { stage, action, state, .. }, _) => {
                format!("{who} {stage}/{action} {}", state.as_str())
            }
        };
        if change.attempt > 1 { format!("{line} (attempt {})", change.attempt) } else { line }
    }

    /// Compares what was told since the last time, and forgets it.
    pub(super) fn check(&mut self, expected: Expect) {
        let told: String = self.told.drain(..).map(|line| line + "\n").collect();
        expected.assert_eq(&told);
    }

    pub(super) fn forget(&mut self) {
        self.told.clear();
    }

    /// Tries something on a copy, which must be refused and must not change the state.
    pub(super) fn refuses(&self, attempt: impl FnOnce(&mut Self) -> Told, expected: Refusal) {
        let mut copy = self.clone();
        assert_eq!(attempt(&mut copy), Err(expected));
        assert_eq!(copy.state, self.state, "a refusal changed the state");
    }

    pub(super) fn execution(&self, name: &str) -> ExecutionId {
        if let Some((id, _)) = self.names.iter().find(|(_, known)| *known == name) {
            return *id;
        }
        let n: u128 = name.trim_start_matches('e').parse().expect("executions are called e1, e2, ...");
        ExecutionId(Uuid::from_u128(n))
    }

    fn live(&self, name: &str) -> Option<&Execution> {
        self.state.executions.get(&self.execution(name))
    }

    pub(super) fn running(&self, name: &str) -> Vec<&str> {
        let Some(Position::Inside(run)) = self.live(name).map(|execution| &execution.position) else {
            return Vec::new();
        };
        run.in_progress().map(|action| &*self.actions[&action.id].1).collect()
    }

    pub(super) fn action(&self, name: &str, action: &str) -> ActionExecutionId {
        let Some(Position::Inside(run)) = self.live(name).map(|execution| &execution.position) else {
            panic!("{name} is not inside a stage");
        };
        let found = run.actions.iter().flatten().find(|run| &*self.actions[&run.id].1 == action);
        found.unwrap_or_else(|| panic!("{action} does not run in {name}")).id
    }

    pub(super) fn token(&self, name: &str, action: &str) -> ApprovalToken {
        let id = self.action(name, action);
        let Some(Position::Inside(run)) = self.live(name).map(|execution| &execution.position) else {
            panic!("{name} is not inside a stage");
        };
        run.actions.iter().flatten().find(|run| run.id == id).and_then(|run| run.token).expect("an approval")
    }

    pub(super) fn stage_names(&self) -> Vec<&str> {
        self.state.stages.keys().map(|name| &**name).collect()
    }

    /// How the condition stands of the execution that entered a stage last.
    pub(super) fn condition(&self, stage: &str, condition: ConditionType) -> &'static str {
        let latest = self.state.stages[stage].latest.as_ref().expect("somebody entered the stage");
        latest.conditions[&condition].status.as_str()
    }

    pub(super) fn rule_execution(&self, name: &str, rule: &str) -> RuleExecutionId {
        let Some(Position::Inside(run)) = self.live(name).map(|execution| &execution.position) else {
            panic!("{name} is not inside a stage");
        };
        let mut running = run.conditions.values().flat_map(ConditionRun::in_progress);
        let found = running.find(|run| &*self.rules[&run.id].1 == rule);
        found.unwrap_or_else(|| panic!("{rule} is not evaluated in {name}")).id
    }

    pub(super) fn try_rule(&mut self, name: &str, rule: RuleExecutionId, verdict: Verdict) -> Told {
        self.tell(&Event::RuleEnded { execution: self.execution(name), rule, verdict })
    }

    pub(super) fn try_override(&mut self, name: &str, stage: &str, condition: ConditionType) -> Told {
        let execution = self.execution(name);
        let ended = self.ended(name);
        self.tell(&Event::ConditionOverridden { execution, stage: stage.to_owned(), condition, ended })
    }

    fn ended(&self, name: &str) -> Option<Ended> {
        match self.live(name) {
            Some(_) => None,
            None => self.kept.get(&self.execution(name)).cloned(),
        }
    }

    pub(super) fn try_start(&mut self, name: &str) -> Told {
        let execution = self.execution(name);
        self.names.insert(execution, name.to_owned());
        self.tell(&Event::Started { execution })
    }

    pub(super) fn try_succeed(&mut self, name: &str, action: ActionExecutionId) -> Told {
        self.tell(&Event::ActionSucceeded { execution: self.execution(name), action })
    }

    pub(super) fn try_fail(&mut self, name: &str, action: ActionExecutionId) -> Told {
        self.tell(&Event::ActionFailed { execution: self.execution(name), action })
    }

    pub(super) fn try_answer(&mut self, name: &str, action: ActionExecutionId, token: ApprovalToken) -> Told {
        self.tell(&Event::ApprovalAnswered { execution: self.execution(name), action, token, approved: true })
    }

    pub(super) fn try_stop(&mut self, name: &str, abandon: bool) -> Told {
        self.tell(&Event::StopRequested { execution: self.execution(name), abandon, reason: None })
    }

    pub(super) fn try_disable(&mut self, stage: &str, transition: TransitionType) -> Told {
        let (stage, reason, by) = (stage.to_owned(), "later".to_owned(), "someone".to_owned());
        self.tell(&Event::TransitionDisabled { stage, transition, reason, by })
    }

    pub(super) fn try_retry(&mut self, name: &str, stage: &str, mode: RetryMode) -> Told {
        let execution = self.execution(name);
        let ended = self.ended(name);
        self.tell(&Event::StageRetryRequested { execution, stage: stage.to_owned(), mode, ended })
    }

    pub(super) fn try_roll_back(&mut self, name: &str, stage: &str, target: &str) -> Told {
        let (execution, target) = (self.execution(name), self.execution(target));
        self.names.insert(execution, name.to_owned());
        let live =
            self.state.executions.get(&target).or(self.kept.get(&target).map(|ended| &*ended.execution));
        let known = live.expect("the target was started");
        let target = RollbackTarget {
            execution: target,
            version: known.version,
            is_rollback: known.rollback.is_some(),
            succeeded: self.succeeded.contains(&(target, stage.into())),
        };
        self.tell(&Event::RollbackRequested { execution, stage: stage.to_owned(), target })
    }

    fn must(&mut self, told: Told) -> &mut Self {
        if let Err(refusal) = told {
            panic!("refused: {refusal}");
        }
        self
    }

    pub(super) fn start(&mut self, name: &str) -> &mut Self {
        let told = self.try_start(name);
        self.must(told)
    }

    pub(super) fn succeed(&mut self, name: &str, action: &str) -> &mut Self {
        let told = self.try_succeed(name, self.action(name, action));
        self.must(told)
    }

    pub(super) fn fail(&mut self, name: &str, action: &str) -> &mut Self {
        let told = self.try_fail(name, self.action(name, action));
        self.must(told)
    }

    pub(super) fn time_out(&mut self, name: &str, action: &str) -> &mut Self {
        let event = Event::TimerFired { execution: self.execution(name), action: self.action(name, action) };
        let told = self.tell(&event);
        self.must(told)
    }

    pub(super) fn answer(&mut self, name: &str, action: &str, approved: bool) -> &mut Self {
        let (execution, token) = (self.execution(name), self.token(name, action));
        let event = Event::ApprovalAnswered { execution, action: self.action(name, action), token, approved };
        let told = self.tell(&event);
        self.must(told)
    }

    pub(super) fn stop(&mut self, name: &str) -> &mut Self {
        let told = self.try_stop(name, false);
        self.must(told)
    }

    pub(super) fn abandon(&mut self, name: &str) -> &mut Self {
        let told = self.try_stop(name, true);
        self.must(told)
    }

    pub(super) fn disable(&mut self, stage: &str) -> &mut Self {
        let told = self.try_disable(stage, TransitionType::Inbound);
        self.must(told)
    }

    pub(super) fn enable(&mut self, stage: &str) -> &mut Self {
        let (stage, by) = (stage.to_owned(), "someone".to_owned());
        let event = Event::TransitionEnabled { stage, transition: TransitionType::Inbound, by };
        let told = self.tell(&event);
        self.must(told)
    }

    pub(super) fn retry(&mut self, name: &str, stage: &str, mode: RetryMode) -> &mut Self {
        let told = self.try_retry(name, stage, mode);
        self.must(told)
    }

    pub(super) fn rule(&mut self, name: &str, rule: &str, verdict: Verdict) -> &mut Self {
        let told = self.try_rule(name, self.rule_execution(name, rule), verdict);
        self.must(told)
    }

    pub(super) fn rule_times_out(&mut self, name: &str, rule: &str) -> &mut Self {
        let (execution, rule) = (self.execution(name), self.rule_execution(name, rule));
        let told = self.tell(&Event::RuleTimedOut { execution, rule });
        self.must(told)
    }

    pub(super) fn overrides(&mut self, name: &str, stage: &str, condition: ConditionType) -> &mut Self {
        let told = self.try_override(name, stage, condition);
        self.must(told)
    }

    pub(super) fn roll_back(&mut self, name: &str, stage: &str, target: &str) -> &mut Self {
        let told = self.try_roll_back(name, stage, target);
        self.must(told)
    }

    pub(super) fn try_rerun(&mut self, name: &str, of: &str, stage: &str, action: Option<&str>) -> Told {
        let (execution, base) = (self.execution(name), self.execution(of));
        self.names.insert(execution, name.to_owned());
        let ended = self.ended(of);
        let (stage, action) = (stage.to_owned(), action.map(str::to_owned));
        self.tell(&Event::RerunRequested { execution, of: base, stage, action, ended })
    }

    pub(super) fn rerun(&mut self, name: &str, of: &str, stage: &str, action: Option<&str>) -> &mut Self {
        let told = self.try_rerun(name, of, stage, action);
        self.must(told)
    }

    /// The definition is replaced, and executions in progress keep theirs.
    pub(super) fn update_pinned(&mut self, mode: ExecutionMode, text: &str) -> &mut Self {
        let plan = plan(self.state.version + 1, mode, text);
        let told = self.tell(&Event::Updated { plan, pin: true });
        self.must(told)
    }

    pub(super) fn update(&mut self, mode: ExecutionMode, text: &str) -> &mut Self {
        let plan = plan(self.state.version + 1, mode, text);
        let told = self.tell(&Event::Updated { plan, pin: false });
        self.must(told)
    }
}
