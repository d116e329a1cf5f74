use aws::protocol::json;
use codebuild_model::{START_BUILD, StartBuild};
use serde_json::Value;

use super::{Call, Failure};
use crate::records::Input;

/// Starts a build as the target's role. An input of the target's own is taken as the parameters of StartBuild; the project
/// is always that of the ARN. Source: EventBridge User Guide, "CodeBuild targets".
pub(super) async fn start(call: &Call<'_>, name: &str) -> Result<Option<String>, Failure> {
    let mut input = match call.target.input {
        Input::Event => serde_json::Map::new(),
        Input::Constant(_) | Input::Path(_) | Input::Transformer { .. } => call.members(),
    };
    input.insert("projectName".to_owned(), Value::from(name));
    input.insert("idempotencyToken".to_owned(), Value::from(call.delivery.id.to_string()));
    let input: StartBuild = json::from_value(&START_BUILD, &Value::Object(input))
        .map_err(|error| Failure::never("INVALID_PARAMETER", error.0))?;
    let answer = call.client().await?.call(input).await.map_err(Failure::of)?;
    Ok(answer.build.and_then(|build| build.id))
}
