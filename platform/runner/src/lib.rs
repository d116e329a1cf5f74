//! Runs the commands of a build isolated from the server, behind one trait, and outlives the server.
//!
//! The server never runs a build command itself. For each build it keeps a folder ([`Folder`]), puts the source
//! into its workspace, and asks an [`Executor`] to start a [`Plan`]. The executor starts a **supervisor**: a
//! small process of its own session ([`supervisor::main`]) that holds one isolated environment, runs the phases
//! in it and appends what happens to two files of the folder: `output.log`, the bytes a reader of the log sees,
//! and `events.jsonl`, one [`Event`] a line. The server follows both by offset ([`Attachment`]); when it has been
//! restarted it attaches again and goes on where it stopped.
//!
//! ```text
//!  server ── prepare ──► <builds>/<id>/                   supervisor (own session)
//!         ── start ────► plan.json ──────────────────────►  reads it, deletes it, takes the lock
//!         ◄─ follow ──── output.log, events.jsonl ◄───────  appends; the final event is synced
//!         ── stop ─────► stop, SIGTERM ──────────────────►  SIGTERM inside, grace, SIGKILL
//!                                                             │ stdin: next script, stdout: exit codes
//!                                                             ▼ stderr: output of the commands
//!                                                           sandbox (bubblewrap) or container (Podman,
//!                                                           Docker), and in it a POSIX sh loop
//! ```
//!
//! What is absent on purpose: nothing here knows roles, buckets or AWS's API. The phases before INSTALL and after
//! POST_BUILD are the caller's.

pub mod archive;
mod attachment;
pub mod carry;
mod container;
mod direct;
mod event;
mod executor;
mod folder;
mod local_programs;
mod machine;
mod mask;
mod open;
mod plan;
mod process;
mod readiness;
pub mod remote;
mod remove;
mod sandbox;
pub mod supervisor;
mod timestamp;
mod watch;
pub mod workspace;

pub use attachment::{Attachment, Position, Update};
pub use container::{
    Container, Engine, EngineProblem, ImageName, Layers, NoImageName, Pull, PullAs, RegistryUser, Requested,
    Unprovided,
};
pub use direct::{Direct, NotAlone};
pub use event::{Context, Event, PhaseStatus, Status};
pub use executor::{ContainerExecutor, Error, Executor, SandboxExecutor};
pub use folder::{Folder, State};
pub use machine::is_of_machine;
pub use mask::mask;
pub use open::{CommandOutput, Open, Pipes, Size, Terminal};
pub use plan::{Bind, Limits, Network, OnFailure, Phase, PhasePlan, Plan, Pool, Retry, Session, Shell};
pub use remove::{remove_file, remove_folder};
pub use sandbox::{Problem, Sandbox};
pub use timestamp::{agent_line, now_millis, uptime_seconds};
pub use workspace::{Workspace, WorkspaceError};
