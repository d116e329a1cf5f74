//! The folder of one build: what stands where, and what can be told from it about the supervisor.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    container::{Container, Engine, Volume},
    direct::Direct,
    event::{Event, Status},
    plan::Plan,
    process::ProcessId,
    remove::remove_folder,
    sandbox::Sandbox,
    workspace::Workspace,
};

/// Enough of the end of `events.jsonl` to hold the final event.
pub(crate) const FINAL_EVENT_BYTES: u64 = 64 * 1024;

/// `<builds>/<id>/`, readable by its owner alone.
///
/// | entry | written by | what |
/// |---|---|---|
/// | `root/` | all | the root of the environment's file system, below it `codebuild/`, `tmp/`, `root/` |
/// | `readonly/` | caller, supervisor | seen inside as `/codebuild/readonly` |
/// | `plan.json` | executor | plan and isolation; deleted as soon as the supervisor has read it, for it holds secrets |
/// | `lock` | supervisor | held as long as it lives |
/// | `supervisor.json` | supervisor | its process id and start time |
/// | `supervisor.log` | supervisor | why it could not start, if so |
/// | `output.log`, `events.jsonl` | supervisor; caller before and after it | see the crate's documentation |
/// | `engine.json` | supervisor | the engine that holds a container of this build; deleted when that is gone |
/// | `beside` | supervisor | the build has run in no environment of its own: see [`crate::Direct`] |
/// | `layers.json` | executor | the volumes that the build has for the layers of its own engine |
/// | `stop` | executor | the build is to be stopped, also if the supervisor has not started yet |
/// | `hold` | worker | up to which uptime of the machine the build may run: see [`Folder::hold_until`] |
/// | `files.zip`, `lease.json`, `result.zip` | executor of workers | see [`crate::remote`] |
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// What has become of a build's supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No supervisor has run yet.
    NotStarted,
    Running,
    Finished(Status),
    /// The supervisor is gone and has not said how the build ended.
    Lost,
}

/// What the supervisor is told, in `plan.json`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub plan: Plan,
    pub isolation: Isolation,
}

/// In what the plan's commands run.
#[derive(Serialize, Deserialize)]
pub(crate) enum Isolation {
    Sandbox(Sandbox),
    Container {
        engine: Engine,
        container: Container,
        #[serde(default)]
        volumes: Vec<Volume>,
    },
    Direct(Direct),
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files of the build, as the environment sees them.
    pub fn workspace(&self) -> Workspace {
        Workspace::new(self.path.join("root"))
    }

    /// A folder of the host that the build sees as `/codebuild/readonly`, for example for an inline buildspec.
    pub fn read_only(&self) -> PathBuf {
        self.path.join("readonly")
    }

    pub fn output_log(&self) -> PathBuf {
        self.path.join("output.log")
    }

    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    pub(crate) fn supervisor_log(&self) -> PathBuf {
        self.path.join("supervisor.log")
    }

    pub(crate) fn engine_record(&self) -> PathBuf {
        self.path.join("engine.json")
    }

    pub(crate) fn layers_record(&self) -> PathBuf {
        self.path.join("layers.json")
    }

    /// Exists as soon as somebody has asked for the build to end.
    pub(crate) fn stop_request(&self) -> PathBuf {
        self.path.join("stop")
    }

    pub(crate) fn hold(&self) -> PathBuf {
        self.path.join("hold")
    }

    /// Has the build end by itself, as if it were stopped, once the machine has been up for so many seconds, unless this
    /// is called again. Must be called before the build is started, or it is not held to it.
    pub fn hold_until(&self, uptime_seconds: u64) -> io::Result<()> {
        self.replace(&self.hold(), uptime_seconds.to_string().as_bytes())
    }

    /// Who runs the build elsewhere.
    pub(crate) fn lease(&self) -> PathBuf {
        self.path.join("lease.json")
    }

    /// Makes what is missing. May be called again at any time: once a build has run, its root stays as it is, as any part
    /// of it may be a link by then that leads to the host.
    pub(crate) fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        fs::create_dir_all(self.read_only())?;
        if !self.has_supervisor()? && !self.is_leased()? {
            self.create_root()?;
        }
        for log in [self.output_log(), self.events()] {
            OpenOptions::new().create(true).append(true).mode(0o600).open(log)?;
        }
        Ok(())
    }

    fn create_root(&self) -> io::Result<()> {
        let root = self.path.join("root");
        for inside in ["codebuild/output/tmp", "codebuild/readonly", "root", "tmp", "etc", "run", "var/tmp"] {
            fs::create_dir_all(root.join(inside))?;
        }
        for shared in ["tmp", "var/tmp"] {
            fs::set_permissions(root.join(shared), fs::Permissions::from_mode(0o1777))?;
        }
        Ok(())
    }

    pub(crate) fn write_assignment(&self, assignment: &Assignment) -> io::Result<()> {
        self.replace(&self.plan(), &serde_json::to_vec(assignment)?)
    }

    pub(crate) fn read_assignment(&self) -> io::Result<Assignment> {
        Ok(serde_json::from_slice(&fs::read(self.plan())?)?)
    }

    pub(crate) fn write_supervisor(&self, process: ProcessId) -> io::Result<()> {
        self.replace(&self.path.join("supervisor.json"), &serde_json::to_vec(&process)?)
    }

    /// Whether a supervisor has ever started.
    pub(crate) fn has_supervisor(&self) -> io::Result<bool> {
        self.path.join("supervisor.json").try_exists()
    }

    /// The archive of what a build on a worker begins with.
    pub(crate) fn carried(&self) -> PathBuf {
        self.path.join("files.zip")
    }

    /// The archive of what it leaves.
    pub(crate) fn result(&self) -> PathBuf {
        self.path.join("result.zip")
    }

    /// Whether the build runs on a worker, or has.
    pub(crate) fn is_leased(&self) -> io::Result<bool> {
        self.lease().try_exists()
    }

    /// A handle to the supervisor, if it lives.
    pub(crate) fn supervisor(&self) -> Option<OwnedFd> {
        let recorded = fs::read(self.path.join("supervisor.json")).ok()?;
        serde_json::from_slice::<ProcessId>(&recorded).ok()?.open()
    }

    /// Taken by the supervisor for as long as it lives; none if another one holds it.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(self.path.join("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Read from the files alone, so it holds across restarts of the server.
    pub fn state(&self) -> io::Result<State> {
        // A lease that nobody ends, as builds run here now, is as good as a supervisor that is lost.
        if !self.has_supervisor()? && !self.is_leased()? {
            return Ok(State::NotStarted);
        }
        if let Some(status) = self.final_status()? {
            return Ok(State::Finished(status));
        }
        if self.supervisor().is_some() {
            return Ok(State::Running);
        }
        // Read again after the supervisor was seen dead: what it had to say stands there now or never.
        Ok(self.final_status()?.map_or(State::Lost, State::Finished))
    }

    pub(crate) fn final_status(&self) -> io::Result<Option<Status>> {
        let mut events = match File::open(self.events()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let length = events.metadata()?.len();
        events.seek(SeekFrom::Start(length.saturating_sub(FINAL_EVENT_BYTES)))?;
        let mut end = Vec::new();
        events.take(FINAL_EVENT_BYTES).read_to_end(&mut end)?;
        let Some(lines) = end.strip_suffix(b"\n") else { return Ok(None) };
        let last = lines.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
        Ok(match serde_json::from_slice(last) {
            Ok(Event::Finished { status, .. }) => Some(status),
            Ok(_) | Err(_) => None,
        })
    }

    /// Appends to the log that the reader of the build sees. For the phases that the caller itself carries out:
    /// before the supervisor has started and after it has finished.
    pub fn append_output(&self, text: &str) -> io::Result<()> {
        OpenOptions::new().append(true).open(self.output_log())?.write_all(text.as_bytes())
    }

    /// Deletes the folder with everything in it. Fine if it is gone already.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove_folder(&self.path)
    }

    /// Makes the supervisor's record outlast a failure of power. Without it a build that had begun would begin again.
    pub(crate) fn sync_supervisor(&self) -> io::Result<()> {
        File::open(self.path.join("supervisor.json"))?.sync_data()?;
        File::open(&self.path)?.sync_all()
    }

    /// Writes all at once, so that no reader sees half of it.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let draft = path.with_extension(Uuid::new_v4().to_string());
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?.write_all(bytes)?;
        fs::rename(&draft, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(parent.path().join("build"));
        folder.create().unwrap();
        (parent, folder)
    }

    #[test]
    fn nothing_is_made_or_changed_through_links_that_a_build_has_left() {
        let (parent, folder) = folder();
        let outside = parent.path().join("outside");
        fs::DirBuilder::new().mode(0o700).create(&outside).unwrap();
        fs::write(folder.path().join("supervisor.json"), "{}").unwrap();
        for inside in ["tmp", "codebuild/output"] {
            let inside = folder.path().join("root").join(inside);
            fs::remove_dir_all(&inside).unwrap();
            std::os::unix::fs::symlink(&outside, inside).unwrap();
        }
        folder.create().unwrap();
        assert_eq!(fs::metadata(&outside).unwrap().permissions().mode() & 0o7777, 0o700);
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[test]
    fn state_follows_what_the_supervisor_leaves() {
        let (_parent, folder) = folder();
        assert_eq!(folder.state().unwrap(), State::NotStarted);

        folder.write_supervisor(ProcessId::own().unwrap()).unwrap();
        assert_eq!(folder.state().unwrap(), State::Running);

        fs::write(folder.path().join("supervisor.json"), r#"{"pid":1,"start_ticks":99999999999}"#).unwrap();
        assert_eq!(folder.state().unwrap(), State::Lost);

        let finished = Event::Finished {
            status: Status::Failed,
            upload_artifacts: true,
            context: crate::Context::default(),
            at: 1,
        };
        fs::write(folder.events(), serde_json::to_string(&finished).unwrap()).unwrap();
        assert_eq!(folder.state().unwrap(), State::Lost, "a line that is not ended is not an event");
        fs::write(folder.events(), serde_json::to_string(&finished).unwrap() + "\n").unwrap();
        assert_eq!(folder.state().unwrap(), State::Finished(Status::Failed));
    }

    #[test]
    fn lock_is_held_by_one() {
        let (_parent, folder) = folder();
        let held = folder.lock().unwrap();
        assert!(held.is_some());
        assert!(folder.lock().unwrap().is_none());
        drop(held);
        assert!(folder.lock().unwrap().is_some());
    }

    #[test]
    fn removed_with_folders_that_nobody_may_enter() {
        let (_parent, folder) = folder();
        let shut = folder.path().join("root/tmp/shut");
        fs::create_dir(&shut).unwrap();
        fs::write(shut.join("file"), "x").unwrap();
        fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
        folder.remove().unwrap();
        assert!(!folder.path().exists());
        folder.remove().unwrap();
    }
}
