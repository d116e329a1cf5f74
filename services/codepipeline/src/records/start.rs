use std::time::Duration;

use aws::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Index, Key, Range, ReadTx, Record, WriteTx};
use uuid::Uuid;

use super::{Execution, SourceOverride};
use crate::engine::ExecutionId;

/// Longer than EventBridge tries to deliver an event.
const KEPT_FOR: Duration = Duration::from_hours(25);
/// Old ones that are taken away along with a new one: more than one, so that they get fewer.
const AT_ONCE: usize = 8;

/// That a change of a source started an execution, noticed by the pipeline itself or brought by a rule of EventBridge: by
/// it the other way of the same change is recognised. Key: pipeline, change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub pipeline: Uuid,
    /// As `aws::Event::change` names it.
    pub change: String,
    pub execution: ExecutionId,
    /// Whether the pipeline noticed it itself.
    pub own: bool,
    pub at: Timestamp,
}

impl Start {
    const AGE: &str = "age";

    fn key_of(pipeline: Uuid, change: &str) -> Key {
        // An object's key may be long; a key of the store may not.
        Key::of(pipeline.to_string()).and(blake3::hash(change.as_bytes()).to_hex())
    }

    /// The start by this change with these source revisions; overrides that the execution does not have make another
    /// start. The execution has to be there still.
    pub fn find(
        tx: &mut ReadTx<'_>,
        pipeline: Uuid,
        change: &str,
        overrides: &[SourceOverride],
    ) -> Result<Option<Self>, store::Error> {
        let Some(start) = tx.get::<Self>(&Self::key_of(pipeline, change))? else { return Ok(None) };
        let index = Execution::with_id(pipeline, start.execution);
        let execution = tx.scan_index::<Execution>(Execution::ID, index, 1)?.into_records().pop();
        let fits = execution.is_some_and(|execution| {
            let theirs = &execution.overrides;
            let same = |own: &SourceOverride| {
                // What one of the two does not say is the newest revision, which is the change.
                let mut of_action = theirs.iter().filter(|other| other.action == own.action);
                of_action.all(|other| other.value == own.value)
            };
            overrides.iter().all(same)
        });
        Ok(fits.then(|| start.into_inner()))
    }

    /// Notes a start, and forgets some old ones of the pipeline.
    pub fn note(self, tx: &mut WriteTx<'_>) -> Result<(), store::Error> {
        let all = Key::of(self.pipeline.to_string());
        let old = Range::between(all.clone(), all.and_i64(self.at.minus(KEPT_FOR).as_millis()));
        for start in tx.scan_index::<Self>(Self::AGE, old, AT_ONCE)?.into_records() {
            tx.delete::<Self>(&start.key())?;
        }
        tx.put(&self)?;
        Ok(())
    }
}

impl Record for Start {
    const KIND: &'static str = "codepipeline/start";
    const VERSION: u32 = 1;

    fn key(&self) -> Key {
        Self::key_of(self.pipeline, &self.change)
    }

    fn indexes(&self) -> Vec<Index> {
        let age = Key::of(self.pipeline.to_string()).and_i64(self.at.as_millis());
        vec![Index::new(Self::AGE, age)]
    }
}
