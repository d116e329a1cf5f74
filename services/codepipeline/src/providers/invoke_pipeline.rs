//! Invoke of another pipeline: starts an execution of it as the action's role, and does not wait for its end.
//! Source: CodePipeline User Guide, "AWS CodePipeline invoke action reference".

use async_trait::async_trait;
use aws::protocol::json;
use codepipeline_model::{START_PIPELINE_EXECUTION, StartPipelineExecution};
use serde_json::{Map, Value};

use super::{Outcome, Provider, Report, Trouble, Work};
use crate::catalogue::{BuiltIn, Category, Key};

pub struct InvokePipeline;

static ACTION_TYPES: [BuiltIn; 1] = [BuiltIn::aws(
    Category::Invoke,
    "CodePipeline",
    &[
        Key::required("PipelineName", "The pipeline to start."),
        Key::optional("SourceRevisions", "JSON: revisions to start it with."),
        Key::optional("Variables", "JSON: variables to start it with."),
    ],
)
.only_v2()];

#[async_trait]
impl Provider for InvokePipeline {
    fn action_types(&self) -> &'static [BuiltIn] {
        &ACTION_TYPES
    }

    async fn start(&self, work: &Work) -> Result<Outcome, Trouble> {
        let started = work.client().await?.call(call(work)?).await?;
        Ok(Outcome::Succeeded(Report {
            external_execution_id: started.pipeline_execution_id,
            ..Report::default()
        }))
    }
}

/// The action execution is the client token: however often this is called, it starts one execution.
fn call(work: &Work) -> Result<StartPipelineExecution, Trouble> {
    let mut input = Map::new();
    input.insert("name".to_owned(), Value::from(work.required("PipelineName")?));
    input.insert("clientRequestToken".to_owned(), Value::from(work.id.to_string()));
    for (key, member) in [("SourceRevisions", "sourceRevisions"), ("Variables", "variables")] {
        let Some(text) = work.optional(key).filter(|text| !text.trim().is_empty()) else { continue };
        let list: Value = serde_json::from_str(text)
            .map_err(|error| Trouble::configuration(format!("'{key}' is not JSON: {error}")))?;
        input.insert(member.to_owned(), list);
    }
    json::from_value(&START_PIPELINE_EXECUTION, &Value::Object(input)).map_err(|error| {
        let message = format!(
            "SourceRevisions and Variables must be lists as StartPipelineExecution has them: {error}"
        );
        Trouble::configuration(message)
    })
}
