//! Isolation by a container engine: Docker, Podman, or what speaks like them on the command line.
//!
//! The supervisor drives the engine's own client, attached to the three streams of the shell loop, as it drives
//! bubblewrap. No library and no socket of an engine's is needed, the same words start containers with and without a
//! daemon and with and without root, and who holds the build stays the supervisor: a server that goes away takes
//! neither the client nor the container along.

mod client;
mod engine;
mod image;
mod layers;

pub use engine::{Engine, EngineProblem, Pull};
pub use image::{ImageName, NoImageName};
pub use layers::Layers;
use serde::{Deserialize, Serialize};

pub(crate) use client::Client;
pub(crate) use layers::{Shelf, Volume};

/// What the container of a plan is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    pub image: ImageName,
    /// With the rights of the engine over the host: for builds that run containers themselves.
    pub privileged: bool,
    /// What the build keeps of its own engine for the next one, if anything.
    #[serde(default)]
    pub layers: Option<Layers>,
}

/// The container that a project asks for, as workers are told it: whether they have it is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// In the project's words.
    pub image: String,
    pub privileged: bool,
    pub pull_as: PullAs,
    /// As of a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Layers>,
}

/// As whom an image is pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullAs {
    /// As the operator has signed the engine in.
    Operator,
    /// As nobody: what is public.
    Anybody,
    User(RegistryUser),
}

/// A name and a password of a registry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryUser {
    pub name: String,
    pub password: String,
}

impl std::fmt::Debug for RegistryUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why an environment cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Unprovided {
    #[error("no containers are run here")]
    NoEngine,
    /// In the engine's words.
    #[error("{0}")]
    Pull(String),
    #[error("the container engine {0}")]
    Engine(#[from] EngineProblem),
}
