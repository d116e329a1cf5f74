//! Random definitions under random events: what must hold after every step.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    ActionExecutionId, ActionPlan, ActionStatus, ApprovalToken, CONCURRENT_ACTIONS, CONCURRENT_EXECUTIONS,
    Command, Ended, Event, Execution, ExecutionId, ExecutionMode, Moment, Name, Pipeline, Plan, Position,
    Refusal, RetryMode, StagePlan, Subject, TransitionType,
};

/// What happens next; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Happening {
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
    Update(Shape),
    /// An event of before arrives once more.
    Again(usize),
}

/// Run orders (and approvals) of the actions of each stage.
type Shape = (ExecutionMode, Vec<Vec<(u16, bool)>>);

fn mode() -> impl Strategy<Value = ExecutionMode> {
    prop_oneof![Just(ExecutionMode::Superseded), Just(ExecutionMode::Queued), Just(ExecutionMode::Parallel)]
}

fn shape() -> impl Strategy<Value = Shape> {
    let stage = prop::collection::vec((1u16..4, prop::bool::weighted(0.2)), 1..8);
    (mode(), prop::collection::vec(stage, 2..6))
}

fn happening() -> impl Strategy<Value = Happening> {
    let any = || any::<usize>();
    prop_oneof![
        6 => Just(Happening::Start),
        30 => any().prop_map(Happening::Succeed),
        4 => any().prop_map(Happening::Fail),
        1 => any().prop_map(Happening::TimeOut),
        1 => any().prop_map(Happening::Progress),
        6 => (any(), prop::bool::weighted(0.8)).prop_map(|(which, yes)| Happening::Answer(which, yes)),
        2 => (any(), prop::bool::ANY).prop_map(|(which, abandon)| Happening::Stop(which, abandon)),
        2 => (any(), prop::bool::ANY).prop_map(|(which, inbound)| Happening::Disable(which, inbound)),
        4 => (any(), prop::bool::ANY).prop_map(|(which, inbound)| Happening::Enable(which, inbound)),
        4 => (any(), prop::bool::ANY).prop_map(|(which, all)| Happening::Retry(which, all)),
        1 => shape().prop_map(Happening::Update),
        3 => any().prop_map(Happening::Again),
    ]
}

fn plan(version: u32, (mode, stages): &Shape) -> Arc<Plan> {
    let stages = stages.iter().enumerate().map(|(s, actions)| {
        let actions = actions.iter().enumerate().map(|(a, (run_order, approval))| ActionPlan {
            name: format!("A{a}").into(),
            run_order: *run_order,
            approval: *approval,
            timeout: 1_000,
        });
        StagePlan::new(format!("S{s}"), actions.collect())
    });
    Arc::new(Plan { version, mode: *mode, stages: stages.collect() })
}

/// A pipeline with a memory of all that was ever commanded.
struct World {
    state: Pipeline,
    plans: BTreeMap<u32, Arc<Plan>>,
    clock: i64,
    past: Vec<Event>,
    kept: BTreeMap<ExecutionId, Box<Execution>>,
    commanded: HashSet<ActionExecutionId>,
    timers: HashMap<ActionExecutionId, ExecutionId>,
    started: usize,
}

impl World {
    fn new(shape: &Shape) -> Self {
        let plan = plan(1, shape);
        Self {
            state: Pipeline::new(plan.clone()),
            plans: BTreeMap::from([(1, plan)]),
            clock: 0,
            past: Vec::new(),
            kept: BTreeMap::new(),
            commanded: HashSet::new(),
            timers: HashMap::new(),
            started: 0,
        }
    }

    fn running(&self) -> Vec<(ExecutionId, ActionExecutionId, Option<ApprovalToken>)> {
        let runs = self.state.executions.values().flat_map(|execution| match &execution.position {
            Position::Inside(run) => run.in_progress().map(|a| (execution.id, a.id, a.token)).collect(),
            Position::Inbound { .. } => Vec::new(),
        });
        runs.collect()
    }

    fn event(&mut self, happening: &Happening) -> Option<Event> {
        let running = self.running();
        let pick = |n: usize| (!running.is_empty()).then(|| running[n % running.len()]);
        let transition =
            |inbound: bool| if inbound { TransitionType::Inbound } else { TransitionType::Outbound };
        let stages = &self.state.plan()?.stages;
        let stage = |n: usize| stages[n % stages.len()].name.to_string();
        Some(match happening {
            Happening::Start => {
                self.started += 1;
                Event::Started { execution: ExecutionId(Uuid::from_u128(self.started as u128)) }
            }
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
            Happening::Update(shape) => Event::Updated { plan: plan(self.state.version + 1, shape) },
            Happening::Again(n) => self.past.get(n % self.past.len().max(1))?.clone(),
        })
    }

    fn retry(&self, n: usize, all: bool) -> Option<Event> {
        let ids: Vec<&Execution> =
            self.kept.values().map(|kept| &**kept).chain(self.state.executions.values()).collect();
        let execution = ids.get(n % ids.len().max(1))?;
        let plan = self.plans[&execution.version].clone();
        let ended = (!self.state.executions.contains_key(&execution.id))
            .then(|| Ended { execution: Box::new(Execution::clone(execution)), plan: plan.clone() });
        Some(Event::StageRetryRequested {
            execution: execution.id,
            stage: plan.stages[execution.position.stage()].name.to_string(),
            mode: if all { RetryMode::AllActions } else { RetryMode::FailedActions },
            ended,
        })
    }

    fn step(&mut self, happening: &Happening) {
        let again = matches!(happening, Happening::Again(_));
        let Some(event) = self.event(happening) else { return };
        // The driver starts no execution whose record is there already, and hands no stale record back.
        match &event {
            Event::Started { execution } if again && self.kept.contains_key(execution) => return,
            Event::StageRetryRequested { execution, ended: Some(ended), .. }
                if self.kept.get(execution) != Some(&ended.execution) =>
            {
                return;
            }
            _ => {}
        }
        let before = self.state.clone();
        let moment = self.moment();
        match self.state.decide(&moment, &event) {
            Err(refusal) => {
                assert_eq!(self.state, before, "{refusal} changed the state");
                assert!(!matches!(refusal, Refusal::DefinitionMissing(_)), "{refusal}");
            }
            Ok(commands) => {
                let mut twin = before.clone();
                assert_eq!(
                    twin.decide(&moment, &event).as_ref(),
                    Ok(&commands),
                    "not a function of its input"
                );
                if let Event::StageRetryRequested { execution, ended: Some(_), .. } = &event {
                    self.kept.remove(execution);
                }
                self.carry_out(commands, &before);
                self.idempotent(&event);
                self.past.push(event);
            }
        }
        self.plans.extend(self.state.plans.clone());
        self.check(&before);
    }

    fn moment(&mut self) -> Moment {
        self.clock += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.clock.to_le_bytes());
        Moment { at: self.clock, seed }
    }

    /// The very same event again: refused, or changes nothing that counts.
    fn idempotent(&self, event: &Event) {
        let mut copy = self.state.clone();
        let moment = Moment { at: self.clock + 1, seed: [9; 32] };
        if let Ok(commands) = copy.decide(&moment, event) {
            let retried = matches!(event, Event::StageRetryRequested { ended: Some(_), .. });
            assert!(commands.is_empty() && !retried, "{event:?} happened twice: {commands:?}");
        }
    }

    fn carry_out(&mut self, commands: Vec<Command>, before: &Pipeline) {
        for command in commands {
            match command {
                Command::StartAction { id, execution, token, version, stage, action } => {
                    assert!(self.commanded.insert(id), "an action was commanded twice");
                    let plan = self.state.plans.get(&version).or(before.plans.get(&version)).expect("a plan");
                    let stage = &plan.stages[plan.stage_index(&stage).expect("a stage of its plan")];
                    let action = &stage.actions[stage.action_index(&action).expect("an action of its stage")];
                    assert_eq!(action.approval, token.is_some());
                    assert!(!self.kept.contains_key(&execution), "an ended execution starts an action");
                }
                Command::SetTimer { execution, id, at } => {
                    assert!(at > self.clock && self.commanded.contains(&id));
                    self.timers.insert(id, execution);
                }
                Command::CancelTimer { id } => assert!(self.timers.remove(&id).is_some(), "no such timer"),
                Command::StopAction { id, .. } => assert!(self.commanded.contains(&id)),
                Command::Keep(execution) => {
                    assert!(execution.status.has_ended());
                    assert!(self.kept.insert(execution.id, execution).is_none(), "an execution ended twice");
                }
                Command::Announce(change) => {
                    if let Subject::Action { id, .. } = change.subject {
                        assert!(self.commanded.contains(&id), "an action that nobody started");
                    }
                }
            }
        }
    }

    fn check(&self, before: &Pipeline) {
        let mut holders: HashMap<ExecutionId, Name> = HashMap::new();
        for (name, stage) in &self.state.stages {
            if let Some(holder) = stage.holder {
                assert!(holders.insert(holder, name.clone()).is_none(), "an execution holds two stages");
            }
            let waiting: BTreeSet<_> = stage.inbound.iter().collect();
            assert_eq!(waiting.len(), stage.inbound.len(), "somebody waits twice");
            for id in &stage.inbound {
                assert!(self.state.executions.contains_key(id), "somebody waits who is not in progress");
            }
        }
        for execution in self.state.executions.values() {
            assert!(!execution.status.has_ended());
            assert!(!self.kept.contains_key(&execution.id), "in progress and ended");
            self.check_execution(execution, holders.remove(&execution.id));
        }
        assert!(holders.is_empty(), "held by nobody in progress: {holders:?}");
        self.check_order(before);
        let running: HashSet<_> = self.running().into_iter().map(|(_, id, _)| id).collect();
        assert_eq!(running, self.timers.keys().copied().collect(), "every running action has a timer");
        assert!(running.is_subset(&self.commanded));
        let capped = self.state.executions.values().filter(|e| e.mode != ExecutionMode::Superseded).count();
        assert!(capped <= CONCURRENT_EXECUTIONS);
    }

    /// An execution in progress runs something, or waits where a lock or a gate keeps it.
    fn check_execution(&self, execution: &Execution, holds: Option<Name>) {
        let plan = &self.state.plans[&execution.version];
        let stage = &plan.stages[execution.position.stage()];
        match &execution.position {
            Position::Inbound { stage: index, .. } => {
                assert_eq!(holds, None);
                let gate = &self.state.stages[&stage.name];
                assert!(gate.inbound.contains(&execution.id));
                let shut = *index > 0 && !gate.transition.enabled;
                let taken = execution.mode != ExecutionMode::Parallel && gate.holder.is_some();
                assert!(shut || taken, "stuck in front of {}: {execution:?}", stage.name);
                if execution.mode == ExecutionMode::Superseded {
                    assert_eq!(
                        gate.inbound
                            .iter()
                            .filter(|id| { self.state.executions[*id].mode == ExecutionMode::Superseded })
                            .count(),
                        1,
                        "only the newest may wait"
                    );
                }
            }
            Position::Inside(run) => {
                let locks = execution.mode != ExecutionMode::Parallel;
                assert_eq!(holds, locks.then(|| stage.name.clone()));
                let running = run.in_progress().count();
                assert!(running > 0, "stuck inside {}: {execution:?}", stage.name);
                assert!(locks || running <= CONCURRENT_ACTIONS);
                let unfinished = |run_order: u16| {
                    stage.actions.iter().zip(&run.actions).any(|(plan, action)| {
                        plan.run_order < run_order
                            && !matches!(action, Some(action) if action.status == ActionStatus::Succeeded)
                    })
                };
                for (plan, action) in stage.actions.iter().zip(&run.actions) {
                    assert!(
                        action.is_none() || !unfinished(plan.run_order),
                        "{} started too early",
                        plan.name
                    );
                }
            }
        }
    }

    /// No execution that shares its stages gets in front of an earlier one.
    fn check_order(&self, before: &Pipeline) {
        let ordered = |pipeline: &Pipeline| {
            let mut live: Vec<(u64, ExecutionId, u32, usize)> = pipeline
                .executions
                .values()
                .filter(|execution| execution.mode != ExecutionMode::Parallel && !execution.cancelling)
                .map(|execution| {
                    (execution.ordinal, execution.id, execution.version, execution.position.stage())
                })
                .collect();
            live.sort_unstable();
            live
        };
        for pair in ordered(&self.state).windows(2) {
            let [(_, _, version, first), (_, _, later_version, later)] = pair else { continue };
            assert!(version != later_version || first >= later, "overtaken: {pair:?}");
        }
        for (_, id, version, stage) in ordered(before) {
            if let Some(now) = self.state.executions.get(&id)
                && now.version == version
            {
                assert!(now.position.stage() >= stage, "an execution went backwards");
            }
        }
    }

    /// With every gate open and every action successful, everything ends.
    fn finish(&mut self) {
        for stage in self.state.plan().expect("the current plan").stages.clone() {
            let event = Event::TransitionEnabled {
                stage: stage.name.to_string(),
                transition: TransitionType::Inbound,
                by: "b".into(),
            };
            let moment = self.moment();
            if let Ok(commands) = self.state.decide(&moment, &event) {
                let before = self.state.clone();
                self.carry_out(commands, &before);
            }
        }
        let mut budget = 100_000;
        while !self.running().is_empty() {
            self.step(&Happening::Succeed(budget));
            budget -= 1;
            assert!(budget > 0, "it never ends");
        }
        assert!(self.state.executions.is_empty(), "stuck: {:?}", self.state.executions);
    }
}

/// `STAGEWRIGHT_ENGINE_CASES`: how many stories are tried; each has some sixty events.
fn cases() -> u32 {
    std::env::var("STAGEWRIGHT_ENGINE_CASES")
        .ok()
        .map_or(400, |cases| cases.parse().expect("a number of cases"))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn every_promise_holds_after_every_event(shape in shape(), story in prop::collection::vec(happening(), 1..120)) {
        let mut world = World::new(&shape);
        for happening in &story {
            world.step(happening);
        }
        world.finish();
    }

    #[test]
    fn a_stored_state_decides_as_the_one_in_memory(shape in shape(), story in prop::collection::vec(happening(), 1..60)) {
        let mut world = World::new(&shape);
        for happening in &story {
            let stored = serde_json::to_vec(&world.state).expect("a state can be stored");
            let mut loaded: Pipeline = serde_json::from_slice(&stored).expect("a stored state can be read");
            loaded.plans = world.state.plans.clone();
            prop_assert_eq!(&loaded, &world.state);
            world.state = loaded;
            world.step(happening);
        }
    }
}
