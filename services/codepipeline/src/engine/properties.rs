//! Random definitions under random events: what must hold after every step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{Happening, Shape, World};
use super::{ConditionResult, ConditionType, ExecutionMode, OnFailure, Pipeline, RetryMode, Verdict};

fn mode() -> impl Strategy<Value = ExecutionMode> {
    prop_oneof![Just(ExecutionMode::Superseded), Just(ExecutionMode::Queued), Just(ExecutionMode::Parallel)]
}

fn shape() -> impl Strategy<Value = Shape> {
    let actions = prop::collection::vec((1u16..4, prop::bool::weighted(0.2)), 1..8);
    let on_failure = prop_oneof![
        2 => Just(OnFailure::Fail),
        1 => Just(OnFailure::Retry(RetryMode::FailedActions)),
        1 => Just(OnFailure::Retry(RetryMode::AllActions)),
        2 => Just(OnFailure::Rollback),
    ];
    (mode(), prop::collection::vec((actions, on_failure, conditions()), 2..6))
}

fn conditions() -> impl Strategy<Value = BTreeMap<ConditionType, (ConditionResult, usize)>> {
    let condition = |results: [ConditionResult; 2]| {
        prop::option::weighted(0.2, (prop::sample::select(results.to_vec()), 1usize..4))
    };
    let entry = condition([ConditionResult::Fail, ConditionResult::Skip]);
    let success = condition([ConditionResult::Fail, ConditionResult::Rollback]);
    let failure = condition([ConditionResult::Fail, ConditionResult::Rollback]);
    (entry, success, failure).prop_map(|(entry, success, failure)| {
        let conditions = [
            (ConditionType::BeforeEntry, entry),
            (ConditionType::OnSuccess, success),
            (ConditionType::OnFailure, failure),
        ];
        conditions.into_iter().filter_map(|(condition, plan)| Some((condition, plan?))).collect()
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => Just(Verdict::Passed), 1 => Just(Verdict::Failed), 1 => Just(Verdict::Errored)]
}

fn overridable() -> impl Strategy<Value = ConditionType> {
    prop::sample::select(vec![ConditionType::BeforeEntry, ConditionType::OnSuccess])
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
        3 => (any(), any()).prop_map(|(stage, target)| Happening::RollBack(stage, target)),
        12 => (any(), verdict()).prop_map(|(which, verdict)| Happening::Judge(which, verdict)),
        1 => any().prop_map(Happening::RuleTimesOut),
        4 => (any(), overridable()).prop_map(|(which, condition)| Happening::Override(which, condition)),
        3 => (any(), any(), prop::option::of(any()))
            .prop_map(|(of, stage, only)| Happening::Rerun(of, stage, only)),
        3 => (shape(), prop::bool::weighted(0.7), 0usize..4)
            .prop_map(|(shape, pin, moved)| Happening::Update(shape, pin, moved)),
        3 => any().prop_map(Happening::Again),
    ]
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
