//! The process itself, read from the kernel when it is asked for. Names are those that Prometheus's client libraries
//! share. Source: Prometheus documentation, "Writing client libraries", "Process metrics".

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

#[derive(Debug)]
pub struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let open = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        let bytes = Some(&Unit::Bytes);
        gauge(&mut encoder, "process_resident_memory", "Resident memory", bytes, resident(&status))?;
        gauge(&mut encoder, "process_open_fds", "Open file descriptors", None, open)?;
        gauge(&mut encoder, "process_max_fds", "File descriptors that may be open", None, most_files(&limits))
    }
}

/// A number that the kernel does not tell is left out.
fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: Option<u64>,
) -> fmt::Result {
    let Some(value) = value else { return Ok(()) };
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
}

/// In bytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The soft limit; `None` where there is none.
fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        assert_eq!(resident("VmSize:\t   99 kB\nVmRSS:\t  1234 kB\nThreads:\t9\n"), Some(1234 * 1024));
        let limits =
            "Max processes  10  20  processes\nMax open files            1024                 4096   files\n";
        assert_eq!(most_files(limits), Some(1024));
        assert_eq!(most_files("Max open files            unlimited  unlimited  files\n"), None);
        assert_eq!(resident(""), None);
    }
}
