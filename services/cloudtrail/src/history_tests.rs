//! Lookups against a plain list of what was stored.

use proptest::prelude::*;
use store::{Config, Store};

use super::*;
use crate::records::tests::entry_at;

/// A writing call, or a reading one in a segment; its instant; which of a few names it has.
#[derive(Clone, Debug)]
struct Call {
    reads: bool,
    at: i64,
    name: u8,
}

fn entry(call: &Call) -> Entry {
    let mut entry = entry_at(call.at);
    entry.read_only = call.reads;
    entry.event_name = format!("Name{}", call.name);
    entry
}

/// Stores writes alone and reads in segments of neighbours, as the auditor does.
async fn stored(calls: &[Call], segment_size: usize) -> (Store, tempfile::TempDir, Vec<Entry>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(Config::Sqlite { dir: folder.path().into() }).await.expect("a store");
    let all: Vec<Entry> = calls.iter().map(entry).collect();
    let (mut reads, writes): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|entry| entry.read_only);
    reads.sort_by_key(|entry| entry.at);
    let segments: Vec<Segment> = reads
        .chunks(segment_size)
        .map(|chunk| Segment {
            id: chunk[0].event_id.clone(),
            scope: chunk[0].scope.clone(),
            is_management: true,
            to: chunk[chunk.len() - 1].at,
            entries: chunk.to_vec(),
        })
        .collect();
    let put = move |tx: &mut store::WriteTx<'_>| {
        for entry in &writes {
            tx.put(entry)?;
        }
        for segment in &segments {
            tx.put(segment)?;
        }
        Ok::<_, store::Error>(())
    };
    store.write(put).await.expect("stored");
    (store, folder, all)
}

fn query(filter: Filter, from: i64, until: i64) -> Query {
    Query {
        scope: entry_at(0).scope,
        filter,
        from: Timestamp::from_millis(from),
        until: Timestamp::from_millis(until),
        after: None,
    }
}

/// All pages together.
async fn paged(store: &Store, mut query: Query, limit: usize) -> Vec<Entry> {
    let mut found = Vec::new();
    loop {
        let asked = query.clone();
        let page = store.read(move |tx| find(tx, &asked, limit)).await.expect("found");
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return found };
        query.after = Some((last.at.as_millis(), last.event_id.clone()));
        found.extend(page);
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let by_name = (0..3u8)
        .prop_map(|name| Filter::Attribute { name: "EventName".into(), value: format!("Name{name}") });
    let by_user = Just(Filter::Attribute { name: "Username".into(), value: "jane".into() });
    let by_role = Just(Filter::Attribute { name: "ResourceName".into(), value: "build".into() });
    prop_oneof![Just(Filter::All), any::<bool>().prop_map(Filter::ReadOnly), by_name, by_user, by_role]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn pages_are_the_stored_calls_newest_first(
        calls in prop::collection::vec(
            (any::<bool>(), 0..5_000i64, 0..3u8).prop_map(|(reads, at, name)| Call { reads, at, name }), 0..40),
        segment_size in 1..6usize,
        filter in filters(),
        limit in 1..8usize,
        from in 0..3_000i64,
        length in 0..5_000i64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (expected, found) = runtime.block_on(async {
            let (store, _folder, mut expected) = stored(&calls, segment_size).await;
            let query = query(filter, from, from + length);
            expected.retain(|entry| query.admits(entry));
            expected.sort_by(|a, b| b.position().cmp(&a.position()));
            (expected, paged(&store, query, limit).await)
        });
        prop_assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn an_event_is_found_by_its_id() {
    let calls = [
        Call { reads: true, at: 1_000, name: 0 },
        Call { reads: true, at: 2_000, name: 1 },
        Call { reads: false, at: 3_000, name: 2 },
    ];
    let (store, _folder, all) = stored(&calls, 2).await;
    for entry in &all {
        let query = query(Filter::EventId(entry.event_id.clone()), 0, 10_000);
        assert_eq!(paged(&store, query, 5).await, std::slice::from_ref(entry));
    }
    for id in ["", "no-id", "00000000-0000-4000-8000-000000000000"] {
        assert_eq!(paged(&store, query(Filter::EventId(id.into()), 0, 10_000), 5).await, []);
    }
    let other_account = Query {
        scope: Scope::new(
            "999999999999".parse().expect("an account"),
            "eu-west-1".parse().expect("a region"),
        ),
        ..query(Filter::EventId(all[2].event_id.clone()), 0, 10_000)
    };
    assert_eq!(paged(&store, other_account, 5).await, []);
}

#[tokio::test]
async fn old_records_are_forgotten() {
    let calls: Vec<Call> = (0..300).map(|at| Call { reads: at % 2 == 0, at: at * 10, name: 0 }).collect();
    let (store, _folder, _) = stored(&calls, 1).await;
    crate::retention::forget(&store, Timestamp::from_millis(2_900)).await.expect("forgotten");
    let left = paged(&store, query(Filter::All, 0, 10_000), 50).await;
    assert_eq!(left.len(), 10);
    assert!(left.iter().all(|entry| entry.at.as_millis() >= 2_900));
}
