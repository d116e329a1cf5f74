//! The stand-in for the work of actions: done at once, so that what is measured is the driver and the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant as Moment;

use async_trait::async_trait;
use codepipeline::catalogue::{BuiltIn, Category};
use codepipeline::providers::{Outcome, Provider, Report, Revision, Trouble, Work};

/// S3 as a source and as a target.
static ACTION_TYPES: [BuiltIn; 2] =
    [BuiltIn::aws(Category::Source, "S3", &[]), BuiltIn::aws(Category::Deploy, "S3", &[])];

#[derive(Default)]
pub struct Instant {
    /// When the work of a pipeline's action last began, by pipeline and action.
    begun: Mutex<HashMap<(String, String), Moment>>,
}

impl Instant {
    /// When the work of this action began, if it has since it was last asked for.
    pub fn take(&self, pipeline: &str, action: &str) -> Option<Moment> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.remove(&(pipeline.to_owned(), action.to_owned()))
    }
}

#[async_trait]
impl Provider for Instant {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let now = Moment::now();
        let key = (work.pipeline.clone(), work.action.clone());
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(key, now);
        let revision = work.outputs.first().map(|_| Revision {
            id: "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY".to_owned(),
            change_identifier: None,
            summary: Some("Amazon S3 version id: 3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY".to_owned()),
            created: None,
            url: None,
        });
        let external_execution_id = Some(work.id.to_string());
        Ok(Outcome::Succeeded(Report { revision, external_execution_id, ..Report::default() }))
    }
}
