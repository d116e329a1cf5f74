//! Looks at processes of this machine: who is alive, who descends from whom.

use std::{collections::HashMap, fs, os::fd::OwnedFd};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

/// A process that cannot be confused with a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pid: i32,
    /// Clock ticks after boot, from `/proc/<pid>/stat`.
    start_ticks: u64,
}

impl ProcessId {
    /// The calling process.
    pub fn own() -> Option<Self> {
        Self::of(rustix::process::getpid())
    }

    fn of(pid: Pid) -> Option<Self> {
        let pid = pid.as_raw_nonzero().get();
        Some(Self { pid, start_ticks: Stat::read(pid)?.start_ticks })
    }

    /// A handle that stays with this very process; none if it is gone.
    pub fn open(self) -> Option<OwnedFd> {
        let pid = Pid::from_raw(self.pid)?;
        let handle = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
        // Compared after opening: from here on the number cannot be given to another process unnoticed.
        (Self::of(pid)? == self).then_some(handle)
    }
}

struct Stat {
    parent: i32,
    start_ticks: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name in parentheses may hold blanks and parentheses itself, so fields count from the last one.
    fn parse(stat: &str) -> Option<Self> {
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let parent = fields.nth(1)?.parse().ok()?;
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Self { parent, start_ticks })
    }
}

/// All processes that this one can see.
pub(crate) fn all() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// A process and those above it, up to the first.
pub(crate) fn ancestors(process: Pid) -> Vec<Pid> {
    let parent = |pid: &Pid| Pid::from_raw(Stat::read(pid.as_raw_nonzero().get())?.parent);
    std::iter::successors(Some(process), parent).collect()
}

/// All processes below `ancestor`, parents before children, `ancestor` itself left out.
pub(crate) fn descendants(ancestor: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if let Some(stat) = Stat::read(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut pending = vec![ancestor.as_raw_nonzero().get()];
    while let Some(pid) = pending.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            pending.push(child);
            found.extend(Pid::from_raw(child));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_with_blanks_and_parentheses_is_skipped() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.parent, stat.start_ticks), (3, 4711));
    }

    #[test]
    fn own_process_is_alive_and_another_start_time_is_not() {
        let own = ProcessId::own().unwrap();
        assert!(own.open().is_some());
        assert!(ProcessId { start_ticks: own.start_ticks + 1, ..own }.open().is_none());
    }

    #[test]
    fn child_is_a_descendant() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(descendants(rustix::process::getpid()).contains(&pid));
        assert!(all().contains(&pid));
        let above = ancestors(pid);
        assert_eq!(above[..2], [pid, rustix::process::getpid()]);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
