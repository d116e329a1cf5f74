use aws::protocol::json;
use codepipeline_model::{START_PIPELINE_EXECUTION, StartPipelineExecution};
use serde_json::{Map, Value};

use super::{Call, Failure};

/// Starts an execution as the target's role, because of the event: a pipeline whose own source has noticed the same change
/// is not started again. Of the payload only variables and source revisions count.
/// Source: CodePipeline User Guide, "CodeCommit source actions and EventBridge" and "… with source revisions".
pub(super) async fn start(call: &Call<'_>, name: &str) -> Result<Option<String>, Failure> {
    let mut payload = call.members();
    let mut input = Map::new();
    for member in ["variables", "sourceRevisions"] {
        input.extend(payload.remove(member).map(|value| (member.to_owned(), value)));
    }
    input.insert("name".to_owned(), Value::from(name));
    input.insert("clientRequestToken".to_owned(), Value::from(call.delivery.id.to_string()));
    let input: StartPipelineExecution = json::from_value(&START_PIPELINE_EXECUTION, &Value::Object(input))
        .map_err(|error| Failure::never("INVALID_PARAMETER", error.0))?;
    let client = call.client().await?.because_of(call.event.change());
    let answer = client.call(input).await.map_err(Failure::of)?;
    Ok(answer.pipeline_execution_id)
}
