//! How near the store comes to what SQLite and the disk can do: 64 concurrent writers of small documents, against a
//! bare loop that commits groups of as many inserts. Prints both rates, their ratio, and how reads fare meanwhile.
//!
//! `cargo run --release -p store --example group_commit [seconds] [folder]`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::{Config, Error, Key, Record, Store};

const WRITERS: usize = 64;
const DOCUMENTS: u64 = 100_000;

#[derive(Clone, Serialize, Deserialize)]
struct Document {
    writer: usize,
    number: u64,
    text: String,
}

impl Document {
    fn new(writer: usize, number: u64) -> Document {
        Document { writer, number: number % DOCUMENTS, text: "x".repeat(200) }
    }
}

impl Record for Document {
    const KIND: &'static str = "bench/document";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Key::empty().and_u64(self.writer as u64).and_u64(self.number)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let time = Duration::from_secs_f64(arguments.next().map_or(Ok(5.0), |seconds| seconds.parse())?);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = parent.join(format!("group-commit-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    // In turn, so that a disk that slows down or speeds up does so for both.
    let mut ratios = Vec::new();
    for round in 0..3 {
        let bare = bare_loop(&dir.join(format!("bare-{round}.sqlite")), time)?;
        let (stored, reads) = through_the_store(&dir.join(format!("store-{round}")), time).await?;
        println!(
            "bare group commit {bare:8.0} documents/s   store {stored:8.0} documents/s   ratio {:.2}   \
             p99 of a read meanwhile {:.2} ms",
            stored / bare,
            reads.as_secs_f64() * 1e3
        );
        ratios.push(stored / bare);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[1]);
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// Commits groups of 64 upserts into a table like the store's, as fast as one thread can.
fn bare_loop(file: &Path, time: Duration) -> Result<f64, Box<dyn std::error::Error>> {
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
         CREATE TABLE document (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
    )?;
    let mut insert = connection.prepare("INSERT OR REPLACE INTO document (key, value) VALUES (?1, ?2)")?;
    let (begun, mut number) = (Instant::now(), 0);
    while begun.elapsed() < time {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for writer in 0..WRITERS {
            let document = Document::new(writer, number);
            insert.execute((document.key().as_bytes(), serde_json::to_vec(&document)?))?;
        }
        connection.execute_batch("COMMIT")?;
        number += 1;
    }
    Ok((number * WRITERS as u64) as f64 / begun.elapsed().as_secs_f64())
}

/// The rate at which 64 tasks get their writes acknowledged, and the 99th percentile of the time of a read.
async fn through_the_store(dir: &Path, time: Duration) -> Result<(f64, Duration), Error> {
    let store = Store::open(Config::Sqlite { dir: dir.to_owned() }).await?;
    let (written, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let begun = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, written, over) = (store.clone(), written.clone(), over.clone());
            tokio::spawn(async move {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    store.write(move |tx| tx.put(&Document::new(writer, number))).await?;
                    written.fetch_add(1, Ordering::Relaxed);
                    number += 1;
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    let mut reads = Vec::new();
    while begun.elapsed() < time {
        let start = Instant::now();
        store.read(|tx| tx.get::<Document>(&Document::new(0, 0).key())).await?;
        reads.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let rate = written.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.map_err(|_| Error::Closed)??;
    }
    store.close().await;
    reads.sort();
    Ok((rate, reads.get(reads.len() * 99 / 100).copied().unwrap_or_default()))
}
