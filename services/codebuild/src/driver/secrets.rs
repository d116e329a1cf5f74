//! Variables whose values Parameter Store and Secrets Manager keep, fetched as the build's role.
//! Source: CodeBuild User Guide, "Build specification reference for CodeBuild", env.

use std::collections::{BTreeMap, BTreeSet};

use aws::Client;
use secretsmanager_model::GetSecretValue;
use ssm_model::GetParameters;

use super::{
    download::role_client,
    drive::{Drive, Trouble},
};
use crate::{environment::Given, secret_reference::SecretReference, state::Outcome};

/// Names of one call of GetParameters.
const MOST_NAMES: usize = 10;

/// The values of the variables that are kept elsewhere. They are fetched once for a driver, and again by the next one
/// if a crash comes between, as they are nowhere written down.
pub(crate) async fn fetch<'d>(
    drive: &'d Drive<'_>,
    given: &BTreeMap<String, Given>,
) -> Result<&'d BTreeMap<String, String>, Trouble> {
    drive.secrets.get_or_try_init(|| fetch_now(drive, given)).await
}

async fn fetch_now(
    drive: &Drive<'_>,
    given: &BTreeMap<String, Given>,
) -> Result<BTreeMap<String, String>, Trouble> {
    if given.values().all(|given| matches!(given, Given::Plain(_))) {
        return Ok(BTreeMap::new());
    }
    let client = role_client(drive).await?;
    let mut values = parameters(&client, given).await?;
    values.extend(secrets(&client, given).await?);
    Ok(values)
}

async fn parameters(
    client: &Client,
    given: &BTreeMap<String, Given>,
) -> Result<BTreeMap<String, String>, Trouble> {
    let wanted: Vec<(&String, &String)> = given
        .iter()
        .filter_map(|(variable, given)| match given {
            Given::Parameter(name) => Some((variable, name)),
            Given::Plain(_) | Given::Secret(_) => None,
        })
        .collect();
    let names: Vec<String> =
        wanted.iter().map(|(_, name)| (*name).clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = BTreeMap::new();
    for names in names.chunks(MOST_NAMES) {
        let input = GetParameters { names: names.to_vec(), with_decryption: Some(true) };
        let answer = client.call(input).await.map_err(|error| Trouble::of(error, no_parameter))?;
        for parameter in answer.parameters.into_iter().flatten() {
            let selector = parameter.selector.unwrap_or_default();
            let value = parameter.value.unwrap_or_default();
            // It may have been asked for by either.
            for called in [parameter.name, parameter.arn].into_iter().flatten() {
                found.insert(format!("{called}{selector}"), value.clone());
            }
        }
    }
    let values = wanted.into_iter().map(|(variable, name)| {
        let value = found.get(name).ok_or_else(|| decrypted(format!("parameter does not exist: {name}")))?;
        match value.contains('\0') {
            true => Err(decrypted(format!(
                "the parameter {name} holds a NUL character, which no environment variable can have"
            ))),
            false => Ok((variable.clone(), value.clone())),
        }
    });
    values.collect::<Result<_, _>>().map_err(Trouble::Ends)
}

async fn secrets(
    client: &Client,
    given: &BTreeMap<String, Given>,
) -> Result<BTreeMap<String, String>, Trouble> {
    let mut wanted = Vec::new();
    for (variable, given) in given {
        if let Given::Secret(text) = given {
            let reference = SecretReference::parse(text);
            let reference =
                reference.map_err(|invalid| Trouble::Ends(no_secret_value(invalid.to_string())))?;
            wanted.push((variable, reference));
        }
    }
    let mut contents = BTreeMap::new();
    let mut values = BTreeMap::new();
    for (variable, reference) in wanted {
        let version = &reference.version;
        if !contents.contains_key(version) {
            let input = GetSecretValue {
                secret_id: version.secret.clone(),
                version_id: version.id.clone(),
                version_stage: version.stage.clone(),
            };
            let answer = client.call(input).await.map_err(|error| Trouble::of(error, no_secret))?;
            contents.insert(version.clone(), answer.secret_string);
        }
        let content = contents.get(version).and_then(Option::as_deref);
        let value = reference.value(content);
        let value = value.map_err(|none| Trouble::Ends(no_secret_value(none.to_string())))?;
        values.insert(variable.clone(), value);
    }
    Ok(values)
}

fn no_parameter(error: &aws::Error) -> Outcome {
    decrypted(format!("{}: {}", error.code, error.message))
}

fn decrypted(message: String) -> Outcome {
    Outcome::failed("Decrypted Variables Error", message)
}

fn no_secret(error: &aws::Error) -> Outcome {
    no_secret_value(format!("{}: {}", error.code, error.message))
}

fn no_secret_value(message: String) -> Outcome {
    Outcome::failed("Secrets Manager Error", message)
}
