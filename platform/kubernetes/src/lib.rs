//! Builds in pods of a Kubernetes cluster: an executor beside that of workers, which makes a pod for each build.
//!
//! A build is **offered** as builds of workers are ([`runner::remote`]), but to one worker alone: the one that shows the
//! build's token. For that build a **Job** is made, whose pod runs the image that the project names, with `stagewright worker
//! --executor direct` as its first process. The worker leases the build, runs it beside itself and sends everything back, as
//! any worker does; the cluster is only asked for pods, and why there is none.
//!
//! ```text
//!  start ── offer, with a token ──► Job (suspended) ──► Secret with the token, owned by the Job ──► Job is let go
//!                                                                                                     │
//!  lease, files, output, events ◄── worker in the pod ◄── init container: the worker's program ◄──────┘
//!
//!  over ──► the Job is deleted, and with it its pod and its secrets
//! ```
//!
//! What stands where: in the cluster, labelled with the server and the build, so that a server that was killed finds its Jobs
//! again; in the build's folder, what a lease is. The token is in the Secret and nowhere else.

mod cluster;
mod executor;
mod job;
mod settings;
mod verdict;

pub use executor::{KubernetesExecutor, NewToken};
pub use job::BUILD_TOKEN;
pub use settings::{Server, Settings, Toleration, Wrong};
