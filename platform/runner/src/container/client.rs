//! The container of one build, by the engine's client.

use std::{io, path::Path, process::Stdio};

use rustix::process::{Resource, getrlimit};
use tokio::process::Command;
use uuid::Uuid;

use super::{Container, Engine, EngineProblem, Volume};
use crate::{
    folder::Folder,
    plan::{Network, Plan},
};

/// Containers of builds carry it, with the folder of all builds.
const LABEL: &str = "stagewright.builds";

/// The folder that is shared read-only belongs to who owns all of them, whatever its number is inside.
const HAND_OVER: &str =
    r#"kill -KILL -1; chown -R "$(stat -c %u:%g /codebuild/readonly)" /codebuild/output /tmp"#;

fn name_of(build: Uuid) -> String {
    format!("stagewright-{build}")
}

/// The engine's client for one build.
pub(crate) struct Client<'a> {
    engine: &'a Engine,
    name: String,
}

impl<'a> Client<'a> {
    pub fn new(engine: &'a Engine, build: Uuid) -> Self {
        Self { engine, name: name_of(build) }
    }

    /// Runs `/bin/sh` with `arguments` in a new container, attached to three pipes. The container goes away when it
    /// ends. No variable is among the arguments: these can be read by every user of the host.
    pub fn run(
        &self,
        folder: &Folder,
        plan: &Plan,
        (container, volumes): (&Container, &[Volume]),
        arguments: &[&str],
    ) -> Command {
        let mut command = self.engine.client(&["run", "--rm", "--interactive", "--pull", "never"]);
        command.args(["--name", &self.name, "--hostname", &host_name(plan.id)]);
        command.args(["--label", &label(folder.path().parent().unwrap_or(folder.path()))]);
        // Output is the supervisor's to keep, and what is to end at once ends at once.
        command.args(["--log-driver", "none", "--stop-timeout", "0"]);
        command.args(["--user", "0:0", "--workdir", "/", "--entrypoint", "/bin/sh"]);
        command.args(["--network", network(self.engine, plan.network)]);
        if container.privileged {
            command.arg("--privileged");
        }
        command.args(bounds(plan));
        let root = folder.path().join("root");
        let mut mount = |host: &Path, inside: &Path, writable: bool| {
            command.arg("--mount").arg(bind(host, inside, writable));
        };
        mount(&root.join("codebuild"), Path::new("/codebuild"), true);
        mount(&root.join("tmp"), Path::new("/tmp"), true);
        mount(&folder.read_only(), Path::new("/codebuild/readonly"), false);
        for shared in &plan.binds {
            mount(&shared.host, &shared.inside, shared.writable);
        }
        for Volume { name, inside } in volumes {
            command.arg("--mount").arg(format!("type=volume,source={name},target={}", inside.display()));
        }
        command.args(&self.engine.run_arguments).arg(container.image.as_str()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// SIGTERM to everything inside but the loop, which the kernel spares as process 1.
    pub async fn terminate(&self) -> Result<(), EngineProblem> {
        let exec = self.engine.client(&["exec", &self.name, "/bin/sh", "-c", "kill -TERM -1"]);
        self.engine.in_time(exec).await.map(|_| ())
    }

    /// Gives everything that users of the container have made in the shared folders to the owner of the build's folder,
    /// who could else not delete it. Ends what still runs. Nothing to do for root.
    pub async fn hand_over(&self) -> Result<(), EngineProblem> {
        if rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let exec = self.engine.client(&["exec", "--user", "0:0", &self.name, "/bin/sh", "-c", HAND_OVER]);
        self.engine.in_time(exec).await.map(|_| ())
    }

    /// Ends the container with all that runs in it. Fine if there is none.
    pub async fn remove(&self) -> Result<(), EngineProblem> {
        let removal = self.engine.client(&["rm", "--force", "--volumes", &self.name]);
        match self.engine.in_time(removal).await {
            Err(EngineProblem::Refused { complaint, .. }) if is_unknown(&complaint) => Ok(()),
            removed => removed.map(|_| ()),
        }
    }
}

impl Engine {
    /// The builds below this folder that have a container.
    pub(crate) async fn builds(&self, builds: &Path) -> Result<Vec<Uuid>, EngineProblem> {
        let filter = format!("label={}", label(builds));
        let list = self.client(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"]);
        let names = self.in_time(list).await?;
        Ok(names.lines().filter_map(|name| name.strip_prefix("stagewright-")?.parse().ok()).collect())
    }
}

/// Podman's words, and Docker's.
fn is_unknown(complaint: &str) -> bool {
    let complaint = complaint.to_ascii_lowercase();
    ["no such container", "no container with name", "no such object"]
        .iter()
        .any(|words| complaint.contains(words))
}

fn label(builds: &Path) -> String {
    format!("{LABEL}={}", builds.display())
}

/// As in a sandbox.
fn host_name(build: Uuid) -> String {
    build.simple().to_string().chars().take(12).collect()
}

fn network(engine: &Engine, network: Network) -> &str {
    match network {
        Network::Host => &engine.network,
        Network::None => "none",
    }
}

fn bind(host: &Path, inside: &Path, writable: bool) -> String {
    let access = if writable { "" } else { ",readonly" };
    format!("type=bind,source={},target={}{access}", host.display(), inside.display())
}

/// A bound that this process has itself cannot be raised for its children, with an engine that needs no daemon.
fn bounds(plan: &Plan) -> Vec<String> {
    let limits = &plan.limits;
    let at_most = |wanted: u64, resource| getrlimit(resource).maximum.map_or(wanted, |own| own.min(wanted));
    let files = at_most(limits.open_files, Resource::Nofile);
    let processes = at_most(limits.processes, Resource::Nproc);
    let mut bounds = vec![
        format!("--pids-limit={}", limits.processes),
        format!("--ulimit=nofile={files}:{files}"),
        format!("--ulimit=nproc={processes}:{processes}"),
        "--ulimit=core=0:0".to_owned(),
    ];
    if let Some(bytes) = limits.file_bytes {
        bounds.push(format!("--ulimit=fsize={bytes}:{bytes}"));
    }
    if let Some(bytes) = limits.memory_bytes {
        // Memory and swap together: so there is no swap.
        bounds.extend([format!("--memory={bytes}"), format!("--memory-swap={bytes}")]);
    }
    if let Some(wanted) = limits.processors {
        // Engines refuse more than the machine has.
        let there = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        bounds.push(format!("--cpus={}", u64::from(wanted).min(there as u64)));
    }
    bounds
}

/// Written before the container is started, so that whoever cleans up knows of it; deleted when it is gone.
impl Folder {
    pub(crate) fn write_engine(&self, engine: &Engine) -> io::Result<()> {
        self.replace(&self.engine_record(), &serde_json::to_vec(engine)?)
    }

    /// The engine that may still hold a container of this build.
    pub(crate) fn engine(&self) -> io::Result<Option<Engine>> {
        match std::fs::read(self.engine_record()) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn forget_engine(&self) -> io::Result<()> {
        match std::fs::remove_file(self.engine_record()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_is_gone_is_known_by_the_words_of_both_engines() {
        for complaint in [
            "Error: no container with name or ID \"x\" found: no such container",
            "Error response from daemon: No such container: x",
        ] {
            assert!(is_unknown(complaint), "{complaint}");
        }
        assert!(!is_unknown("Error: cannot remove container: device or resource busy"));
    }

    #[test]
    fn bounds_are_within_those_of_this_process() {
        let plan: Plan = serde_json::from_value(serde_json::json!({
            "id": Uuid::nil(), "phases": [], "source_directory": "/codebuild", "timeout_seconds": 1,
            "limits": {"processes": 100, "memory_bytes": 1024, "file_bytes": 5, "open_files": u64::MAX, "log_bytes": 1, "processors": 999},
        }))
        .unwrap();
        let bounds = bounds(&plan);
        let own = getrlimit(Resource::Nofile).maximum;
        if let Some(own) = own {
            assert!(bounds.contains(&format!("--ulimit=nofile={own}:{own}")), "{bounds:?}");
        }
        for expected in ["--pids-limit=100", "--ulimit=fsize=5:5", "--memory=1024", "--memory-swap=1024"] {
            assert!(bounds.iter().any(|bound| bound == expected), "{bounds:?}");
        }
        assert!(!bounds.contains(&"--cpus=999".to_owned()));
    }
}
