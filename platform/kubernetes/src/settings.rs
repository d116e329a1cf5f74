//! What an operator says of the cluster.

use std::{collections::BTreeMap, path::PathBuf};

use runner::{ImageName, Pull};
use serde::Deserialize;
use uuid::Uuid;

/// The server whose builds run in pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Names it among those that use the cluster, for ever.
    pub id: Uuid,
    /// What signs its certificate (PEM), if that is none that everybody knows: its pods trust this and nothing else.
    pub authority: Option<String>,
}

/// `[builds.kubernetes]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How to reach the API and as whom; none: as a pod of the cluster does.
    pub kubeconfig: Option<PathBuf>,
    /// Of the kubeconfig; none: the current one.
    pub context: Option<String>,
    /// Where pods are made.
    pub namespace: String,
    /// This server's address as pods reach it.
    pub server_url: String,
    /// An image with the program of workers, and `cp`.
    pub worker_image: String,
    /// Where the program is in it. It must run in the images of projects.
    pub worker_program: String,
    /// The account of pods. They get no token of it.
    pub service_account: Option<String>,
    /// Secrets of the namespace with which images are pulled, unless the project names a credential of its own.
    pub pull_secrets: Vec<String>,
    pub node_selector: BTreeMap<String, String>,
    pub tolerations: Vec<Toleration>,
    /// When images are asked for at their registry.
    pub pull: Pull,
    /// Projects may ask for privileged mode, which is as good as root on a node.
    pub privileged: bool,
    /// Images that stand for others.
    pub images: BTreeMap<String, String>,
    /// How long it may take until the pod of a build has begun.
    pub start_seconds: u32,
    /// How long the cluster keeps a Job that has ended, if this server does not delete it.
    pub keep_seconds: u32,
}

/// As a pod has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Toleration {
    pub key: Option<String>,
    pub operator: Option<String>,
    pub value: Option<String>,
    pub effect: Option<String>,
}

/// What of the settings cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("{0} must be set")]
    Missing(&'static str),
    #[error("server_url must be an address, http://… or https://…")]
    ServerUrl,
    #[error("worker_image: {0}")]
    WorkerImage(String),
    #[error("start_seconds must be from 10 to 86400, not {0}")]
    StartSeconds(u32),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            namespace: "default".to_owned(),
            server_url: String::new(),
            worker_image: String::new(),
            worker_program: "/usr/local/bin/stagewright".to_owned(),
            service_account: None,
            pull_secrets: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            pull: Pull::default(),
            privileged: false,
            images: BTreeMap::new(),
            start_seconds: 300,
            keep_seconds: 600,
        }
    }
}

impl Settings {
    /// Errors: what no pod could be made with.
    pub fn check(&self) -> Result<(), Wrong> {
        let needed = [("server_url", &self.server_url), ("worker_image", &self.worker_image)];
        for (name, value) in needed.into_iter().chain([("namespace", &self.namespace)]) {
            if value.is_empty() {
                return Err(Wrong::Missing(name));
            }
        }
        if !["http://", "https://"].iter().any(|scheme| self.server_url.starts_with(scheme)) {
            return Err(Wrong::ServerUrl);
        }
        ImageName::parse(&self.worker_image).map_err(|error| Wrong::WorkerImage(error.to_string()))?;
        match self.start_seconds {
            10..=86_400 => Ok(()),
            other => Err(Wrong::StartSeconds(other)),
        }
    }
}
