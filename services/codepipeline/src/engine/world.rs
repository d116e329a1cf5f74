//! A pipeline to which things happen, with a memory of all that was ever commanded.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::{
    ActionExecutionId, ActionPlan, ApprovalToken, Command, ConditionPlan, ConditionResult, ConditionRun,
    ConditionType, Ended, Event, Execution, ExecutionId, ExecutionMode, Moment, Name, OnFailure, Pipeline,
    Plan, Position, Refusal, RetryMode, RollbackTarget, RuleExecutionId, RulePlan, StagePlan, TransitionType,
    Verdict,
};

/// What happens next; numbers choose among what there is.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Start,
    Succeed(usize),
    Fail(usize),
    TimeOut(usize),
    Progress(usize),
    Answer(usize, bool),
    Stop(usize, bool),
    Disable(usize, bool),
    Enable(usize, bool),
    Retry(usize, bool),
    RollBack(usize, usize),
    Judge(usize, Verdict),
    RuleTimesOut(usize),
    Override(usize, ConditionType),
    /// Once more from a stage of an earlier execution, or one action of it.
    Rerun(usize, usize, Option<usize>),
    /// `bool`: executions in progress are pinned; `usize`: how the names of the stages are moved.
    Update(Shape, bool, usize),
    /// An event of before arrives once more.
    Again(usize),
}

/// Run orders (and approvals) of the actions of each stage, what it does when it fails, and its conditions: result and
/// number of rules.
pub(super) type Stage = (Vec<(u16, bool)>, OnFailure, BTreeMap<ConditionType, (ConditionResult, usize)>);
pub(super) type Shape = (ExecutionMode, Vec<Stage>);

fn plan(version: u32, (mode, stages): &Shape, moved: usize) -> Arc<Plan> {
    let names = stages.len() + 1;
    let stages = stages.iter().enumerate().map(|(s, (actions, on_failure, conditions))| {
        let actions = actions.iter().enumerate().map(|(a, (run_order, approval))| ActionPlan {
            name: format!("A{a}").into(),
            run_order: *run_order,
            approval: *approval,
            timeout: 1_000,
        });
        let plan =
            StagePlan::new(format!("S{}", (s + moved) % names), actions.collect()).on_failure(*on_failure);
        conditions.iter().fold(plan, |plan, (condition, (result, rules))| {
            let rules = (0..*rules).map(|r| RulePlan { name: format!("R{r}").into(), timeout: 1_000 });
            plan.condition(*condition, ConditionPlan { result: *result, rules: rules.collect() })
        })
    });
    Arc::new(Plan { version, mode: *mode, stages: stages.collect() })
}

/// A pipeline with a memory of all that was ever commanded.
pub(super) struct World {
    pub(super) state: Pipeline,
    pub(super) plans: BTreeMap<u32, Arc<Plan>>,
    pub(super) clock: i64,
    pub(super) past: Vec<Event>,
    pub(super) kept: BTreeMap<ExecutionId, Box<Execution>>,
    pub(super) commanded: HashSet<ActionExecutionId>,
    pub(super) timers: HashMap<ActionExecutionId, ExecutionId>,
    /// Rules that are evaluated, each with a deadline.
    pub(super) rules: HashSet<RuleExecutionId>,
    /// The stages in which executions have succeeded, and those which they have left behind that way or skipped.
    pub(super) succeeded: BTreeMap<ExecutionId, HashSet<Name>>,
    pub(super) passed: BTreeMap<ExecutionId, HashSet<Name>>,
    pub(super) started: usize,
    /// Every how many steps everything is checked; what goes for a single command is checked always.
    pub(super) every: i64,
    /// Events that were decided upon.
    pub(super) events: u64,
}

impl World {
    pub(super) fn new(shape: &Shape) -> Self {
        let plan = plan(1, shape, 0);
        Self {
            state: Pipeline::new(plan.clone()),
            plans: BTreeMap::from([(1, plan)]),
            clock: 0,
            past: Vec::new(),
            kept: BTreeMap::new(),
            commanded: HashSet::new(),
            timers: HashMap::new(),
            rules: HashSet::new(),
            succeeded: BTreeMap::new(),
            passed: BTreeMap::new(),
            started: 0,
            every: 1,
            events: 0,
        }
    }

    pub(super) fn running(&self) -> Vec<(ExecutionId, ActionExecutionId, Option<ApprovalToken>)> {
        let runs = self.state.executions.values().flat_map(|execution| match &execution.position {
            Position::Inside(run) => run.in_progress().map(|a| (execution.id, a.id, a.token)).collect(),
            Position::Inbound { .. } => Vec::new(),
        });
        runs.collect()
    }

    pub(super) fn evaluated(&self) -> Vec<(ExecutionId, RuleExecutionId)> {
        let runs = self.state.executions.values().filter_map(|execution| match &execution.position {
            Position::Inside(run) => Some((execution.id, run)),
            Position::Inbound { .. } => None,
        });
        let rules = runs.flat_map(|(id, run)| {
            run.conditions.values().flat_map(ConditionRun::in_progress).map(move |rule| (id, rule.id))
        });
        rules.collect()
    }

    fn event(&mut self, happening: &Happening) -> Option<Event> {
        let running = self.running();
        let pick = |n: usize| (!running.is_empty()).then(|| running[n % running.len()]);
        let transition =
            |inbound: bool| if inbound { TransitionType::Inbound } else { TransitionType::Outbound };
        let stages = &self.state.plan()?.stages;
        let stage = |n: usize| stages[n % stages.len()].name.to_string();
        Some(match happening {
            Happening::Start => Event::Started { execution: self.fresh() },
            Happening::Succeed(n) => {
                let (execution, action, _) = pick(*n)?;
                Event::ActionSucceeded { execution, action }
            }
            Happening::Fail(n) => {
                let (execution, action, _) = pick(*n)?;
                Event::ActionFailed { execution, action }
            }
            Happening::TimeOut(n) => {
                let (execution, action, _) = pick(*n)?;
                Event::TimerFired { execution, action }
            }
            Happening::Progress(n) => {
                let (execution, action, _) = pick(*n)?;
                Event::ActionProgressed { execution, action }
            }
            Happening::Answer(n, approved) => {
                let (execution, action, token) = pick(*n)?;
                Event::ApprovalAnswered { execution, action, token: token?, approved: *approved }
            }
            Happening::Stop(n, abandon) => {
                let ids: Vec<ExecutionId> = self.state.executions.keys().copied().collect();
                let execution = *ids.get(n % ids.len().max(1))?;
                Event::StopRequested { execution, abandon: *abandon, reason: None }
            }
            Happening::Disable(n, inbound) => Event::TransitionDisabled {
                stage: stage(*n),
                transition: transition(*inbound),
                reason: "r".into(),
                by: "b".into(),
            },
            Happening::Enable(n, inbound) => Event::TransitionEnabled {
                stage: stage(*n),
                transition: transition(*inbound),
                by: "b".into(),
            },
            Happening::Retry(n, all) => self.retry(*n, *all)?,
            Happening::Judge(n, verdict) => {
                let evaluated = self.evaluated();
                let (execution, rule) = *evaluated.get(n % evaluated.len().max(1))?;
                Event::RuleEnded { execution, rule, verdict: *verdict }
            }
            Happening::RuleTimesOut(n) => {
                let evaluated = self.evaluated();
                let (execution, rule) = *evaluated.get(n % evaluated.len().max(1))?;
                Event::RuleTimedOut { execution, rule }
            }
            Happening::Override(n, condition) => {
                let (execution, stage, ended) = self.recalled(*n)?;
                Event::ConditionOverridden { execution, stage, condition: *condition, ended }
            }
            Happening::RollBack(n, m) => self.roll_back(stage(*n), *m)?,
            Happening::Rerun(n, m, only) => self.rerun(*n, stage(*m), *only)?,
            Happening::Update(shape, pin, moved) => {
                Event::Updated { plan: plan(self.state.version + 1, shape, *moved), pin: *pin }
            }
            Happening::Again(n) => self.past.get(n % self.past.len().max(1))?.clone(),
        })
    }

    fn fresh(&mut self) -> ExecutionId {
        self.started += 1;
        ExecutionId(Uuid::from_u128(self.started as u128))
    }

    fn roll_back(&mut self, stage: String, n: usize) -> Option<Event> {
        let known: Vec<&Execution> =
            self.kept.values().map(|kept| &**kept).chain(self.state.executions.values()).collect();
        let target = known.get(n % known.len().max(1))?;
        let target = RollbackTarget {
            execution: target.id,
            version: target.version,
            is_rollback: target.rollback.is_some(),
            succeeded: self.succeeded.get(&target.id).is_some_and(|stages| stages.contains(stage.as_str())),
        };
        Some(Event::RollbackRequested { execution: self.fresh(), stage, target })
    }

    fn rerun(&mut self, n: usize, stage: String, only: Option<usize>) -> Option<Event> {
        let (of, _, ended) = self.recalled(n)?;
        let actions = &self.state.plan()?.stages[self.state.plan()?.stage_index(&stage)?].actions;
        let action = only.map(|n| actions[n % actions.len()].name.to_string());
        Some(Event::RerunRequested { execution: self.fresh(), of, stage, action, ended })
    }

    fn retry(&self, n: usize, all: bool) -> Option<Event> {
        let (execution, stage, ended) = self.recalled(n)?;
        let mode = if all { RetryMode::AllActions } else { RetryMode::FailedActions };
        Some(Event::StageRetryRequested { execution, stage, mode, ended })
    }

    /// An execution with its stage, as the driver would hand it back.
    fn recalled(&self, n: usize) -> Option<(ExecutionId, String, Option<Ended>)> {
        let ids: Vec<&Execution> =
            self.kept.values().map(|kept| &**kept).chain(self.state.executions.values()).collect();
        let execution = ids.get(n % ids.len().max(1))?;
        let plan = self.plans[&execution.version].clone();
        let ended = (!self.state.executions.contains_key(&execution.id))
            .then(|| Ended { execution: Box::new(Execution::clone(execution)), plan: plan.clone() });
        Some((execution.id, plan.stages[execution.position.stage()].name.to_string(), ended))
    }

    pub(super) fn step(&mut self, happening: &Happening) {
        let again = matches!(happening, Happening::Again(_));
        let Some(event) = self.event(happening) else { return };
        // The driver starts no execution whose record is there already, and hands no stale record back.
        match &event {
            Event::Started { execution }
            | Event::RollbackRequested { execution, .. }
            | Event::RerunRequested { execution, .. }
                if again && self.kept.contains_key(execution) =>
            {
                return;
            }
            Event::StageRetryRequested { execution, ended: Some(ended), .. }
            | Event::ConditionOverridden { execution, ended: Some(ended), .. }
                if self.kept.get(execution) != Some(&ended.execution) =>
            {
                return;
            }
            _ => {}
        }
        self.events += 1;
        let moment = self.moment();
        if moment.at % self.every == 0 {
            self.step_thoroughly(&moment, event);
        } else {
            self.step_lightly(&moment, event);
        }
    }

    /// Only what is commanded is checked, and what ended is remembered.
    fn step_lightly(&mut self, moment: &Moment, event: Event) {
        let plans = self.state.plans.clone();
        if let Ok(commands) = self.state.decide(moment, &event) {
            self.forget_ended(&event);
            self.carry_out(commands, &plans);
            self.past.push(event);
        }
        self.plans.extend(self.state.plans.clone());
    }

    fn step_thoroughly(&mut self, moment: &Moment, event: Event) {
        let before = self.state.clone();
        match self.state.decide(moment, &event) {
            Err(refusal) => {
                assert_eq!(self.state, before, "{refusal} changed the state");
                assert!(!matches!(refusal, Refusal::DefinitionMissing(_)), "{refusal}");
            }
            Ok(commands) => {
                self.replayed(&before, moment, &event, &commands);
                self.forget_ended(&event);
                self.carry_out(commands, &before.plans);
                self.idempotent(&event);
                self.past.push(event);
            }
        }
        self.plans.extend(self.state.plans.clone());
        self.check(&before);
    }

    /// A crash before the commit: the stored state of before is read, and the same event comes again.
    fn replayed(&self, before: &Pipeline, moment: &Moment, event: &Event, commands: &[Command]) {
        let stored = serde_json::to_vec(before).expect("a state can be stored");
        let mut twin: Pipeline = serde_json::from_slice(&stored).expect("a stored state can be read");
        twin.plans.clone_from(&before.plans);
        assert_eq!(twin.decide(moment, event).as_deref(), Ok(commands), "not a function of its input");
        assert_eq!(twin, self.state);
    }

    /// What is handed back to the engine is in progress again.
    fn forget_ended(&mut self, event: &Event) {
        if let Event::StageRetryRequested { execution, ended: Some(_), .. }
        | Event::ConditionOverridden { execution, ended: Some(_), .. } = event
        {
            self.kept.remove(execution);
        }
    }

    fn moment(&mut self) -> Moment {
        self.clock += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.clock.to_le_bytes());
        Moment { at: self.clock, seed }
    }

    /// The very same event again: refused, or changes nothing that counts.
    fn idempotent(&self, event: &Event) {
        let mut event = event.clone();
        // An execution that was brought back may have ended once more: the driver hands back what is known of it now.
        if let Event::StageRetryRequested { execution, ended, .. }
        | Event::ConditionOverridden { execution, ended, .. } = &mut event
        {
            *ended = self.kept.get(execution).and_then(|kept| {
                Some(Ended { execution: kept.clone(), plan: self.plans.get(&kept.version)?.clone() })
            });
        }
        let mut copy = self.state.clone();
        let moment = Moment { at: self.clock + 1, seed: [9; 32] };
        if let Ok(commands) = copy.decide(&moment, &event) {
            assert!(commands.is_empty(), "{event:?} happened twice: {commands:?}");
        }
    }

    /// With every gate open and every action successful, everything ends.
    pub(super) fn finish(&mut self) {
        for stage in self.state.plan().expect("the current plan").stages.clone() {
            let event = Event::TransitionEnabled {
                stage: stage.name.to_string(),
                transition: TransitionType::Inbound,
                by: "b".into(),
            };
            let moment = self.moment();
            if let Ok(commands) = self.state.decide(&moment, &event) {
                let plans = self.state.plans.clone();
                self.carry_out(commands, &plans);
            }
        }
        let mut budget = 100_000;
        while !self.running().is_empty() || !self.evaluated().is_empty() {
            self.step(&Happening::Succeed(budget));
            self.step(&Happening::Judge(budget, Verdict::Passed));
            budget -= 1;
            assert!(budget > 0, "it never ends");
        }
        assert!(self.state.executions.is_empty(), "stuck: {:?}", self.state.executions);
    }
}
