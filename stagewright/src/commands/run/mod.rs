//! `stagewright run`: a pipeline's definition on the working folder, with no server set up before.
//!
//! The whole platform is started for as long as the command runs, on a folder that goes away with it. What is not there
//! is what a definition cannot hold: [`plan`] says what has to be made, [`prepare`] makes it, [`follow`] shows the run.

pub mod action_log;
pub mod arguments;
pub mod follow;
mod interrupt;
pub mod output;
pub mod plan;
pub mod prepare;
pub mod progress;
pub mod projects;
pub mod source;
pub mod view;
mod work_tree;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};
use std::time::Duration;

use aws::Timestamp;
use codebuild_model::CreateProject;
use codepipeline_model::PipelineDeclaration;
use serde_json::json;

pub use arguments::Arguments;
use follow::{Approver, Execution, Followed, Follower};
pub use interrupt::{Interrupt, Interrupts};
use output::Output;
use plan::{Findings, Plan, Wishes};
use progress::{Ending, Progress};
use source::SourceFolder;
use view::{Form, View};

use crate::commands::{failed, wait_for};
use crate::definition_file;
use crate::explanation::{self, gather};
use crate::platform::local::Local;
use crate::tracing_output;

/// How long the end waits for a terminal that stands still.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// Why a command ends without having done its work.
pub enum Failure {
    /// Exit code 2: the command line, the definition or what belongs to it is wrong.
    Wrong(String),
    /// Exit code 2: the definition cannot be read; this is all that there is to say of it.
    Definition(String),
    /// Exit code 1.
    Failed(String),
    /// Ended by a signal: 128 and its number.
    Interrupted(Interrupt),
}

impl Failure {
    pub fn wrong(what: impl Display) -> Self {
        Self::Wrong(what.to_string())
    }

    pub fn failed(what: impl Display) -> Self {
        Self::Failed(what.to_string())
    }

    /// Prints what went wrong, once.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Wrong(what) => {
                failed(what);
                ExitCode::from(2)
            }
            Self::Definition(findings) => {
                eprint!("{findings}");
                ExitCode::from(2)
            }
            Self::Failed(what) => failed(what),
            Self::Interrupted(interrupt) => ExitCode::from(interrupt.exit_code()),
        }
    }
}

/// Everything that is known before anything begins.
struct Intent {
    original: PipelineDeclaration,
    plan: Plan,
    projects: Vec<CreateProject>,
    /// Of source actions, by action.
    folders: BTreeMap<String, SourceFolder>,
    output: Output,
    yes: bool,
    form: Form,
}

pub fn run(arguments: Arguments) -> ExitCode {
    tracing_output::start_if_asked();
    let intent = match Intent::of(arguments) {
        Ok(intent) => intent,
        Err(failure) => return failure.exit_code(),
    };
    in_runtime(carry_out(intent))
}

/// Carries out a command that says itself how it ended.
pub fn in_runtime<T: Termination>(work: impl Future<Output = Result<T, Failure>>) -> ExitCode {
    match wait_for(work) {
        Ok(Ok(ended)) => ended.report(),
        Ok(Err(failure)) => failure.exit_code(),
        Err(error) => failed(error),
    }
}

impl Intent {
    fn of(arguments: Arguments) -> Result<Self, Failure> {
        let file = definition_file::read(&arguments.definition)
            .map_err(|findings| Failure::Definition(findings.to_string()))?;
        let original = file.declaration.clone();
        let usual = usual_source(&arguments);
        let output = arguments.output.clone().unwrap_or_else(|| usual.join(source::OWN_FOLDER).join("run"));
        let output =
            Output::check(std::path::absolute(output).map_err(Failure::wrong)?).map_err(Failure::wrong)?;
        let folders = folders(&original, &arguments, &usual, &output)?;
        let commits =
            folders.iter().map(|(action, folder)| (action.clone(), folder.commit.clone())).collect();
        let wishes = Wishes {
            variables: arguments.var,
            source_variables: arguments.source_var,
            skip: arguments.skip,
            skip_unserved: arguments.skip_unserved,
            region: arguments.region,
        };
        let plan = Plan::of(original.clone(), &commits, &wishes);
        let plan = plan.map_err(|findings| Failure::wrong(findings.located(&arguments.definition, &file)))?;
        let projects = projects::of(
            &plan.needs.projects,
            &plan.account,
            &arguments.project,
            &arguments.buildspec,
            &arguments.env,
        );
        let projects = projects.map_err(Failure::wrong)?;
        let form = Form::of_output(arguments.json);
        Ok(Self { original, plan, projects, folders, output, yes: arguments.yes, form })
    }
}

/// The folder of sources that none is named for.
fn usual_source(arguments: &Arguments) -> PathBuf {
    let unnamed = arguments.source.iter().rev().find(|source| source.action.is_none());
    unnamed.map_or_else(|| PathBuf::from("."), |source| source.folder.clone())
}

/// The folder of each source action. Errors: folders that cannot be sources, names of actions that are none.
fn folders(
    declaration: &PipelineDeclaration,
    arguments: &Arguments,
    usual: &std::path::Path,
    output: &Output,
) -> Result<BTreeMap<String, SourceFolder>, Failure> {
    let mut findings = Findings::default();
    let actions = declaration.stages.iter().flat_map(|stage| &stage.actions);
    let sources = actions.filter(|action| action.action_type_id.category.as_str() == "Source");
    let names: Vec<&str> = sources.map(|action| action.name.as_str()).collect();
    for named in arguments.source.iter().filter_map(|source| source.action.as_deref()) {
        if !names.contains(&named) {
            let known = names.join(", ");
            findings.add(
                format!("--source {named}"),
                format!("no source action of that name; there are: {known}"),
            );
        }
    }
    let mut folders = BTreeMap::new();
    for name in names {
        let named = arguments.source.iter().rev().find(|source| source.action.as_deref() == Some(name));
        let folder = named.map_or(usual, |source| source.folder.as_path());
        match SourceFolder::read(folder, &output.folder) {
            Ok(folder) => {
                folders.insert(name.to_owned(), folder);
            }
            Err(error) => findings.add(format!("source {name}"), error.to_string()),
        }
    }
    match findings.is_empty() {
        true => Ok(folders),
        false => Err(Failure::wrong(findings)),
    }
}

async fn carry_out(intent: Intent) -> Result<(), Failure> {
    // Listening before anything is there that would have to be taken away.
    let mut interrupts = Interrupts::listen().map_err(Failure::failed)?;
    let local = Local::start(intent.plan.account.clone(), intent.plan.region.clone(), 0).await;
    let local = local.map_err(Failure::failed)?;
    let view = View::new(intent.form);
    let ran = run_on(&local, &view, &intent, &mut interrupts).await;
    close(view, &mut interrupts, matches!(ran, Err(Failure::Interrupted(_)))).await;
    let stopped = local.stop().await.map_err(Failure::failed);
    ran.and(stopped)
}

/// Waits until everything is written; but not for a terminal that stands still when somebody wants the end.
pub async fn close(view: View, interrupts: &mut Interrupts, is_interrupted: bool) {
    let patience = async {
        if is_interrupted {
            tokio::time::sleep(SHOWN_WITHIN).await;
        } else {
            let _interrupt = interrupts.next().await;
        }
    };
    tokio::select! {
        () = view.close() => {}
        () = patience => {}
    }
}

async fn run_on(
    local: &Local,
    view: &View,
    intent: &Intent,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    introduce(view, intent).await?;
    let began = Timestamp::now();
    let preparing = prepare::prepare(local, &intent.plan, intent.projects.clone(), &intent.folders);
    let execution = tokio::select! {
        prepared = preparing => prepared.map_err(|error| match &error {
            prepare::Error::Refused { cause, .. } if !cause.is_fault() => Failure::wrong(error),
            _ => Failure::failed(error),
        })?,
        interrupt = interrupts.next() => return Err(Failure::Interrupted(interrupt)),
    };
    let logs = local.work_folder().map_err(Failure::failed)?.join("logs");
    std::fs::create_dir(&logs).map_err(Failure::failed)?;
    let progress = Progress::new(&intent.original, &intent.plan.left_out, began);
    let approver = Approver { yes: intent.yes, client: local.client() };
    let mut follower = Follower::new(&local.platform, view, execution, approver, progress, logs);
    let followed = tokio::select! {
        followed = follower.follow() => followed,
        interrupt = interrupts.next() => {
            // Stopping comes first; how it then stands is shown if anybody looks.
            if let Ok(Err(error)) = tokio::time::timeout(SHOWN_WITHIN, follower.stop("Interrupted")).await {
                tracing::warn!(%error, "an execution was not stopped in order");
            }
            return Err(Failure::Interrupted(interrupt));
        }
    };
    let followed = followed.map_err(Failure::failed)?;
    if let Followed::Unanswered(_) = &followed {
        follower.stop("Nobody was there to approve").await.map_err(Failure::failed)?;
    }
    if followed == Followed::Over(Ending::Failed) {
        tell_condition(view, &follower).await?;
    }
    leave(view, intent, &follower).await?;
    match followed {
        Followed::Over(Ending::Succeeded) => Ok(()),
        Followed::Over(ending) => {
            Err(Failure::failed(format!("the run of {} ended as {}", intent.original.name, ending.as_str())))
        }
        Followed::Unanswered(place) => Err(Failure::failed(format!(
            "{}/{} waits for approval and there is no terminal to ask at: approve with --yes, or leave it out with \
             --skip {}/{}",
            place.stage, place.action, place.stage, place.action
        ))),
    }
}

/// What is different from a run on a server.
async fn introduce(view: &View, intent: &Intent) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for (action, folder) in &intent.folders {
        let left_out = folder.left_out.iter().map(|what| format!("{action}: without {what}"));
        lines.push(format!("{action}: {}", folder.summary()));
        lines.extend(left_out);
    }
    let out = intent.plan.left_out.iter();
    lines.extend(out.map(|out| format!("{}/{}: left out ({})", out.stage, out.action, out.action_type)));
    lines.extend(intent.plan.notes.iter().cloned());
    let object = json!({"type": "start", "pipeline": intent.original.name, "notes": lines});
    view.object(object).await.map_err(Failure::failed)?;
    view.say(lines.iter().map(|line| view::clean(line)).collect()).await.map_err(Failure::failed)
}

/// Which condition has failed the execution, if no action did: those the picture shows.
async fn tell_condition(view: &View, follower: &Follower<'_>) -> Result<(), Failure> {
    let Execution { pipeline, id } = &follower.execution;
    let facts =
        gather::gather(&follower.client, pipeline, Some(id.clone())).await.map_err(Failure::failed)?;
    let failure = explanation::explain(&facts).failure.filter(|failure| failure.action.is_none());
    let Some(failure) = failure else { return Ok(()) };
    let object = json!({"type": "condition", "stage": failure.stage, "message": failure.sentence,
        "log": failure.log});
    view.object(object).await.map_err(Failure::failed)?;
    let texts = std::iter::once(failure.sentence).chain(failure.details);
    let log = failure.log.into_iter().map(|line| format!("| {line}"));
    let lines = texts.chain(log).map(|line| view::clean(&line)).collect();
    view.say(lines).await.map_err(Failure::failed)
}

/// Leaves what was made, and says where.
async fn leave(view: &View, intent: &Intent, follower: &Follower<'_>) -> Result<(), Failure> {
    let attempts = follow::attempts(&follower.client, &follower.execution).await.map_err(Failure::failed)?;
    let ending = follower.progress.ended.map(|(ending, _)| ending.as_str());
    let record = json!({"pipeline": follower.execution.pipeline, "execution": follower.execution.id,
        "status": ending, "at": Timestamp::now().to_iso8601_secs()});
    let deployed = &intent.plan.needs.deployed;
    let artifacts = output::artifacts(&attempts);
    let left = intent.output.leave(&follower.client, artifacts, deployed, &follower.logs, record).await;
    let left = left.map_err(Failure::failed)?;
    let folder = &intent.output.folder;
    let mut lines = Vec::new();
    let mut say = |what: &str, path: &PathBuf| lines.push(format!("{what}  {}", folder.join(path).display()));
    left.artifacts.iter().for_each(|(name, path)| say(&format!("artifact {name}"), path));
    left.deployed.iter().for_each(|(bucket, path)| say(&format!("deployed to {bucket}"), path));
    left.logs.iter().for_each(|path| say("log", path));
    lines.extend(left.complaints.iter().cloned());
    let object = json!({"type": "output", "folder": folder, "artifacts": left.artifacts,
        "deployed": left.deployed, "logs": left.logs, "complaints": left.complaints});
    view.object(object).await.map_err(Failure::failed)?;
    view.say(lines).await.map_err(Failure::failed)
}
