//! Follows an execution to its end: tells the view what happens, reads the logs of its work, has approvals answered.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use aws::{Client, Timestamp};
use codepipeline_model::{
    ActionExecutionDetail, ActionExecutionFilter, ApprovalResult, ApprovalStatus, GetPipelineExecution,
    ListActionExecutions, PutApprovalResult, StopPipelineExecution,
};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::action_log::{ActionLog, Work};
use super::progress::{Change, Ending, Place, Progress};
use super::view::{Closed, View, clean};
use crate::platform::Platform;

/// How often the picture is drawn anew: its times go on.
const REDRAW: Duration = Duration::from_millis(100);
/// Between two looks into logs: short while they grow, longer while they are silent.
const LOG_PAUSE: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(1);
/// Events tell when there is news. This is for what they do not tell: when a build has its log.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
const LOOK_FOR_LOG: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Call(#[from] aws::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("the log of {}/{}: {cause}", place.stage, place.action)]
    Log { place: Place, cause: std::io::Error },
}

/// One execution of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    pub pipeline: String,
    pub id: String,
}

/// Who answers approvals.
pub struct Approver {
    /// Approves without asking.
    pub yes: bool,
    /// With whose permissions.
    pub client: Client,
}

/// The attempts at an action whose logs were found.
struct Attempts {
    /// Ids of the action executions, the newest last.
    ids: Vec<String>,
    /// That of the newest.
    log: ActionLog,
}

/// How following ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    Over(Ending),
    /// An approval waits, and nobody is there to be asked.
    Unanswered(Place),
}

pub struct Follower<'a> {
    pub platform: &'a Platform,
    pub client: Client,
    pub view: &'a View,
    pub execution: Execution,
    pub approver: Approver,
    pub progress: Progress,
    /// Folder that gets the whole log of each action; must be there.
    pub logs: PathBuf,
    found: HashMap<Place, Attempts>,
    /// Approvals that came while another one was asked for.
    unasked: VecDeque<Change>,
}

impl<'a> Follower<'a> {
    pub fn new(
        platform: &'a Platform,
        view: &'a View,
        execution: Execution,
        approver: Approver,
        progress: Progress,
        logs: PathBuf,
    ) -> Self {
        let client = platform.as_administrator();
        Self {
            platform,
            client,
            view,
            execution,
            approver,
            progress,
            logs,
            found: HashMap::new(),
            unasked: VecDeque::new(),
        }
    }

    /// Until the execution is over. Dropping the future loses nothing: [`Follower::stop`] goes on from there.
    pub async fn follow(&mut self) -> Result<Followed, Error> {
        let mut events = self.platform.follow_events().await?;
        for change in self.progress.left_out() {
            self.view.change(&change).await?;
        }
        let (mut look_at, mut logs_at, mut log_pause) = (Instant::now(), Instant::now(), LOG_PAUSE.start);
        loop {
            if Instant::now() >= look_at {
                if let Some(followed) = self.look().await? {
                    return Ok(followed);
                }
                look_at = Instant::now() + if self.awaits_log() { LOOK_FOR_LOG } else { LOOK_ANYWAY };
            }
            if Instant::now() >= logs_at {
                log_pause = match self.read_logs().await? {
                    true => LOG_PAUSE.start,
                    false => (log_pause * 2).min(LOG_PAUSE.end),
                };
                logs_at = Instant::now() + log_pause;
            }
            self.view.draw(&self.progress).await?;
            tokio::select! {
                event = events.next() => {
                    event?;
                    look_at = Instant::now();
                }
                () = sleep(REDRAW) => {}
            }
        }
    }

    /// Stops the execution, abandoning what runs, and shows how it stands then.
    pub async fn stop(&mut self, reason: &str) -> Result<(), Error> {
        let stop = StopPipelineExecution {
            pipeline_name: self.execution.pipeline.clone(),
            pipeline_execution_id: self.execution.id.clone(),
            abandon: Some(true),
            reason: Some(reason.to_owned()),
        };
        match self.client.call(stop).await {
            // It was over just before.
            Err(error) if error.is_fault() => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
        let ending = self.ending().await?;
        for change in self.progress.observe(&self.attempts().await?) {
            self.view.change(&change).await?;
        }
        if let Some(ending) = ending {
            self.end(ending).await?;
        }
        Ok(())
    }

    /// Takes in what is new. Answers how following ended, if it did.
    async fn look(&mut self) -> Result<Option<Followed>, Error> {
        // First how the execution stands: what its actions made of it is there by then.
        let ending = self.ending().await?;
        let attempts = self.attempts().await?;
        while let Some(change) = self.unasked.pop_front() {
            if let Some(unanswered) = self.tell(change).await? {
                return Ok(Some(unanswered));
            }
        }
        for attempt in &attempts {
            self.find_log(attempt).await?;
            let Some(change) = self.progress.observe_attempt(attempt) else { continue };
            if let Some(unanswered) = self.tell(change).await? {
                return Ok(Some(unanswered));
            }
        }
        match ending {
            Some(ending) => self.end(ending).await.map(Some),
            None => Ok(None),
        }
    }

    /// Tells of a change, and has an approval answered. Answers how following ended, if nobody is there for that.
    async fn tell(&mut self, change: Change) -> Result<Option<Followed>, Error> {
        self.show(&change).await?;
        let Change::Approval { place, token, question } = change else { return Ok(None) };
        let is_answered = self.answer(&place, token, &question).await?;
        Ok((!is_answered).then_some(Followed::Unanswered(place)))
    }

    /// An action's log is whole before its end is shown.
    async fn show(&mut self, change: &Change) -> Result<(), Error> {
        if let Change::Action { place, .. } = change {
            self.read_log(place).await?;
        }
        Ok(self.view.change(change).await?)
    }

    async fn end(&mut self, ending: Ending) -> Result<Followed, Error> {
        self.read_logs().await?;
        let change = self.progress.end(ending, Timestamp::now());
        self.view.change(&change).await?;
        self.view.keep(&self.progress).await?;
        Ok(Followed::Over(ending))
    }

    async fn ending(&self) -> Result<Option<Ending>, Error> {
        let get = GetPipelineExecution {
            pipeline_name: self.execution.pipeline.clone(),
            pipeline_execution_id: self.execution.id.clone(),
        };
        let status = self.client.call(get).await?.pipeline_execution.and_then(|execution| execution.status);
        Ok(status.as_ref().and_then(Ending::of))
    }

    async fn attempts(&self) -> Result<Vec<ActionExecutionDetail>, Error> {
        attempts(&self.client, &self.execution).await.map_err(Error::from)
    }

    /// Answers an approval. False if nobody is there to be asked.
    async fn answer(&mut self, place: &Place, token: String, question: &[String]) -> Result<bool, Error> {
        let (status, summary) = if self.approver.yes {
            (ApprovalStatus::Approved, "Approved with --yes")
        } else if self.view.can_ask() {
            self.view.draw(&self.progress).await?;
            match self.ask(question, &format!("Approve {}/{}? [y/N]", place.stage, place.action)).await? {
                true => (ApprovalStatus::Approved, "Approved at the prompt"),
                false => (ApprovalStatus::Rejected, "Rejected at the prompt"),
            }
        } else {
            return Ok(false);
        };
        let put = PutApprovalResult {
            pipeline_name: self.execution.pipeline.clone(),
            stage_name: place.stage.clone(),
            action_name: place.action.clone(),
            result: ApprovalResult { summary: summary.to_owned(), status },
            token,
        };
        self.approver.client.call(put).await?;
        Ok(true)
    }

    /// Asks, and shows meanwhile what goes on beside the approval.
    async fn ask(&mut self, about: &[String], question: &str) -> Result<bool, Error> {
        let view = self.view;
        let asking = view.ask(about, question);
        tokio::pin!(asking);
        let mut look_at = Instant::now() + LOOK_ANYWAY;
        loop {
            tokio::select! {
                answer = &mut asking => return Ok(answer?),
                () = sleep(REDRAW) => {}
            }
            if Instant::now() >= look_at {
                self.look_meanwhile().await?;
                look_at = Instant::now() + LOOK_ANYWAY;
            }
            view.draw(&self.progress).await?;
        }
    }

    /// Takes in what is new, but for approvals: one is asked for at a time.
    async fn look_meanwhile(&mut self) -> Result<(), Error> {
        let attempts = self.attempts().await?;
        self.read_logs().await?;
        for attempt in &attempts {
            self.find_log(attempt).await?;
            match self.progress.observe_attempt(attempt) {
                Some(approval @ Change::Approval { .. }) => self.unasked.push_back(approval),
                Some(other) => self.show(&other).await?,
                None => {}
            }
        }
        Ok(())
    }

    async fn find_log(&mut self, attempt: &ActionExecutionDetail) -> Result<(), Error> {
        let (Some(stage), Some(action), Some(id), Some(work)) = (
            attempt.stage_name.clone(),
            attempt.action_name.clone(),
            &attempt.action_execution_id,
            Work::of_execution(attempt),
        ) else {
            return Ok(());
        };
        let place = Place { stage, action };
        if self.found.get(&place).is_some_and(|known| known.ids.contains(id)) {
            return Ok(());
        }
        // If it is tried again: first what the attempt before has left to say.
        self.read_log(&place).await?;
        let mut ids = self.found.remove(&place).map(|before| before.ids).unwrap_or_default();
        ids.push(id.clone());
        self.found.insert(place, Attempts { ids, log: ActionLog::of(work) });
        Ok(())
    }

    /// Whether work may have begun whose log is not found yet.
    fn awaits_log(&self) -> bool {
        self.progress.running(&["CodeBuild", "Commands"]).any(|place| !self.found.contains_key(&place))
    }

    /// Whether there was anything new.
    async fn read_logs(&mut self) -> Result<bool, Error> {
        let mut is_new = false;
        let places: Vec<_> = self.found.keys().cloned().collect();
        for place in places {
            is_new |= self.read_log(&place).await?;
        }
        Ok(is_new)
    }

    async fn read_log(&mut self, place: &Place) -> Result<bool, Error> {
        let Some(Attempts { log, .. }) = self.found.get_mut(place) else { return Ok(false) };
        let mut is_new = false;
        loop {
            let lines = log.read(&self.client).await?;
            if lines.is_empty() {
                return Ok(is_new);
            }
            is_new = true;
            append(&self.logs, place, &lines)
                .await
                .map_err(|cause| Error::Log { place: place.clone(), cause })?;
            let cleaned: Vec<_> = lines.iter().map(|line| clean(line)).collect();
            self.progress.log(place, &cleaned);
            self.view.change(&Change::Log { place: place.clone(), lines }).await?;
        }
    }
}

/// Every attempt at the actions of an execution, in the order in which they began.
pub async fn attempts(
    client: &Client,
    execution: &Execution,
) -> Result<Vec<ActionExecutionDetail>, aws::Error> {
    let mut attempts = Vec::new();
    let mut next_token = None;
    loop {
        let filter = ActionExecutionFilter {
            pipeline_execution_id: Some(execution.id.clone()),
            ..ActionExecutionFilter::default()
        };
        let list = ListActionExecutions {
            pipeline_name: execution.pipeline.clone(),
            filter: Some(filter),
            next_token,
            ..ListActionExecutions::default()
        };
        let page = client.call(list).await?;
        attempts.extend(page.action_execution_details.unwrap_or_default());
        next_token = page.next_token;
        if next_token.is_none() {
            // They come newest first.
            attempts.reverse();
            return Ok(attempts);
        }
    }
}

async fn append(folder: &std::path::Path, place: &Place, lines: &[String]) -> std::io::Result<()> {
    let path = folder.join(format!("{}-{}.log", place.stage, place.action));
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
    file.write_all(lines.concat().as_bytes()).await?;
    file.flush().await
}
