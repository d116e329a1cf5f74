//! The operator's settings of the engine, and what the server itself asks of it: whether it is there, and images.

use std::{
    collections::BTreeMap, fs, io, os::unix::fs::OpenOptionsExt, path::Path, process::Stdio, time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{process::Command, time::timeout};

use super::{ImageName, PullAs, Unprovided};

/// What the client needs of the server's environment to find its engine. Nothing else goes along.
const ENVIRONMENT: [&str; 13] = [
    "PATH",
    "HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "TMPDIR",
    "CONTAINER_HOST",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINERS_REGISTRIES_CONF",
    "REGISTRY_AUTH_FILE",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
];
/// Where Docker keeps what belongs to Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// An engine that takes longer for anything but a pull is not going to do it.
const PATIENCE: Duration = Duration::from_secs(60);
/// What of the engine's complaints is reported.
const COMPLAINT_BYTES: usize = 4096;

/// When an image is asked for at its registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pull {
    /// When it is not on this machine. What one project has pulled, every other one can run.
    #[default]
    Missing,
    /// Before each build: the registry decides each time who may have it.
    Always,
}

/// A container engine, as it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// The client, and arguments that stand before its command: `["podman", "--runtime", "runc"]`. Not empty.
    pub command: Vec<String>,
    /// Further arguments of its `run`.
    pub run_arguments: Vec<String>,
    /// The network of builds that have one, in the engine's words.
    pub network: String,
    pub pull: Pull,
    environment: BTreeMap<String, String>,
}

/// Why the engine cannot do its work on this machine.
#[derive(Debug, thiserror::Error)]
pub enum EngineProblem {
    #[error("{program} cannot be run: {source}")]
    NotInstalled { program: String, source: io::Error },
    #[error("{program} refuses: {complaint}")]
    Refused { program: String, complaint: String },
}

impl Engine {
    /// The engine of the calling process's environment.
    pub fn new(command: Vec<String>) -> Self {
        let environment =
            ENVIRONMENT.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
        Self {
            command,
            run_arguments: Vec::new(),
            network: "host".to_owned(),
            pull: Pull::default(),
            environment: environment.collect(),
        }
    }

    /// Whether the engine answers: its version.
    pub async fn check(&self) -> Result<String, EngineProblem> {
        // `version` asks the daemon too, where there is one.
        let answer = self.in_time(self.client(&["version", "--format", "{{.Client.Version}}"])).await?;
        Ok(format!("{} {}", self.program(), answer.trim()))
    }

    fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// The client with arguments, in an environment of its own. It ends with whoever waits for it.
    pub(super) fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program());
        command.args(self.command.iter().skip(1)).args(arguments).current_dir("/");
        command.env_clear().envs(&self.environment).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// As `run`, but gives up on an engine that does not answer.
    pub(super) async fn in_time(&self, command: Command) -> Result<String, EngineProblem> {
        let silent = || EngineProblem::Refused {
            program: self.program().to_owned(),
            complaint: "it does not answer".to_owned(),
        };
        timeout(PATIENCE, self.run(command)).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Gives what it prints. For as long as it takes: pulling an image may take minutes.
    async fn run(&self, mut command: Command) -> Result<String, EngineProblem> {
        let program = || self.program().to_owned();
        let output = command.output().await;
        let output = output.map_err(|source| EngineProblem::NotInstalled { program: program(), source })?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(EngineProblem::Refused { program: program(), complaint: complaint(&output.stderr) }),
        }
    }

    /// Sees to it that the image is on this machine. `scratch` is a folder for files that are deleted again.
    pub(crate) async fn provide(
        &self,
        image: &ImageName,
        pull_as: &PullAs,
        scratch: &Path,
    ) -> Result<(), Unprovided> {
        let is_there = match self.in_time(self.client(&["image", "inspect", image.as_str()])).await {
            Ok(_) => true,
            Err(EngineProblem::Refused { .. }) => false,
            Err(missing @ EngineProblem::NotInstalled { .. }) => return Err(missing.into()),
        };
        if is_there && self.pull == Pull::Missing {
            return Ok(());
        }
        let mut command = self.client(&["pull", "--quiet", image.as_str()]);
        let signed_in =
            SignedIn::write(scratch, image, pull_as).map_err(|error| Unprovided::Pull(error.to_string()))?;
        if let Some(SignedIn(folder)) = &signed_in {
            command.env("DOCKER_CONFIG", folder).env("REGISTRY_AUTH_FILE", folder.join("config.json"));
        }
        match self.run(command).await {
            Ok(_) => Ok(()),
            Err(EngineProblem::Refused { complaint, .. }) => Err(Unprovided::Pull(complaint)),
            Err(missing @ EngineProblem::NotInstalled { .. }) => Err(missing.into()),
        }
    }
}

/// A folder with the file that both engines read names and passwords from; it goes away with this.
struct SignedIn(std::path::PathBuf);

impl SignedIn {
    /// None where the engine's own file is to be used.
    fn write(scratch: &Path, image: &ImageName, pull_as: &PullAs) -> io::Result<Option<Self>> {
        let accounts = match pull_as {
            PullAs::Operator => return Ok(None),
            PullAs::Anybody => json!({}),
            PullAs::User(user) => {
                let account =
                    json!({"auth": BASE64_STANDARD.encode(format!("{}:{}", user.name, user.password))});
                match image.registry() {
                    "docker.io" => json!({"docker.io": account, DOCKER_HUB: account}),
                    registry => json!({registry: account}),
                }
            }
        };
        let folder = scratch.join("registry");
        fs::create_dir_all(&folder)?;
        let signed_in = Self(folder);
        let file = signed_in.0.join("config.json");
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
        serde_json::to_writer(file, &json!({"auths": accounts}))?;
        Ok(Some(signed_in))
    }
}

impl Drop for SignedIn {
    fn drop(&mut self) {
        let _gone_with_the_build = fs::remove_dir_all(&self.0);
    }
}

/// What the engine gave as its reason: the end of its standard error, from the line on that begins with `Error`. Before
/// that it tells what it has tried.
fn complaint(stderr: &[u8]) -> String {
    let end = &stderr[stderr.len().saturating_sub(COMPLAINT_BYTES)..];
    let text = String::from_utf8_lossy(end);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let from = lines.iter().rposition(|line| line.starts_with("Error")).unwrap_or(0);
    match lines.is_empty() {
        true => "it said nothing".to_owned(),
        false => lines[from..].join(" "),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::container::RegistryUser;

    #[test]
    fn password_is_in_a_file_of_its_owner_and_goes_away() {
        let scratch = tempfile::tempdir().unwrap();
        let image = ImageName::parse("ghcr.io/team/app").unwrap();
        let user = PullAs::User(RegistryUser { name: "me".into(), password: "secret".into() });
        let signed_in = SignedIn::write(scratch.path(), &image, &user).unwrap().unwrap();
        let file = signed_in.0.join("config.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text, r#"{"auths":{"ghcr.io":{"auth":"bWU6c2VjcmV0"}}}"#);
        drop(signed_in);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        assert!(SignedIn::write(scratch.path(), &image, &PullAs::Operator).unwrap().is_none());
        assert!(!format!("{user:?}").contains("secret"));
    }

    #[tokio::test]
    async fn engine_that_is_not_there_is_named() {
        let problem = Engine::new(vec!["/nonexistent/engine".into()]).check().await.unwrap_err();
        assert!(problem.to_string().starts_with("/nonexistent/engine cannot be run"), "{problem}");
    }

    #[test]
    fn complaints_are_one_line() {
        assert_eq!(complaint(b"Trying\n  Error: no such\nimage\n"), "Error: no such image");
        assert_eq!(complaint(b"one\ntwo\n"), "one two");
        assert_eq!(complaint(b""), "it said nothing");
    }
}
