//! One run of the git program.

use std::io;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;

use super::Remote;
use crate::Failure;

/// How often it is looked how much a fetch has brought.
const LOOK: Duration = Duration::from_millis(500);
/// For one run. Hosts that send nothing for a minute are given up before.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// A place where git is run for a remote repository.
pub(crate) struct Place<'a> {
    pub remote: &'a Remote,
    pub git_dir: &'a Path,
    /// Where it runs: the folder of a work tree, or the repository itself.
    pub folder: &'a Path,
    /// What the repository may grow to, in bytes.
    pub largest: u64,
}

impl Place<'_> {
    /// Runs git to its end. Answers what it printed.
    pub async fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = self.run(arguments).await?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(Failure::of(&String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Errors: it takes too long, or too much room.
    async fn run(&self, arguments: &[&str]) -> Result<Output, Failure> {
        tokio::select! {
            output = self.command(arguments).output() => Ok(output?),
            () = tokio::time::sleep(LONGEST) => Err(Failure::TooSlow),
            outgrown = self.outgrown() => {
                outgrown?;
                Err(Failure::TooLarge(self.largest))
            }
        }
    }

    /// Ends when the folder has become larger than it may. What a host sends may be millions of files, so they are counted
    /// where nobody else waits.
    async fn outgrown(&self) -> io::Result<()> {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let folder = self.folder.to_owned();
            let found = tokio::task::spawn_blocking(move || size(&folder)).await;
            if found.map_err(io::Error::other)? > self.largest {
                return Ok(());
            }
        }
    }

    /// Nothing of this process's settings takes part, and nobody can be asked.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let settings = settings(self.remote);
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.folder).env_clear().kill_on_drop(true);
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("GIT_DIR", self.git_dir)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (key, value)) in settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// They are in the environment, which other users cannot read as they can read arguments: the token is among them, for
/// the addresses that it may be shown to alone.
fn settings(remote: &Remote) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = [
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", "60"),
        ("protocol.allow", "never"),
        ("protocol.https.allow", "always"),
        ("protocol.http.allow", "always"),
        ("core.hooksPath", "/dev/null"),
        ("gc.auto", "0"),
        ("init.defaultBranch", "main"),
        ("advice.detachedHead", "false"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    if let Some(credential) = &remote.credential {
        let shown = format!("{}:{}", credential.user_name, credential.token.reveal());
        settings.push((
            format!("http.{}.extraHeader", remote.shown_to),
            format!("Authorization: Basic {}", STANDARD.encode(shown)),
        ));
    }
    if let Some((public, real)) = &remote.instead {
        settings.push((format!("url.{real}.insteadOf"), public.clone()));
    }
    if remote.insecure_tls {
        settings.push((format!("http.{}.sslVerify", remote.shown_to), "false".to_owned()));
    }
    settings
}

/// Bytes of the files in a folder. Blocks.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

/// What git prints beyond this is an error in the stream.
pub(super) fn too_large(largest: u64) -> io::Error {
    io::Error::other(Failure::TooLarge(largest))
}
