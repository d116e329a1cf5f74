//! `stagewright demo`: the main job with nothing but this program and git. A push goes through Source, Build, Test,
//! Approval and Deploy, and a second push again. `scripts/demo` shows the same with stock clients.

mod example;
mod repository;
mod setting;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use aws::Timestamp;
use aws::objects::ObjectId;
use codepipeline_model::{ActionExecutionStatus, PipelineDeclaration};
use futures_util::TryStreamExt;
use tokio::time::{Instant, sleep};

use super::run::follow::{self, Approver, Execution, Followed, Follower};
use super::run::prepare::first_execution;
use super::run::progress::{Ending, Progress};
use super::run::view::{Form, View};
use super::run::{Failure, Interrupts, close, in_runtime};
use crate::config::{default_account, default_region};
use crate::platform::local::Local;
use crate::tracing_output;
use repository::{Repository, change_title};
use setting::{Documents, Setting};

const PIPELINE: &str = "hello-web";
const REPOSITORY: &str = "hello-web";
const ARTIFACTS: &str = "hello-web-artifacts";
const SITE: &str = "hello-web-site";
const TITLES: [&str; 2] = ["Hello, pipeline", "Hello again, pipeline"];

/// A push has started its run long before.
const RUN_STARTS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// No page of the example is longer.
const LONGEST_PAGE: usize = 1 << 20;

#[derive(clap::Args)]
#[command(
    after_help = "Needs git and bubblewrap (`stagewright doctor`), and python3 for the example's own tests. \
                        Exits with 0 only if all of it happened."
)]
pub struct Arguments {
    /// Approve by itself
    #[arg(long)]
    yes: bool,
    /// Leave the server running until Ctrl-C, and say how to use it
    #[arg(long)]
    keep: bool,
    /// Port of the loopback to serve on [default: a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    tracing_output::start_if_asked();
    in_runtime(demo(arguments))
}

/// What stands for the placeholders of the example's documents.
fn names(account: &str, region: &str) -> Vec<(&'static str, String)> {
    let names = [
        ("PIPELINE", PIPELINE),
        ("REPOSITORY", REPOSITORY),
        ("ACCOUNT", account),
        ("REGION", region),
        ("ARTIFACTS", ARTIFACTS),
        ("SITE", SITE),
    ];
    names.map(|(name, value)| (name, value.to_owned())).into()
}

async fn demo(arguments: &Arguments) -> Result<(), Failure> {
    let mut interrupts = Interrupts::listen().map_err(Failure::failed)?;
    let port = arguments.port.unwrap_or(0);
    let local = Local::start(default_account(), default_region(), port).await.map_err(Failure::failed)?;
    let view = View::new(Form::of_output(false));
    let demo = Demo { local: &local, view: &view, arguments };
    let shown = tokio::select! {
        shown = demo.show() => shown,
        interrupt = interrupts.next() => Err(Failure::Interrupted(interrupt)),
    };
    if shown.is_ok() && arguments.keep {
        // Ctrl-C is how it is meant to end.
        let _interrupt = interrupts.next().await;
    }
    close(view, &mut interrupts, matches!(shown, Err(Failure::Interrupted(_)))).await;
    let stopped = local.stop().await.map_err(Failure::failed);
    shown.and(stopped)
}

struct Demo<'a> {
    local: &'a Local,
    view: &'a View,
    arguments: &'a Arguments,
}

impl Demo<'_> {
    async fn show(&self) -> Result<(), Failure> {
        self.step("A server on a folder of its own").await?;
        self.note(format!("{} (gone when this ends)", self.local.url)).await?;

        self.step("Roles and users with the least that they need, buckets, a repository, build projects")
            .await?;
        let documents = Documents(names(default_account().as_str(), default_region().as_str()));
        let setting = setting::make(self.local, &documents).await.map_err(Failure::failed)?;
        let Setting { clone_url, developer, approver, declaration } = setting;
        self.note(format!("repository {clone_url}")).await?;

        self.step("The developer pushes the example").await?;
        let folder = self.clone_folder()?;
        let repository = Repository { folder, clone_url, login: developer };
        repository.init().await.map_err(Failure::Failed)?;
        self.push(&repository, TITLES[0]).await?;

        self.step("Creating the pipeline starts the first run").await?;
        let client = self.local.client();
        setting::create_pipeline(&client, &declaration).await.map_err(Failure::failed)?;
        let approver = |yes| Approver { yes, client: approver.clone() };
        let first = first_execution(&client, PIPELINE).await.map_err(Failure::failed)?;
        self.follow(&declaration, &first, approver(self.arguments.yes), "first").await?;
        self.deployed_page(TITLES[0], None).await?;

        self.step("The developer pushes a change, which starts the second run").await?;
        change_title(&repository.folder, TITLES[0], TITLES[1]).map_err(Failure::Failed)?;
        let commit = self.push(&repository, TITLES[1]).await?;
        let second = self.next_execution(&first).await?;
        self.follow(&declaration, &second, approver(self.arguments.yes), "second").await?;

        self.step("The deployed output").await?;
        let page = self.deployed_page(TITLES[1], Some(&commit)).await?;
        self.say(page.lines().map(|line| format!("  {line}")).collect()).await?;
        self.step("Done: pushed, built, tested, approved, deployed.").await?;
        let site = format!("{}/{SITE}/index.html", self.local.url);
        match self.arguments.keep {
            true => self.how_to_use(&site, &repository.clone_url).await,
            false => self.note(format!("It was at {site}; --keep leaves the server running.")).await,
        }
    }

    fn clone_folder(&self) -> Result<PathBuf, Failure> {
        let folder = self.local.work_folder().map_err(Failure::failed)?.join("hello-web");
        example::write(&folder).map_err(Failure::failed)?;
        Ok(folder)
    }

    async fn push(&self, repository: &Repository, message: &str) -> Result<String, Failure> {
        let commit = repository.commit(message).await.map_err(Failure::Failed)?;
        repository.push().await.map_err(Failure::Failed)?;
        self.note(format!("pushed commit {commit:.8}: {message}")).await?;
        Ok(commit)
    }

    /// The execution that came after another.
    async fn next_execution(&self, before: &Execution) -> Result<Execution, Failure> {
        let deadline = Instant::now() + RUN_STARTS_WITHIN;
        loop {
            let newest = first_execution(&self.local.client(), PIPELINE).await.map_err(Failure::failed)?;
            if newest != *before {
                return Ok(newest);
            }
            if Instant::now() > deadline {
                let seconds = RUN_STARTS_WITHIN.as_secs();
                return Err(Failure::failed(format!("the push started no run within {seconds} s")));
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Follows a run to its end. Fails unless it succeeded in every stage.
    async fn follow(
        &self,
        declaration: &PipelineDeclaration,
        execution: &Execution,
        approver: Approver,
        name: &str,
    ) -> Result<(), Failure> {
        let logs = self.local.work_folder().map_err(Failure::failed)?.join(name);
        std::fs::create_dir(&logs).map_err(Failure::failed)?;
        let progress = Progress::new(declaration, &[], Timestamp::now());
        let platform = &self.local.platform;
        let mut follower = Follower::new(platform, self.view, execution.clone(), approver, progress, logs);
        match follower.follow().await.map_err(Failure::failed)? {
            Followed::Over(Ending::Succeeded) => {}
            Followed::Over(ending) => {
                return Err(Failure::failed(format!("the {name} run ended as {}", ending.as_str())));
            }
            Followed::Unanswered(_) => {
                let message = "an approval waits and there is no terminal to ask at: use --yes";
                return Err(Failure::failed(message));
            }
        }
        let attempts = follow::attempts(&self.local.client(), execution).await.map_err(Failure::failed)?;
        let succeeded: Vec<_> = attempts
            .iter()
            .filter(|attempt| attempt.status == Some(ActionExecutionStatus::Succeeded))
            .filter_map(|attempt| attempt.stage_name.as_deref())
            .collect();
        let stages: Vec<_> = declaration.stages.iter().map(|stage| stage.name.as_str()).collect();
        match succeeded == stages {
            true => Ok(()),
            false => Err(Failure::failed(format!(
                "the {name} run succeeded in the stages {}, not in {}",
                succeeded.join(", "),
                stages.join(", ")
            ))),
        }
    }

    /// The first page of the site as everybody sees it. Fails if it is not the one that was pushed.
    async fn deployed_page(&self, title: &str, commit: Option<&str>) -> Result<String, Failure> {
        let everybody = self.local.platform.as_nobody();
        let (_, body) = everybody
            .get_object(&ObjectId::new(SITE, "index.html"))
            .await
            .map_err(|error| Failure::failed(format!("the site was not deployed: {error}")))?;
        let bytes: Vec<u8> = body
            .try_fold(Vec::new(), async |mut page, bytes| {
                let room = LONGEST_PAGE.saturating_sub(page.len());
                page.extend_from_slice(&bytes[..bytes.len().min(room)]);
                Ok(page)
            })
            .await
            .map_err(Failure::failed)?;
        let page = String::from_utf8_lossy(&bytes).into_owned();
        if !page.contains(&format!("<h1>{title}</h1>")) {
            return Err(Failure::failed(format!("the site does not say '{title}'")));
        }
        if let Some(commit) = commit.filter(|commit| !page.contains(&format!("Built from {commit:.8}"))) {
            return Err(Failure::failed(format!("the site was not built from commit {commit:.8}")));
        }
        Ok(page)
    }

    async fn how_to_use(&self, site: &str, clone_url: &str) -> Result<(), Failure> {
        let (id, secret) =
            self.local.key.as_ref().map_or(("", ""), |(id, secret)| (id.as_str(), secret.reveal()));
        let lines = [
            format!("The server goes on until Ctrl-C. The site is at {site}; in another terminal:"),
            format!(
                "  export AWS_ENDPOINT_URL={} AWS_DEFAULT_REGION={}",
                self.local.url,
                default_region().as_str()
            ),
            format!("  export AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret}"),
            format!("  aws codepipeline get-pipeline-state --name {PIPELINE}"),
            format!("  git clone {clone_url}   (docs/clients.md: how git signs in)"),
        ];
        self.say(lines.into()).await
    }

    async fn step(&self, text: &str) -> Result<(), Failure> {
        self.view.headline(text).await.map_err(Failure::failed)
    }

    async fn note(&self, text: String) -> Result<(), Failure> {
        self.say(vec![format!("  {text}")]).await
    }

    async fn say(&self, lines: Vec<String>) -> Result<(), Failure> {
        self.view.say(lines).await.map_err(Failure::failed)
    }
}
