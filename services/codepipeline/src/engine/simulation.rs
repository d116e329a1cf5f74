//! Long stories on large definitions, up to 50 stages of 50 actions: every command is checked, and everything else now
//! and then. The property tests check more, on stories that are short enough to be understood when they fail.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::{Happening, Shape, World};
use super::{ConditionResult, ConditionType, ExecutionMode, OnFailure, RetryMode, Verdict};

/// Events of one story; the next one has another definition.
const STORY: u64 = 4_000;
/// Every how many events everything is checked.
const THOROUGHLY: i64 = 97;

/// `STAGEWRIGHT_ENGINE_EVENTS`: how many events are decided upon.
fn events() -> u64 {
    let set = std::env::var("STAGEWRIGHT_ENGINE_EVENTS").ok();
    set.map_or(1_000_000, |events| events.parse().expect("a number of events"))
}

fn shape(dice: &mut StdRng) -> Shape {
    let mode =
        [ExecutionMode::Superseded, ExecutionMode::Queued, ExecutionMode::Parallel][dice.random_range(0..3)];
    // Most are of the size that people write, some as large as may be.
    let (stages, actions) = if dice.random_ratio(1, 5) { (50, 50) } else { (8, 6) };
    let stages = (0..dice.random_range(2..=stages)).map(|_| {
        let actions = (0..dice.random_range(1..=actions))
            .map(|_| (dice.random_range(1..=4), dice.random_ratio(1, 8)))
            .collect();
        let on_failure = match dice.random_range(0..6) {
            0 => OnFailure::Retry(RetryMode::FailedActions),
            1 => OnFailure::Retry(RetryMode::AllActions),
            2 | 3 => OnFailure::Rollback,
            _ => OnFailure::Fail,
        };
        (actions, on_failure, conditions(dice))
    });
    (mode, stages.collect())
}

fn conditions(dice: &mut StdRng) -> BTreeMap<ConditionType, (ConditionResult, usize)> {
    let kinds = [
        (ConditionType::BeforeEntry, ConditionResult::Skip),
        (ConditionType::OnSuccess, ConditionResult::Rollback),
        (ConditionType::OnFailure, ConditionResult::Rollback),
    ];
    let mut conditions = BTreeMap::new();
    for (condition, other) in kinds {
        if dice.random_ratio(1, 10) {
            let result = if dice.random() { ConditionResult::Fail } else { other };
            conditions.insert(condition, (result, dice.random_range(1..=5)));
        }
    }
    conditions
}

fn happening(dice: &mut StdRng) -> Happening {
    let which = dice.random_range(0..usize::MAX / 2);
    let verdicts = [Verdict::Passed, Verdict::Passed, Verdict::Passed, Verdict::Failed, Verdict::Errored];
    match dice.random_range(0..1000) {
        0..60 => Happening::Start,
        60..640 => Happening::Succeed(which),
        640..660 => Happening::Fail(which),
        660..664 => Happening::TimeOut(which),
        664..680 => Happening::Progress(which),
        680..760 => Happening::Answer(which, dice.random_ratio(9, 10)),
        760..766 => Happening::Stop(which, dice.random()),
        766..774 => Happening::Disable(which, dice.random()),
        774..820 => Happening::Enable(which, dice.random()),
        820..850 => Happening::Retry(which, dice.random()),
        850..860 => Happening::RollBack(which, dice.random_range(0..usize::MAX / 2)),
        860..950 => Happening::Judge(which, verdicts[dice.random_range(0..verdicts.len())]),
        950..953 => Happening::RuleTimesOut(which),
        953..960 => Happening::Override(which, ConditionType::BeforeEntry),
        960..967 => Happening::Override(which, ConditionType::OnSuccess),
        967..969 => Happening::Update(shape(dice), dice.random_ratio(2, 3), dice.random_range(0..4)),
        969..975 => {
            let only = dice.random::<bool>().then(|| dice.random_range(0..usize::MAX / 2));
            Happening::Rerun(which, dice.random_range(0..usize::MAX / 2), only)
        }
        _ => Happening::Again(which),
    }
}

#[test]
fn long_stories_keep_every_promise() {
    let (mut decided, mut seed) = (0, 0);
    while decided < events() {
        // The seed of a story that fails is in the output of the test.
        println!("story {seed}");
        let mut dice = StdRng::seed_from_u64(seed);
        let mut world = World::new(&shape(&mut dice));
        world.every = THOROUGHLY;
        while world.events < STORY {
            world.step(&happening(&mut dice));
        }
        world.every = 10_000;
        world.finish();
        decided += world.events;
        seed += 1;
    }
}
