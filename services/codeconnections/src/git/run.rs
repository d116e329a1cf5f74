//! One run of the git program.

use std::io;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use aws::objects::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

use super::Fetched;
use crate::error::Error;

/// What a fetch may bring, and an archive may have. Source: CodePipeline quotas, artifacts of GitHub and CodeCommit.
const LARGEST_BYTES: u64 = 1024 * 1024 * 1024;
/// How often it is looked how much a fetch has brought.
const LOOK: Duration = Duration::from_millis(500);
/// For one run. Hosts that send nothing for a minute are given up before.
const LONGEST: Duration = Duration::from_secs(30 * 60);
const CHUNK: usize = 256 * 1024;
/// How much of git's complaints is told.
const COMPLAINT: usize = 1000;

/// Everything that has a name.
const ALL: [&str; 2] = ["+refs/heads/*:refs/heads/all/*", "+refs/tags/*:refs/tags/*"];

impl Fetched {
    /// Hosts that hand out nothing but what has a name are asked for all of it; what is wanted may be among it.
    pub(super) async fn fetch(&self, options: &[&str], wanted: &[&str]) -> Result<(), Error> {
        let output = self.run(&self.fetching(options, wanted)).await?;
        if !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("unadvertised object")
        {
            let named: Vec<&str> =
                wanted.iter().filter(|wanted| wanted.contains('/')).copied().chain(ALL).collect();
            return self.git(&self.fetching(&[], &named)).await.map(drop);
        }
        text(&output).map(drop)
    }

    fn fetching<'a>(&'a self, options: &[&'a str], wanted: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-write-commit-graph"];
        arguments.extend(options);
        arguments.extend(["--end-of-options", self.remote.url.as_str()]);
        arguments.extend(wanted);
        arguments
    }

    /// Runs git to its end. Answers what it printed.
    pub(super) async fn git(&self, arguments: &[&str]) -> Result<String, Error> {
        text(&self.run(arguments).await?)
    }

    /// Errors: it takes too long, or too much room.
    async fn run(&self, arguments: &[&str]) -> Result<Output, Error> {
        let running = self.command(arguments).output();
        tokio::pin!(running);
        let deadline = tokio::time::sleep(LONGEST);
        tokio::pin!(deadline);
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                output = &mut running => {
                    return output.map_err(|error| Error::internal(format!("git: {error}")));
                }
                () = &mut deadline => {
                    return Err(Error::HostUnavailable("The Git host took too long.".to_owned()));
                }
                _ = looks.tick() => {
                    if size(self.folder.path()) > LARGEST_BYTES {
                        return Err(too_large());
                    }
                }
            }
        }
    }

    /// Nothing of this process's settings takes part, and nobody can be asked. The token is in the environment, which
    /// other users cannot read as they can read arguments; and for this host alone.
    fn command(&self, arguments: &[&str]) -> Command {
        let shown = format!("{}:{}", self.remote.user_name, self.remote.token.reveal());
        let settings = [
            (
                format!("http.{}.extraHeader", self.remote.url),
                format!("Authorization: Basic {}", STANDARD.encode(shown)),
            ),
            ("http.followRedirects".to_owned(), "false".to_owned()),
            ("http.lowSpeedLimit".to_owned(), "1".to_owned()),
            ("http.lowSpeedTime".to_owned(), "60".to_owned()),
            ("protocol.allow".to_owned(), "never".to_owned()),
            ("protocol.https.allow".to_owned(), "always".to_owned()),
            ("protocol.http.allow".to_owned(), "always".to_owned()),
            ("core.hooksPath".to_owned(), "/dev/null".to_owned()),
            ("gc.auto".to_owned(), "0".to_owned()),
            ("init.defaultBranch".to_owned(), "main".to_owned()),
        ];
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.folder.path()).env_clear().kill_on_drop(true);
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("LC_ALL", "C")
            .env("GIT_DIR", self.folder.path())
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

fn text(output: &Output) -> Result<String, Error> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(complaint(&String::from_utf8_lossy(&output.stderr))),
    }
}

struct Archiving {
    child: Child,
    stdout: ChildStdout,
    written: u64,
    /// Its folder goes away with it.
    _fetched: Fetched,
}

pub(super) fn archive(fetched: Fetched, commit: &str) -> Result<ByteStream, Error> {
    let mut command = fetched.command(&["archive", "--format=zip", "--end-of-options", commit]);
    let mut child = command.stderr(Stdio::null()).spawn().map_err(Error::internal)?;
    let stdout = child.stdout.take().ok_or_else(|| Error::internal("git has no output"))?;
    let archiving = Archiving { child, stdout, written: 0, _fetched: fetched };
    Ok(Box::pin(stream::try_unfold(archiving, next)))
}

async fn next(mut archiving: Archiving) -> io::Result<Option<(Bytes, Archiving)>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let read = (&mut archiving.stdout).take(CHUNK as u64).read_to_end(&mut chunk).await?;
    if read == 0 {
        // A ZIP that git did not finish is no ZIP.
        let status = archiving.child.wait().await?;
        return match status.success() {
            true => Ok(None),
            false => Err(io::Error::other(format!("git archive ended with {status}"))),
        };
    }
    archiving.written += read as u64;
    if archiving.written > LARGEST_BYTES {
        return Err(io::Error::other(too_large()));
    }
    Ok(Some((chunk.into(), archiving)))
}

/// Bytes of the files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

fn too_large() -> Error {
    Error::validation(format!("The repository is larger than {} MiB", LARGEST_BYTES / (1024 * 1024)))
}

/// What git's words mean.
fn complaint(stderr: &str) -> Error {
    let says = |words: &[&str]| words.iter().any(|words| stderr.contains(words));
    if says(&[
        "returned error: 401",
        "returned error: 403",
        "Authentication failed",
        "could not read Username",
    ]) {
        return Error::Refused(
            "The Git host does not admit the token of the connection to this repository".to_owned(),
        );
    }
    if says(&["unable to update url base from redirection", "returned error: 30"]) {
        let message = "The Git host sends elsewhere: the repository has moved, or the address of the connection is not right";
        return Error::validation(message);
    }
    if says(&["returned error: 404"]) || (says(&["repository"]) && says(&["not found"])) {
        return Error::NotFound("The repository was".to_owned());
    }
    if says(&["couldn't find remote ref", "not our ref", "no such remote ref", "bad object"]) {
        return Error::NotFound("The branch or commit was".to_owned());
    }
    let told: String = stderr.chars().take(COMPLAINT).collect();
    Error::HostUnavailable(format!("The Git host could not be used: {}", told.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_understood() {
        let told = |text| aws::Error::from(complaint(text)).code;
        assert_eq!(
            told("fatal: unable to access 'x': The requested URL returned error: 403"),
            "AccessDeniedException"
        );
        assert_eq!(told("fatal: Authentication failed for 'x'"), "AccessDeniedException");
        assert_eq!(told("fatal: couldn't find remote ref refs/heads/x"), "ResourceNotFoundException");
        assert_eq!(told("fatal: repository 'x' not found"), "ResourceNotFoundException");
        assert_eq!(
            told("fatal: unable to access 'x': The requested URL returned error: 301"),
            "ValidationException"
        );
        assert_eq!(told("fatal: unable to access 'x': Failed to connect"), "ServiceUnavailableException");
    }
}
