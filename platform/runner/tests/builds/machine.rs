//! A machine that runs builds: an executor on a folder of its own, and words to tell a build's story with.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use runner::{
    Attachment, Event, Executor, Phase, PhasePlan, PhaseStatus, Plan, Position, Sandbox, SandboxExecutor,
    Status, Update,
};
use uuid::Uuid;

/// Far longer than any of these builds takes: a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(60);
pub const SOURCE: &str = "/codebuild/output/src1/src";

pub struct Machine {
    pub data: tempfile::TempDir,
    pub executor: SandboxExecutor,
}

/// All that a reader learned of a build.
#[derive(Debug, Default)]
pub struct Story {
    pub log: String,
    pub events: Vec<Event>,
    pub lost: bool,
    pub position: Position,
}

impl Machine {
    pub fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let executor = executor(data.path(), Sandbox::default());
        Self { data, executor }
    }

    /// The server is started anew on the same data.
    pub fn restart(&mut self) {
        self.executor = executor(self.data.path(), Sandbox::default());
    }

    pub async fn start(&self, plan: &Plan) {
        let folder = self.executor.prepare(plan.id).await.unwrap();
        folder.workspace().create_directory(Path::new(SOURCE)).unwrap();
        self.executor.start(plan).await.unwrap();
    }

    pub async fn run(&self, plan: &Plan) -> Story {
        self.start(plan).await;
        self.finish(plan.id).await
    }

    /// Follows a build from the beginning to its end.
    pub async fn finish(&self, id: Uuid) -> Story {
        let mut attachment = self.executor.attach(id, Position::default()).await.unwrap();
        let mut story = Story::default();
        story.follow(&mut attachment, |_| false).await;
        story
    }
}

pub fn executor(data: &Path, sandbox: Sandbox) -> SandboxExecutor {
    SandboxExecutor::new(data.join("builds"), supervisor(), sandbox).unwrap()
}

/// The example program, which Cargo builds for the tests.
fn supervisor() -> Vec<OsString> {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program: PathBuf = profile.join("examples/hold_build");
    assert!(program.exists(), "{} is built by `cargo test`", program.display());
    vec![program.into()]
}

impl Story {
    /// Reads on until the build has ended or `enough` says so.
    pub async fn follow(&mut self, attachment: &mut Attachment, enough: impl Fn(&Self) -> bool) {
        let read = async {
            loop {
                match attachment.next().await.unwrap() {
                    Update::Output(bytes) => self.log.push_str(&String::from_utf8_lossy(&bytes)),
                    Update::Event(event) => {
                        let last = event.is_final();
                        self.events.push(event);
                        if last {
                            break;
                        }
                    }
                    Update::Lost => {
                        self.lost = true;
                        break;
                    }
                }
                if enough(self) {
                    break;
                }
            }
        };
        let ended = tokio::time::timeout(DEADLINE, read).await;
        self.position = attachment.position();
        assert!(ended.is_ok(), "the build did not come to an end:\n{}", self.log);
    }

    pub fn status(&self) -> Status {
        match self.events.last() {
            Some(Event::Finished { status, .. }) => *status,
            other => panic!("the last event is {other:?}\n{}", self.log),
        }
    }

    /// `INSTALL SUCCEEDED`, in order.
    pub fn phases(&self) -> Vec<String> {
        let finished = self.events.iter().filter_map(|event| match event {
            Event::PhaseFinished { phase, status, .. } => Some(format!("{phase} {}", status.as_str())),
            _ => None,
        });
        finished.collect()
    }

    /// Code and message of the first phase that went wrong.
    pub fn failure(&self) -> (&str, &str) {
        let failed = self.events.iter().find_map(|event| match event {
            Event::PhaseFinished { status: PhaseStatus::Succeeded, .. } => None,
            Event::PhaseFinished { context, .. } => {
                Some((context.status_code.as_str(), context.message.as_str()))
            }
            _ => None,
        });
        failed.unwrap_or_else(|| panic!("no phase failed:\n{}", self.log))
    }

    pub fn exit_codes(&self) -> Vec<i32> {
        let ended = self.events.iter().filter_map(|event| match event {
            Event::CommandEnded { exit_code, .. } => Some(*exit_code),
            _ => None,
        });
        ended.collect()
    }

    /// What commands wrote: the log without the agent's lines and without empty ones.
    pub fn output(&self) -> Vec<&str> {
        self.log.lines().filter(|line| !line.is_empty() && !line.starts_with("[Container]")).collect()
    }
}

pub fn phase(phase: Phase, commands: &[&str]) -> PhasePlan {
    PhasePlan {
        phase,
        commands: commands.iter().map(|&command| command.to_owned()).collect(),
        finally: vec![],
        on_failure: runner::OnFailure::Default,
        run_as: None,
    }
}

pub fn plan(phases: Vec<PhasePlan>) -> Plan {
    Plan {
        id: Uuid::new_v4(),
        phases,
        shell: runner::Shell::Sh,
        session: runner::Session::Shared,
        environment: BTreeMap::new(),
        secrets: vec![],
        source_directory: SOURCE.into(),
        exported_variables: vec![],
        evaluate: BTreeMap::new(),
        timeout_seconds: 50,
        grace_seconds: 5,
        network: runner::Network::Host,
        limits: runner::Limits::default(),
        binds: vec![],
        container: None,
        has_own_endpoint: false,
        open: None,
        pool: None,
        requested: None,
        leaves_files: true,
    }
}

/// A plan with these commands in BUILD.
pub fn build(commands: &[&str]) -> Plan {
    plan(vec![phase(Phase::Build, commands)])
}
