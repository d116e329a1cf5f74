//! How many decisions a second the pure core of CodePipeline makes on one core: executions of a pipeline with three stages
//! that follow each other, each event decided upon as the driver would have it decided.

use std::sync::Arc;
use std::time::Instant;

use codepipeline::engine::{
    ActionExecutionId, ActionPlan, Command, Event, ExecutionId, ExecutionMode, Moment, Pipeline, Plan,
    StagePlan,
};

use crate::load::Failure;

#[derive(clap::Args)]
pub struct Arguments {
    /// How many events are decided upon
    #[arg(long, default_value_t = 5_000_000)]
    decisions: u64,
}

const STAGES: u32 = 3;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut core = Core { pipeline: Pipeline::new(plan()), decided: 0, started: Vec::new() };
    let began = Instant::now();
    while core.decided < arguments.decisions {
        let execution = ExecutionId(uuid(core.decided));
        core.decide(&Event::Started { execution })?;
        while let Some(action) = core.started.pop() {
            core.decide(&Event::ActionSucceeded { execution, action })?;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    if !core.pipeline.executions.is_empty() {
        return Err("an execution did not come to its end".into());
    }
    let rate = core.decided as f64 / seconds;
    println!("{}", serde_json::json!({"decisions": core.decided, "decisions_per_second": rate}));
    Ok(())
}

struct Core {
    pipeline: Pipeline,
    decided: u64,
    /// Actions that were started and have not ended.
    started: Vec<ActionExecutionId>,
}

impl Core {
    fn decide(&mut self, event: &Event) -> Result<(), Failure> {
        self.decided += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.decided.to_le_bytes());
        let moment = Moment { at: i64::try_from(self.decided)?, seed };
        for command in self.pipeline.decide(&moment, event)? {
            if let Command::StartAction { id, .. } = command {
                self.started.push(id);
            }
        }
        Ok(())
    }
}

fn plan() -> Arc<Plan> {
    let stages = (0..STAGES).map(|stage| {
        let action = ActionPlan { name: "Action".into(), run_order: 1, approval: false, timeout: 3_600_000 };
        StagePlan::new(format!("Stage{stage}"), vec![action])
    });
    Arc::new(Plan { version: 1, mode: ExecutionMode::Superseded, stages: stages.collect() })
}

fn uuid(number: u64) -> uuid::Uuid {
    uuid::Uuid::from_u128(u128::from(number))
}
