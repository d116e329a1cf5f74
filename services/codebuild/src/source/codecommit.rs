//! Sources in CodeCommit: fetched by git over the server's own address, with the signed password of the role.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use aws::{Credentials, Timestamp, sigv4::git};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::process::Command;

/// How much of git's complaints is told.
const COMPLAINT_BYTES: usize = 2000;
/// Deeper clones are full ones. Source: CodeBuild API Reference, ProjectSource.
const DEEPEST_SHALLOW: i32 = 25;

/// A repository by its clone URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    pub name: String,
    /// None if the host does not say it.
    pub region: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("reference not found")]
    ReferenceNotFound,
    #[error("repository not found")]
    RepositoryNotFound,
    #[error("authorization failed")]
    AuthorizationFailed,
    #[error("{0}")]
    Git(String),
    #[error("git cannot be run: {0}")]
    Io(#[from] std::io::Error),
}

impl Repository {
    /// Of `https://git-codecommit.<region>.amazonaws.com/v1/repos/<name>`, or of the same path on any host, which is
    /// what this server's own clone URLs look like.
    pub fn parse(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        let name = path.strip_prefix("v1/repos/")?.trim_end_matches('/');
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.starts_with(['.', '-']) || !name.chars().all(valid) {
            return None;
        }
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let region =
            host.strip_prefix("git-codecommit.").or_else(|| host.strip_prefix("git-codecommit-fips."));
        let region = region.and_then(|rest| rest.split('.').next()).map(str::to_owned);
        Some(Self { name: name.to_owned(), region })
    }

    fn path(&self) -> String {
        format!("/v1/repos/{}", self.name)
    }
}

/// One fetch.
pub(crate) struct Fetch<'a> {
    pub repository: &'a Repository,
    pub region: &'a str,
    /// The server's own address, `http://127.0.0.1:4000`.
    pub endpoint: &'a str,
    pub credentials: &'a Credentials,
    pub version: Option<&'a str>,
    pub depth: Option<i32>,
    /// An existing, empty folder of the host.
    pub into: &'a Path,
}

impl Fetch<'_> {
    /// Fetches and checks out, detached. Gives the full commit id.
    pub async fn run(&self) -> Result<String, Error> {
        let version = self.version.filter(|version| !version.is_empty());
        if version.is_some_and(|version| version.starts_with('-') || version.contains(char::is_whitespace)) {
            return Err(Error::ReferenceNotFound);
        }
        let url = format!("{}{}", self.endpoint.trim_end_matches('/'), self.repository.path());
        self.git(&["init", "--quiet", "."]).await?;
        self.git(&["remote", "add", "origin", &url]).await?;
        let depth = self.depth.filter(|depth| (1..=DEEPEST_SHALLOW).contains(depth));
        let commit = match depth {
            Some(depth) => self.shallow(version, depth).await?,
            None => self.full(version).await?,
        };
        self.git(&["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", &commit]).await?;
        Ok(commit)
    }

    async fn full(&self, version: Option<&str>) -> Result<String, Error> {
        let everything = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
        self.git(&["fetch", "--quiet", "origin", everything[0], everything[1]]).await?;
        let Some(version) = version else {
            self.git(&["fetch", "--quiet", "origin", "HEAD"]).await.map_err(no_reference)?;
            return self.resolve("FETCH_HEAD").await;
        };
        let (version, pinned) = split_pin(version);
        if let Some(pinned) = pinned {
            return self.resolve(pinned).await;
        }
        let short = version.strip_prefix("refs/heads/").unwrap_or(version);
        for candidate in
            [format!("refs/remotes/origin/{short}"), format!("refs/tags/{version}"), version.to_owned()]
        {
            if let Ok(commit) = self.resolve(&candidate).await {
                return Ok(commit);
            }
        }
        Err(Error::ReferenceNotFound)
    }

    /// The version alone, by name or by commit if the server lets that be fetched; else everything.
    async fn shallow(&self, version: Option<&str>, depth: i32) -> Result<String, Error> {
        let (wanted, pinned) = split_pin(version.unwrap_or("HEAD"));
        let depth = format!("--depth={depth}");
        match self.git(&["fetch", "--quiet", &depth, "origin", pinned.unwrap_or(wanted)]).await {
            Ok(_) => self.resolve("FETCH_HEAD").await,
            Err(Error::Git(_) | Error::ReferenceNotFound) => self.full(version).await,
            Err(error) => Err(error),
        }
    }

    async fn resolve(&self, name: &str) -> Result<String, Error> {
        let commit = format!("{name}^{{commit}}");
        let found = self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).await;
        let found = found.map_err(no_reference)?;
        Ok(found.trim().to_owned())
    }

    /// Runs git in the folder, with nothing of this process's settings and with no way to ask anybody.
    async fn git(&self, arguments: &[&str]) -> Result<String, Error> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.into).env_clear().kill_on_drop(true);
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .env("GIT_CEILING_DIRECTORIES", self.parent());
        // By the environment, which other users cannot read as they can read arguments.
        let settings = [
            ("http.extraHeader", format!("Authorization: Basic {}", self.basic_authorization())),
            ("core.hooksPath", "/dev/null".to_owned()),
            ("protocol.file.allow", "never".to_owned()),
            ("init.defaultBranch", "main".to_owned()),
        ];
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (key, value)) in settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        let output = command.stdin(Stdio::null()).output().await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(complaint(&String::from_utf8_lossy(&output.stderr)))
    }

    /// Made anew for each command: a password is good for fifteen minutes.
    fn basic_authorization(&self) -> String {
        let Credentials { access_key_id, secret_access_key, session_token, .. } = self.credentials;
        let user = match session_token {
            Some(token) => format!("{access_key_id}%{}", token.reveal()),
            None => access_key_id.clone(),
        };
        let host = self.endpoint.split_once("://").map_or(self.endpoint, |(_, host)| host);
        let host = host.trim_end_matches('/');
        let path = self.repository.path();
        let password = git::password(secret_access_key, Timestamp::now(), &path, host, self.region);
        STANDARD.encode(format!("{user}:{password}"))
    }

    fn parent(&self) -> PathBuf {
        self.into.parent().map(Path::to_owned).unwrap_or_default()
    }
}

/// `refs/heads/main^{<commit>}`: the name that is fetched, and the commit that is meant.
fn split_pin(version: &str) -> (&str, Option<&str>) {
    match version.split_once("^{") {
        Some((name, commit)) => (name, Some(commit.trim_end_matches('}'))),
        None => (version, None),
    }
}

fn no_reference(error: Error) -> Error {
    match error {
        Error::Git(_) => Error::ReferenceNotFound,
        Error::ReferenceNotFound | Error::RepositoryNotFound | Error::AuthorizationFailed | Error::Io(_) => {
            error
        }
    }
}

fn complaint(stderr: &str) -> Error {
    if stderr.contains("returned error: 403")
        || stderr.contains("Authentication failed")
        || stderr.contains("could not read Username")
    {
        return Error::AuthorizationFailed;
    }
    if stderr.contains("returned error: 404")
        || (stderr.contains("repository") && stderr.contains("not found"))
    {
        return Error::RepositoryNotFound;
    }
    if stderr.contains("couldn't find remote ref") || stderr.contains("not our ref") {
        return Error::ReferenceNotFound;
    }
    Error::Git(stderr.chars().take(COMPLAINT_BYTES).collect::<String>().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clone_urls() {
        let parsed = |url| Repository::parse(url).map(|repository| (repository.name, repository.region));
        let region = Some("eu-west-1".to_owned());
        assert_eq!(
            parsed("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/my.app"),
            Some(("my.app".into(), region))
        );
        assert_eq!(parsed("http://127.0.0.1:4000/v1/repos/app"), Some(("app".into(), None)));
        for bad in [
            "ssh",
            "https://host/other/app",
            "https://h/v1/repos/",
            "https://h/v1/repos/../x",
            "https://h/v1/repos/-x",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn complaints_are_understood() {
        let told = |text| complaint(text).to_string();
        assert_eq!(
            told("fatal: unable to access 'x': The requested URL returned error: 403"),
            "authorization failed"
        );
        assert_eq!(told("fatal: couldn't find remote ref nope"), "reference not found");
        assert_eq!(told("fatal: repository 'x' not found"), "repository not found");
        assert_eq!(told("fatal: early EOF"), "fatal: early EOF");
    }

    #[test]
    fn pinned_version() {
        assert_eq!(split_pin("refs/heads/main^{abc}"), ("refs/heads/main", Some("abc")));
        assert_eq!(split_pin("main"), ("main", None));
    }
}
