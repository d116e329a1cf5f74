//! What holds for the embedded engine beyond the contract: its folder, its backups, its crashes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "contract/rig.rs"]
mod rig;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rig::{Build, Counter, soon};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use store::{Config, Error, Key, Range, Record, Store};
use tokio::task::JoinSet;

const CHILD_DIR: &str = "STORE_TEST_CHILD_DIR";
const WRITERS: u64 = 8;

async fn open(dir: &Path) -> Result<Store, Error> {
    Store::open(Config::Sqlite { dir: dir.to_owned() }).await
}

async fn set(store: &Store, name: &'static str, value: u64) {
    store.write(move |tx| tx.put(&Counter { name: name.to_owned(), value })).await.unwrap();
}

async fn value(store: &Store, name: &str) -> Option<u64> {
    let key = Key::of(name);
    store.read(move |tx| tx.get::<Counter>(&key)).await.unwrap().map(|counter| counter.value)
}

#[tokio::test]
async fn a_folder_is_opened_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await.unwrap();
    let second = open(dir.path()).await;
    assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    store.close().await;
    open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).await.unwrap().close().await;
    let raw = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
    raw.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(raw);
    let refused = open(dir.path()).await;
    assert!(matches!(refused, Err(Error::NewerSchema { found: 99, .. })), "{refused:?}");
}

#[tokio::test]
async fn documents_of_the_first_schema_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let raw = rusqlite::Connection::open(dir.path().join("store.sqlite")).unwrap();
    raw.execute_batch(include_str!("../src/sqlite/schema_1.sql")).unwrap();
    raw.execute_batch("PRAGMA user_version = 1").unwrap();
    let sql =
        "INSERT INTO record (kind, key, revision, version, indexes, value) VALUES (?1, ?2, 7, 1, x'', ?3)";
    for name in ["left", "right"] {
        let counter = Counter { name: name.to_owned(), value: 3 };
        let value = serde_json::to_vec(&counter).unwrap();
        raw.execute(sql, (Counter::KIND, Key::of(name).as_bytes(), value)).unwrap();
    }
    raw.execute_batch("UPDATE number SET last = 7").unwrap();
    drop(raw);
    let store = open(dir.path()).await.unwrap();
    set(&store, "left", 4).await;
    assert_eq!((value(&store, "left").await, value(&store, "right").await), (Some(4), Some(3)));
    let all = store.read(|tx| tx.count::<Counter>(Range::all())).await;
    assert_eq!(all.unwrap(), 2, "a document is stored over the one of its key");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("store.sqlite"), "x".repeat(10_000)).unwrap();
    assert!(open(dir.path()).await.is_err());
}

#[tokio::test]
async fn a_backup_under_load_is_one_consistent_state() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("data")).await.unwrap();
    set(&store, "left", 0).await;
    set(&store, "right", 0).await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for value in 1..=u64::MAX {
                let both = store.write(move |tx| {
                    tx.put(&Counter { name: "left".to_owned(), value })?;
                    tx.put(&Build::new("web", value, "DONE"))?;
                    tx.put(&Counter { name: "right".to_owned(), value })
                });
                both.await.unwrap();
            }
        }
    });
    for number in 0..3 {
        let file = dir.path().join(format!("backup-{number}"));
        let taken = store.backup(&file).await.unwrap();
        assert_eq!(store::verify(&file).await.unwrap(), taken);
        let existing = store.backup(&file).await;
        assert!(matches!(existing, Err(Error::File { .. })), "a backup is not overwritten");

        let restored = dir.path().join(format!("restored-{number}"));
        assert_eq!(store::restore(&file, &restored).await.unwrap(), taken);
        let copy = open(&restored).await.unwrap();
        let (left, right) = (value(&copy, "left").await, value(&copy, "right").await);
        assert_eq!(left, right);
        let builds = copy.read(|tx| tx.count::<Build>(Range::all())).await.unwrap();
        assert_eq!(Some(builds), left);
        set(&copy, "left", 1).await;
        copy.close().await;
        let occupied = store::restore(&file, &restored).await;
        assert!(matches!(occupied, Err(Error::File { .. })), "a database is not overwritten");
    }
    writer.abort();
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("data")).await.unwrap();
    for number in 0..200 {
        store.write(move |tx| tx.put(&Build::new("web", number, &"x".repeat(500)))).await.unwrap();
    }
    let file = dir.path().join("backup");
    store.backup(&file).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let target = dir.path().join("restored");
    for damaged in [
        whole[..whole.len() / 2].to_vec(),
        [&whole[..8_192], &vec![0xA5; 4_096][..], &whole[12_288..]].concat(),
        b"no database".to_vec(),
        Vec::new(),
    ] {
        std::fs::write(&file, damaged).unwrap();
        let refused = store::restore(&file, &target).await;
        assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
        assert!(!target.join("store.sqlite").exists());
    }
}

/// Every writer counts up its counter; the transaction also appends the count to the outbox and enqueues it.
async fn count_up(store: &Store, writer: u64) -> u64 {
    let name = format!("writer {writer}");
    let count = store.write(move |tx| {
        let value = tx.get::<Counter>(&Key::of(&name))?.map_or(0, |counter| counter.value) + 1;
        tx.put(&Counter { name: name.clone(), value })?;
        tx.append("counts", &(writer, value))?;
        tx.enqueue("counts", &format!("{writer}:{value}"), &value, None)?;
        Ok::<_, Error>(value)
    });
    count.await.unwrap()
}

fn acknowledge(writer: u64, value: u64) {
    // In one call, so that a line is whole or absent.
    std::io::stdout().write_all(format!("acknowledged {writer} {value}\n").as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by what_was_acknowledged_survives_a_kill, in a process of its own"]
async fn child_counts_up_until_it_is_killed() {
    let store = open(Path::new(&std::env::var(CHILD_DIR).unwrap())).await.unwrap();
    let mut writers = JoinSet::<()>::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            loop {
                acknowledge(writer, count_up(&store, writer).await);
            }
        });
    }
    let ended = writers.join_next().await;
    panic!("a writer ended: {ended:?}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::<u64, u64>::new();
    for _round in 0..5 {
        let noise = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_micros();
        let kill_after = 1 + noise as usize % 400;
        acknowledged.extend(run_and_kill("child_counts_up_until_it_is_killed", dir.path(), kill_after));
        check_counts(dir.path(), &acknowledged).await;
    }
}

fn run_and_kill(test: &str, dir: &Path, kill_after: usize) -> BTreeMap<u64, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeMap::new();
    let mut lines = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some((writer, value)) = parse(&line.unwrap()) {
            acknowledged.insert(writer, value);
            lines += 1;
            if lines == kill_after {
                child.kill().unwrap();
            }
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(lines >= kill_after, "the child ended before it was killed");
    acknowledged
}

fn parse(line: &str) -> Option<(u64, u64)> {
    // The first line may begin with the name of the test.
    let (_, numbers) = line.split_once("acknowledged ")?;
    let (writer, value) = numbers.split_once(' ')?;
    Some((writer.parse().unwrap(), value.parse().unwrap()))
}

async fn check_counts(dir: &Path, acknowledged: &BTreeMap<u64, u64>) {
    let store = open(dir).await.unwrap();
    let mut total = 0;
    let mut appended = BTreeMap::<u64, u64>::new();
    let mut subscription = store.subscribe("counts", "check").await.unwrap();
    while let Some(delivery) = subscription.try_next().await.unwrap() {
        let (writer, value): (u64, u64) = delivery.payload.parse().unwrap();
        let last = appended.entry(writer).or_default();
        assert_eq!(value, *last + 1, "of writer {writer}");
        *last = value;
        total += 1;
    }
    for writer in 0..WRITERS {
        let stored = value(&store, &format!("writer {writer}")).await.unwrap_or(0);
        let acknowledged = acknowledged.get(&writer).copied().unwrap_or(0);
        assert!(
            stored >= acknowledged,
            "writer {writer}: {acknowledged} was acknowledged, {stored} is there"
        );
        assert_eq!(appended.get(&writer).copied().unwrap_or(0), stored);
    }
    assert_eq!(store.read(|tx| tx.queue_length("counts")).await.unwrap(), total);
    store.close().await;
}

#[tokio::test]
#[ignore = "run by a_disk_that_fails_loses_nothing_acknowledged, in a process of its own"]
async fn child_meets_a_failing_disk() {
    let store = open(Path::new(&std::env::var(CHILD_DIR).unwrap())).await.unwrap();
    acknowledge(0, count_up(&store, 0).await);
    let limits = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(2_000_000), maximum: limits.maximum }).unwrap();
    let failed = loop {
        let number = value(&store, "filler").await.unwrap_or(0) + 1;
        let filled = store.write(move |tx| {
            tx.put(&Build::new(&"f".repeat(500), number, "FILLER"))?;
            tx.put(&Counter { name: "filler".to_owned(), value: number })
        });
        match filled.await {
            Ok(_) => acknowledge(1, number),
            Err(error) => break error,
        }
    };
    assert!(!matches!(failed, Error::Conflict { .. } | Error::Closed), "{failed}");
    // Reads go on while the disk fails, and writes once it no longer does.
    assert_eq!(value(&store, "writer 0").await, Some(1));
    setrlimit(Resource::Fsize, limits).unwrap();
    acknowledge(0, count_up(&store, 0).await);
    let filler = value(&store, "filler").await.unwrap();
    let builds = store.read(|tx| tx.count::<Build>(Range::all())).await.unwrap();
    assert_eq!(filler, builds, "the failed transaction left no half behind");
}

/// The kernel refuses to let files grow beyond a limit, as a failing disk would refuse a write.
#[tokio::test]
async fn a_disk_that_fails_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        // Without the signal, the write fails instead of the process.
        .args(["-c", r#"trap '' XFSZ; exec "$@""#, "bash"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_meets_a_failing_disk", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let acknowledged: BTreeMap<_, _> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(parse).collect();
    let store = open(dir.path()).await.unwrap();
    assert_eq!(value(&store, "writer 0").await, Some(2));
    assert!(acknowledged[&1] > 10, "the limit came too early to show anything");
    assert!(value(&store, "filler").await >= Some(acknowledged[&1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_store_frees_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await.unwrap());
    let reopened = async {
        loop {
            match open(dir.path()).await {
                Ok(store) => return store,
                Err(Error::Locked { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    soon(reopened).await;
}
