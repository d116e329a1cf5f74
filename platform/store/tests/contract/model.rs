//! Random operations, on the store and on a map that cannot be wrong.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use store::{Error, Key, Range, Record, Store};

use crate::rig::{Build, Rig};

const SEQUENCES: usize = 12;

#[derive(Clone, Debug)]
enum Operation {
    Put(Build),
    PutIfAbsent(Build),
    Delete(String, u64),
    /// Several changes and an error at the end.
    Undone(Vec<Build>),
    Together(Vec<Build>),
    Scan {
        project: String,
        descending: bool,
        limit: usize,
    },
    ScanStatus {
        status: String,
        descending: bool,
    },
    Reopen,
}

fn build() -> impl Strategy<Value = Build> {
    ("[ab]{0,2}", 0..6_u64, "[XY]{1,2}").prop_map(|(project, number, status)| Build {
        project,
        number,
        status,
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => build().prop_map(Operation::Put),
        3 => build().prop_map(Operation::PutIfAbsent),
        3 => ("[ab]{0,2}", 0..6_u64).prop_map(|(project, number)| Operation::Delete(project, number)),
        1 => prop::collection::vec(build(), 1..4).prop_map(Operation::Undone),
        2 => prop::collection::vec(build(), 1..5).prop_map(Operation::Together),
        3 => ("[ab]{0,2}", any::<bool>(), 1..4_usize)
            .prop_map(|(project, descending, limit)| Operation::Scan { project, descending, limit }),
        2 => ("[XY]{1,2}", any::<bool>()).prop_map(|(status, descending)| Operation::ScanStatus { status, descending }),
        1 => Just(Operation::Reopen),
    ]
}

type Model = BTreeMap<(String, u64), Build>;

pub async fn random_operations_agree_with_a_map(rig: &Rig) {
    let mut runner = TestRunner::default();
    let mut store = rig.open().await;
    let mut model = Model::new();
    for _ in 0..SEQUENCES {
        // One sequence goes on where the one before ended, which reaches states that short ones do not.
        let operations = prop::collection::vec(operation(), 30).new_tree(&mut runner).unwrap().current();
        for (step, operation) in operations.iter().enumerate() {
            let history = || format!("step {step} of {operations:#?}");
            match operation {
                Operation::Reopen => store = rig.reopen(store).await,
                other => check(&store, &mut model, other, &history).await,
            }
        }
        let everything = store.read(|tx| tx.scan::<Build>(Range::all(), 1_000)).await.unwrap().into_records();
        assert_eq!(everything, model.values().cloned().collect::<Vec<_>>());
    }
}

async fn check(store: &Store, model: &mut Model, operation: &Operation, history: &dyn Fn() -> String) {
    match operation.clone() {
        Operation::Put(build) => {
            model.insert(place(&build), build.clone());
            store.write(move |tx| tx.put(&build)).await.unwrap();
        }
        Operation::PutIfAbsent(build) => {
            let absent = !model.contains_key(&place(&build));
            if absent {
                model.insert(place(&build), build.clone());
            }
            let put = store.write(move |tx| tx.put_if(&build, None)).await;
            assert_eq!(put.is_ok(), absent, "{}", history());
        }
        Operation::Delete(project, number) => {
            let was_there = model.remove(&(project.clone(), number)).is_some();
            let deleted =
                store.write(move |tx| tx.delete::<Build>(&Build::key_of(&project, number))).await.unwrap();
            assert_eq!(deleted, was_there, "{}", history());
        }
        Operation::Undone(builds) => {
            let undone = store.write(move |tx| {
                builds.iter().try_for_each(|build| tx.put(build).map(drop))?;
                Err::<(), _>(Error::InvalidKey)
            });
            assert!(undone.await.is_err());
        }
        Operation::Together(builds) => {
            model.extend(builds.iter().map(|build| (place(build), build.clone())));
            let together = store.write(move |tx| builds.iter().try_for_each(|build| tx.put(build).map(drop)));
            together.await.unwrap();
        }
        Operation::Scan { project, descending, limit } => {
            let found = scan_all(store, &project, descending, limit).await;
            let mut expected: Vec<_> =
                model.values().filter(|build| build.project == project).cloned().collect();
            if descending {
                expected.reverse();
            }
            assert_eq!(found, expected, "{}", history());
        }
        Operation::ScanStatus { status, descending } => {
            let range = Range::prefix(Key::of(&status));
            let range = if descending { range.descending() } else { range };
            let found =
                store.read(move |tx| tx.scan_index::<Build>("status", range.clone(), 1_000)).await.unwrap();
            let mut expected: Vec<_> =
                model.values().filter(|build| build.status == status).cloned().collect();
            expected.sort_by_key(Build::key);
            if descending {
                expected.reverse();
            }
            assert_eq!(found.into_records(), expected, "{}", history());
        }
        Operation::Reopen => unreachable!("done by the caller"),
    }
}

async fn scan_all(store: &Store, project: &str, descending: bool, limit: usize) -> Vec<Build> {
    let range = Range::prefix(Key::of(project));
    let range = if descending { range.descending() } else { range };
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page_range = range.clone().after(next);
        let page = store.read(move |tx| tx.scan::<Build>(page_range.clone(), limit)).await.unwrap();
        assert!(page.records.len() <= limit);
        found.extend(page.records.into_iter().map(store::Versioned::into_inner));
        next = page.next;
        if next.is_none() {
            return found;
        }
    }
}

fn place(build: &Build) -> (String, u64) {
    (build.project.clone(), build.number)
}
