//! The service models inside the `botocore` package.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::settings::{QueryPatch, Settings};
use super::{Error, file_error};

#[derive(Debug, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    pub protocol: String,
    pub json_version: Option<String>,
    pub service_id: String,
    pub signing_name: Option<String>,
    pub target_prefix: Option<String>,
    pub xml_namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Operation {
    pub http: Http,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
    #[serde(default)]
    pub errors: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    pub response_code: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
    #[serde(default)]
    pub xml_attribute: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    pub members: BTreeMap<String, Reference>,
    /// The order of members, which the map does not keep.
    #[serde(skip)]
    pub order: Vec<String>,
    pub required: Vec<String>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    #[serde(rename = "enum")]
    pub values: Option<Vec<String>>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    pub sensitive: bool,
    pub flattened: bool,
    /// Only corrections say it.
    #[serde(skip)]
    pub item_name: Option<String>,
    pub union: bool,
    pub document: bool,
    pub payload: Option<String>,
    pub timestamp_format: Option<String>,
    pub exception: bool,
    pub fault: bool,
    pub error: Option<ErrorTrait>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
}

/// The data folder of the pinned version.
pub fn find(root: &Path) -> Result<PathBuf, Error> {
    let pin = root.join("models/botocore-version");
    let pinned = fs::read_to_string(&pin).map_err(|error| file_error(&pin, error))?.trim().to_owned();
    let data = std::env::var_os("BOTOCORE_DATA")
        .map(PathBuf::from)
        .or_else(|| ask_python(&root.join(".tools/venv/bin/python")))
        .or_else(|| ask_python(Path::new("python3")))
        .ok_or(Error::NoBotocore)?;
    let init = data.join("../__init__.py");
    let text = fs::read_to_string(&init).map_err(|error| file_error(&init, error))?;
    let version = text.lines().find_map(|line| line.strip_prefix("__version__ = "));
    let found = version.unwrap_or("unknown").trim_matches(['\'', '"']).to_owned();
    if found == pinned { Ok(data) } else { Err(Error::WrongVersion { found, pinned }) }
}

fn ask_python(python: &Path) -> Option<PathBuf> {
    let script = "import botocore, os; print(os.path.join(os.path.dirname(botocore.__file__), 'data'))";
    let output = Command::new(python).args(["-c", script]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}

/// The newest model of a service, with its corrections applied.
pub fn read(data: &Path, service: &str, settings: &Settings) -> Result<Model, Error> {
    let folder = data.join(service);
    let mut versions: Vec<PathBuf> = fs::read_dir(&folder)
        .map_err(|error| file_error(&folder, error))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    versions.sort();
    let newest = versions.pop().ok_or_else(|| file_error(&folder, "no version"))?;
    let path = newest.join("service-2.json.gz");
    let file = fs::File::open(&path).map_err(|error| file_error(&path, error))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).map_err(|error| file_error(&path, error))?;
    let mut model: Model = serde_json::from_str(&text).map_err(|error| file_error(&path, error))?;
    keep_member_order(&mut model, &text).map_err(|error| file_error(&path, error))?;
    correct(&mut model, service, settings)?;
    Ok(model)
}

fn keep_member_order(model: &mut Model, text: &str) -> Result<(), serde_json::Error> {
    let raw: serde_json::Value = serde_json::from_str(text)?;
    for (name, shape) in &mut model.shapes {
        if let Some(members) = raw["shapes"][name]["members"].as_object() {
            shape.order = members.keys().cloned().collect();
        }
    }
    Ok(())
}

fn correct(model: &mut Model, service: &str, settings: &Settings) -> Result<(), Error> {
    for (name, patch) in &settings.patches.shapes {
        let shape = model.shapes.get_mut(name).ok_or_else(|| Error::Model {
            service: service.to_owned(),
            what: format!("patches.toml corrects {name}, which the model does not have"),
        })?;
        shape.required.retain(|member| !patch.optional.contains(member));
        for (member, other) in &patch.members {
            let member = shape.members.get_mut(member).ok_or_else(|| Error::Model {
                service: service.to_owned(),
                what: format!("patches.toml corrects {name}.{member}, which the model does not have"),
            })?;
            member.shape.clone_from(other);
        }
        if patch.no_pattern {
            shape.pattern = None;
        }
        shape.sensitive |= patch.sensitive;
        if let Some(status) = patch.status {
            shape.error.get_or_insert_default().http_status_code = Some(status);
        }
    }
    match &settings.patches.query {
        Some(query) => restore_query(model, service, query),
        None => Ok(()),
    }
}

fn restore_query(model: &mut Model, service: &str, query: &QueryPatch) -> Result<(), Error> {
    model.metadata.xml_namespace = Some(query.xml_namespace.clone());
    let unknown = |name: &str| Error::Model {
        service: service.to_owned(),
        what: format!("patches.toml names the items of {name}, which is no list or map of the model"),
    };
    for (name, item) in &query.items {
        let shape = model.shapes.get_mut(name).filter(|shape| shape.member.is_some() || shape.key.is_some());
        let shape = shape.ok_or_else(|| unknown(name))?;
        shape.flattened = true;
        shape.item_name = Some(item.clone());
    }
    for (name, (key_name, value_name)) in &query.entries {
        let shape = model.shapes.get_mut(name).ok_or_else(|| unknown(name))?;
        let (Some(key), Some(value)) = (&mut shape.key, &mut shape.value) else { return Err(unknown(name)) };
        (key.location_name, value.location_name) = (Some(key_name.clone()), Some(value_name.clone()));
    }
    Ok(())
}
