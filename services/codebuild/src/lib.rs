//! AWS CodeBuild: projects, and builds that run isolated on this machine.
//!
//! A build is a record that a [driver](CodeBuild::run) leads through its phases. The phases INSTALL to POST_BUILD are run
//! by crate `runner` in an environment of their own and outlive this process; the others (source, artifacts, logs) are
//! done here, with the rights of the project's service role, which is assumed for real.
//!
//! **How a pipeline builds.** The project has source type CODEPIPELINE. CodePipeline calls StartBuild as its own role with
//! `sourceVersion = arn:aws:s3:::bucket/key` for the primary input, `secondarySourcesOverride` (type S3, `sourceIdentifier`
//! is the artifact's name, `location` is `bucket/key`) for further inputs, and for outputs `artifactsOverride` or
//! `secondaryArtifactsOverride` (type S3, `location` is the bucket, `path` and `name` together the key, packaging ZIP,
//! `overrideArtifactName` false; `artifactIdentifier` is the artifact's name). The build writes one ZIP for each declared
//! output at exactly that key.

mod announce;
mod artifacts;
mod auto_retry;
mod badge;
mod batch;
pub mod buildspec;
mod cache;
mod compute;
mod container;
mod credentials;
mod driver;
mod environment;
mod error;
mod expiry;
mod fleet;
mod host_access;
mod hosts;
mod meters;
mod operations;
mod project;
mod public;
mod records;
mod report;
mod role;
mod secret_reference;
mod service;
mod sessions;
mod shape;
mod sharing;
pub mod shell_stream;
mod source;
mod state;
#[cfg(test)]
mod tests;
mod tools;
mod trust;
mod webhook;
pub mod workers;

pub use badge::BadgeEndpoint;
pub use container::{Containers, Isolation, Unfit};
pub use credentials::{CredentialsEndpoint, new_token};
pub use error::Error;
pub use hosts::{GitHost, GitHosts};
pub use operations::start_build::HOLD_MINUTES;
pub use public::PublicPages;
pub use service::{CACHE_BYTES, CodeBuild, Config};
pub use sessions::SessionEndpoint;
pub use trust::Trust;
pub use webhook::endpoint::WebhookEndpoint;
pub use workers::WorkerEndpoint;

/// As which roles admit CodeBuild.
pub const PRINCIPAL: &str = "codebuild.amazonaws.com";
