//! Records as the API shows them.

use ssm_model as model;

use crate::Ssm;
use crate::error::Error;
use crate::names::Selector;
use crate::records::{Kind, Parameter, Version};

/// The key that AWS seals with if the caller names none.
pub const DEFAULT_KEY: &str = "alias/aws/ssm";
/// The data type of a value that is nothing but text.
pub const TEXT: &str = "text";

/// A value as a caller sees it: sealed, unless it is no secret or the caller asked for it to be decrypted.
pub fn value(ssm: &Ssm, parameter: &Parameter, version: &Version, decrypt: bool) -> Result<String, Error> {
    match parameter.kind {
        Kind::SecureString if decrypt => {
            let purpose = Version::purpose(parameter.id, version.number);
            Ok(ssm.sealer.open_text(&purpose, &version.value)?)
        }
        Kind::SecureString | Kind::String | Kind::StringList => Ok(version.value.clone()),
    }
}

pub fn parameter(
    ssm: &Ssm,
    parameter: &Parameter,
    version: &Version,
    selector: Option<&Selector>,
    decrypt: bool,
) -> Result<model::Parameter, Error> {
    Ok(model::Parameter {
        name: Some(parameter.name.clone()),
        r#type: Some(parameter.kind.as_str().into()),
        value: Some(value(ssm, parameter, version, decrypt)?),
        version: Some(number(version.number)),
        selector: selector.map(Selector::shown),
        source_result: None,
        last_modified_date: Some(version.modified),
        arn: Some(parameter.arn()),
        data_type: Some(TEXT.to_owned()),
    })
}

pub fn metadata(parameter: &Parameter, version: &Version) -> model::ParameterMetadata {
    model::ParameterMetadata {
        name: Some(parameter.name.clone()),
        arn: Some(parameter.arn()),
        r#type: Some(parameter.kind.as_str().into()),
        key_id: key_id(parameter.kind),
        last_modified_date: Some(version.modified),
        last_modified_user: Some(version.modified_by.clone()),
        description: version.description.clone(),
        allowed_pattern: version.allowed_pattern.clone(),
        version: Some(number(version.number)),
        tier: Some(version.tier.as_str().into()),
        policies: Some(Vec::new()),
        data_type: Some(TEXT.to_owned()),
    }
}

pub fn history(
    ssm: &Ssm,
    parameter: &Parameter,
    version: &Version,
    decrypt: bool,
) -> Result<model::ParameterHistory, Error> {
    Ok(model::ParameterHistory {
        name: Some(parameter.name.clone()),
        r#type: Some(parameter.kind.as_str().into()),
        key_id: key_id(parameter.kind),
        last_modified_date: Some(version.modified),
        last_modified_user: Some(version.modified_by.clone()),
        description: version.description.clone(),
        value: Some(value(ssm, parameter, version, decrypt)?),
        allowed_pattern: version.allowed_pattern.clone(),
        version: Some(number(version.number)),
        labels: Some(parameter.labels_of(version.number)),
        tier: Some(version.tier.as_str().into()),
        policies: Some(Vec::new()),
        data_type: Some(TEXT.to_owned()),
    })
}

/// A version's number as the API counts.
pub fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn key_id(kind: Kind) -> Option<String> {
    (kind == Kind::SecureString).then(|| DEFAULT_KEY.to_owned())
}
