//! `stagewright build`: a build on the working folder, with no server set up before.
//!
//! As for `stagewright run` the whole platform is there for as long as the command runs. The folder becomes the S3 source
//! of a project ([`prepare`]), whose build is shown to its end ([`follow`]).

mod arguments;
mod attach;
mod follow;
mod prepare;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws::{Credentials, Remote, Timestamp};
use codebuild::buildspec;
use codebuild_model::StatusType;
use serde_json::json;

pub use arguments::Arguments;
use arguments::{Command, LocalBuild};
use follow::Follower;

use super::run::arguments::Pair;
use super::run::output::Output;
use super::run::source::{OWN_FOLDER, SourceFolder};
use super::run::view::{Form, View, clean};
use super::run::{Failure, Interrupts, close, in_runtime};
use crate::config;
use crate::platform::local::Local;
use crate::tracing_output;

/// Beyond this a file is no buildspec.
const MAX_BUILDSPEC_BYTES: u64 = 1 << 20;
/// The name of the primary artifact.
const PRIMARY: &str = "primary";

/// Everything that is known before anything begins.
struct Intent {
    /// The primary source, which has no identifier, comes first.
    sources: Vec<(Option<String>, SourceFolder)>,
    buildspec: Spec,
    /// Of the container that it is built in; without one it is built in the sandbox.
    image: Option<String>,
    variables: Vec<Pair>,
    /// With the values that they have in this command's environment.
    secrets: Vec<Pair>,
    timeout_minutes: i32,
    shell_on_failure: bool,
    output: Output,
    form: Form,
}

/// The buildspec as a build is told of it.
struct Spec {
    /// Its text, or its path in the source. None for the usual file.
    given: Option<String>,
    /// Identifiers of what it packs; `PRIMARY` for the primary artifact.
    artifacts: Vec<String>,
}

pub fn run(arguments: Arguments) -> ExitCode {
    tracing_output::start_if_asked();
    if let Some(Command::Attach(attach)) = arguments.command {
        return attach::run(attach);
    }
    match Intent::of(arguments.local) {
        Ok(intent) => in_runtime(carry_out(intent)),
        Err(failure) => failure.exit_code(),
    }
}

impl Intent {
    fn of(arguments: LocalBuild) -> Result<Self, Failure> {
        if arguments.shell_on_failure && !std::io::stdin().is_terminal() {
            return Err(Failure::wrong("--shell-on-failure needs a terminal to open a shell on"));
        }
        let unnamed = arguments.source.iter().rev().find(|source| source.action.is_none());
        let primary = unnamed.map_or_else(|| PathBuf::from("."), |source| source.folder.clone());
        let output = arguments.artifacts.clone().unwrap_or_else(|| primary.join(OWN_FOLDER).join("build"));
        let output =
            Output::check(std::path::absolute(output).map_err(Failure::wrong)?).map_err(Failure::wrong)?;
        let read = if arguments.clean { SourceFolder::read } else { SourceFolder::read_all };
        let mut sources = vec![(None, read(&primary, &output.folder).map_err(Failure::wrong)?)];
        for source in &arguments.source {
            let Some(identifier) = source.action.clone() else { continue };
            let folder = read(&source.folder, &output.folder).map_err(Failure::wrong)?;
            if sources.iter().any(|(known, _)| known.as_ref() == Some(&identifier)) {
                return Err(Failure::wrong(format!("--source {identifier}: it is given more than once")));
            }
            sources.push((Some(identifier), folder));
        }
        let folder = sources.first().map_or(primary.as_path(), |(_, source)| source.path());
        let buildspec = Spec::of(arguments.buildspec.as_deref(), folder)?;
        Ok(Self {
            buildspec,
            sources,
            image: arguments.image,
            variables: arguments.env,
            secrets: secrets(&arguments.secret)?,
            timeout_minutes: arguments.timeout,
            shell_on_failure: arguments.shell_on_failure,
            output,
            form: match Form::of_output(arguments.json) {
                // One log after the other line: there is no tree to draw.
                Form::Tree | Form::Plain => Form::Plain,
                Form::Json => Form::Json,
            },
        })
    }
}

/// What runs the build: containers if an image is asked for, else the sandbox.
fn builds(image: Option<&str>) -> config::Builds {
    let executor = match image {
        Some(_) => codebuild::Isolation::Container,
        None => codebuild::Isolation::Sandbox,
    };
    config::Builds { executor, ..config::Builds::default() }
}

fn secrets(names: &[String]) -> Result<Vec<Pair>, Failure> {
    let secrets = names.iter().map(|name| match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Pair { name: name.clone(), value }),
        Ok(_) | Err(_) => Err(Failure::wrong(format!(
            "--secret {name}: the environment has no variable {name} with a text"
        ))),
    });
    secrets.collect()
}

impl Spec {
    /// `file` is looked for where the command runs, then in the source. A buildspec with errors is the build's to
    /// complain of.
    fn of(file: Option<&Path>, source: &Path) -> Result<Self, Failure> {
        let (given, text) = match file {
            None => match read(&source.join("buildspec.yml")) {
                Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
                    return Err(Failure::wrong(format!("buildspec.yml: {error}")));
                }
                read => (None, read.ok()),
            },
            Some(file) => {
                let found = [file.to_owned(), source.join(file)].into_iter().find(|path| path.is_file());
                let Some(path) = found else {
                    return Err(Failure::wrong(format!(
                        "--buildspec {}: there is no such file",
                        file.display()
                    )));
                };
                let unreadable = |error| Failure::wrong(format!("--buildspec {}: {error}", file.display()));
                let text = read(&path).map_err(unreadable)?;
                let path = path.canonicalize().map_err(unreadable)?;
                let within = path.strip_prefix(source).ok().filter(|path| !path.starts_with(OWN_FOLDER));
                let given = within.map_or_else(|| text.clone(), |path| path.display().to_string());
                (Some(given), Some(text))
            }
        };
        let parsed = text.and_then(|text| buildspec::parse(&text).ok());
        let artifacts = parsed.map(|spec| {
            let primary = spec.artifacts.map(|_| PRIMARY.to_owned());
            primary.into_iter().chain(spec.secondary_artifacts.into_keys()).collect()
        });
        Ok(Self { given, artifacts: artifacts.unwrap_or_default() })
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::{Error, ErrorKind, Read};
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BUILDSPEC_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BUILDSPEC_BYTES {
        return Err(Error::new(ErrorKind::FileTooLarge, "it is over 1 MiB, which no buildspec may be"));
    }
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

async fn carry_out(intent: Intent) -> Result<(), Failure> {
    // Listening before anything is there that would have to be taken away.
    let mut interrupts = Interrupts::listen().map_err(Failure::failed)?;
    let builds = builds(intent.image.as_deref());
    let local = Local::start_with(config::default_account(), config::default_region(), 0, builds).await;
    let local = local.map_err(Failure::failed)?;
    let view = View::new(intent.form);
    let ran = tokio::select! {
        ran = run_on(&local, &view, &intent) => ran,
        interrupt = interrupts.next() => Err(Failure::Interrupted(interrupt)),
    };
    close(view, &mut interrupts, matches!(ran, Err(Failure::Interrupted(_)))).await;
    let stopped = local.stop().await.map_err(Failure::failed);
    ran.and(stopped)
}

async fn run_on(local: &Local, view: &View, intent: &Intent) -> Result<(), Failure> {
    introduce(view, intent).await?;
    let build = prepare::prepare(local, intent).await.map_err(|error| match error.is_refusal() {
        true => Failure::wrong(error),
        false => Failure::failed(error),
    })?;
    let logs = local.work_folder().map_err(Failure::failed)?.join("logs");
    std::fs::create_dir(&logs).map_err(Failure::failed)?;
    let mut follower = Follower::new(local.client(), view, build, logs.join("build.log"));
    if intent.shell_on_failure {
        follower.remote = Some(remote(local)?);
    }
    let build = follower.follow().await.map_err(Failure::failed)?;
    let status = build.build_status.clone().unwrap_or(StatusType::Fault);
    let record =
        json!({"build": build.id, "status": status.as_str(), "at": Timestamp::now().to_iso8601_secs()});
    let artifacts = follow::uploaded(&build, &intent.buildspec.artifacts);
    let left = intent.output.leave(&local.client(), artifacts, &Default::default(), &logs, record).await;
    let left = left.map_err(Failure::failed)?;
    let folder = &intent.output.folder;
    let said =
        left.artifacts.iter().map(|(name, path)| format!("artifact {name}  {}", folder.join(path).display()));
    let logged = left.logs.iter().map(|path| format!("log  {}", folder.join(path).display()));
    let lines = said.chain(logged).chain(left.complaints.iter().cloned()).collect();
    let object = json!({"type": "output", "folder": folder, "artifacts": left.artifacts, "logs": left.logs,
        "complaints": left.complaints});
    view.object(object).await.map_err(Failure::failed)?;
    view.say(lines).await.map_err(Failure::failed)?;
    match status {
        StatusType::Succeeded => Ok(()),
        ended => Err(Failure::failed(format!("the build ended as {ended}"))),
    }
}

/// The platform as its users elsewhere would come to it.
fn remote(local: &Local) -> Result<Remote, Failure> {
    let (id, secret) = local.key.clone().ok_or_else(|| Failure::failed("the platform made no key"))?;
    let credentials =
        Credentials { access_key_id: id, secret_access_key: secret, session_token: None, expires_at: None };
    Remote::new(&local.url, config::default_region(), credentials).map_err(Failure::failed)
}

/// What is built.
async fn introduce(view: &View, intent: &Intent) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for (identifier, folder) in &intent.sources {
        let name = identifier.as_deref().unwrap_or("source");
        lines.push(format!("{name}: {}", folder.summary()));
        lines.extend(folder.left_out.iter().map(|what| format!("{name}: without {what}")));
    }
    view.object(json!({"type": "start", "notes": lines})).await.map_err(Failure::failed)?;
    view.say(lines.iter().map(|line| clean(line)).collect()).await.map_err(Failure::failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buildspec_is_the_usual_one_a_path_in_the_source_or_its_text() {
        let (source, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = source.path().canonicalize().unwrap();
        let text = "version: 0.2\nphases: {build: {commands: [true]}}\nartifacts: {files: [a], secondary-artifacts: \
                    {docs: {files: [b]}}}\n";
        std::fs::write(folder.join("buildspec.yml"), text).unwrap();
        std::fs::create_dir(folder.join("ci")).unwrap();
        std::fs::write(folder.join("ci/make.yml"), "version: 0.2\nphases: {}\n").unwrap();
        let other = elsewhere.path().join("other.yml");
        std::fs::write(&other, text).unwrap();
        let spec = |file: Option<&Path>| Spec::of(file, &folder).map_err(|_| ()).unwrap();
        assert_eq!((spec(None).given, spec(None).artifacts), (None, vec!["primary".into(), "docs".into()]));
        assert_eq!(spec(Some(Path::new("ci/make.yml"))).given.as_deref(), Some("ci/make.yml"));
        assert_eq!(spec(Some(&other)).given.as_deref(), Some(text));
        assert!(Spec::of(Some(Path::new("none.yml")), &folder).is_err());
        let most = usize::try_from(MAX_BUILDSPEC_BYTES).unwrap();
        std::fs::write(&other, "#".repeat(most)).unwrap();
        assert_eq!(spec(Some(&other)).given.map(|text| text.len()), Some(most));
        std::fs::write(&other, "#".repeat(most + 1)).unwrap();
        assert!(Spec::of(Some(&other), &folder).is_err());
    }
}
