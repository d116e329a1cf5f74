use serde::{Deserialize, Serialize};
use store::{Error, Index, Key, Page, Range, Record, Store};

use crate::rig::{Build, Counter, Rig};

async fn put_builds(store: &Store, builds: &[Build]) {
    let builds = builds.to_vec();
    store.write(move |tx| builds.iter().try_for_each(|build| tx.put(build).map(drop))).await.unwrap();
}

async fn scan(store: &Store, range: Range, limit: usize) -> Page<Build> {
    store.read(move |tx| tx.scan::<Build>(range.clone(), limit)).await.unwrap()
}

fn numbers(page: &Page<Build>) -> Vec<u64> {
    page.records.iter().map(|build| build.number).collect()
}

async fn with_status(store: &Store, status: &str) -> Vec<Build> {
    let range = Range::prefix(Key::of(status));
    store.read(move |tx| tx.scan_index::<Build>("status", range.clone(), 100)).await.unwrap().into_records()
}

pub async fn a_record_comes_back_as_it_was_put(rig: &Rig) {
    let store = rig.open().await;
    let build = Build::new("web \u{0}\u{1F600}", u64::MAX, "it's \"quoted\"");
    let key = build.key();
    let put = build.clone();
    let revision = store.write(move |tx| tx.put(&put)).await.unwrap();
    let (got, absent, exists) = store
        .read(move |tx| {
            let absent = tx.get::<Build>(&Key::of("web"))?;
            Ok::<_, Error>((tx.get::<Build>(&key)?, absent, tx.exists::<Build>(&key)?))
        })
        .await
        .unwrap();
    let got = got.unwrap();
    assert_eq!((got.record.clone(), got.revision), (build, revision));
    assert_eq!(absent, None);
    assert!(exists);
}

pub async fn a_scan_visits_a_prefix_page_by_page_in_both_directions(rig: &Rig) {
    let store = rig.open().await;
    let mut builds: Vec<_> = (0..10).map(|number| Build::new("web", number * 100, "DONE")).collect();
    builds.push(Build::new("we", 1, "DONE"));
    builds.push(Build::new("webb", 1, "DONE"));
    put_builds(&store, &builds).await;

    let forward = Range::prefix(Key::of("web"));
    let first = scan(&store, forward.clone(), 4).await;
    assert_eq!(numbers(&first), [0, 100, 200, 300]);
    let second = scan(&store, forward.clone().after(first.next), 6).await;
    assert_eq!(numbers(&second), [400, 500, 600, 700, 800, 900]);
    assert_eq!(second.next, None, "the page was full, and the last");

    let backward = forward.clone().descending();
    let first = scan(&store, backward.clone(), 9).await;
    assert_eq!(numbers(&first), [900, 800, 700, 600, 500, 400, 300, 200, 100]);
    assert_eq!(numbers(&scan(&store, backward.after(first.next), 9).await), [0]);

    let between = Range::between(Build::key_of("web", 200), Build::key_of("web", 400));
    assert_eq!(numbers(&scan(&store, between, 9).await), [200, 300]);
    assert_eq!(numbers(&scan(&store, Range::from(Build::key_of("web", 850)), 9).await), [900, 1]);
    assert_eq!(scan(&store, Range::all(), 100).await.records.len(), 12);
    assert_eq!(numbers(&scan(&store, Range::starting(Key::empty(), "web"), 100).await).len(), 11);
    let past = Range::all().past(Range::prefix(Key::of("web")));
    assert_eq!(scan(&store, past, 100).await.into_records(), [Build::new("webb", 1, "DONE")]);
    assert_eq!(scan(&store, Range::all(), 0).await.records, []);
}

pub async fn an_index_follows_its_record(rig: &Rig) {
    let store = rig.open().await;
    put_builds(&store, &[Build::new("web", 1, "QUEUED"), Build::new("web", 2, "QUEUED")]).await;
    assert_eq!(with_status(&store, "QUEUED").await.len(), 2);

    put_builds(&store, &[Build::new("web", 1, "RUNNING")]).await;
    assert_eq!(with_status(&store, "QUEUED").await, [Build::new("web", 2, "QUEUED")]);
    assert_eq!(with_status(&store, "RUNNING").await, [Build::new("web", 1, "RUNNING")]);

    let deleted = store.write(|tx| tx.delete::<Build>(&Build::key_of("web", 1))).await.unwrap();
    assert!(deleted);
    assert_eq!(with_status(&store, "RUNNING").await, []);
    let again = store.write(|tx| tx.delete::<Build>(&Build::key_of("web", 1))).await.unwrap();
    assert!(!again, "it was gone already");
}

pub async fn equal_index_keys_are_paged_through(rig: &Rig) {
    let store = rig.open().await;
    let builds: Vec<_> = (0..7).map(|number| Build::new("web", number, "QUEUED")).collect();
    put_builds(&store, &builds).await;
    for descending in [false, true] {
        let range = Range::prefix(Key::of("QUEUED"));
        let range = if descending { range.descending() } else { range };
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let page_range = range.clone().after(next);
            let page =
                store.read(move |tx| tx.scan_index::<Build>("status", page_range.clone(), 3)).await.unwrap();
            found.extend(numbers(&page));
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = (0..7).collect();
        if descending {
            expected.reverse();
        }
        assert_eq!(found, expected);
    }
}

pub async fn put_if_refuses_what_changed_meanwhile(rig: &Rig) {
    let store = rig.open().await;
    let first = store.write(|tx| tx.put_if(&Build::new("web", 1, "QUEUED"), None)).await.unwrap();
    let taken = store.write(|tx| tx.put_if(&Build::new("web", 1, "AGAIN"), None)).await;
    assert!(
        matches!(taken, Err(Error::Conflict { expected: None, found: Some(found), .. }) if found == first)
    );

    let second =
        store.write(move |tx| tx.put_if(&Build::new("web", 1, "RUNNING"), Some(first))).await.unwrap();
    assert_ne!(first, second);
    let stale = store.write(move |tx| tx.put_if(&Build::new("web", 1, "LATE"), Some(first))).await;
    assert!(matches!(stale, Err(Error::Conflict { .. })), "{stale:?}");

    let read = store.read(|tx| tx.get::<Build>(&Build::key_of("web", 1))).await.unwrap().unwrap();
    assert_eq!(read.status, "RUNNING");
    let mut changed = read.clone();
    changed.status = "DONE".to_owned();
    let update = changed.clone();
    store.write(move |tx| tx.update(&update)).await.unwrap();
    let repeated = store.write(move |tx| tx.update(&changed)).await;
    assert!(matches!(repeated, Err(Error::Conflict { .. })));
    let absent = store.write(|tx| tx.put_if(&Build::new("web", 2, "X"), Some(7))).await;
    assert!(matches!(absent, Err(Error::Conflict { expected: Some(7), found: None, .. })));
}

pub async fn a_revision_is_never_repeated(rig: &Rig) {
    let mut store = rig.open().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        for _ in 0..3 {
            let revision = store.write(|tx| tx.put(&Build::new("web", 1, "QUEUED"))).await.unwrap();
            assert!(seen.insert(revision), "revision {revision} again");
            store.write(|tx| tx.delete::<Build>(&Build::key_of("web", 1))).await.unwrap();
        }
        store = rig.reopen(store).await;
    }
}

/// `Build` as a later program declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct NewBuild {
    project: String,
    number: u64,
    finished: bool,
}

impl Record for NewBuild {
    const KIND: &'static str = Build::KIND;
    const VERSION: u32 = 2;

    fn key(&self) -> Key {
        Build::key_of(&self.project, self.number)
    }

    fn indexes(&self) -> Vec<Index> {
        vec![Index::new("finished", Key::of(self.finished.to_string()))]
    }

    fn migrate(version: u32, value: serde_json::Value) -> Result<Self, Error> {
        if version != 1 {
            return Err(Error::UnknownVersion { kind: Self::KIND, version });
        }
        let old: Build = serde_json::from_value(value).unwrap();
        Ok(NewBuild { finished: old.status == "DONE", project: old.project, number: old.number })
    }
}

pub async fn records_of_an_older_version_are_migrated(rig: &Rig) {
    let store = rig.open().await;
    put_builds(&store, &[Build::new("web", 1, "DONE"), Build::new("web", 2, "QUEUED")]).await;
    let read = store.read(|tx| tx.scan::<NewBuild>(Range::all(), 9)).await.unwrap().into_records();
    assert_eq!(read.iter().map(|build| build.finished).collect::<Vec<_>>(), [true, false]);

    // Put in the new form, its old index entries go although this program does not compute them.
    let renewed = read[0].clone();
    store.write(move |tx| tx.put(&renewed)).await.unwrap();
    let old = store.read(|tx| tx.count_index::<NewBuild>("status", Range::all())).await.unwrap();
    assert_eq!(old, 1);
}

pub async fn records_of_an_unknown_version_are_refused(rig: &Rig) {
    let store = rig.open().await;
    let new = NewBuild { project: "web".to_owned(), number: 1, finished: true };
    store.write(move |tx| tx.put(&new)).await.unwrap();
    let read = store.read(|tx| tx.get::<Build>(&Build::key_of("web", 1))).await;
    assert!(matches!(read, Err(Error::UnknownVersion { kind: "test/build", version: 2 })), "{read:?}");
}

pub async fn renewing_stores_the_current_form_and_indexes(rig: &Rig) {
    let store = rig.open().await;
    let builds: Vec<_> = (0..10).map(|number| Build::new("web", number, "DONE")).collect();
    put_builds(&store, &builds).await;
    let mut next = None;
    loop {
        let after = next.clone();
        next = store.write(move |tx| tx.renew::<NewBuild>(after.clone(), 3)).await.unwrap();
        if next.is_none() {
            break;
        }
    }
    let (old, new) = store
        .read(|tx| {
            let old = tx.count_index::<NewBuild>("status", Range::all())?;
            Ok::<_, Error>((old, tx.count_index::<NewBuild>("finished", Key::of("true"))?))
        })
        .await
        .unwrap();
    assert_eq!((old, new), (0, 10));
}

pub async fn kinds_are_apart(rig: &Rig) {
    let store = rig.open().await;
    store
        .write(|tx| {
            tx.put(&Counter { name: "web".to_owned(), value: 1 })?;
            tx.put(&Build::new("web", 1, "DONE"))
        })
        .await
        .unwrap();
    let (builds, counters) = store
        .read(|tx| {
            let builds = tx.scan::<Build>(Range::all(), 9)?.into_records();
            Ok::<_, Error>((builds, tx.scan::<Counter>(Range::all(), 9)?.into_records()))
        })
        .await
        .unwrap();
    assert_eq!((builds.len(), counters.len()), (1, 1));
}

pub async fn counts_are_of_ranges(rig: &Rig) {
    let store = rig.open().await;
    put_builds(&store, &[Build::new("a", 1, "X"), Build::new("a", 2, "X"), Build::new("b", 1, "Y")]).await;
    let counts = store
        .read(|tx| {
            let all = tx.count::<Build>(Range::all())?;
            let of_a = tx.count::<Build>(Key::of("a"))?;
            Ok::<_, Error>((all, of_a, tx.count_index::<Build>("status", Key::of("Y"))?))
        })
        .await
        .unwrap();
    assert_eq!(counts, (3, 2, 1));
}

pub async fn records_survive_a_restart(rig: &Rig) {
    let store = rig.open().await;
    put_builds(&store, &[Build::new("web", 1, "QUEUED")]).await;
    let store = rig.reopen(store).await;
    assert_eq!(with_status(&store, "QUEUED").await, [Build::new("web", 1, "QUEUED")]);
}

pub async fn documents_of_many_sizes_come_back(rig: &Rig) {
    let store = rig.open().await;
    for size in [0, 1, 900, 1_100, 4_096, 70_000, 3_000_000] {
        for _first_and_again in 0..2 {
            let document = Document { name: format!("{size}"), text: "x".repeat(size) };
            let (put, key) = (document.clone(), document.key());
            store.write(move |tx| tx.put(&put)).await.unwrap();
            let read = store.read(move |tx| tx.get::<Document>(&key)).await.unwrap().unwrap();
            assert!(read.into_inner() == document, "of {size} bytes");
        }
    }
}

pub async fn keys_have_a_greatest_length(rig: &Rig) {
    let store = rig.open().await;
    // Text that does not compress: the engines must not differ in what they take.
    let name =
        |length| (0..length).map(|n: u32| char::from(b' ' + (n * n % 89 + n % 7) as u8)).collect::<String>();
    let put = |name: String| {
        let document = Document { name, text: String::new() };
        let store = store.clone();
        async move { store.write(move |tx| tx.put(&document)).await }
    };
    put(name(2_498)).await.unwrap();
    let refused = put(name(2_499)).await;
    assert!(
        matches!(refused, Err(Error::KeyTooLong { kind: "test/document", length: 2_501 })),
        "{refused:?}"
    );
    let build = Build::new(&name(1_200), 1, &name(1_300));
    let refused = store.write(move |tx| tx.put(&build)).await;
    assert!(matches!(refused, Err(Error::KeyTooLong { .. })), "{refused:?}");
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    name: String,
    text: String,
}

impl Record for Document {
    const KIND: &'static str = "test/document";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Key::of(&self.name)
    }
}
