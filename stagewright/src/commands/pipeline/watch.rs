//! `stagewright pipeline watch`: an execution of a running server as `stagewright run` shows its own.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use aws::{Remote, Timestamp};
use codepipeline_model::{DescribePipelineExecution, DescribePipelineExecutionOutput};
use tokio::time::{Instant, sleep};

use super::super::explain::print_explanation;
use super::super::run::action_log::{ActionLog, Work};
use super::super::run::progress::{Change, Ending, Place, Progress};
use super::super::run::view::{Form, View, clean};
use super::super::server_access::ServerAccess;
use super::{Error, picture};
use crate::explanation::{self, Facts, Kind, Wait, gather};

/// Between two looks. A server elsewhere tells nothing by itself.
const LOOK: Duration = Duration::from_secs(1);
const REDRAW: Duration = Duration::from_millis(100);
/// How long a server may be away before the watch is given up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
#[command(
    after_help = "The key needs the permission codepipeline:DescribePipelineExecution on the pipeline; for \
                  logs logs:GetLogEvents, for builds codebuild:BatchGetBuilds and codebuild:BatchGetBuildBatches.\n\nExit codes: 0 it succeeded, 1 it did \
                  not, 2 wrong usage, 130 ended by Ctrl-C. The execution goes on whatever becomes of the watch."
)]
pub struct Arguments {
    /// The pipeline
    name: String,
    /// The execution; without it the one that was started last
    #[arg(long, value_name = "ID")]
    execution: Option<String>,
    #[command(flatten)]
    server: ServerAccess,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let remote = arguments.server.connect()?;
    let form = Form::of_output(arguments.json);
    let mut watch = Watch::begin(remote, &arguments.name, arguments.execution, View::new(form)).await?;
    let watched = tokio::select! {
        watched = watch.follow() => Some(watched),
        _ = tokio::signal::ctrl_c() => None,
    };
    let Watch { remote, view, execution, .. } = watch;
    view.close().await;
    let Some(watched) = watched else { return Ok(ExitCode::from(130)) };
    if watched? == Ending::Succeeded {
        return Ok(ExitCode::SUCCESS);
    }
    if form != Form::Json {
        let id = Some(execution.pipeline_execution_id);
        let facts = gather::gather(&remote, &arguments.name, id).await?;
        print_explanation(&explanation::explain(&facts));
    }
    Ok(ExitCode::FAILURE)
}

struct Watch {
    remote: Remote,
    view: View,
    execution: DescribePipelineExecutionOutput,
    progress: Progress,
    found: HashMap<Place, ActionLog>,
    /// What it waits for was told already.
    told: Vec<(Kind, String, Option<String>)>,
}

impl Watch {
    async fn begin(
        remote: Remote,
        pipeline: &str,
        execution: Option<String>,
        view: View,
    ) -> Result<Self, Error> {
        let describe = DescribePipelineExecution {
            pipeline_name: pipeline.to_owned(),
            pipeline_execution_id: execution,
        };
        let execution = remote.call(describe).await?;
        let progress = picture::progress(&execution);
        Ok(Self { remote, view, execution, progress, found: HashMap::new(), told: Vec::new() })
    }

    async fn follow(&mut self) -> Result<Ending, Error> {
        let mut look_at = Instant::now();
        let mut answered = Instant::now();
        loop {
            if Instant::now() >= look_at {
                match self.look().await {
                    Ok(Some(ending)) => return Ok(ending),
                    Ok(None) => answered = Instant::now(),
                    Err(Error::Call(error)) if error.is_fault() && answered.elapsed() < PATIENCE => {}
                    Err(error) => return Err(error),
                }
                look_at = Instant::now() + LOOK;
            }
            self.view.draw_with(&self.progress, &self.notes()).await?;
            sleep(REDRAW).await;
        }
    }

    /// Takes in what is new.
    async fn look(&mut self) -> Result<Option<Ending>, Error> {
        let describe = DescribePipelineExecution {
            pipeline_name: self.execution.pipeline_name.clone(),
            pipeline_execution_id: Some(self.execution.pipeline_execution_id.clone()),
        };
        self.execution = self.remote.call(describe).await?;
        self.find_logs().await?;
        self.read_logs().await?;
        for change in self.progress.observe(&picture::attempts(&self.execution)) {
            self.view.change(&change).await?;
        }
        let Some(ending) = picture::ending(&self.execution) else {
            self.tell_waits().await?;
            return Ok(None);
        };
        let change = self.progress.end(ending, self.execution.last_update_time);
        self.view.change(&change).await?;
        self.view.keep(&self.progress).await?;
        Ok(Some(ending))
    }

    /// What the tree does not show by itself: everything but work that goes on.
    fn waits(&self) -> Vec<Wait> {
        let facts = Facts {
            execution: self.execution.clone(),
            builds: HashMap::new().into_iter().collect(),
            now: Timestamp::now(),
        };
        let mut waits = explanation::explain(&facts).waits_for;
        waits.retain(|wait| !matches!(wait.kind, Kind::Build | Kind::Action));
        waits
    }

    fn notes(&self) -> Vec<String> {
        let waits = if self.progress.ended.is_some() { Vec::new() } else { self.waits() };
        let lines = waits.into_iter().flat_map(|wait| std::iter::once(wait.sentence).chain(wait.command));
        lines.map(|line| clean(&line)).collect()
    }

    /// Once each, where there is no picture.
    async fn tell_waits(&mut self) -> Result<(), Error> {
        if self.view.form != Form::Plain {
            return Ok(());
        }
        let waits = self.waits();
        let key = |wait: &Wait| (wait.kind, wait.stage.clone(), wait.action.clone());
        for wait in waits.iter().filter(|wait| !self.told.contains(&key(wait))) {
            self.view.say(vec![clean(&wait.sentence)]).await?;
        }
        self.told = waits.iter().map(key).collect();
        Ok(())
    }

    async fn find_logs(&mut self) -> Result<(), Error> {
        let stages = self.execution.stages.iter();
        let actions = stages.flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)));
        let works = actions.filter_map(|(stage, action)| {
            let place = Place { stage: stage.stage_name.clone(), action: action.action_name.clone() };
            Some((place, Work::of_action(action)?))
        });
        for (place, work) in works.collect::<Vec<_>>() {
            match self.found.get(&place) {
                Some(known) if *known.work() == work => continue,
                // It is tried again: first what the attempt before has left to say.
                Some(_) => self.read_log(&place).await?,
                None => {}
            }
            self.found.insert(place, ActionLog::of(work));
        }
        Ok(())
    }

    async fn read_logs(&mut self) -> Result<(), Error> {
        let places: Vec<_> = self.found.keys().cloned().collect();
        for place in places {
            self.read_log(&place).await?;
        }
        Ok(())
    }

    async fn read_log(&mut self, place: &Place) -> Result<(), Error> {
        let Some(log) = self.found.get_mut(place) else { return Ok(()) };
        loop {
            let lines = match log.read(&self.remote).await {
                Ok(lines) => lines,
                // Who may watch a pipeline may not always see its builds.
                Err(error) if !error.is_fault() => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if lines.is_empty() {
                return Ok(());
            }
            let cleaned: Vec<_> = lines.iter().map(|line| clean(line)).collect();
            self.progress.log(place, &cleaned);
            self.view.change(&Change::Log { place: place.clone(), lines }).await?;
        }
    }
}
