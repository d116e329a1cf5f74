//! Bounds for a build as a whole: memory and the number of processes, where this process may make control groups.
//!
//! Knows both forms that systems have: one hierarchy for all controllers (version 2), or one for each (version 1).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::process::Pid;

use crate::plan::Limits;

const HIERARCHY: &str = "/sys/fs/cgroup";
/// The parent of all builds' groups.
const PARENT: &str = "stagewright";

/// The groups of one build; none where there may be none, which is no error: limits per process apply then.
#[derive(Debug, Default)]
pub(super) struct ControlGroup {
    folders: Vec<PathBuf>,
    memory: bool,
    processes: bool,
}

impl ControlGroup {
    pub fn create(build: &str, limits: &Limits) -> Self {
        let hierarchy = Path::new(HIERARCHY);
        if hierarchy.join("cgroup.controllers").exists() {
            Self::create_unified(hierarchy, build, limits)
        } else {
            Self::create_per_controller(hierarchy, build, limits)
        }
    }

    fn create_unified(hierarchy: &Path, build: &str, limits: &Limits) -> Self {
        let parent = hierarchy.join(PARENT);
        let folder = parent.join(build);
        let create = || -> io::Result<()> {
            fs::write(hierarchy.join("cgroup.subtree_control"), "+memory +pids")?;
            fs::create_dir_all(&parent)?;
            fs::write(parent.join("cgroup.subtree_control"), "+memory +pids")?;
            fs::create_dir(&folder)
        };
        if create().is_err() {
            return Self::default();
        }
        let memory = limits.memory_bytes.is_some_and(|bytes| {
            let _no_swap = fs::write(folder.join("memory.swap.max"), "0");
            fs::write(folder.join("memory.max"), bytes.to_string()).is_ok()
        });
        let processes = fs::write(folder.join("pids.max"), limits.processes.to_string()).is_ok();
        Self { folders: vec![folder], memory, processes }
    }

    fn create_per_controller(hierarchy: &Path, build: &str, limits: &Limits) -> Self {
        let mut group = Self::default();
        let mut bound = |controller: &str, file: &str, value: u64| {
            let folder = hierarchy.join(controller).join(PARENT).join(build);
            // A hierarchy that is not mounted is an empty folder, in which a folder can be made too.
            let mounted = hierarchy.join(controller).join("cgroup.procs").exists();
            if !mounted || fs::create_dir_all(&folder).is_err() {
                return false;
            }
            let bounded = fs::write(folder.join(file), value.to_string()).is_ok();
            group.folders.push(folder);
            bounded
        };
        let memory = limits.memory_bytes.is_some_and(|bytes| bound("memory", "memory.limit_in_bytes", bytes));
        let processes = bound("pids", "pids.max", limits.processes);
        Self { memory, processes, ..group }
    }

    pub fn bounds_memory(&self) -> bool {
        self.memory
    }

    pub fn bounds_processes(&self) -> bool {
        self.processes
    }

    /// Puts a process that has started nothing yet under the bounds.
    pub fn admit(&mut self, process: Pid) {
        for folder in &self.folders {
            if fs::write(folder.join("cgroup.procs"), process.as_raw_nonzero().to_string()).is_err() {
                // Bounded by all groups or by none: limits per process take their place.
                self.memory = false;
                self.processes = false;
            }
        }
    }

    /// After the last process has ended.
    pub fn remove(&self) {
        for folder in &self.folders {
            let _still_in_use = fs::remove_dir(folder);
        }
    }
}

/// Lets the kernel prepare for [`ControlGroup::admit`] while the environment is being started.
///
/// To move a process, Linux first waits until every processor has noticed that one is about to be moved (an RCU grace
/// period: 5 to 20 ms on an idle machine), and spares the next mover that wait for about as long. Moving the calling
/// process to where it is already costs that wait and changes nothing. Blocks. Where this process may not do so, it may
/// not make groups either.
pub(crate) fn prepare_admission() {
    let Ok(memberships) = fs::read_to_string("/proc/self/cgroup") else { return };
    let group = if Path::new(HIERARCHY).join("cgroup.controllers").exists() {
        own_group(&memberships, "").map(|group| Path::new(HIERARCHY).join(group))
    } else {
        own_group(&memberships, "memory").map(|group| Path::new(HIERARCHY).join("memory").join(group))
    };
    // Process 0 is the writer itself.
    let _not_permitted = group.map(|group| fs::write(group.join("cgroup.procs"), "0"));
}

/// The group, relative to the hierarchy's root, in which `/proc/self/cgroup` says the process is for a controller; the
/// hierarchy of version 2 has an empty name there.
fn own_group<'a>(memberships: &'a str, controller: &str) -> Option<&'a str> {
    memberships.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then(|| group.trim_start_matches('/'))
    })
}

/// Removes what a supervisor has left that could not clean up after itself.
pub(crate) fn discard(build: &str) {
    let hierarchy = Path::new(HIERARCHY);
    for folder in [hierarchy.to_owned(), hierarchy.join("memory"), hierarchy.join("pids")] {
        let _none_or_in_use = fs::remove_dir(folder.join(PARENT).join(build));
    }
}

#[cfg(test)]
mod tests {
    use super::own_group;

    #[test]
    fn a_process_is_in_one_group_for_each_controller() {
        let memberships = "9:name=systemd:/\n4:cpu,memory:/builds/a:b\n0::/user.slice\n";
        assert_eq!(own_group(memberships, "memory"), Some("builds/a:b"));
        assert_eq!(own_group(memberships, ""), Some("user.slice"));
        assert_eq!(own_group(memberships, "pids"), None);
    }
}
