//! What a model crate's folder says beside the model: the operations wanted, and corrections.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::{Error, file_error};

/// `operations.txt` and `patches.toml` of one service.
#[derive(Debug, Default)]
pub struct Settings {
    pub operations: Vec<String>,
    pub patches: Patches,
    /// Whether `src/unpublished.rs` declares operations that AWS has but does not publish.
    pub has_unpublished: bool,
}

/// `patches.toml`. Every correction carries its reason and source in a comment or `reason`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patches {
    #[serde(default)]
    pub service: ServicePatch,
    /// By shape name.
    #[serde(default)]
    pub shapes: BTreeMap<String, ShapePatch>,
    #[serde(default)]
    pub query: Option<QueryPatch>,
}

/// How a service that has gone to JSON is called in the Query protocol: its model does not say it any more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryPatch {
    /// From where it is known.
    pub reason: String,
    pub xml_namespace: String,
    /// What the items of flattened lists and maps are called, by shape.
    pub items: BTreeMap<String, String>,
    /// What key and value of a map's entry are called, by shape.
    #[serde(default)]
    pub entries: BTreeMap<String, (String, String)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePatch {
    /// The error of violated constraints, where it is not the protocol's usual one.
    pub validation_code: Option<String>,
    pub shows_values: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapePatch {
    /// Why, and from where that is known.
    pub reason: String,
    /// Members that the model wrongly calls required.
    #[serde(default)]
    pub optional: Vec<String>,
    /// Members whose values have another shape of the model.
    #[serde(default)]
    pub members: BTreeMap<String, String>,
    /// Removes the pattern.
    #[serde(default)]
    pub no_pattern: bool,
    /// Hides the value in logs and audit records.
    #[serde(default)]
    pub sensitive: bool,
    pub status: Option<u16>,
}

pub fn read(folder: &Path) -> Result<Settings, Error> {
    let list = folder.join("operations.txt");
    let operations = fs::read_to_string(&list).map_err(|error| file_error(&list, error))?;
    let operations = operations
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let path = folder.join("patches.toml");
    let patches = match fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map_err(|error| file_error(&path, error))?,
        Err(_) => Patches::default(),
    };
    if let Some((shape, _)) = patches.shapes.iter().find(|(_, patch)| patch.reason.is_empty()) {
        return Err(file_error(&path, format!("the correction of {shape} has no reason")));
    }
    if patches.query.as_ref().is_some_and(|query| query.reason.is_empty()) {
        return Err(file_error(&path, "what is said of the Query protocol has no reason"));
    }
    let has_unpublished = folder.join("src/unpublished.rs").is_file();
    Ok(Settings { operations, patches, has_unpublished })
}
