//! What a run of requests came to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::load::Failure;

/// The rate, and the latencies below which half and 99 of 100 rounds stayed. Errors: more rounds than 2^32.
pub fn of(seconds: f64, mut latencies: Vec<Duration>) -> Result<Value, Failure> {
    latencies.sort_unstable();
    let at = |share: usize| {
        latencies.get(latencies.len() * share / 1000).copied().unwrap_or_default().as_secs_f64()
    };
    Ok(json!({
        "rounds": latencies.len(),
        "seconds": seconds,
        "rounds_per_second": f64::from(u32::try_from(latencies.len())?) / seconds,
        "p50_ms": at(500) * 1000.0,
        "p99_ms": at(990) * 1000.0,
    }))
}
