//! Isolation by bubblewrap: namespaces of its own for user, processes, mounts, IPC and host name, no daemon.
//!
//! The environment has a root of its own on disk (the build folder's `root/`), in which of the host stand only its
//! programs, read-only: `/usr` (below it a `/usr/local` of the build's own), a few files of `/etc`, and the folders that the
//! operator has named. The server's data, sockets, environment and processes are not there to be found.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::{
    folder::Folder,
    local_programs::{self, LOCAL, SEEN_AT},
    plan::{Network, Plan},
};

/// Where programs are found inside, unless the build sets PATH.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin";

/// What commands begin with, unless the build sets it: texts are UTF-8, as in CodeBuild's images, and what pip and npm
/// install for everybody goes to `/usr/local`, where builds can write.
const VARIABLES: [(&str, &str); 3] =
    [("LC_CTYPE", "C.UTF-8"), ("PIP_BREAK_SYSTEM_PACKAGES", "1"), ("NPM_CONFIG_PREFIX", "/usr/local")];

/// What of the host's `/etc` programs need to work at all. Files are copied and folders mounted. Nothing here holds
/// credentials; package managers' settings (`pip.conf`, `npmrc`) may, so they are not among them.
const ETC: [&str; 23] = [
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "lsb-release",
    "maven/logging",
    "maven/m2.conf",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "perl",
    "pki",
    "protocols",
    "python3",
    "resolv.conf",
    "services",
    "ssl",
    "timezone",
];

/// Files of `/etc` beyond this are not what they should be.
const MAX_ETC_FILE_BYTES: u64 = 4 << 20;

/// Parts of `/proc` that belong to the whole machine. Root of the environment is the server's user to the kernel; if
/// that is root, the kernel lets it write here without any capability, so these are mounted read-only.
const PROC_READ_ONLY: [&str; 8] = ["acpi", "bus", "fs", "irq", "mtrr", "scsi", "sys", "sysrq-trigger"];

/// Files of `/proc` that root can read, again without any capability, and that tell about the whole machine.
const PROC_HIDDEN: [&str; 8] = [
    "kcore",
    "keys",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "sched_debug",
    "timer_list",
];

/// The operator's settings of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sandbox {
    /// The `bwrap` program.
    pub bwrap: PathBuf,
    /// Folders of the host that builds see, read-only, at the same path: toolchains outside of `/usr`.
    pub read_only_paths: Vec<PathBuf>,
    /// Folders that stand before the usual ones in PATH.
    pub search_path: Vec<String>,
    /// Folders that no build may see, also where they lie inside of one that it sees: the server's data.
    pub hidden_paths: Vec<PathBuf>,
    /// Whether a build may make further user namespaces, for container builds inside of it.
    pub nested_namespaces: bool,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            bwrap: PathBuf::from("bwrap"),
            read_only_paths: Vec::new(),
            search_path: Vec::new(),
            hidden_paths: Vec::new(),
            nested_namespaces: false,
        }
    }
}

/// Why the sandbox cannot work on this machine.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("{} is not installed: {source}. On Debian: apt-get install bubblewrap", program.display())]
    NotInstalled { program: PathBuf, source: io::Error },
    /// Most often the kernel or a container's profile forbids user namespaces.
    #[error("bubblewrap cannot make an environment here: {0}")]
    Refused(String),
}

impl Sandbox {
    /// Makes an environment and runs `true` in it. Blocks for some milliseconds.
    pub fn check(&self) -> Result<(), Problem> {
        let output = Command::new(&self.bwrap)
            .args(["--unshare-all", "--die-with-parent", "--uid", "0", "--gid", "0"])
            .args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"])
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Problem::NotInstalled { program: self.bwrap.clone(), source })?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Problem::Refused(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        }
    }

    /// The variables that the first command begins with, below those of the build.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut path: Vec<&str> = self.search_path.iter().map(String::as_str).collect();
        path.push(SEARCH_PATH);
        let others = VARIABLES.map(|(name, value)| (name, value.to_owned()));
        [("PATH", path.join(":"))].into_iter().chain(others).collect()
    }

    /// Writes the small files of `/etc`, the environment's own and the host's, and the links that the host has at its
    /// root (`/bin` to `usr/bin`). Copies, because each mount makes every later one slower.
    pub(crate) fn furnish(&self, folder: &Folder, host_name: &str) -> io::Result<()> {
        let root = folder.path().join("root");
        let etc = root.join("etc");
        fs::write(
            etc.join("passwd"),
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        )?;
        fs::write(etc.join("group"), "root:x:0:\nnogroup:x:65534:\n")?;
        fs::write(etc.join("hosts"), format!("127.0.0.1 localhost {host_name}\n::1 localhost\n"))?;
        fs::write(etc.join("hostname"), format!("{host_name}\n"))?;
        for name in etc_entries(Path::new("/etc")) {
            let file = Path::new("/etc").join(&name);
            if fs::metadata(&file).is_ok_and(|found| found.is_file() && found.len() <= MAX_ETC_FILE_BYTES) {
                let copy = etc.join(&name);
                copy.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::copy(&file, copy)?;
            }
        }
        for name in system_folders() {
            let target = root.join(&name);
            if let Ok(link) = fs::read_link(Path::new("/").join(&name))
                && !target.try_exists()?
            {
                symlink(link, target)?;
            }
        }
        let local = Path::new(LOCAL);
        match local_programs::is_there(local) {
            true => local_programs::furnish(&own_local(folder), local),
            false => Ok(()),
        }
    }

    /// The arguments of bwrap up to the command that is to run inside.
    ///
    /// No variable is among them: arguments can be read by every user of the host.
    pub(crate) fn arguments(&self, folder: &Folder, plan: &Plan, host_name: &str) -> Vec<OsString> {
        let mut arguments = Arguments::default();
        arguments.flags(&["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]);
        arguments.flags(&["--unshare-cgroup-try", "--uid", "0", "--gid", "0", "--hostname", host_name]);
        if plan.network == Network::None {
            arguments.flags(&["--unshare-net"]);
        }
        if !self.nested_namespaces {
            arguments.flags(&["--disable-userns"]);
        }
        // The environment ends with the supervisor; nothing is left behind that nobody watches.
        arguments.flags(&["--die-with-parent", "--new-session", "--clearenv"]);
        arguments.flags(&["--setenv", "PATH", SEARCH_PATH]);

        arguments.mount("--bind", &folder.path().join("root"), Path::new("/"));
        let visible = self.visible();
        for Visible { real, inside } in &visible {
            arguments.mount("--ro-bind", real, inside);
        }
        for hidden in self.hidden(&visible) {
            arguments.flags(&["--tmpfs"]);
            arguments.0.push(hidden.into_os_string());
        }
        // After what is hidden of the machine's, in whose place it stands.
        if local_programs::is_there(Path::new(LOCAL)) {
            arguments.mount("--bind", &own_local(folder), Path::new(LOCAL));
        }
        arguments.mount("--ro-bind", &folder.read_only(), Path::new("/codebuild/readonly"));
        for bind in &plan.binds {
            arguments.mount(if bind.writable { "--bind" } else { "--ro-bind" }, &bind.host, &bind.inside);
        }
        arguments.flags(&["--proc", "/proc", "--dev", "/dev"]);
        if rustix::process::geteuid().is_root() {
            arguments.cover_proc();
        }
        arguments.flags(&["--chdir", "/", "--"]);
        arguments.0
    }

    /// What a build sees of the machine, read-only.
    fn visible(&self) -> Vec<Visible> {
        let roots = system_folders()
            .map(|name| Path::new("/").join(name))
            .filter(|path| path.is_dir() && !path.is_symlink());
        let etc = Path::new("/etc");
        let settings = etc_entries(etc).into_iter().map(|name| etc.join(name)).filter(|path| path.is_dir());
        // What of the system's packages is installed.
        let packages =
            ["/var/lib/dpkg", "/var/lib/rpm"].map(PathBuf::from).into_iter().filter(|path| path.is_dir());
        let all = std::iter::once(PathBuf::from("/usr")).chain(roots).chain(settings).chain(packages);
        let all = all.chain(self.read_only_paths.iter().cloned()).map(|path| (path.clone(), path));
        let local = Path::new(LOCAL);
        let local = local_programs::is_there(local).then(|| (local.to_owned(), PathBuf::from(SEEN_AT)));
        // Resolved here: a link at this place could lead to what is not mounted inside, as resolv.conf does.
        all.chain(local)
            .filter_map(|(path, inside)| Some(Visible { real: path.canonicalize().ok()?, inside }))
            .collect()
    }

    /// The hidden folders that would else show through one of the visible ones, at the path where they would.
    fn hidden(&self, visible: &[Visible]) -> Vec<PathBuf> {
        let mut covered = Vec::new();
        for hidden in &self.hidden_paths {
            let Ok(hidden) = hidden.canonicalize() else { continue };
            let shown = visible.iter().filter_map(|Visible { real, inside }| {
                hidden.strip_prefix(real).ok().map(|below| inside.join(below))
            });
            covered.extend(shown);
        }
        covered
    }
}

/// A folder of the machine, and where a build sees it.
struct Visible {
    /// Without links.
    real: PathBuf,
    inside: PathBuf,
}

/// The environment's own `/usr/local`.
fn own_local(folder: &Folder) -> PathBuf {
    folder.path().join("root/usr/local")
}

/// What builds see of `etc`. Debian's Java keeps its settings there, a folder for each version; those of its management
/// stay out, for a password may be among them.
fn etc_entries(etc: &Path) -> Vec<PathBuf> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    };
    let of_java =
        names(etc).into_iter().filter(|name| name.starts_with("java-") && name.ends_with("-openjdk"));
    let settings = of_java.flat_map(|java| {
        let settings = names(&etc.join(&java)).into_iter().filter(|name| name != "management");
        settings.map(|name| Path::new(&java).join(name)).collect::<Vec<_>>()
    });
    ETC.iter().map(PathBuf::from).chain(settings).collect()
}

/// Folders at the host's root that belong to `/usr`: links to it on current systems, real ones on older.
fn system_folders() -> impl Iterator<Item = String> {
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32"].into_iter().map(str::to_owned)
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn flags(&mut self, flags: &[&str]) {
        self.0.extend(flags.iter().map(OsString::from));
    }

    fn cover_proc(&mut self) {
        for (names, cover) in [(PROC_READ_ONLY, None), (PROC_HIDDEN, Some("/dev/null"))] {
            for path in names.iter().map(|name| Path::new("/proc").join(name)).filter(|path| path.exists()) {
                self.mount("--ro-bind", cover.map_or(path.as_path(), Path::new), &path);
            }
        }
    }

    fn mount(&mut self, how: &str, host: &Path, inside: &Path) {
        self.0.extend([how.into(), host.as_os_str().to_owned(), inside.as_os_str().to_owned()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_folder_is_covered_where_it_would_show_through() {
        let host = tempfile::tempdir().unwrap();
        let tools = host.path().join("tools");
        let data = tools.join("data");
        fs::create_dir_all(&data).unwrap();
        let seen = host.path().join("seen");
        symlink(&tools, &seen).unwrap();
        let sandbox =
            Sandbox { hidden_paths: vec![data], read_only_paths: vec![seen.clone()], ..Sandbox::default() };
        assert_eq!(sandbox.hidden(&sandbox.visible()), [seen.join("data")]);
    }

    #[test]
    fn settings_of_java_are_seen_and_those_of_its_management_are_not() {
        let etc = tempfile::tempdir().unwrap();
        for path in ["java-17-openjdk/security", "java-17-openjdk/management", "java-config/other"] {
            fs::create_dir_all(etc.path().join(path)).unwrap();
        }
        let seen = etc_entries(etc.path());
        let of_java: Vec<_> = seen.iter().filter(|path| path.starts_with("java-17-openjdk")).collect();
        assert_eq!(of_java, [Path::new("java-17-openjdk/security")]);
        assert_eq!(seen.len(), ETC.len() + 1);
    }

    #[test]
    fn missing_program_is_named_with_the_remedy() {
        let sandbox = Sandbox { bwrap: PathBuf::from("/nonexistent/bwrap"), ..Sandbox::default() };
        let problem = sandbox.check().unwrap_err().to_string();
        assert!(problem.contains("/nonexistent/bwrap") && problem.contains("bubblewrap"), "{problem}");
    }

    #[test]
    fn works_on_this_machine() {
        Sandbox::default().check().unwrap();
    }
}
