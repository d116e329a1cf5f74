//! Bounds per process, for what a control group does not bound.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::control_group::ControlGroup;
use crate::plan::Limits;

/// Sets the limits on a process that has started no command yet; what it starts inherits them.
///
/// A limit that the kernel refuses stays as it is: it was lower already.
pub(super) fn apply(process: Pid, limits: &Limits, control_group: &ControlGroup) {
    apply_to_files(process, limits);
    let mut wanted = Vec::new();
    if !control_group.bounds_processes() {
        wanted.push((Resource::Nproc, Some(limits.processes)));
    }
    if !control_group.bounds_memory() {
        // Data, not address space: Java, Go and Node reserve far more addresses than they ever use.
        wanted.push((Resource::Data, limits.memory_bytes));
    }
    set(process, &wanted);
}

/// As [`apply`], where memory and processes are bounded otherwise.
pub(super) fn apply_to_files(process: Pid, limits: &Limits) {
    let files = [
        (Resource::Core, Some(0)),
        (Resource::Nofile, Some(limits.open_files)),
        (Resource::Fsize, limits.file_bytes),
    ];
    set(process, &files);
}

fn set(process: Pid, wanted: &[(Resource, Option<u64>)]) {
    for &(resource, value) in wanted {
        let Some(value) = value else { continue };
        let value = getrlimit(resource).maximum.map_or(value, |maximum| maximum.min(value));
        let _lower_already =
            prlimit(Some(process), resource, Rlimit { current: Some(value), maximum: Some(value) });
    }
}
