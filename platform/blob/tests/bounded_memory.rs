//! In a process of its own, whose peak it measures.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::convert::Infallible;

use blob::{Blobs, Config};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

const MEBIBYTE: usize = 1 << 20;
const SIZE: usize = 200 * MEBIBYTE;
/// What may come on top of the process as it is before, in KiB.
const ALLOWED: u64 = 24 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_megabytes_pass_through_little_memory() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(Config::Folder { dir: dir.path().to_owned() }).await.unwrap();
    let before = peak_kib();
    let pieces = stream::iter(0..SIZE / MEBIBYTE);
    let pieces = pieces.map(|number| Ok::<_, Infallible>(Bytes::from(vec![number as u8; MEBIBYTE])));
    let id = blobs.put(pieces).await.unwrap();
    assert_eq!(id.size, SIZE as u64);

    let (mut read, mut stored) = (0, blobs.get(id).await.unwrap());
    while let Some(piece) = stored.next().await {
        for byte in piece.unwrap() {
            assert_eq!(byte, (read / MEBIBYTE) as u8);
            read += 1;
        }
    }
    assert_eq!(read, SIZE);
    let grown = peak_kib() - before;
    assert!(grown < ALLOWED, "the peak grew by {grown} KiB");
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
