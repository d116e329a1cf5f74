//! Reads the definition of a pipeline.

use std::path::Path;

use aws::protocol::json;
use codepipeline_model::{PIPELINE_DECLARATION, PipelineDeclaration};

pub fn read(path: &Path) -> Result<PipelineDeclaration, String> {
    let at = |cause: &dyn std::fmt::Display| format!("{}: {cause}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| at(&error))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| at(&error))?;
    let declaration = value.get("pipeline").unwrap_or(&value);
    json::from_value(&PIPELINE_DECLARATION, declaration).map_err(|error| at(&error))
}
